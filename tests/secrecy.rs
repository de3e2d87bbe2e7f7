//! Nothing secret in anything that the functions write, however much they are asked to write.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use local::lambda::{Invoke as _, Trigger};
use serde_json::{Value, json};
use settings::CodeSettings;
use test_support::fixtures::{
    CODE_KEY, EMAIL as EMAIL_OF_EVENTS, LEDGER_KEY, PHONE, UNKNOWN, event,
};

use crate::failing_aws::{Aws, InjectedFailure};
use crate::functions::invoke;
use crate::harness::{Context, Setup, run_test};
use crate::inbox;

const EMAIL: &str = "jane.doe@example.com";

/// What must not be found: its name for the failure, and every form that a log may give it.
struct Secrets(Vec<(&'static str, BTreeSet<String>)>);

impl Secrets {
    fn new() -> Self {
        let mut secrets = Self(Vec::new());
        for (what, secret) in [
            ("key", CODE_KEY),
            ("ledger key", LEDGER_KEY),
            ("phone number", PHONE),
            ("address", EMAIL),
            ("address of the events", EMAIL_OF_EVENTS),
            ("name", UNKNOWN),
        ] {
            secrets.add(what, secret);
        }
        secrets
    }

    fn add(&mut self, what: &'static str, secret: impl AsRef<str>) {
        let secret = secret.as_ref();
        let mut forms = forms_of_bytes(secret.as_bytes());
        forms.extend([
            secret.to_owned(),
            secret.trim_start_matches('+').to_owned(),
            secret.replace('+', "%2B").replace('@', "%40"),
            secret.chars().flat_map(char::escape_unicode).collect(),
        ]);
        self.0.push((what, forms));
    }

    /// Adds a nonce, as the text that the functions pass on and as the bytes that they work with.
    fn add_nonce(&mut self, nonce: &str) {
        self.add("nonce", nonce);
        let bytes = URL_SAFE_NO_PAD.decode(nonce).unwrap();
        assert_eq!(bytes.len(), 16);
        self.0.push(("bytes of a nonce", forms_of_bytes(&bytes)));
    }

    /// Adds the code of each message that `aws` took, sent or not.
    fn add_codes(&mut self, aws: &Aws) {
        for message in aws.taken() {
            self.add("code of a send", inbox::code(&message));
        }
    }

    /// The secrets that `bytes` holds, in any of their forms.
    fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let text = String::from_utf8_lossy(bytes);
        let found = |forms: &BTreeSet<String>| forms.iter().any(|form| text.contains(form));
        self.0.iter().filter(|(_, forms)| found(forms)).map(|(what, _)| *what).collect()
    }
}

/// What a log may make of bytes: lists of numbers, hexadecimal digits, base64, a byte string.
fn forms_of_bytes(bytes: &[u8]) -> BTreeSet<String> {
    let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
    BTreeSet::from([
        list.join(", "),
        list.join(","),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        URL_SAFE_NO_PAD.encode(bytes),
        STANDARD_NO_PAD.encode(bytes),
        bytes.escape_ascii().to_string(),
    ])
}

#[test]
fn secret_search_finds_every_encoding() {
    let mut secrets = Secrets::new();
    secrets.add("code", "735190");
    // The bytes ab b9 f2 fb ff 00 07 1b 3f 7a 80 c1 d5 e6 5c 63.
    secrets.add_nonce("q7ny-_8ABxs_eoDB1eZcYw");
    for (text, found) in [
        ("nothing here", &[][..]),
        ("x735190x", &["code"]),
        ("[55, 51, 53, 49, 57, 48]", &["code"]),
        ("[55,51,53,49,57,48]", &["code"]),
        ("373335313930", &["code"]),
        ("NzM1MTkw", &["code"]),
        ("\\u{37}\\u{33}\\u{35}\\u{31}\\u{39}\\u{30}", &["code"]),
        ("PhoneNumber=%2B819012345678&", &["phone number"]),
        ("819012345678", &["phone number"]),
        ("to=jane.doe%40example.com", &["address"]),
        ("jane@example.com", &["address of the events"]),
        ("v1.q7ny-_8ABxs_eoDB1eZcYw.1.1", &["nonce", "bytes of a nonce"]),
        (
            "[171, 185, 242, 251, 255, 0, 7, 27, 63, 122, 128, 193, 213, 230, 92, 99]",
            &["bytes of a nonce"],
        ),
        ("[171,185,242,251,255,0,7,27,63,122,128,193,213,230,92,99]", &["bytes of a nonce"]),
        ("abb9f2fbff00071b3f7a80c1d5e65c63", &["bytes of a nonce"]),
        ("ABB9F2FBFF00071B3F7A80C1D5E65C63", &["bytes of a nonce"]),
        ("q7ny+/8ABxs/eoDB1eZcYw==", &["bytes of a nonce"]),
        (r"\xab\xb9\xf2\xfb\xff\x00\x07\x1b?z\x80\xc1\xd5\xe6\\c", &["bytes of a nonce"]),
    ] {
        assert_eq!(secrets.found_in(text.as_bytes()), found, "{text}");
    }
}

/// Whole sign-ins, right and wrong, and calls of each function that fail.
async fn everything(t: &Context, secrets: &mut Secrets) {
    let name = &[("phone_number", PHONE), ("phone_number_verified", "true")][..];
    let email = &[("email", EMAIL), ("email_verified", "true")][..];
    t.create_user(PHONE, &[name, email].concat()).await;

    let (challenge, code) = t.start_and_read(PHONE).await;
    let user = challenge.parameter("USERNAME").to_owned();
    let wrong = inbox::mistype(&code);
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
    secrets.add_nonce(parameters["nonce"].as_str().unwrap());
    secrets.add_nonce(parameters["round"].as_str().unwrap());
    secrets.add("seal", parameters["mac"].as_str().unwrap());
    secrets.add("record", created["response"]["challengeMetadata"].as_str().unwrap());
    secrets.add("code of a bare call", inbox::code(&t.messages()[sent]));

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
    // What create did not seal is a wrong answer, and the log says so.
    let text = malformed.to_string();
    let forged = invoke(&t.functions, Trigger::VerifyAuthChallengeResponse, &text).await.unwrap();
    assert_eq!(forged["response"]["answerCorrect"], false);
    for (trigger, event) in [
        (Trigger::VerifyAuthChallengeResponse, &other),
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
    let error = t.functions.invoke(trigger, text.into()).await.unwrap_err();
    let shown = format!("{error:?}");
    assert!(Secrets::new().found_in(shown.as_bytes()).is_empty(), "{shown}");
}

/// Sends that fail: the first of a sign-in, a resend and the one in place of an expired code, by
/// text and by e-mail, in every failure. Whether a later round fails for it does not matter here.
async fn failed_sends(t: &Context, aws: &Aws, secrets: &mut Secrets) {
    let create = |event: Value| async move {
        invoke(&t.functions, Trigger::CreateAuthChallenge, &event.to_string()).await
    };
    for event in [event("create-first-round"), event("create-email-only")] {
        aws.set(InjectedFailure::None);
        let created = create(event.clone()).await.unwrap();
        let record = created["response"]["challengeMetadata"].as_str().unwrap();
        secrets.add("record", record);
        let parameters = &created["response"]["privateChallengeParameters"];
        secrets.add_nonce(parameters["nonce"].as_str().unwrap());

        let later = |record: &str, ask: Value| {
            let mut event = event.clone();
            event["request"]["session"] = json!([{
                "challengeName": "CUSTOM_CHALLENGE",
                "challengeResult": false,
                "challengeMetadata": record,
            }]);
            event["request"]["clientMetadata"] = ask;
            event
        };
        let medium = &created["response"]["publicChallengeParameters"];
        let medium = medium["CODE_DELIVERY_DELIVERY_MEDIUM"].as_str().unwrap();
        let nonce = parameters["nonce"].as_str().unwrap();
        let expired = format!("v2.{nonce}.1767225600.1767225600.{medium}.{medium}.1.0");
        for failure in InjectedFailure::ALL {
            aws.set(failure);
            let taken = aws.taken().len();
            let events = [
                event.clone(),
                later(record, json!({ "action": "resend" })),
                later(&expired, Value::Null),
            ];
            let results = join_all(events.map(create)).await;
            assert!(aws.taken().len() >= taken + results.len(), "each was tried");
            assert_eq!(results[0], Err("DELIVERY_FAILED".to_owned()), "{failure:?}");
            // A later round that goes on has a nonce, a new one in place of an expired code.
            for created in results.iter().flatten() {
                let parameters = &created["response"]["privateChallengeParameters"];
                secrets.add_nonce(parameters["nonce"].as_str().unwrap());
            }
        }
    }
    secrets.add_codes(aws);
}

/// Functions that are asked to write as much as they can.
fn talkative(format: &str) -> Setup {
    // The key of the tests is one that a function takes.
    let lookup = |name: &str| (name == "CODE_KEY").then(|| CODE_KEY.to_owned());
    CodeSettings::read(&lookup).unwrap();
    Setup::with(&[
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("AWS_LAMBDA_LOG_FORMAT", format),
        ("CODE_KEY", CODE_KEY),
        ("LEDGER_KEY", LEDGER_KEY),
        // Six digits occur in times of day.
        ("CODE_LENGTH", "10"),
        ("RESEND_AFTER_SECONDS", "0"),
        ("RUST_BACKTRACE", "full"),
    ])
}

/// Ends the functions and searches what they wrote; `failure` is in it.
async fn assert_silent(t: &Context, secrets: &Secrets, format: &str, failure: &str) {
    t.functions.shutdown().await;
    let output = t.output.bytes();
    let text = String::from_utf8_lossy(&output);
    assert!(text.lines().count() > 20, "there is something to search: {text}");
    assert!(text.contains(failure), "failures are there: {text}");
    let found = secrets.found_in(&output);
    assert!(found.is_empty(), "{format}: {found:?} in what the functions wrote");
    if format == "JSON" {
        // Each line is an object of its own, for CloudWatch to search.
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect(line);
            assert!(line["level"].is_string(), "{line}");
        }
    }
}

const FORMATS: [&str; 2] = ["JSON", "Text"];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_at_trace_level_in_any_format() {
    for format in FORMATS {
        run_test(talkative(format), async |t| {
            let mut secrets = Secrets::new();
            everything(t, &mut secrets).await;
            assert_silent(t, &secrets, format, "INTERNAL").await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_when_sends_fail() {
    join_all(FORMATS.map(async |format| {
        let aws = Aws::start(InjectedFailure::None).await;
        let setup = Setup { senders: Some(aws.url.clone()), ..talkative(format) };
        run_test(setup, async |t| {
            let mut secrets = Secrets::new();
            failed_sends(t, &aws, &mut secrets).await;
            assert_silent(t, &secrets, format, "DELIVERY_FAILED").await;
        })
        .await;
    }))
    .await;
}
