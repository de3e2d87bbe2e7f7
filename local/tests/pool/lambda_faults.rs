//! What a client is told when a function fails, is silent, or answers nonsense.

use std::collections::BTreeMap;

use local::lambda::{InvokeError, Trigger};
use serde_json::{Value, json};

use crate::harness::*;

/// Brings the sign-in to the call of `trigger` and gives back what the client is told.
async fn fail_at(world: &World, trigger: Trigger) -> Failure {
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    if trigger != Trigger::VerifyAuthChallengeResponse {
        return world.err("InitiateAuth", start).await;
    }
    let challenge = world.ok("InitiateAuth", start).await;
    world.events();
    world.err("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await
}

fn calls_of(world: &World, trigger: Trigger) -> usize {
    let triggers = world.triggers();
    // The failed call is the last: nothing is called after it.
    assert_eq!(triggers.last(), Some(&trigger));
    triggers.into_iter().filter(|it| *it == trigger).count()
}

#[tokio::test]
async fn function_error_is_returned_and_not_retried() {
    for trigger in Trigger::CUSTOM_AUTH {
        let world = World::new();
        world.user(PHONE).await;
        world.script(move |it, _| {
            (it == trigger).then(|| {
                Err(InvokeError::Function {
                    error_type: "Any".to_owned(),
                    message: "TOO_MANY_CODES: try again in 9 seconds".to_owned(),
                })
            })
        });
        assert_eq!(
            fail_at(&world, trigger).await,
            failure(
                "UserLambdaValidation",
                &format!(
                    "{} failed with error TOO_MANY_CODES: try again in 9 seconds.",
                    trigger.name()
                )
            )
        );
        assert_eq!(calls_of(&world, trigger), 1);
    }
}

#[tokio::test]
async fn timeout_is_retried_twice_then_reported() {
    for trigger in Trigger::CUSTOM_AUTH {
        let world = World::new();
        world.user(PHONE).await;
        world.script(move |it, _| (it == trigger).then_some(Err(InvokeError::TimedOut)));
        assert_eq!(
            fail_at(&world, trigger).await,
            failure(
                "UnexpectedLambda",
                &format!(
                    "{} invocation failed due to error Socket timeout while invoking Lambda \
                     function.",
                    trigger.name()
                )
            )
        );
        assert_eq!(calls_of(&world, trigger), 3);
    }
}

#[tokio::test]
async fn response_to_the_third_call_is_used() {
    let world = World::new();
    world.user(PHONE).await;
    let mut silent = 2;
    world.script(move |trigger, _| {
        if trigger == Trigger::CreateAuthChallenge && silent > 0 {
            silent -= 1;
            return Some(Err(InvokeError::TimedOut));
        }
        None
    });
    world.start(PHONE).await;
    let events: Vec<_> = world.events().split_off(1);
    assert_eq!(events.len(), 3);
    assert_eq!(events[0], events[1]);
    assert_eq!(events[1], events[2]);
}

#[tokio::test]
async fn function_error_after_timeout_is_not_retried() {
    let world = World::new();
    world.user(PHONE).await;
    let mut silent = true;
    world.script(move |_, _| {
        Some(Err(if std::mem::take(&mut silent) {
            InvokeError::TimedOut
        } else {
            InvokeError::Function {
                error_type: "Runtime.ExitError".to_owned(),
                message: "exit status 1".to_owned(),
            }
        }))
    });
    let told = fail_at(&world, Trigger::DefineAuthChallenge).await;
    assert_eq!(
        told,
        failure("UserLambdaValidation", "DefineAuthChallenge failed with error exit status 1.")
    );
    assert_eq!(calls_of(&world, Trigger::DefineAuthChallenge), 2);
}

#[tokio::test]
async fn missing_trigger_is_reported() {
    for missing in Trigger::CUSTOM_AUTH {
        let world = World::with(|settings| {
            settings.pools[0].config.lambda_config.remove(&missing);
        });
        world.user(PHONE).await;
        assert_eq!(
            fail_at(&world, missing).await,
            failure(
                "InvalidParameter",
                "Custom auth lambda trigger is not configured for the user pool."
            )
        );
        assert!(!world.triggers().contains(&missing));
    }
    let world = World::with(|settings| {
        settings.pools[0].config.lambda_config = BTreeMap::new();
    });
    let told = fail_at(&world, Trigger::DefineAuthChallenge).await;
    assert_eq!(told.exception, "InvalidParameterException");
}

#[tokio::test]
async fn output_with_invalid_json_is_refused() {
    for output in ["", "{", "nonsense", "{\"response\":{}} x"] {
        for trigger in Trigger::CUSTOM_AUTH {
            let world = World::new();
            world.user(PHONE).await;
            world.script(move |it, _| (it == trigger).then(|| Ok(output.into())));
            assert_eq!(
                fail_at(&world, trigger).await,
                failure("InvalidLambdaResponse", "Invalid lambda function output : Invalid JSON")
            );
        }
    }
}

#[tokio::test]
async fn output_with_invalid_fields_is_refused() {
    use Trigger::{CreateAuthChallenge, DefineAuthChallenge, VerifyAuthChallengeResponse};
    let mut cases: Vec<(Trigger, Value)> = Vec::new();
    for trigger in Trigger::CUSTOM_AUTH {
        for whole in [
            json!(null),
            json!([]),
            json!("text"),
            json!({}),
            json!({ "response": null }),
            json!({ "response": [] }),
            json!({ "response": "text" }),
        ] {
            cases.push((trigger, whole));
        }
    }
    for (trigger, response) in [
        (DefineAuthChallenge, json!({})),
        (DefineAuthChallenge, json!({ "issueTokens": "true" })),
        (DefineAuthChallenge, json!({ "issueTokens": 1 })),
        (DefineAuthChallenge, json!({ "issueTokens": true, "failAuthentication": "no" })),
        (DefineAuthChallenge, json!({ "challengeName": "PASSWORD_VERIFIER" })),
        (DefineAuthChallenge, json!({ "challengeName": "custom_challenge" })),
        (DefineAuthChallenge, json!({ "challengeName": 1 })),
        (DefineAuthChallenge, json!({ "issueTokens": false, "failAuthentication": false })),
        (CreateAuthChallenge, json!({ "privateChallengeParameters": "x" })),
        (CreateAuthChallenge, json!({ "privateChallengeParameters": { "n": 1 } })),
        (
            CreateAuthChallenge,
            json!({
                "privateChallengeParameters": { "n": "1" },
                "publicChallengeParameters": { "n": 1 },
            }),
        ),
        (
            CreateAuthChallenge,
            json!({ "privateChallengeParameters": { "n": "1" }, "challengeMetadata": {} }),
        ),
        (VerifyAuthChallengeResponse, json!({})),
        (VerifyAuthChallengeResponse, json!({ "answerCorrect": null })),
        (VerifyAuthChallengeResponse, json!({ "answerCorrect": "true" })),
        (VerifyAuthChallengeResponse, json!({ "answerCorrect": 1 })),
    ] {
        cases.push((trigger, json!({ "response": response })));
    }
    for (trigger, output) in cases {
        let world = World::new();
        world.user(PHONE).await;
        let bytes = output.to_string();
        world.script(move |it, _| (it == trigger).then(|| Ok(bytes.clone().into())));
        assert_eq!(
            fail_at(&world, trigger).await,
            failure("InvalidLambdaResponse", "Unrecognizable lambda output"),
            "{trigger:?} {output}"
        );
    }
}

#[tokio::test]
async fn missing_private_challenge_parameters_fail_the_sign_in() {
    for private in [json!(null), json!({})] {
        let world = World::new();
        world.user(PHONE).await;
        world.script_response(
            Trigger::CreateAuthChallenge,
            json!({
                "publicChallengeParameters": { "a": "b" },
                "privateChallengeParameters": private,
            }),
        );
        assert_eq!(fail_at(&world, Trigger::CreateAuthChallenge).await, incorrect());
    }
}

#[tokio::test]
async fn null_challenge_fields_are_treated_as_absent() {
    let world = World::new();
    let username = world.user(PHONE).await;
    world.script_response(
        Trigger::CreateAuthChallenge,
        json!({
            "publicChallengeParameters": null,
            "privateChallengeParameters": { "nonce": "1" },
            "challengeMetadata": null,
        }),
    );
    let challenge = world.start(PHONE).await;
    assert_eq!(challenge["ChallengeParameters"], json!({ "USERNAME": username }));
    world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, "0")).await;
    let (_, event) = world.events().pop().unwrap();
    assert_eq!(event["request"]["session"][0]["challengeMetadata"], Value::Null);
}

#[tokio::test]
async fn fail_authentication_overrides_issue_tokens() {
    let world = World::new();
    world.user(PHONE).await;
    world.script_response(
        Trigger::DefineAuthChallenge,
        json!({ "issueTokens": true, "failAuthentication": true }),
    );
    assert_eq!(fail_at(&world, Trigger::DefineAuthChallenge).await, incorrect());
}

#[tokio::test]
async fn unknown_user_gets_no_tokens_from_issue_tokens() {
    let world = World::new();
    world.script_response(Trigger::DefineAuthChallenge, json!({ "issueTokens": true }));
    assert_eq!(fail_at(&world, Trigger::DefineAuthChallenge).await, incorrect());
}
