// Amplify JS in a browser signs users up and in.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { START_LIMIT, TEST_LIMIT, localFrom, mistype, newPhone, start } from "./browser.js";

const PASSWORD = "Chosen-by-a-person-1";
const CHALLENGE = "CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE";

const local = localFrom("LOCAL");
const confirming = localFrom("COGNITO");
const secondFactor = localFrom("SECOND_FACTOR");
const choosing = localFrom("CHOOSE");
// Three messages in 15 minutes, two of them for all callers.
const limited = localFrom("LIMITED");
let browser;

before(async () => (browser = await start()), { timeout: START_LIMIT });
after(() => browser?.stop(), { timeout: START_LIMIT });

/** Runs `body` with a fresh page. */
function inBrowser(name, body, { pool = local } = {}) {
  test(name, { timeout: TEST_LIMIT }, async (context) => {
    const visit = await browser.open(pool);
    try {
      await body(visit, context);
    } finally {
      await visit.close();
    }
  });
}

/** Signs up where Cognito confirms users with a code of its own. */
async function signUpAndConfirm(visit, username) {
  const signedUp = await visit.call("signUp", { username, password: PASSWORD });
  assert.equal(signedUp.nextStep.signUpStep, "CONFIRM_SIGN_UP");
  const confirmationCode = await visit.local.lastCode(username);
  const confirmed = await visit.call("confirmSignUp", { username, confirmationCode });
  assert.equal(confirmed.isSignUpComplete, true);
}

/** Signs a user in, or up, as docs/CLIENTS.md does; gives back the challenge's parameters. */
const startOrSignUp = async (visit, username) => challenge(await visit.call("start", username));

function challenge({ isSignedIn, nextStep }) {
  assert.equal(isSignedIn, false);
  assert.equal(nextStep.signInStep, CHALLENGE);
  return nextStep.additionalInfo;
}

const answer = (visit, challengeResponse, clientMetadata) =>
  visit.call("confirmSignIn", { challengeResponse, options: { clientMetadata } });

function assertSignedIn({ isSignedIn, nextStep }) {
  assert.deepEqual({ isSignedIn, step: nextStep.signInStep }, { isSignedIn: true, step: "DONE" });
}

/** The tokens that the page holds: undefined if nobody is signed in. */
async function tokens(visit, input) {
  return (await visit.call("fetchAuthSession", input)).tokens;
}

/** How many users of `pool` have `contact`. */
async function usersWith(pool, contact) {
  const { Users } = await pool.call("ListUsers", { UserPoolId: pool.poolId });
  return Users.filter((user) => user.Attributes.some(({ Value }) => Value === contact)).length;
}

for (const [username, medium, attribute, masked] of [
  ["+819012345678", "SMS", "phone_number", "+*******5678"],
  ["jane.doe@example.com", "EMAIL", "email", "j***@e***"],
]) {
  inBrowser(`a new user signs up and in by ${medium} with one message`, async (visit) => {
    const first = await startOrSignUp(visit, username);
    assert.equal(first.CODE_DELIVERY_DELIVERY_MEDIUM, medium);
    assert.equal(first.CODE_DELIVERY_DESTINATION, masked);
    assert.equal(first.ATTEMPTS_LEFT, "3");
    const code = await local.lastCode(username);
    const second = challenge(await visit.call("answer", mistype(code)));
    assert.equal(second.ATTEMPTS_LEFT, "2");
    assert.equal(await tokens(visit), undefined, "a wrong code signed in");
    assertSignedIn(await visit.call("answer", code));
    assert.equal((await local.sentTo(username)).length, 1);

    const { accessToken, idToken } = await tokens(visit);
    assert.equal(accessToken.payload.client_id, local.clientId);
    assert.equal(idToken.payload[attribute], username);
    const user = await visit.call("getCurrentUser");
    assert.equal(user.userId, accessToken.payload.sub);
    const attributes = await visit.call("fetchUserAttributes");
    assert.equal(attributes[attribute], username);
    assert.equal(attributes[`${attribute}_verified`], "true");

    // Then the same steps sign the user in, who is not created again.
    await visit.call("signOut");
    await startOrSignUp(visit, username);
    assertSignedIn(await visit.call("answer", await local.lastCode(username)));
    const again = (await tokens(visit)).accessToken.payload;
    assert.equal(again.sub, accessToken.payload.sub);
    assert.equal(await usersWith(local, username), 1);
    assert.equal((await local.sentTo(username)).length, 2, "one for each sign-in");
  });
}

inBrowser("SignUp sends nothing and its password ends with the first code", async (visit) => {
  const username = newPhone();
  const signedUp = await visit.call("signUp", { username, password: PASSWORD });
  assert.equal(signedUp.isSignUpComplete, true);
  assert.deepEqual(await local.sentTo(username), []);
  const byPassword = () =>
    local.call("InitiateAuth", {
      ClientId: local.anyFlowClientId,
      AuthFlow: "USER_PASSWORD_AUTH",
      AuthParameters: { USERNAME: username, PASSWORD },
    });
  assert.ok((await byPassword()).AuthenticationResult);
  await startOrSignUp(visit, username);
  assertSignedIn(await visit.call("answer", await local.lastCode(username)));
  assert.equal((await byPassword()).AuthenticationResult, undefined);
  assert.equal((await local.sentTo(username)).length, 1);
});

inBrowser("a refused sign-up creates nobody and sends nothing", async (visit) => {
  const [phone, email, premium] = [newPhone(), "janet.doe@example.com", "+810990123456"];
  const both = { username: phone, password: PASSWORD, options: { userAttributes: { email } } };
  for (const [refused, fault] of [
    [await visit.attempt("signUp", both), "ONE_CONTACT_ONLY"],
    [await visit.attempt("start", premium), "DESTINATION_NOT_ALLOWED"],
  ]) {
    assert.equal(refused.value, undefined);
    assert.equal(refused.error.name, "UserLambdaValidationException");
    assert.match(refused.error.message, new RegExp(`^PreSignUp failed with error ${fault}: `));
  }
  for (const contact of [phone, email, premium]) {
    assert.equal(await usersWith(local, contact), 0);
    assert.deepEqual(await local.sentTo(contact), []);
  }
});

inBrowser("a signed-in browser keeps its session until it signs out", async (visit) => {
  await startOrSignUp(visit, "session@example.com");
  assertSignedIn(await visit.call("answer", await local.lastCode("session@example.com")));
  const { accessToken } = await tokens(visit);
  await visit.reload();
  assert.equal((await tokens(visit)).accessToken.payload.jti, accessToken.payload.jti);
  const refreshed = await tokens(visit, { forceRefresh: true });
  assert.notEqual(refreshed.accessToken.payload.jti, accessToken.payload.jti);
  assert.equal(refreshed.accessToken.payload.origin_jti, accessToken.payload.origin_jti);

  await visit.call("signOut");
  assert.equal(await tokens(visit), undefined);
  assert.equal((await visit.attempt("getCurrentUser")).error.name, "UserUnAuthenticatedException");
  await visit.reload();
  assert.equal(await tokens(visit), undefined);
});

inBrowser("a global sign-out ends the session of another browser", async (visit) => {
  const phone = newPhone();
  const other = await browser.open(local);
  for (const each of [visit, other]) {
    await startOrSignUp(each, phone);
    assertSignedIn(await answer(each, await local.lastCode(phone)));
  }
  await visit.call("signOut", { global: true });
  const { error } = await other.attempt("fetchUserAttributes");
  assert.equal(error.name, "NotAuthorizedException");
  assert.equal(await tokens(other, { forceRefresh: true }), undefined);
  await other.close();
});

inBrowser("three wrong codes end a sign-in", async (visit) => {
  const phone = newPhone();
  await startOrSignUp(visit, phone);
  const code = await local.lastCode(phone);
  for (const left of ["2", "1"]) {
    assert.equal(challenge(await answer(visit, mistype(code))).ATTEMPTS_LEFT, left);
  }
  const challengeResponse = mistype(code);
  const { error } = await visit.attempt("confirmSignIn", { challengeResponse });
  assert.deepEqual(error, {
    name: "NotAuthorizedException",
    message: "Incorrect username or password.",
  });
  const late = await visit.attempt("confirmSignIn", { challengeResponse: code });
  assert.equal(late.value, undefined);
  assert.equal(await tokens(visit), undefined);
  assert.equal((await local.sentTo(phone)).length, 1);
});

inBrowser("a resend asked for too early sends nothing and costs no attempt", async (visit) => {
  const phone = newPhone();
  await startOrSignUp(visit, phone);
  const code = await local.lastCode(phone);
  const again = challenge(await answer(visit, code, { action: "resend" }));
  assert.equal(again.ATTEMPTS_LEFT, "3");
  assert.equal((await local.sentTo(phone)).length, 1);
  assertSignedIn(await answer(visit, code));
});

inBrowser("an unknown user of startExisting gets no message and is not created", async (visit) => {
  const phone = newPhone();
  const parameters = challenge(await visit.call("startExisting", phone));
  assert.equal(parameters.ATTEMPTS_LEFT, "3");
  assert.deepEqual(await local.sentTo(phone), []);
  assert.equal(await usersWith(local, phone), 0);
});

inBrowser("the page cannot read what was sent", async (visit) => {
  for (const name of ["outbox", "triggers"]) {
    const outcome = await visit.page.evaluate(
      (url) => fetch(url).then(() => "read", (error) => error.name),
      `${local.url}/_local/${name}`,
    );
    assert.equal(outcome, "TypeError");
  }
});

inBrowser(
  "a user whom Cognito confirms signs in by code",
  async (visit) => {
    const username = newPhone();
    await signUpAndConfirm(visit, username);
    challenge(await visit.call("startExisting", username));
    assertSignedIn(await answer(visit, await confirming.lastCode(username)));
    assert.equal((await visit.call("fetchUserAttributes")).phone_number_verified, "true");
    assert.equal((await confirming.sentTo(username)).length, 2, "one to confirm, one to sign in");
  },
  { pool: confirming },
);

inBrowser(
  "Amplify knows the pool's errors by their names",
  async (visit) => {
    const username = newPhone();
    const weak = await visit.attempt("signUp", { username, password: "weak" });
    assert.equal(weak.error.name, "InvalidPasswordException");
    await visit.call("signUp", { username, password: PASSWORD });
    const wrong = { username, confirmationCode: mistype(await confirming.lastCode(username)) };
    const mistyped = await visit.attempt("confirmSignUp", wrong);
    assert.equal(mistyped.error.name, "CodeMismatchException");
    // Amplify makes a step of UserNotConfirmedException.
    const { nextStep } = await visit.call("start", username);
    assert.equal(nextStep.signInStep, "CONFIRM_SIGN_UP");
    assert.equal((await confirming.sentTo(username)).length, 1);
  },
  { pool: confirming },
);

/** Why `pool` cannot do SRP, if it cannot. */
async function withoutSrp(pool) {
  const { __type, message } = await pool.call("InitiateAuth", {
    ClientId: pool.clientId,
    AuthFlow: "CUSTOM_AUTH",
    AuthParameters: { USERNAME: newPhone(), CHALLENGE_NAME: "SRP_A", SRP_A: "1".repeat(768) },
  });
  return __type === "InvalidParameterException" && `this local has no SRP: ${message}`;
}

inBrowser(
  "a password and a code sign in",
  async (visit, context) => {
    const missing = await withoutSrp(secondFactor);
    if (missing) return context.skip(missing);
    const username = newPhone();
    await signUpAndConfirm(visit, username);
    const options = { authFlowType: "CUSTOM_WITH_SRP" };
    const wrong = { username, password: `${PASSWORD}x`, options };
    assert.equal((await visit.attempt("signIn", wrong)).error.name, "NotAuthorizedException");
    assert.equal((await secondFactor.sentTo(username)).length, 1, "no message without the password");

    const right = { username, password: PASSWORD, options };
    const parameters = challenge(await visit.call("signIn", right));
    assert.equal(parameters.CODE_DELIVERY_DELIVERY_MEDIUM, "SMS");
    assert.equal(await tokens(visit), undefined, "the password alone signed in");
    const code = await secondFactor.lastCode(username);
    assert.equal(challenge(await answer(visit, mistype(code))).ATTEMPTS_LEFT, "2");
    assertSignedIn(await answer(visit, code));
    assert.equal((await tokens(visit)).idToken.payload.phone_number, username);
    assert.equal((await secondFactor.sentTo(username)).length, 2);
  },
  { pool: secondFactor },
);

inBrowser(
  "a code without the password does not start",
  async (visit) => {
    const username = newPhone();
    await signUpAndConfirm(visit, username);
    const options = { authFlowType: "CUSTOM_WITHOUT_SRP" };
    const { error } = await visit.attempt("signIn", { username, options });
    assert.equal(error.name, "NotAuthorizedException");
    assert.equal((await secondFactor.sentTo(username)).length, 1);
  },
  { pool: secondFactor },
);

inBrowser(
  "the screen of docs/CLIENTS.md chooses, switches, mistypes and signs in",
  async (visit) => {
    const username = newPhone();
    const email = "janet@example.com";
    await choosing.call("AdminCreateUser", {
      UserPoolId: choosing.poolId,
      Username: username,
      MessageAction: "SUPPRESS",
      UserAttributes: [
        { Name: "phone_number", Value: username },
        { Name: "phone_number_verified", Value: "true" },
        { Name: "email", Value: email },
        { Name: "email_verified", Value: "true" },
      ],
    });
    const screen = async (step) => visit.call("screen", challenge(step));
    const sent = async () => [await choosing.sentTo(username), await choosing.sentTo(email)];

    const asked = await screen(await visit.call("start", username));
    assert.deepEqual(asked, {
      show: "choice",
      destinations: [
        { medium: "SMS", to: `+*******${username.slice(-4)}` },
        { medium: "EMAIL", to: "j***@e***" },
      ],
      problem: null,
    });
    assert.deepEqual(await sent(), [[], []], "nothing is sent before there is a choice");

    const byEmail = await screen(await visit.call("choose", "EMAIL"));
    assert.equal(byEmail.show, "code");
    assert.equal(byEmail.sentTo, "j***@e***");
    assert.deepEqual([byEmail.digits, byEmail.attemptsLeft], [6, 3]);
    assert.ok(byEmail.expiresIn > 240 && byEmail.expiresIn <= 300, `${byEmail.expiresIn}`);
    assert.deepEqual(byEmail.resend, { media: ["SMS", "EMAIL"], in: 0 });
    const code = await choosing.lastCode(email);

    const bySms = await screen(await visit.call("resend", "SMS"));
    assert.equal(bySms.sentTo, `+*******${username.slice(-4)}`);
    assert.equal(await choosing.lastCode(username), code, "the same code by either medium");
    const mistyped = await screen(await visit.call("answer", mistype(code)));
    assert.equal(mistyped.attemptsLeft, 2);
    const last = await screen(await visit.call("resend"));
    assert.equal(last.resend, null, "no sends are left");
    const refused = await screen(await visit.call("resend", "EMAIL"));
    assert.deepEqual(refused.resend, null);
    assert.deepEqual((await sent()).map((messages) => messages.length), [2, 1]);
    assert.equal(await tokens(visit), undefined);
    assertSignedIn(await visit.call("answer", code));
  },
  { pool: choosing },
);

inBrowser(
  "a known browser signs in while strangers use up what all may request",
  async (visit) => {
    const username = newPhone();
    const screen = async (step) => visit.call("screen", challenge(step));
    await visit.call("start", username);
    assertSignedIn(await visit.call("answer", await limited.lastCode(username)));
    await visit.call("signOut");

    const stranger = await browser.open(limited);
    try {
      const sent = await stranger.call("screen", challenge(await stranger.call("start", username)));
      assert.equal(sent.show, "code");
      const hold = await stranger.call("screen", challenge(await stranger.call("start", username)));
      assert.deepEqual([hold.show, hold.problem], ["hold", "TOO_MANY_CODES"]);
      assert.ok(hold.startAgainIn > 880 && hold.startAgainIn <= 900, `${hold.startAgainIn}`);
      assert.equal((await limited.sentTo(username)).length, 2, "nothing is sent for a hold");
      assert.equal(await tokens(stranger), undefined);
    } finally {
      await stranger.close();
    }

    // The owner's browser shows its device by itself.
    await visit.reload();
    assert.equal((await screen(await visit.call("start", username))).show, "code");
    assert.equal((await limited.sentTo(username)).length, 3);
    assertSignedIn(await visit.call("answer", await limited.lastCode(username)));
  },
  { pool: limited },
);
