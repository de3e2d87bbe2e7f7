//! Nothing secret in anything that the functions write, however much they are asked to write.

use local::lambda::Trigger;
use otp::settings::CodeSettings;
use serde_json::{Value, json};

use crate::functions::{CODE_KEY, event, invoke};
use crate::harness::{Context, Setup, run_test};
use crate::phone;

const PHONE: &str = "+819012345678";
const EMAIL: &str = "jane.doe@example.com";
const UNKNOWN: &str = "+819099999999";

/// What must not be found, each with a name for the failure.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn new() -> Self {
        let known =
            [("key", CODE_KEY), ("phone number", PHONE), ("address", EMAIL), ("name", UNKNOWN)];
        Self(known.map(|(what, secret)| (what, secret.to_owned())).into())
    }

    fn add(&mut self, what: &'static str, secret: impl Into<String>) {
        self.0.push((what, secret.into()));
    }

    /// The secrets that `bytes` holds, as they are or in one of the forms that a log gives a text.
    fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let text = String::from_utf8_lossy(bytes);
        let holds = |secret: &str| {
            let list: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
            let escaped: String = secret.chars().flat_map(char::escape_unicode).collect();
            let encoded = secret.replace('+', "%2B").replace('@', "%40");
            let bare = secret.trim_start_matches('+');
            let forms = [secret, bare, &list.join(", "), &list.join(","), &escaped, &encoded];
            forms.iter().any(|form| text.contains(form))
        };
        self.0.iter().filter(|(_, secret)| holds(secret)).map(|(what, _)| *what).collect()
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let mut secrets = Secrets::new();
    secrets.add("code", "735190");
    assert!(secrets.found_in(b"nothing here").is_empty());
    assert_eq!(secrets.found_in(b"x735190x"), ["code"]);
    assert_eq!(secrets.found_in(b"[55, 51, 53, 49, 57, 48]"), ["code"]);
    assert_eq!(secrets.found_in(b"PhoneNumber=%2B819012345678&"), ["phone number"]);
    assert_eq!(secrets.found_in(b"819012345678"), ["phone number"]);
}

/// Whole sign-ins, right and wrong, and calls of each function that fail.
async fn everything(t: &Context, secrets: &mut Secrets) {
    let name = &[("phone_number", PHONE), ("phone_number_verified", "true")][..];
    let email = &[("email", EMAIL), ("email_verified", "true")][..];
    t.create_user(PHONE, &[name, email].concat()).await;

    let (challenge, code) = t.start_and_read(PHONE).await;
    let user = challenge.parameter("USERNAME").to_owned();
    let wrong = phone::mistype(&code);
    let challenge = t.answer(&challenge, &wrong).await.unwrap().challenge();
    let resend = &[("action", "resend"), ("medium", "EMAIL")];
    let challenge = t.respond(&challenge, &user, &code, resend).await.unwrap().challenge();
    t.answer(&challenge, &code).await.unwrap().access_token();
    secrets.add("code", code);
    secrets.add("wrong answer", wrong);

    let (mut challenge, code) = t.start_and_read(PHONE).await;
    for _ in 0..2 {
        challenge = t.answer(&challenge, "a wrong answer").await.unwrap().challenge();
    }
    t.answer(&challenge, "a wrong answer").await.unwrap_err();
    secrets.add("code of a failed sign-in", code);
    secrets.add("answer", "a wrong answer");

    let unknown = t.start(UNKNOWN).await.unwrap();
    t.answer(&unknown, "0001112223").await.unwrap().challenge();
    secrets.add("answer of nobody", "0001112223");

    // Directly, to see the nonce, and to send what Cognito never would.
    let sent = t.messages().len();
    let created = event("create-first-round").to_string();
    let created = invoke(&t.functions, Trigger::CreateAuthChallenge, &created).await.unwrap();
    let parameters = &created["response"]["privateChallengeParameters"];
    secrets.add("nonce", parameters["nonce"].as_str().unwrap());
    secrets.add("record", created["response"]["challengeMetadata"].as_str().unwrap());
    secrets.add("code of a bare call", phone::code(&t.messages()[sent]));

    let mut malformed = event("verify-right-answer");
    malformed["request"]["challengeAnswer"] = json!("the answer of an event");
    secrets.add("answer of an event", "the answer of an event");
    malformed["request"]["privateChallengeParameters"]["nonce"] = json!("a-hostile-nonce");
    secrets.add("malformed nonce", "a-hostile-nonce");
    let mut other = event("create-first-round");
    other["request"]["session"] = json!(EMAIL);
    let mut another = event("create-wrong-answer");
    another["request"]["session"][0]["challengeMetadata"] = json!("v9.a-record-of-the-future");
    secrets.add("malformed record", "v9.a-record-of-the-future");
    for (trigger, event) in [
        (Trigger::VerifyAuthChallengeResponse, &malformed),
        (Trigger::CreateAuthChallenge, &other),
        (Trigger::CreateAuthChallenge, &another),
        (Trigger::DefineAuthChallenge, &malformed),
        (Trigger::CreateAuthChallenge, &Value::String(PHONE.to_owned())),
    ] {
        invoke(&t.functions, trigger, &event.to_string()).await.unwrap_err();
    }
    for trigger in Trigger::ALL {
        let no_json = format!("{{\"{PHONE}\": {EMAIL}");
        invoke_no_json(t, trigger, no_json).await;
    }
}

async fn invoke_no_json(t: &Context, trigger: Trigger, text: String) {
    use local::lambda::Invoke as _;
    let error = t.functions.invoke(trigger, text.into()).await.unwrap_err();
    let shown = format!("{error:?}");
    assert!(Secrets::new().found_in(shown.as_bytes()).is_empty(), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_written_at_any_level_in_any_format() {
    // The key of the tests is one that a function takes.
    let lookup = |name: &str| (name == "CODE_KEY").then(|| CODE_KEY.to_owned());
    CodeSettings::read(&lookup).unwrap();

    for format in ["JSON", "Text"] {
        let setup = Setup::with(&[
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
            ("AWS_LAMBDA_LOG_FORMAT", format),
            ("CODE_KEY", CODE_KEY),
            // Six digits occur in times of day.
            ("CODE_LENGTH", "10"),
            ("RESEND_AFTER_SECONDS", "0"),
            ("RUST_BACKTRACE", "full"),
        ]);
        run_test(setup, async |t| {
            let mut secrets = Secrets::new();
            everything(t, &mut secrets).await;
            t.functions.shutdown().await;
            let output = t.output.bytes();
            let text = String::from_utf8_lossy(&output);
            assert!(text.lines().count() > 20, "there is something to search: {text}");
            assert!(text.contains("INTERNAL"), "failures are there: {text}");
            let found = secrets.found_in(&output);
            assert!(found.is_empty(), "{format}: {found:?} in what the functions wrote");
            if format == "JSON" {
                // Each line is an object of its own, for CloudWatch to search.
                for line in text.lines() {
                    let line: Value = serde_json::from_str(line).expect(line);
                    assert!(line["level"].is_string(), "{line}");
                }
            }
        })
        .await;
    }
}
