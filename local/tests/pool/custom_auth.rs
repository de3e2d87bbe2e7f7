//! CUSTOM_AUTH: what the triggers are told, and what the client is told of what they decide.

use local::lambda::Trigger::{
    CreateAuthChallenge, DefineAuthChallenge, VerifyAuthChallengeResponse,
};
use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID};
use serde_json::{Value, json};

use crate::harness::*;

const START_CALLS: [local::lambda::Trigger; 2] = [DefineAuthChallenge, CreateAuthChallenge];
const ROUND_CALLS: [local::lambda::Trigger; 3] =
    [VerifyAuthChallengeResponse, DefineAuthChallenge, CreateAuthChallenge];

#[tokio::test]
async fn correct_answer_signs_in() {
    let world = World::new();
    let username = world.user(PHONE).await;
    let challenge = world.start(PHONE).await;
    assert_eq!(challenge["ChallengeName"], "CUSTOM_CHALLENGE");
    assert_eq!(
        challenge["ChallengeParameters"],
        json!({ "CODE_LENGTH": "6", "USERNAME": username })
    );
    assert!(challenge.get("AuthenticationResult").is_none());
    assert_eq!(world.triggers(), START_CALLS);
    let reply = world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
    assert_eq!(world.triggers(), ROUND_CALLS[..2]);
    let result = &reply["AuthenticationResult"];
    assert_eq!(result["TokenType"], "Bearer");
    assert_eq!(result["ExpiresIn"], 3_600);
    for token in ["IdToken", "AccessToken", "RefreshToken"] {
        assert!(result[token].is_string(), "{token}");
    }
    assert!(reply.get("Session").is_none());
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn admin_operations_run_the_same_flow() {
    let world = World::new();
    world.user(EMAIL).await;
    let pool = |body| with(body, "/UserPoolId", DEFAULT_POOL_ID);
    let body = initiate("CUSTOM_AUTH", json!({ "USERNAME": EMAIL }));
    let challenge = world.ok("AdminInitiateAuth", pool(body)).await;
    let body = pool(answer(&challenge, EMAIL, ANSWER));
    let reply = world.ok("AdminRespondToAuthChallenge", body).await;
    assert!(reply["AuthenticationResult"]["IdToken"].is_string());
}

#[tokio::test]
async fn wrong_answers_start_new_rounds_until_define_fails_the_sign_in() {
    let world = World::new();
    let username = world.user(PHONE).await;
    let mut challenge = world.start(PHONE).await;
    for _ in 0..2 {
        let next = world.ok("RespondToAuthChallenge", answer(&challenge, &username, "0")).await;
        assert_eq!(next["ChallengeName"], "CUSTOM_CHALLENGE");
        assert_ne!(next["Session"], challenge["Session"]);
        challenge = next;
    }
    world.events();
    let last = world.err("RespondToAuthChallenge", answer(&challenge, &username, "0")).await;
    assert_eq!(last, incorrect());
    assert_eq!(world.triggers(), ROUND_CALLS[..2]);
    assert_eq!(world.pools.counts(DEFAULT_POOL_ID).unwrap().sessions, 0);
}

#[tokio::test]
async fn trigger_events_match_cognito() {
    let world = World::new();
    let username = world.user(PHONE).await;
    let challenge = world.start(PHONE).await;
    let attributes = json!({
        "sub": username,
        "cognito:user_status": "CONFIRMED",
        "phone_number": PHONE,
        "phone_number_verified": "true",
    });
    let event = |source: &str, request: Value, response: Value| {
        json!({
            "version": "1",
            "triggerSource": source,
            "region": "us-east-1",
            "userPoolId": DEFAULT_POOL_ID,
            "userName": username,
            "callerContext": {
                "awsSdkVersion": "aws-sdk-unknown-unknown",
                "clientId": ANY_FLOW_CLIENT_ID,
            },
            "request": request,
            "response": response,
        })
    };
    let decision =
        json!({ "challengeName": null, "issueTokens": null, "failAuthentication": null });
    let created = json!({
        "publicChallengeParameters": null,
        "privateChallengeParameters": null,
        "challengeMetadata": null,
    });
    assert_eq!(
        world.events(),
        [
            (
                DefineAuthChallenge,
                event(
                    "DefineAuthChallenge_Authentication",
                    json!({
                        "userAttributes": attributes,
                        "session": [],
                        "userNotFound": false,
                        "clientMetadata": null,
                    }),
                    decision.clone(),
                ),
            ),
            (
                CreateAuthChallenge,
                event(
                    "CreateAuthChallenge_Authentication",
                    json!({
                        "userAttributes": attributes,
                        "challengeName": "CUSTOM_CHALLENGE",
                        "session": [],
                        "userNotFound": false,
                        "clientMetadata": null,
                    }),
                    created.clone(),
                ),
            ),
        ]
    );
    let body =
        with(answer(&challenge, PHONE, "0"), "/ClientMetadata", json!({ "action": "resend" }));
    world.ok("RespondToAuthChallenge", body).await;
    let session = json!([{
        "challengeName": "CUSTOM_CHALLENGE",
        "challengeResult": false,
        "challengeMetadata": "v1.record",
    }]);
    assert_eq!(
        world.events(),
        [
            (
                VerifyAuthChallengeResponse,
                event(
                    "VerifyAuthChallengeResponse_Authentication",
                    json!({
                        "userAttributes": attributes,
                        "privateChallengeParameters": { "nonce": ANSWER },
                        "challengeAnswer": "0",
                        "userNotFound": false,
                        "clientMetadata": { "action": "resend" },
                    }),
                    json!({ "answerCorrect": null }),
                ),
            ),
            (
                DefineAuthChallenge,
                event(
                    "DefineAuthChallenge_Authentication",
                    json!({
                        "userAttributes": attributes,
                        "session": session,
                        "userNotFound": false,
                        "clientMetadata": { "action": "resend" },
                    }),
                    decision,
                ),
            ),
            (
                CreateAuthChallenge,
                event(
                    "CreateAuthChallenge_Authentication",
                    json!({
                        "userAttributes": attributes,
                        "challengeName": "CUSTOM_CHALLENGE",
                        "session": session,
                        "userNotFound": false,
                        "clientMetadata": { "action": "resend" },
                    }),
                    created,
                ),
            ),
        ]
    );
}

#[tokio::test]
async fn client_metadata_of_initiate_auth_reaches_no_trigger() {
    let world = World::new();
    world.user(PHONE).await;
    let body = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    let body = with(body, "/ClientMetadata", json!({ "locale": "ja" }));
    let challenge = world.ok("InitiateAuth", body).await;
    world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, "0")).await;
    let events = world.events();
    assert_eq!(events.len(), 5);
    for (_, event) in events {
        assert_eq!(event["request"]["clientMetadata"], Value::Null);
    }
}

#[tokio::test]
async fn unknown_user_runs_the_flow_and_gets_no_tokens() {
    let world = World::new();
    let challenge = world.start("+15550100").await;
    let shown = challenge["ChallengeParameters"]["USERNAME"].as_str().unwrap();
    assert_ne!(shown, "+15550100", "a known user is shown as a UUID");
    assert_eq!(shown, world.start("+15550100").await["ChallengeParameters"]["USERNAME"]);
    let second = world.ok("RespondToAuthChallenge", answer(&challenge, "+15550100", "0")).await;
    let last = world.err("RespondToAuthChallenge", answer(&second, shown, ANSWER)).await;
    assert_eq!(last, incorrect());
    let events = world.events();
    assert_eq!(events.len(), 9);
    for (_, event) in events {
        assert_eq!(event["userName"], "+15550100");
        assert_eq!(event["request"]["userNotFound"], true);
        assert_eq!(event["request"]["userAttributes"], json!({}));
    }
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn legacy_client_gets_user_not_found() {
    let world = World::new();
    for flow in ["CUSTOM_AUTH", "USER_PASSWORD_AUTH"] {
        let body = initiate(flow, json!({ "USERNAME": "+15550100", "PASSWORD": "x" }));
        let body = with(body, "/ClientId", LEGACY_CLIENT_ID);
        assert_eq!(
            world.err("InitiateAuth", body).await,
            failure("UserNotFound", "User does not exist.")
        );
    }
    assert!(world.triggers().is_empty());
}

#[tokio::test]
async fn disabled_or_unconfirmed_user_reaches_no_trigger() {
    let world = World::new();
    world.user(PHONE).await;
    world.admin("AdminDisableUser", PHONE).await;
    world
        .ok(
            "SignUp",
            json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": EMAIL, "Password": PASSWORD }),
        )
        .await;
    let start = |name: &str| initiate("CUSTOM_AUTH", json!({ "USERNAME": name }));
    assert_eq!(
        world.err("InitiateAuth", start(PHONE)).await,
        failure("NotAuthorized", "User is disabled.")
    );
    assert_eq!(
        world.err("InitiateAuth", start(EMAIL)).await,
        failure("UserNotConfirmed", "User is not confirmed.")
    );
    assert!(world.triggers().is_empty());
    world.admin("AdminEnableUser", PHONE).await;
    world.start(PHONE).await;
}

#[tokio::test]
async fn user_with_temporary_password_reaches_define() {
    let world = World::new();
    let body = with(pool_and(PHONE), "/MessageAction", "SUPPRESS");
    world.ok("AdminCreateUser", body).await;
    let challenge = world.start(PHONE).await;
    let (_, event) = world.events().remove(0);
    let status = &event["request"]["userAttributes"]["cognito:user_status"];
    assert_eq!(status, "FORCE_CHANGE_PASSWORD");
    let reply = world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
    assert!(reply["AuthenticationResult"]["IdToken"].is_string());
}

#[tokio::test]
async fn user_deleted_or_disabled_between_rounds_gets_no_tokens() {
    for (operation, expected) in [
        ("AdminDeleteUser", incorrect()),
        ("AdminDisableUser", failure("NotAuthorized", "User is disabled.")),
    ] {
        let world = World::new();
        world.user(PHONE).await;
        let challenge = world.start(PHONE).await;
        world.events();
        world.admin(operation, PHONE).await;
        let last = world.err("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
        assert_eq!(last, expected);
        assert!(world.triggers().is_empty());
    }
}

#[tokio::test]
async fn user_deleted_or_disabled_during_a_trigger_gets_no_tokens() {
    for (operation, expected) in [
        ("AdminDeleteUser", incorrect()),
        ("AdminDisableUser", failure("NotAuthorized", "User is disabled.")),
    ] {
        let world = World::new();
        let username = world.user(PHONE).await;
        let challenge = world.start(PHONE).await;
        let pools = world.pools.clone();
        world.script(move |trigger, _| {
            if trigger == VerifyAuthChallengeResponse {
                let target = format!("AWSCognitoIdentityProviderService.{operation}");
                let body = pool_and(&username).to_string();
                // These operations wait for nothing, so one poll finishes them.
                let call =
                    futures_util::FutureExt::now_or_never(pools.call(&target, body.as_bytes()));
                assert_eq!(call.unwrap().status, 200);
            }
            None
        });
        let last = world.err("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
        assert_eq!(last, expected);
    }
}

#[tokio::test]
async fn unsupported_flows_are_refused() {
    let world = World::new();
    world.user(PHONE).await;
    for (flow, parameters, message) in [
        ("USER_AUTH", json!({ "USERNAME": PHONE }), "Initiate Auth method not supported."),
        (
            "ADMIN_USER_PASSWORD_AUTH",
            json!({ "USERNAME": PHONE, "PASSWORD": PASSWORD }),
            "Initiate Auth method not supported.",
        ),
    ] {
        assert_eq!(
            world.err("InitiateAuth", initiate(flow, parameters)).await,
            failure("InvalidParameter", message)
        );
    }
    assert!(world.triggers().is_empty());
}
