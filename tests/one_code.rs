//! One live code per account, bound to its contacts and used once, with the real functions: tabs,
//! resends, calls that Cognito repeats, contacts that change, events that somebody made up.

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::types::AttributeType;
use futures_util::future::join_all;
use local::lambda::Trigger;
use local::outbox::{Medium, Message};
use local::user_pool::DEFAULT_POOL_ID;
use serde_json::{Value, json};
use test_support::fixtures::{EMAIL, LEDGER_KEY, PHONE, UNKNOWN, event};
use tokio::time::sleep;

use crate::dynamodb::FailingDynamoDb;
use crate::functions::invoke;
use crate::harness::{Challenge, Context, Reply, Setup, not_authorized, run_test};
use crate::inbox;

const OTHER_PHONE: &str = "+819087654321";

const BOTH: &[(&str, &str)] = &[
    ("phone_number", PHONE),
    ("phone_number_verified", "true"),
    ("email", EMAIL),
    ("email_verified", "true"),
];

/// Codes that no two draws share by chance, and resends at once.
const SETTINGS: &[(&str, &str)] = &[("CODE_LENGTH", "10"), ("RESEND_AFTER_SECONDS", "0")];

fn codes(messages: &[Message]) -> Vec<String> {
    messages.iter().map(inbox::code).collect()
}

/// The one code in every message so far.
fn only_code(t: &Context) -> String {
    let mut codes = codes(&t.messages());
    codes.dedup();
    let [code] = codes.as_slice() else { panic!("{} codes", codes.len()) };
    code.clone()
}

/// `code` signs one of `sessions` in, and no other, nor a later one.
async fn assert_used_once(t: &Context, sessions: Vec<Challenge>, code: &str) {
    let mut signed_in = 0;
    for session in &sessions {
        match t.answer(session, code).await.unwrap() {
            Reply::Tokens { .. } => signed_in += 1,
            Reply::Challenge(next) => {
                assert_eq!(next.parameter("ATTEMPTS_LEFT"), "2");
                t.answer(&next, code).await.unwrap().challenge();
            }
        }
    }
    assert_eq!(signed_in, 1, "of {} sessions", sessions.len());
    let later = t.start(PHONE).await.unwrap();
    t.answer(&later, code).await.unwrap().challenge();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_tabs_at_once_get_one_code_which_signs_one_of_them_in() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let started = join_all((0..5).map(|_| t.start(PHONE))).await;
        let sessions: Vec<Challenge> = started.into_iter().map(Result::unwrap).collect();
        assert_eq!(t.messages().len(), 5);
        let code = only_code(t);
        assert_used_once(t, sessions, &code).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn right_answers_at_once_sign_one_tab_in() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let started = join_all((0..5).map(|_| t.start(PHONE))).await;
        let sessions: Vec<Challenge> = started.into_iter().map(Result::unwrap).collect();
        let code = only_code(t);
        let replies = join_all(sessions.iter().map(|session| t.answer(session, &code))).await;
        let signed_in = replies.iter().filter(|reply| matches!(reply, Ok(Reply::Tokens { .. })));
        assert_eq!(signed_in.count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resends_and_switches_in_every_tab_repeat_the_code() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let started = join_all((0..4).map(|_| t.start(PHONE))).await;
        let resend = |medium| [("action", "resend"), ("medium", medium)];
        let again = started.into_iter().enumerate().map(async |(tab, session)| {
            let session = session.unwrap();
            let name = session.parameter("USERNAME").to_owned();
            let metadata = resend(if tab % 2 == 0 { "SMS" } else { "EMAIL" });
            t.respond(&session, &name, "-", &metadata).await.unwrap().challenge()
        });
        let sessions = join_all(again).await;
        let messages = t.messages();
        let by_email = messages.iter().filter(|message| message.medium == Medium::Email).count();
        assert_eq!((messages.len(), by_email), (8, 2));
        let code = only_code(t);
        assert_used_once(t, sessions, &code).await;
    })
    .await;
}

/// Create's event for the user whose name is `PHONE` in this pool, with these attributes.
async fn create_event(t: &Context, attributes: &[(&str, &str)]) -> Value {
    let user = t.cognito.admin_get_user().user_pool_id(DEFAULT_POOL_ID).username(PHONE);
    let user = user.send().await.unwrap();
    let sub = user.user_attributes().iter().find(|a| a.name() == "sub").unwrap();
    let mut event = event("create-first-round");
    event["userName"] = json!(user.username());
    event["request"]["userAttributes"] = attributes.iter().copied().collect();
    event["request"]["userAttributes"]["sub"] = json!(sub.value());
    event
}

/// Verify's event after `created` with this answer.
fn verify_event(created: &Value, answer: &str) -> Value {
    let mut verify = event("verify-right-answer");
    verify["userName"] = created["userName"].clone();
    verify["request"]["userAttributes"] = created["request"]["userAttributes"].clone();
    verify["request"]["privateChallengeParameters"] =
        created["response"]["privateChallengeParameters"].clone();
    verify["request"]["challengeAnswer"] = json!(answer);
    verify
}

async fn create(t: &Context, event: &Value) -> Result<Value, String> {
    invoke(&t.functions, Trigger::CreateAuthChallenge, &event.to_string()).await
}

async fn is_right(t: &Context, event: &Value) -> bool {
    let trigger = Trigger::VerifyAuthChallengeResponse;
    let answer = invoke(&t.functions, trigger, &event.to_string()).await.unwrap();
    answer["response"]["answerCorrect"].as_bool().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_calls_of_create_send_one_code() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let event = create_event(t, BOTH).await;
        let mut created = Value::Null;
        for _ in 0..5 {
            created = create(t, &event).await.unwrap();
        }
        assert_eq!(t.messages().len(), 5);
        assert!(is_right(t, &verify_event(&created, &only_code(t))).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_call_of_verify_is_right_and_another_session_is_not() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let event = create_event(t, BOTH).await;
        let (created, other) = (create(t, &event).await.unwrap(), create(t, &event).await.unwrap());
        let code = only_code(t);
        // As if each answer had been lost after its write.
        for _ in 0..3 {
            assert!(is_right(t, &verify_event(&created, &code)).await);
            assert!(!is_right(t, &verify_event(&other, &code)).await);
        }
        // A message that goes meanwhile changes nothing of it.
        create(t, &event).await.unwrap();
        assert!(is_right(t, &verify_event(&created, &code)).await);
        assert!(!is_right(t, &verify_event(&other, &code)).await);
    })
    .await;
}

/// Sets the attributes of the user `name` as an administrator does.
async fn set(t: &Context, name: &str, attributes: &[(&str, &str)]) {
    let mut update = t.cognito.admin_update_user_attributes().user_pool_id(DEFAULT_POOL_ID);
    for (attribute, value) in attributes {
        let attribute = AttributeType::builder().name(*attribute).value(*value).build().unwrap();
        update = update.user_attributes(attribute);
    }
    update.username(name).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn code_dies_with_the_contacts_that_it_was_issued_for() {
    run_test(Setup::with(&[SETTINGS, &[("ISSUE_LIMITS", "100/1s")]].concat()), async |t| {
        t.create_user(PHONE, BOTH).await;
        let number = |number| [("phone_number", number), ("phone_number_verified", "true")];
        let address = |address| [("email", address), ("email_verified", "true")];
        for change in [
            &number(OTHER_PHONE)[..],
            &address("joan@example.com"),
            &[("phone_number_verified", "false")],
            &[("email_verified", "false")],
        ] {
            let (challenge, code) = t.start_and_read(PHONE).await;
            // Its number need not find the user any more.
            let user = challenge.parameter("USERNAME").to_owned();
            set(t, &user, change).await;
            let refused = t.answer(&challenge, &code).await.unwrap();
            // The session lives on where the user can still be reached, and sends nothing by itself.
            let next = refused.challenge();
            t.answer(&next, &code).await.unwrap().challenge();
            set(t, &user, BOTH).await;
        }
        assert_eq!(t.messages().len(), 4);
        // As they were, a code works.
        let (challenge, code) = t.start_and_read(PHONE).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn insider_who_invokes_create_gets_no_code_of_another_account() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let victim = t.start(PHONE).await.unwrap();
        let victims_code = only_code(t);
        // The victim's `sub`, the insider's phone: a first round, and a resend with a made-up record.
        let own = [("phone_number", OTHER_PHONE), ("phone_number_verified", "true")];
        let mut forged = create_event(t, &own).await;
        let created = create(t, &forged).await.unwrap();
        let nonce = created["response"]["privateChallengeParameters"]["nonce"].as_str().unwrap();
        forged["request"]["session"] = json!([{
            "challengeName": "CUSTOM_CHALLENGE",
            "challengeResult": false,
            "challengeMetadata": format!("v2.{nonce}.4102444500.1767225600.SMS.SMS.1.0"),
        }]);
        forged["request"]["clientMetadata"] = json!({ "action": "resend" });
        create(t, &forged).await.unwrap();
        let to_insider: Vec<_> =
            t.messages().into_iter().filter(|message| message.to == OTHER_PHONE).collect();
        assert_eq!(to_insider.len(), 2);
        let mut victim = victim;
        for code in codes(&to_insider) {
            assert_ne!(code, victims_code);
            victim = t.answer(&victim, &code).await.unwrap().challenge();
        }
        t.answer(&victim, &victims_code).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_or_replayed_private_parameters_are_not_believed() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let created = create(t, &create_event(t, BOTH).await).await.unwrap();
        let code = only_code(t);
        let right = verify_event(&created, &code);
        let change = |path: &[&str], value: Value| {
            let mut event = right.clone();
            let end = path.iter().fold(&mut event, |value, name| &mut value[*name]);
            *end = value;
            event
        };
        let private = |name, value: &str| {
            change(&["request", "privateChallengeParameters", name], json!(value))
        };
        let attribute =
            |name, value: &str| change(&["request", "userAttributes", name], json!(value));
        for (n, forged) in [
            private("expires_at", "4102444800"),
            private("round", "AAAAAAAAAAAAAAAAAAAAAA"),
            private("nonce", "AAAAAAAAAAAAAAAAAAAAAA"),
            private("media", ""),
            private("mac", ""),
            private("alternative", &code),
            change(&["request", "privateChallengeParameters"], json!(null)),
            change(&["userPoolId"], json!("us-east-1_OtherPool")),
            attribute("sub", "00000000-0000-4000-8000-000000000000"),
            attribute("phone_number", OTHER_PHONE),
            attribute("email_verified", "false"),
        ]
        .into_iter()
        .enumerate()
        {
            assert!(!is_right(t, &forged).await, "forgery {n}");
        }
        // None of them used the code up.
        assert!(is_right(t, &right).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_code_key_keeps_limits_and_decoys_and_replaces_the_code() {
    let table = FailingDynamoDb::start().await;
    let setup = |code_key: &'static str| {
        let mut setup = table.setup();
        for (name, value) in [
            ("CODE_KEY", code_key),
            ("LEDGER_KEY", LEDGER_KEY),
            ("CODE_LENGTH", "10"),
            ("ISSUE_LIMITS", "3/15m"),
            ("WHEN_LIMITED", "fail"),
        ] {
            setup.settings.push((name, value.to_owned()));
        }
        setup
    };
    let mut unknown = Vec::new();
    let mut sent = Vec::new();
    for (n, code_key) in [
        "the first example key of some 40 different bytes",
        "a second example key of some 40 different bytes",
    ]
    .into_iter()
    .enumerate()
    {
        run_test(setup(code_key), async |t| {
            for _ in 0..2 - n {
                create(t, &event("create-first-round")).await.unwrap();
            }
            sent.push(codes(&t.messages()));
            let nobody = create(t, &event("create-unknown-user")).await.unwrap();
            let public = &nobody["response"]["publicChallengeParameters"];
            unknown.push(["CODE_DELIVERY_DESTINATION", "MEDIA"].map(|name| public[name].clone()));
            if n == 1 {
                let fault = create(t, &event("create-first-round")).await.unwrap_err();
                assert_eq!(fault, "TOO_MANY_CODES");
            }
        })
        .await;
    }
    let [before, after] = sent.as_slice() else { panic!("two runs") };
    assert_eq!(before[0], before[1]);
    assert_ne!(before[0], after[0]);
    assert_eq!(unknown[0], unknown[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_name_takes_nothing_from_the_user_with_that_number() {
    let settings = [("ISSUE_LIMITS", "2/15m"), ("CODE_LENGTH", "10"), ("WHEN_LIMITED", "fail")];
    run_test(Setup::with(&settings), async |t| {
        for _ in 0..2 {
            t.start(UNKNOWN).await.unwrap();
        }
        t.start(UNKNOWN).await.unwrap_err();
        t.create_user(UNKNOWN, &[("phone_number", UNKNOWN), ("phone_number_verified", "true")])
            .await;
        let (challenge, code) = t.start_and_read(UNKNOWN).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        // The case of a name changes nothing.
        for name in ["Nobody@Example.com", "nobody@example.com"] {
            t.start(name).await.unwrap();
        }
        let (_, message) = t.start("NOBODY@EXAMPLE.COM").await.unwrap_err();
        assert!(message.contains("TOO_MANY_CODES"), "{message}");
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

/// What refusals and `RESEND_AT` tell is the window of the settings, not when the owner last asked.
#[tokio::test(flavor = "multi_thread")]
async fn refusal_tells_the_whole_window() {
    run_test(Setup::with(&[("ISSUE_LIMITS", "1/15m"), ("WHEN_LIMITED", "fail")]), async |t| {
        t.create_user(PHONE, BOTH).await;
        t.start(PHONE).await.unwrap();
        sleep(Duration::from_millis(1_100)).await;
        let (_, message) = t.start(PHONE).await.unwrap_err();
        assert_eq!(
            message,
            "CreateAuthChallenge failed with error TOO_MANY_CODES: try again in 900 seconds."
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits 20 seconds"]
async fn calls_five_seconds_apart_share_a_code_of_a_minute() {
    let settings = [SETTINGS, &[("CODE_LIFETIME_SECONDS", "60")]].concat();
    run_test(Setup::with(&settings), async |t| {
        t.create_user(PHONE, BOTH).await;
        let event = create_event(t, BOTH).await;
        let mut created = create(t, &event).await.unwrap();
        for _ in 0..4 {
            sleep(Duration::from_secs(5)).await;
            created = create(t, &event).await.unwrap();
        }
        assert_eq!(t.messages().len(), 5);
        assert!(is_right(t, &verify_event(&created, &only_code(t))).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits 40 seconds"]
async fn first_message_signs_a_page_in_that_was_reloaded_forty_seconds_later() {
    run_test(Setup::with(SETTINGS), async |t| {
        t.create_user(PHONE, BOTH).await;
        let (_, code) = t.start_and_read(PHONE).await;
        sleep(Duration::from_secs(40)).await;
        let (reloaded, again) = t.start_and_read(PHONE).await;
        assert_eq!(code, again);
        t.answer(&reloaded, &code).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits 35 seconds"]
async fn strangers_first_round_in_the_last_minute_leaves_the_owners_code() {
    let settings = [SETTINGS, &[("CODE_LIFETIME_SECONDS", "60")]].concat();
    run_test(Setup::with(&settings), async |t| {
        t.create_user(PHONE, BOTH).await;
        let (owner, code) = t.start_and_read(PHONE).await;
        sleep(Duration::from_secs(35)).await;
        let (stranger, newer) = t.start_and_read(PHONE).await;
        assert_ne!(code, newer);
        t.answer(&owner, &code).await.unwrap().access_token();
        // Both codes are used up by it.
        let stranger = t.answer(&stranger, &newer).await.unwrap().challenge();
        t.answer(&stranger, &code).await.unwrap().challenge();
        let refused = t.answer(&owner, &code).await.unwrap_err();
        let used = "Invalid session for the user, session can only be used once.";
        assert_eq!(refused, not_authorized(used));
    })
    .await;
}
