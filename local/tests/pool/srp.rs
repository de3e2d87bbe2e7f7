//! SRP: a password that is proved, not sent; alone, and as the first factor before a code.

use std::time::Duration;

use local::lambda::Trigger::{self, DefineAuthChallenge};
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, AuthFlow, DEFAULT_CLIENT_ID, SECRET_CLIENT_ID, SECRET_CLIENT_SECRET,
    secret_hash,
};
use serde_json::{Value, json};
use test_support::srp::{Challenge, SrpClient};

use crate::harness::*;

/// [`START`] as a client writes it.
const NOW: &str = "Wed May 18 03:33:20 UTC 2033";

fn client() -> SrpClient {
    SrpClient::new(b"a")
}

fn srp(client: &SrpClient, username: &str) -> Value {
    initiate("USER_SRP_AUTH", json!({ "USERNAME": username, "SRP_A": client.srp_a() }))
}

fn custom(client: &SrpClient, username: &str) -> Value {
    let parameters = json!({
        "USERNAME": username,
        "SRP_A": client.srp_a(),
        "CHALLENGE_NAME": "SRP_A",
    });
    initiate("CUSTOM_AUTH", parameters)
}

/// The response of a client that takes `password` for the user's.
fn prove_at(client: &SrpClient, reply: &Value, password: &str, timestamp: &str) -> Value {
    assert_eq!(reply["ChallengeName"], "PASSWORD_VERIFIER");
    let parameter = |name: &str| reply["ChallengeParameters"][name].as_str().unwrap();
    let challenge = Challenge {
        pool: "LocalPool",
        user_id: parameter("USER_ID_FOR_SRP"),
        salt: parameter("SALT"),
        srp_b: parameter("SRP_B"),
        secret_block: parameter("SECRET_BLOCK"),
    };
    json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "ChallengeName": "PASSWORD_VERIFIER",
        "Session": reply["Session"],
        "ChallengeResponses": {
            "USERNAME": challenge.user_id,
            "PASSWORD_CLAIM_SECRET_BLOCK": challenge.secret_block,
            "PASSWORD_CLAIM_SIGNATURE": client.sign(&challenge, password, timestamp),
            "TIMESTAMP": timestamp,
        },
    })
}

fn prove(client: &SrpClient, reply: &Value, password: &str) -> Value {
    prove_at(client, reply, password, NOW)
}

/// Define as with `SIGN_IN=second-factor`.
fn second_factor(world: &World) {
    world.script(|trigger, event| {
        if trigger != DefineAuthChallenge {
            return None;
        }
        let session = event["request"]["session"].as_array().unwrap();
        let names: Vec<&str> =
            session.iter().map(|entry| entry["challengeName"].as_str().unwrap()).collect();
        let response = match names[..] {
            ["SRP_A"] => json!({ "challengeName": "PASSWORD_VERIFIER" }),
            ["SRP_A", "PASSWORD_VERIFIER"] => json!({ "challengeName": "CUSTOM_CHALLENGE" }),
            ["SRP_A", "PASSWORD_VERIFIER", "CUSTOM_CHALLENGE"] => json!({ "issueTokens": true }),
            _ => json!({ "failAuthentication": true }),
        };
        Some(respond(event, &response))
    });
}

#[tokio::test]
async fn srp_proof_signs_in() {
    let world = World::new();
    let username = world.user(PHONE).await;
    for name in [PHONE, &username] {
        let reply = world.ok("InitiateAuth", srp(&client(), name)).await;
        let parameters = reply["ChallengeParameters"].as_object().unwrap();
        let names: Vec<&String> = parameters.keys().collect();
        assert_eq!(names, ["SALT", "SECRET_BLOCK", "SRP_B", "USERNAME", "USER_ID_FOR_SRP"]);
        assert_eq!(parameters["USER_ID_FOR_SRP"], username);
        let body = prove(&client(), &reply, PASSWORD);
        let reply = world.ok("RespondToAuthChallenge", body).await;
        assert!(reply["AuthenticationResult"]["RefreshToken"].is_string());
    }
    assert!(world.triggers().is_empty());
}

#[tokio::test]
async fn srp_exchange_succeeds_for_any_secret_numbers() {
    let world = World::new();
    world.user(PHONE).await;
    for seed in 0..24_u8 {
        let client = SrpClient::new(&[seed]);
        let reply = world.ok("InitiateAuth", srp(&client, PHONE)).await;
        world.ok("RespondToAuthChallenge", prove(&client, &reply, PASSWORD)).await;
        if seed % 4 == 0 {
            // Another salt.
            world.user(&format!("{seed}@example.com")).await;
            let body = with(with(pool_and(PHONE), "/Password", PASSWORD), "/Permanent", true);
            world.ok("AdminSetUserPassword", body).await;
        }
    }
}

#[tokio::test]
async fn altered_srp_proof_is_refused() {
    let world = World::new();
    world.user(PHONE).await;
    let old = "Wed May 18 03:28:19 UTC 2033";
    let changes: [fn(&mut Value); 4] = [
        |responses| responses["PASSWORD_CLAIM_SIGNATURE"] = json!("bm8="),
        |responses| responses["PASSWORD_CLAIM_SIGNATURE"] = json!("no base64 at all"),
        |responses| {
            let block = responses["PASSWORD_CLAIM_SECRET_BLOCK"].as_str().unwrap();
            let first = if block.starts_with('A') { 'B' } else { 'A' };
            let rest: String = block.chars().skip(1).collect();
            responses["PASSWORD_CLAIM_SECRET_BLOCK"] = json!(format!("{first}{rest}"));
        },
        |responses| responses["TIMESTAMP"] = json!("Wed May 18 03:33:21 UTC 2033"),
    ];
    let try_with = async |prove: &dyn Fn(&Value) -> Value| {
        let reply = world.ok("InitiateAuth", srp(&client(), PHONE)).await;
        let told = world.err("RespondToAuthChallenge", prove(&reply)).await;
        assert_eq!(told, incorrect());
    };
    try_with(&|reply| prove(&client(), reply, "Passw0rd?")).await;
    try_with(&|reply| prove_at(&client(), reply, PASSWORD, old)).await;
    try_with(&|reply| prove(&SrpClient::new(b"another"), reply, PASSWORD)).await;
    world.user(EMAIL).await;
    for change in changes {
        let reply = world.ok("InitiateAuth", srp(&client(), EMAIL)).await;
        let mut body = prove(&client(), &reply, PASSWORD);
        change(&mut body["ChallengeResponses"]);
        assert_eq!(world.err("RespondToAuthChallenge", body).await, incorrect());
    }
    let reply = world.ok("InitiateAuth", srp(&client(), PHONE)).await;
    let body = prove_at(&client(), &reply, PASSWORD, "2033-05-18T03:33:20Z");
    assert_eq!(
        world.err("RespondToAuthChallenge", body).await,
        failure(
            "InvalidParameter",
            "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english"
        )
    );
    // Within five minutes, a clock may be off.
    let body = prove_at(&client(), &reply, PASSWORD, "Wed May 18 03:28:20 UTC 2033");
    world.ok("RespondToAuthChallenge", body).await;
}

#[tokio::test]
async fn srp_proof_is_single_use_bound_and_expires() {
    let world = World::new();
    world.user(PHONE).await;
    let other = world.user(EMAIL).await;
    let used =
        failure("NotAuthorized", "Invalid session for the user, session can only be used once.");
    let reply = world.ok("InitiateAuth", srp(&client(), PHONE)).await;
    let body = prove(&client(), &reply, PASSWORD);
    let others = with(body.clone(), "/ChallengeResponses/USERNAME", other);
    assert_eq!(
        world.err("RespondToAuthChallenge", others).await,
        failure("NotAuthorized", "Invalid session for the user.")
    );
    let others = with(body.clone(), "/ClientId", LEGACY_CLIENT_ID);
    assert_eq!(world.err("RespondToAuthChallenge", others).await, incorrect());
    world.ok("RespondToAuthChallenge", body.clone()).await;
    assert_eq!(world.err("RespondToAuthChallenge", body).await, used);
    // A wrong proof uses the challenge up.
    let reply = world.ok("InitiateAuth", srp(&client(), PHONE)).await;
    let wrong = prove(&client(), &reply, "Passw0rd?");
    assert_eq!(world.err("RespondToAuthChallenge", wrong).await, incorrect());
    let right = prove(&client(), &reply, PASSWORD);
    assert_eq!(world.err("RespondToAuthChallenge", right).await, used);
    let reply = world.ok("InitiateAuth", srp(&client(), PHONE)).await;
    world.pass(Duration::from_secs(180));
    let late = prove_at(&client(), &reply, PASSWORD, "Wed May 18 03:36:20 UTC 2033");
    assert_eq!(
        world.err("RespondToAuthChallenge", late).await,
        failure("NotAuthorized", "Invalid session for the user, session is expired.")
    );
}

#[tokio::test]
async fn unknown_user_matches_wrong_password() {
    let world = World::new();
    world.user(PHONE).await;
    let unknown = "+15550100";
    let mut salts = Vec::new();
    for _ in 0..2 {
        let reply = world.ok("InitiateAuth", srp(&client(), unknown)).await;
        let parameters = &reply["ChallengeParameters"];
        salts.push(parameters["SALT"].clone());
        assert_eq!(parameters["SALT"].as_str().unwrap().len(), 32);
        assert!(parameters["SRP_B"].as_str().unwrap().len() > 760);
        assert_ne!(parameters["USER_ID_FOR_SRP"], unknown, "as a known user's, it is a UUID");
        let body = prove(&client(), &reply, PASSWORD);
        assert_eq!(world.err("RespondToAuthChallenge", body).await, incorrect());
    }
    assert_eq!(salts[0], salts[1], "the same every time");
    let reply = world.ok("InitiateAuth", srp(&client(), "+15550101")).await;
    assert_ne!(reply["ChallengeParameters"]["SALT"], salts[0]);
    let body = with(srp(&client(), unknown), "/ClientId", LEGACY_CLIENT_ID);
    let told = world.err("InitiateAuth", body).await;
    assert_eq!(told, failure("UserNotFound", "User does not exist."));
}

#[tokio::test]
async fn unsafe_or_malformed_srp_a_is_refused() {
    let world = World::new();
    world.user(PHONE).await;
    for name in [PHONE, "+15550100"] {
        for srp_a in ["0", "", "xyz", "-1"] {
            let body = with(srp(&client(), name), "/AuthParameters/SRP_A", srp_a);
            let told = world.err("InitiateAuth", body).await;
            assert_eq!(told.exception, "InvalidParameterException", "{srp_a}");
        }
    }
    let body = initiate("USER_SRP_AUTH", json!({ "USERNAME": PHONE }));
    let told = world.err("InitiateAuth", body).await;
    assert_eq!(told, failure("InvalidParameter", "Missing required parameter SRP_A"));
}

#[tokio::test]
async fn user_status_is_revealed_only_after_the_proof() {
    let world = World::new();
    let mut body = pool_and(EMAIL);
    body["TemporaryPassword"] = json!("Temp0rary!");
    world.ok("AdminCreateUser", body).await;
    let reply = world.ok("InitiateAuth", srp(&client(), EMAIL)).await;
    let body = prove(&client(), &reply, "Temp0rary!");
    let reply = world.ok("RespondToAuthChallenge", body).await;
    assert_eq!(reply["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    world.user(PHONE).await;
    world.admin("AdminDisableUser", PHONE).await;
    let reply = world.ok("InitiateAuth", srp(&client(), PHONE)).await;
    let told = world.err("RespondToAuthChallenge", prove(&client(), &reply, "Wr0ng-pass")).await;
    assert_eq!(told, incorrect());
}

#[tokio::test]
async fn secret_hash_is_required_in_both_srp_calls() {
    let world = World::with(|settings| {
        settings.pools[0].clients[2].explicit_auth_flows.insert(AuthFlow::UserSrp);
    });
    let username = world.user(PHONE).await;
    let hash = |name: &str| secret_hash(SECRET_CLIENT_SECRET, name, SECRET_CLIENT_ID);
    let start = with(srp(&client(), PHONE), "/ClientId", SECRET_CLIENT_ID);
    let told = world.err("InitiateAuth", start.clone()).await;
    assert!(told.message.ends_with("but SECRET_HASH was not received"));
    let start = with(start, "/AuthParameters/SECRET_HASH", hash(PHONE));
    let reply = world.ok("InitiateAuth", start).await;
    let body = with(prove(&client(), &reply, PASSWORD), "/ClientId", SECRET_CLIENT_ID);
    let told = world.err("RespondToAuthChallenge", body.clone()).await;
    assert!(told.message.ends_with("but SECRET_HASH was not received"));
    let body = with(body, "/ChallengeResponses/SECRET_HASH", hash(&username));
    world.ok("RespondToAuthChallenge", body).await;
}

#[tokio::test]
async fn define_can_require_the_srp_proof_before_the_code() {
    let world = World::new();
    let username = world.user(PHONE).await;
    second_factor(&world);
    let reply = world.ok("InitiateAuth", custom(&client(), PHONE)).await;
    let (trigger, event) = world.events().pop().unwrap();
    assert_eq!(trigger, DefineAuthChallenge);
    let entry = |name: &str| json!({ "challengeName": name, "challengeResult": true, "challengeMetadata": null });
    assert_eq!(event["request"]["session"], json!([entry("SRP_A")]));
    assert!(reply["Session"].is_string());
    let mut body = prove(&client(), &reply, PASSWORD);
    body["ClientMetadata"] = json!({ "locale": "ja" });
    // The triggers' rounds go on with their session alone.
    let told =
        world.err("RespondToAuthChallenge", with(body.clone(), "/Session", Value::Null)).await;
    assert_eq!(told, failure("InvalidParameter", "Missing required parameter Session"));
    let reply = world.ok("RespondToAuthChallenge", body).await;
    let events = world.events();
    let called: Vec<Trigger> = events.iter().map(|(trigger, _)| *trigger).collect();
    assert_eq!(called, [DefineAuthChallenge, Trigger::CreateAuthChallenge]);
    for (_, event) in events {
        let session = json!([entry("SRP_A"), entry("PASSWORD_VERIFIER")]);
        assert_eq!(event["request"]["session"], session);
        assert_eq!(event["request"]["clientMetadata"], json!({ "locale": "ja" }));
    }
    assert_eq!(reply["ChallengeName"], "CUSTOM_CHALLENGE");
    let body = answer(&reply, &username, ANSWER);
    let reply = world.ok("RespondToAuthChallenge", body).await;
    assert!(reply["AuthenticationResult"]["AccessToken"].is_string());
}

#[tokio::test]
async fn custom_auth_alone_allows_a_password_by_srp() {
    let world = World::new();
    let username = world.user(PHONE).await;
    second_factor(&world);
    let default = |body| with(body, "/ClientId", DEFAULT_CLIENT_ID);
    let reply = world.ok("InitiateAuth", default(custom(&client(), PHONE))).await;
    let body = default(prove(&client(), &reply, PASSWORD));
    let reply = world.ok("RespondToAuthChallenge", body).await;
    assert_eq!(reply["ChallengeName"], "CUSTOM_CHALLENGE");
    let body = default(answer(&reply, &username, ANSWER));
    let reply = world.ok("RespondToAuthChallenge", body).await;
    assert!(reply["AuthenticationResult"]["AccessToken"].is_string());
}

/// Sets a password as an administrator does, starts with SRP, and proves it.
async fn prove_set_password(world: &World, permanent: bool) -> Result<Value, Failure> {
    let set = with(with(pool_and(PHONE), "/Password", PASSWORD), "/Permanent", permanent);
    world.ok("AdminSetUserPassword", set).await;
    let reply = world.ok("InitiateAuth", custom(&client(), PHONE)).await;
    assert_eq!(world.triggers(), [DefineAuthChallenge]);
    world.call("RespondToAuthChallenge", &prove(&client(), &reply, PASSWORD)).await
}

fn replace_password(reply: &Value, username: &str) -> Value {
    let body = with(answer(reply, username, ""), "/ChallengeName", "NEW_PASSWORD_REQUIRED");
    with(body, "/ChallengeResponses/NEW_PASSWORD", "An0ther-one")
}

#[tokio::test]
async fn temporary_password_signs_in_past_the_code_and_permanent_one_does_not() {
    let world = World::new();
    let username = world.user(PHONE).await;
    second_factor(&world);
    // Whoever has an account's temporary password has the account: no code is asked for.
    let reply = prove_set_password(&world, false).await.unwrap();
    assert_eq!(reply["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    let reply = world.ok("RespondToAuthChallenge", replace_password(&reply, &username)).await;
    assert!(reply["AuthenticationResult"]["AccessToken"].is_string());
    assert!(world.triggers().is_empty(), "define was asked again");
    // With a permanent one the code is asked for, and nothing goes around it.
    let reply = prove_set_password(&world, true).await.unwrap();
    assert_eq!(world.triggers(), [DefineAuthChallenge, Trigger::CreateAuthChallenge]);
    assert_eq!(reply["ChallengeName"], "CUSTOM_CHALLENGE");
    assert!(reply.get("AuthenticationResult").is_none());
    let told = world.err("RespondToAuthChallenge", replace_password(&reply, &username)).await;
    assert_eq!(told, failure("NotAuthorized", "Invalid session for the user."));
}

#[tokio::test]
async fn expired_temporary_password_proves_nothing() {
    let world = World::new();
    world.user(PHONE).await;
    second_factor(&world);
    let set = with(with(pool_and(PHONE), "/Password", PASSWORD), "/Permanent", false);
    world.ok("AdminSetUserPassword", set).await;
    world.pass(Duration::from_secs(7 * 86_400));
    let reply = world.ok("InitiateAuth", custom(&client(), PHONE)).await;
    let body = prove_at(&client(), &reply, PASSWORD, "Wed May 25 03:33:20 UTC 2033");
    let told = world.err("RespondToAuthChallenge", body).await;
    let expired = "Temporary password has expired and must be reset by an administrator.";
    assert_eq!(told, failure("NotAuthorized", expired));
    assert_eq!(world.triggers(), [DefineAuthChallenge]);
}

#[tokio::test]
async fn wrong_srp_proof_ends_the_sign_in_before_any_code() {
    let world = World::new();
    world.user(PHONE).await;
    second_factor(&world);
    for (name, password) in [(PHONE, "Wr0ng-pass"), ("+15550100", PASSWORD)] {
        let reply = world.ok("InitiateAuth", custom(&client(), name)).await;
        assert_eq!(world.triggers(), [DefineAuthChallenge]);
        let body = prove(&client(), &reply, password);
        assert_eq!(world.err("RespondToAuthChallenge", body).await, incorrect());
        assert!(world.triggers().is_empty(), "nobody is asked after a wrong password");
    }
}

#[tokio::test]
async fn define_can_skip_srp_but_not_require_it_without_srp_a() {
    let world = World::new();
    world.user(PHONE).await;
    let code = json!({ "challengeName": "CUSTOM_CHALLENGE" });
    world.script_response(DefineAuthChallenge, code);
    let reply = world.ok("InitiateAuth", custom(&client(), PHONE)).await;
    assert_eq!(reply["ChallengeName"], "CUSTOM_CHALLENGE");
    let verifier = json!({ "challengeName": "PASSWORD_VERIFIER" });
    world.script_response(DefineAuthChallenge, verifier);
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    let told = world.err("InitiateAuth", start).await;
    assert_eq!(told, failure("InvalidLambdaResponse", "Unrecognizable lambda output"));
    let body = with(custom(&client(), PHONE), "/AuthParameters/SRP_A", Value::Null);
    let told = world.err("InitiateAuth", body).await;
    assert_eq!(told, failure("InvalidParameter", "Missing required parameter SRP_A"));
}
