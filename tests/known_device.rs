//! Lanes, holds and known devices: a stranger who knows a number cannot keep its owner out.

use test_support::fixtures::PHONE;

use crate::harness::{Challenge, Context, Reply, Setup, run_test};
use crate::inbox;

const DEVICE: &str = "owner-device-0123456789";

/// Of the five messages in 15 minutes, four are for all callers.
const PUBLIC: usize = 4;

/// More than anybody gets.
const MANY: usize = 9;

fn setup() -> Setup {
    Setup::with(&[("ISSUE_LIMITS", "5/15m,20/1d"), ("PUBLIC_LIMITS", "4/15m,15/1d")])
}

/// Answers with `device` in the client metadata.
async fn answer_with(t: &Context, challenge: &Challenge, code: &str, device: &str) -> Reply {
    let name = challenge.parameter("USERNAME");
    t.respond(challenge, name, code, &[("device", device)]).await.unwrap()
}

/// Asks a hold for a message.
async fn resend_with(t: &Context, hold: &Challenge, device: &str) -> Challenge {
    let metadata = [("action", "resend"), ("device", device)];
    let name = hold.parameter("USERNAME");
    t.respond(hold, name, "-", &metadata).await.unwrap().challenge()
}

fn is_hold(challenge: &Challenge) -> bool {
    !challenge.parameters.contains_key("CODE_DELIVERY_DESTINATION")
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_with_a_known_device_signs_in_while_a_stranger_empties_the_public_lane() {
    run_test(setup(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        answer_with(t, &challenge, &code, DEVICE).await.access_token();

        let mut holds = Vec::new();
        for _ in 0..MANY {
            let challenge = t.start(PHONE).await.unwrap();
            if is_hold(&challenge) {
                holds.push(challenge);
            }
        }
        assert_eq!(t.messages().len(), PUBLIC);
        assert_eq!(holds.len(), MANY - (PUBLIC - 1));
        // What a stranger may say to a hold sends nothing and gives no tokens.
        let stranger = resend_with(t, &holds[0], "a-strangers-device-0123").await;
        assert!(is_hold(&stranger));
        let guessed = t.answer(&holds[1], &code).await.unwrap().challenge();
        assert!(is_hold(&guessed));
        assert_eq!(t.messages().len(), PUBLIC);

        let hold = t.start(PHONE).await.unwrap();
        assert_eq!(hold.parameter("NOT_SENT"), "TOO_MANY_CODES");
        let challenge = resend_with(t, &hold, DEVICE).await;
        assert!(!is_hold(&challenge));
        let messages = t.messages();
        assert_eq!(messages.len(), PUBLIC + 1);
        let code = inbox::code(messages.last().unwrap());
        answer_with(t, &challenge, &code, DEVICE).await.access_token();

        // The total holds for everybody.
        let hold = t.start(PHONE).await.unwrap();
        assert!(is_hold(&resend_with(t, &hold, DEVICE).await));
        assert_eq!(t.messages(), messages);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn device_becomes_known_by_a_right_answer_alone() {
    run_test(setup(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        // Shown with a wrong answer and with a request to resend.
        let challenge =
            answer_with(t, &challenge, &inbox::mistype(&code), DEVICE).await.challenge();
        let challenge = resend_with(t, &challenge, DEVICE).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        while t.messages().len() < PUBLIC {
            t.start(PHONE).await.unwrap();
        }
        let hold = t.start(PHONE).await.unwrap();
        assert!(is_hold(&resend_with(t, &hold, DEVICE).await), "the device is not known");
        assert_eq!(t.messages().len(), PUBLIC);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_calls_of_a_cold_start_leave_room_for_a_sign_in() {
    run_test(setup(), async |t| {
        t.sign_up(PHONE).await;
        for _ in 0..PUBLIC - 1 {
            assert!(!is_hold(&t.start(PHONE).await.unwrap()));
        }
        let (challenge, code) = t.start_and_read(PHONE).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), PUBLIC);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_ends_after_twice_the_sends() {
    run_test(Setup::with(&[("ISSUE_LIMITS", "1/15m")]), async |t| {
        t.sign_up(PHONE).await;
        t.start(PHONE).await.unwrap();
        let mut hold = t.start(PHONE).await.unwrap();
        let mut responses = 0;
        let refused = loop {
            let metadata = [("action", "resend"), ("device", DEVICE)];
            let name = hold.parameter("USERNAME").to_owned();
            match t.respond(&hold, &name, "-", &metadata).await {
                Ok(reply) => hold = reply.challenge(),
                Err(refused) => break refused,
            }
            assert!(is_hold(&hold));
            responses += 1;
        };
        assert_eq!(refused.0, "NotAuthorizedException");
        assert_eq!(responses, 1 + 6, "the hold itself, and twice MAX_SENDS more");
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stolen_access_token_moves_no_account_without_a_known_device() {
    const OTHER_PHONE: &str = "+819099999999";
    run_test(setup(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let token = answer_with(t, &challenge, &code, DEVICE).await.access_token();
        let number = aws_sdk_cognitoidentityprovider::types::AttributeType::builder();
        let number = number.name("phone_number").value(OTHER_PHONE).build().unwrap();
        let update = t.cognito.update_user_attributes().access_token(&token);
        update.user_attributes(number).send().await.unwrap();
        let sent = t.messages();

        let name = t.who(&token).await["sub"].clone();
        let hold = t.start(&name).await.unwrap();
        assert_eq!(hold.parameter("NOT_SENT"), "NO_DESTINATION");
        assert!(is_hold(&resend_with(t, &hold, "a-thiefs-device-0123456").await));
        assert_eq!(t.messages(), sent);

        // Its owner moves it, and the new number is marked.
        let hold = t.start(&name).await.unwrap();
        let challenge = resend_with(t, &hold, DEVICE).await;
        let message = t.messages().pop().unwrap();
        assert_eq!(message.to, OTHER_PHONE);
        let token = t.answer(&challenge, &inbox::code(&message)).await.unwrap().access_token();
        let user = t.who(&token).await;
        assert_eq!(user["phone_number"], OTHER_PHONE);
        assert_eq!(user["phone_number_verified"], "true");
        assert_eq!(t.messages().len(), sent.len() + 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_is_the_same_for_a_known_and_an_unknown_user() {
    /// How many seconds may be between two calls that are made one after the other.
    const SECONDS_APART: u64 = 2;
    /// Names that nobody has.
    const UNKNOWN: [&str; 4] = ["+819022222222", "+819033333333", "+819044444444", "+819055555555"];
    run_test(Setup::with(&[("ISSUE_LIMITS", "1/15m"), ("MEDIA", "SMS")]), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        let sent = t.messages();
        let mut seen = Vec::new();
        for name in std::iter::once(PHONE).chain(UNKNOWN) {
            if name != PHONE {
                assert!(!is_hold(&t.start(name).await.unwrap()), "the first of {name}");
            }
            let mut hold = t.start(name).await.unwrap();
            let mut rounds = Vec::new();
            for metadata in [
                [("action", "answer"), ("device", DEVICE)],
                [("action", "resend"), ("device", DEVICE)],
                [("action", "resend"), ("device", "short")],
            ] {
                let mut shown = hold.parameters.clone();
                shown.remove("USERNAME");
                let at: u64 = shown.remove("RESEND_AT").unwrap().parse().unwrap();
                let mut shown: Vec<_> = shown.into_iter().collect();
                shown.sort();
                rounds.push((shown, at));
                let user = hold.parameter("USERNAME").to_owned();
                hold = t.respond(&hold, &user, "1", &metadata).await.unwrap().challenge();
            }
            seen.push(rounds);
        }
        let (known, unknown) = seen.split_first().unwrap();
        for other in unknown {
            for ((shown, at), (other_shown, other_at)) in known.iter().zip(other) {
                assert_eq!(shown, other_shown);
                let apart = SECONDS_APART * u64::try_from(seen.len()).unwrap();
                assert!(at.abs_diff(*other_at) <= apart, "{at}, {other_at}");
            }
        }
        assert_eq!(t.messages(), sent);
    })
    .await;
}
