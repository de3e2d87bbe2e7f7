//! Each function as Lambda runs it: the real binary, fed the events of `tests/events` through the
//! Runtime API.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::ItemNames;
use local::lambda::{
    Capture, Functions, Invoke as _, InvokeError, Options, Output, Programs, Progress, Trigger,
};
use otp::{LedgerKey, Nonce};
use serde_json::{Value, json};
use test_support::fixtures::{CODE_KEY, EMAIL, LEDGER_KEY, PHONE, UNKNOWN, event, events};
use tokio::time::timeout;

use crate::harness::{Context, Setup, now, run_test};
use crate::inbox;

/// Calls the function behind `trigger` and gives its answer, or its fault's code.
pub(crate) async fn invoke(
    functions: &Functions,
    trigger: Trigger,
    event: &str,
) -> Result<Value, String> {
    match functions.invoke(trigger, event.to_owned().into()).await {
        Ok(answer) => Ok(serde_json::from_slice(&answer).unwrap()),
        Err(InvokeError::Function { error_type, message }) => {
            assert!(message.starts_with(&error_type), "{error_type}: {message}");
            assert!(error_type != "INTERNAL" || message == error_type, "{message}");
            Err(error_type)
        }
        Err(InvokeError::TimedOut) => panic!("no answer"),
    }
}

fn trigger(name: &str) -> Trigger {
    match name.split('-').next() {
        Some("define") => Trigger::DefineAuthChallenge,
        Some("create") => Trigger::CreateAuthChallenge,
        Some("pre") => Trigger::PreSignUp,
        _ => Trigger::VerifyAuthChallengeResponse,
    }
}

/// The media of a user who has a number and an address.
const BOTH: &str = "SMS,EMAIL";

/// What must be sent for an event, and what its response must be. Fields of the response that are
/// different each time stand as `"*"`.
fn expected(name: &str) -> (Option<&'static str>, Result<Value, &'static str>) {
    let define = |challenge: Option<&str>, tokens: bool, fail: bool| {
        Ok(json!({ "challengeName": challenge, "issueTokens": tokens, "failAuthentication": fail }))
    };
    let create = |media: &str, destination: &str, attempts: &str, resends: &str| {
        let medium = if destination.contains('@') { "EMAIL" } else { "SMS" };
        Ok(json!({
            "publicChallengeParameters": {
                "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
                "CODE_DELIVERY_DESTINATION": inbox::masked(destination),
                "MEDIA": media,
                "CODE_LENGTH": "6",
                "EXPIRES_AT": "*",
                "ATTEMPTS_LEFT": attempts,
                "RESENDS_LEFT": resends,
                "RESEND_AT": "*",
            },
            "privateChallengeParameters": {
                "nonce": "*", "expires_at": "*", "round": "*", "media": media, "proven": "false",
                "spend": "*", "mac": "*",
            },
            "challengeMetadata": "*",
        }))
    };
    let verify = |right: bool| Ok(json!({ "answerCorrect": right }));
    let pre_sign_up = |confirm: bool| {
        Ok(json!({
            "autoConfirmUser": confirm, "autoVerifyEmail": false, "autoVerifyPhone": false,
        }))
    };
    let custom = Some("CUSTOM_CHALLENGE");
    match name {
        "define-first-round"
        | "define-without-session"
        | "define-nulls"
        | "define-srp-a"
        | "define-wrong-answer"
        | "define-resend"
        | "define-unknown-user"
        | "define-choice"
        | "define-fields-of-the-future"
        | "define-shortest"
        | "define-second-factor-password"
        | "define-second-factor-software-token"
        | "define-second-factor-device" => (None, define(custom, false, false)),
        "define-second-factor-start" => (None, define(Some("PASSWORD_VERIFIER"), false, false)),
        "define-right-answer" | "define-longest" | "define-second-factor-longest" => {
            (None, define(None, true, false))
        }
        "define-third-wrong-answer"
        | "define-previous-version"
        | "define-wrong-answer-null-metadata"
        | "define-right-answer-null-metadata"
        | "define-admin-no-srp-auth"
        | "define-second-factor-wrong-password"
        | "define-second-factor-without-password"
        | "define-second-factor-code-alone" => (None, define(None, false, true)),
        "create-first-round"
        | "create-nulls"
        | "create-after-srp-a"
        | "create-verified-true-with-capital" => (Some("SMS"), create(BOTH, PHONE, "3", "2")),
        "create-choice-sms" => (Some("SMS"), create(BOTH, PHONE, "3", "2")),
        "create-choice-email" => (Some("EMAIL"), create(BOTH, EMAIL, "3", "2")),
        "create-longest" => (None, create(BOTH, PHONE, "1", "2")),
        "create-email-only" | "create-shortest" => {
            (Some("EMAIL"), create("EMAIL", EMAIL, "3", "2"))
        }
        "create-wrong-answer" => (None, create(BOTH, PHONE, "2", "2")),
        "create-resend" => (Some("EMAIL"), create(BOTH, EMAIL, "3", "1")),
        "create-expired" => (Some("SMS"), create(BOTH, PHONE, "2", "1")),
        "create-unknown-user" => (None, create("SMS", UNKNOWN, "3", "2")),
        "create-unknown-user-expired" => (None, create("SMS", UNKNOWN, "2", "1")),
        "create-new-user" => {
            let mut challenge = create("SMS", PHONE, "3", "2");
            let media = |challenge: &mut Value| {
                challenge["privateChallengeParameters"]["media"] = json!("");
            };
            challenge.iter_mut().for_each(media);
            (Some("SMS"), challenge)
        }
        "create-no-destination" | "create-linked-identity" => (None, Err("NO_DESTINATION")),
        "verify-right-answer"
        | "verify-short-trigger-name"
        | "verify-full-width-answer"
        | "verify-choice-email"
        | "verify-longest"
        | "verify-new-user"
        | "verify-shortest" => (None, verify(true)),
        "pre-sign-up-phone-number"
        | "pre-sign-up-email"
        | "pre-sign-up-chosen-name"
        | "pre-sign-up-number-as-name"
        | "pre-sign-up-fields-of-the-future"
        | "pre-sign-up-shortest" => (None, pre_sign_up(true)),
        "pre-sign-up-administrator" | "pre-sign-up-provider" => (None, pre_sign_up(false)),
        "pre-sign-up-both-contacts" | "pre-sign-up-name-and-other-contact" => {
            (None, Err("ONE_CONTACT_ONLY"))
        }
        "pre-sign-up-no-contact" | "pre-sign-up-malformed-number" | "pre-sign-up-nulls" => {
            (None, Err("NO_DESTINATION"))
        }
        "pre-sign-up-premium-number" => (None, Err("DESTINATION_NOT_ALLOWED")),
        "verify-wrong-answer"
        | "verify-choice-sms"
        | "verify-expired"
        | "verify-resend"
        | "verify-nulls"
        | "verify-unknown-user"
        | "verify-previous-version" => (None, verify(false)),
        "create-null-metadata" | "create-previous-version" | "other-pre-sign-up" => {
            (None, Err("INTERNAL"))
        }
        _ => panic!("say what {name} must give"),
    }
}

/// Replaces with `"*"` what `pattern` says is different each time.
fn mask(value: &mut Value, pattern: &Value) {
    match (value, pattern) {
        (value @ Value::String(_), Value::String(star)) if star == "*" => *value = json!("*"),
        (Value::Object(value), Value::Object(pattern)) => {
            for (name, value) in value {
                mask(value, &pattern[name.as_str()]);
            }
        }
        _ => {}
    }
}

/// Makes the code live that verify's event is about, if it is about one.
async fn make_live(t: &Context, event: &Value) {
    let Some(nonce) = event["request"]["privateChallengeParameters"]["nonce"].as_str() else {
        return;
    };
    let names = ItemNames::new(LedgerKey::new(LEDGER_KEY).unwrap());
    let Some(sub) = event["request"]["userAttributes"]["sub"].as_str() else { return };
    let account = names.account(event["userPoolId"].as_str().unwrap(), sub);
    let nonce = Nonce::decode(nonce).unwrap();
    t.ledger.as_ref().unwrap().make_live(&account, nonce, now()).await;
}

/// How the names of the events begin that are of sign-ins with a password.
const SECOND_FACTOR: &str = "define-second-factor-";

/// The functions with `sign_in` answer the events that `names` chooses.
async fn assert_answers(sign_in: &str, names: impl Fn(&str) -> bool) {
    let settings = [("CODE_KEY", CODE_KEY), ("LEDGER_KEY", LEDGER_KEY), ("SIGN_IN", sign_in)];
    run_test(Setup::with(&settings), async |t| {
        for (name, event) in events().into_iter().filter(|(name, _)| names(name)) {
            make_live(t, &event).await;
            let before = t.messages().len();
            let mut answer = invoke(&t.functions, trigger(&name), &event.to_string()).await;
            let (sent, expected) = expected(&name);
            let messages = t.messages().split_off(before);
            let media: Vec<Value> = messages.iter().map(|m| json!(m.medium)).collect();
            assert_eq!(
                media,
                sent.map(|medium| json!(medium)).into_iter().collect::<Vec<_>>(),
                "{name}"
            );
            match (&mut answer, expected) {
                (Ok(answer), Ok(expected)) => {
                    mask(&mut answer["response"], &expected);
                    let mut whole = event;
                    whole["response"] = expected;
                    assert_eq!(*answer, whole, "{name}");
                }
                (answer, expected) => {
                    let fault = answer.as_ref().unwrap_err();
                    assert_eq!(fault, expected.unwrap_err(), "{name}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_passwordless_event_gets_its_expected_response() {
    assert_answers("passwordless", |name| !name.starts_with(SECOND_FACTOR)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_factor_event_gets_its_expected_response() {
    assert_answers("second-factor", |name| name.starts_with(SECOND_FACTOR)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_events_do_not_end_the_function() {
    run_test(Setup::default(), async |t| {
        let texts = ["null", "[]", "{}", "1", "\"\"", "{\"triggerSource\":\"PreSignUp_SignUp\"}"];
        for trigger in Trigger::ALL {
            let pids = t.functions.pids(trigger);
            for text in texts {
                assert_eq!(invoke(&t.functions, trigger, text).await, Err("INTERNAL".to_owned()));
            }
            for event in
                ["define-first-round", "create-first-round", "verify-nulls", "pre-sign-up-email"]
                    .map(event)
            {
                let answer = invoke(&t.functions, trigger, &event.to_string()).await;
                let own = event["triggerSource"].as_str().unwrap().starts_with(trigger.name());
                assert_eq!(answer.is_ok(), own);
            }
            // No JSON at all: Lambda never sends it, and `lambda_runtime` answers by itself.
            for text in ["", "{", "\u{0}", &"[".repeat(200_000)] {
                let answer = t.functions.invoke(trigger, text.to_owned().into()).await;
                assert!(matches!(answer, Err(InvokeError::Function { .. })), "{answer:?}");
            }
            assert_eq!(t.functions.pids(trigger), pids, "the process is the same");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_setting_stops_the_function_and_is_named() {
    /// How long building and starting may take.
    const LIMIT: Duration = Duration::from_secs(20 * 60);
    let programs = timeout(LIMIT, Programs::build(&Progress::quiet())).await.unwrap().unwrap();
    let good = [
        ("CODE_KEY", CODE_KEY),
        ("EMAIL_FROM", "a@example.com"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("LEDGER_KEY", LEDGER_KEY),
        ("LEDGER_TABLE", "ledger"),
        ("SMS_COUNTRIES", "*"),
    ];
    for (name, value, trigger) in [
        ("SIGN_IN", "maybe", Trigger::DefineAuthChallenge),
        ("SIGN_UP", "maybe", Trigger::DefineAuthChallenge),
        ("SIGN_UP", "maybe", Trigger::CreateAuthChallenge),
        ("SIGN_UP", "maybe", Trigger::VerifyAuthChallengeResponse),
        ("SIGN_UP", "maybe", Trigger::PreSignUp),
        ("SMS_COUNTRIES", "", Trigger::PreSignUp),
        ("MAX_ATTEMPTS", "99", Trigger::DefineAuthChallenge),
        ("CODE_KEY", "", Trigger::CreateAuthChallenge),
        ("CODE_KEY", "a-short-secret", Trigger::VerifyAuthChallengeResponse),
        ("LEDGER_KEY", "", Trigger::CreateAuthChallenge),
        ("LEDGER_KEY", "another-secret", Trigger::VerifyAuthChallengeResponse),
        ("LEDGER_TABLE", "", Trigger::VerifyAuthChallengeResponse),
        ("EMAIL_FROM", "", Trigger::CreateAuthChallenge),
        ("SMS_COUNTRIES", "", Trigger::CreateAuthChallenge),
        ("SMS_COUNTRIES", "ZZ", Trigger::CreateAuthChallenge),
        ("AWS_REGION", "", Trigger::CreateAuthChallenge),
    ] {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let variables: BTreeMap<_, _> = good.into_iter().chain([(name, value)]).map(own).collect();
        let mut launches = programs.launches(|_| variables.clone());
        launches.retain(|key, _| *key == trigger);
        let output = Capture::default();
        let options = Options { output: Output::Capture(output.clone()), ..Options::default() };
        let functions = Functions::new(launches, options);
        let error = timeout(LIMIT, functions.warm()).await.unwrap().unwrap_err();
        assert_eq!(error.function, trigger.function());
        assert!(error.reason.contains(&format!("{name} is ")), "{}", error.reason);
        assert!(error.reason.contains(&format!("for example {name}=")), "{}", error.reason);
        let output = String::from_utf8(output.bytes()).unwrap();
        assert!(value.is_empty() || !output.contains(value), "the value is not shown: {output}");
        timeout(LIMIT, functions.shutdown()).await.unwrap();
    }
}
