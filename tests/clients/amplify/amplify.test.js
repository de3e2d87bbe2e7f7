// Amplify JS in a browser signs people up and in.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { START_LIMIT, TEST_LIMIT, localFrom, mistype, newPhone, start } from "./browser.js";

const PASSWORD = "Chosen-by-a-person-1";
const CHALLENGE = "CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE";

const local = localFrom("LOCAL");
const secondFactor = localFrom("SECOND_FACTOR");
const choosing = localFrom("CHOOSE");
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

async function signUp(visit, username) {
  const signedUp = await visit.call("signUp", { username, password: PASSWORD });
  assert.equal(signedUp.nextStep.signUpStep, "CONFIRM_SIGN_UP");
  const confirmationCode = await visit.local.lastCode(username);
  const confirmed = await visit.call("confirmSignUp", { username, confirmationCode });
  assert.equal(confirmed.isSignUpComplete, true);
}

/** Starts a sign-in and gives back the challenge's parameters. */
async function startSignIn(visit, username) {
  const options = { authFlowType: "CUSTOM_WITHOUT_SRP" };
  return challenge(await visit.call("signIn", { username, options }));
}

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

inBrowser("a phone number signs up, in and out", async (visit) => {
  const phone = newPhone();
  await signUp(visit, phone);
  assert.equal(await tokens(visit), undefined);

  const first = await startSignIn(visit, phone);
  assert.equal(first.CODE_DELIVERY_DELIVERY_MEDIUM, "SMS");
  assert.equal(first.CODE_DELIVERY_DESTINATION, `+*******${phone.slice(-4)}`);
  assert.equal(first.ATTEMPTS_LEFT, "3");
  const code = await local.lastCode(phone);
  const second = challenge(await answer(visit, mistype(code)));
  assert.equal(second.ATTEMPTS_LEFT, "2");
  assert.equal(await tokens(visit), undefined, "a wrong code signed in");
  assertSignedIn(await answer(visit, code));
  assert.equal((await local.sentTo(phone)).length, 2, "one to confirm, one to sign in");

  const { accessToken, idToken } = await tokens(visit);
  assert.equal(accessToken.payload.client_id, local.clientId);
  assert.equal(idToken.payload.phone_number, phone);
  const user = await visit.call("getCurrentUser");
  assert.equal(user.userId, accessToken.payload.sub);
  const attributes = await visit.call("fetchUserAttributes");
  assert.equal(attributes.phone_number_verified, "true");

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
  await signUp(visit, phone);
  const other = await browser.open(local);
  for (const each of [visit, other]) {
    await startSignIn(each, phone);
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
  await signUp(visit, phone);
  await startSignIn(visit, phone);
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
  assert.equal((await local.sentTo(phone)).length, 2);
});

inBrowser("a resend asked for too early sends nothing and costs no attempt", async (visit) => {
  const phone = newPhone();
  await signUp(visit, phone);
  await startSignIn(visit, phone);
  const code = await local.lastCode(phone);
  const again = challenge(await answer(visit, code, { action: "resend" }));
  assert.equal(again.ATTEMPTS_LEFT, "3");
  assert.equal((await local.sentTo(phone)).length, 2);
  assertSignedIn(await answer(visit, code));
});

inBrowser("Amplify knows the pool's errors by their names", async (visit) => {
  const username = newPhone();
  const weak = await visit.attempt("signUp", { username, password: "weak" });
  assert.equal(weak.error.name, "InvalidPasswordException");
  await visit.call("signUp", { username, password: PASSWORD });
  const wrong = { username, confirmationCode: mistype(await local.lastCode(username)) };
  const mistyped = await visit.attempt("confirmSignUp", wrong);
  assert.equal(mistyped.error.name, "CodeMismatchException");
  // Amplify makes a step of UserNotConfirmedException.
  const options = { authFlowType: "CUSTOM_WITHOUT_SRP" };
  const { nextStep } = await visit.call("signIn", { username, options });
  assert.equal(nextStep.signInStep, "CONFIRM_SIGN_UP");
  assert.equal((await local.sentTo(username)).length, 1);
});

inBrowser("an e-mail address signs up and in", async (visit) => {
  const email = "jane.doe@example.com";
  await signUp(visit, email);
  const parameters = await startSignIn(visit, email);
  assert.equal(parameters.CODE_DELIVERY_DELIVERY_MEDIUM, "EMAIL");
  assertSignedIn(await answer(visit, await local.lastCode(email)));
  assert.equal((await tokens(visit)).idToken.payload.email, email);
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
    await signUp(visit, username);
    const options = { authFlowType: "CUSTOM_WITH_SRP" };
    const wrong = { username, password: `${PASSWORD}x`, options };
    assert.equal((await visit.attempt("signIn", wrong)).error.name, "NotAuthorizedException");
    assert.equal((await secondFactor.sentTo(username)).length, 1, "no text without the password");

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
    await signUp(visit, username);
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
      ways: [
        { medium: "SMS", to: `+*******${username.slice(-4)}` },
        { medium: "EMAIL", to: "j***@e***" },
      ],
      problem: null,
    });
    assert.deepEqual(await sent(), [[], []], "nothing is sent before there is a choice");

    const mailed = await screen(await visit.call("choose", "EMAIL"));
    assert.equal(mailed.show, "code");
    assert.equal(mailed.sentTo, "j***@e***");
    assert.deepEqual([mailed.digits, mailed.attemptsLeft], [6, 3]);
    assert.ok(mailed.expiresIn > 240 && mailed.expiresIn <= 300, `${mailed.expiresIn}`);
    assert.deepEqual(mailed.resend, { ways: ["SMS", "EMAIL"], in: 0 });
    const code = await choosing.lastCode(email);

    const texted = await screen(await visit.call("resend", "SMS"));
    assert.equal(texted.sentTo, `+*******${username.slice(-4)}`);
    assert.equal(await choosing.lastCode(username), code, "the same code by either way");
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
