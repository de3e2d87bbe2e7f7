//! Sign-ins, right and wrong, with the Rust SDK.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use local::client::Client;
use local::outbox::Medium;
use local::user_pool::{DEFAULT_CLIENT_ID, DEFAULT_POOL_ID};
use serde_json::Value;
use test_support::fixtures::{EMAIL, PHONE};

use crate::harness::{Challenge, Context, Reply, Setup, not_authorized, run_test};
use crate::inbox;

const OTHER_PHONE: &str = "+819012345679";

const RESEND: &[(&str, &str)] = &[("action", "resend")];

fn wrong_answer() -> (String, String) {
    not_authorized("Incorrect username or password.")
}

#[tokio::test(flavor = "multi_thread")]
async fn phone_number_signs_in_by_sms() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        assert_eq!(challenge.parameter("CODE_DELIVERY_DELIVERY_MEDIUM"), "SMS");
        assert_eq!(challenge.parameter("CODE_DELIVERY_DESTINATION"), inbox::masked(PHONE));
        assert_eq!(challenge.parameter("CODE_LENGTH"), code.len().to_string());
        assert_eq!(challenge.parameter("ATTEMPTS_LEFT"), "3");
        // The client sees what it needs and nothing more.
        assert_eq!(challenge.parameters.len(), 9, "{:?}", challenge.parameters.keys());
        let Reply::Tokens { access_token, id_token } = t.answer(&challenge, &code).await.unwrap()
        else {
            panic!("no tokens")
        };
        let user = t.who(&access_token).await;
        assert_eq!(user["phone_number"], PHONE);
        assert_eq!(user["phone_number_verified"], "true");
        assert_eq!(t.messages().len(), 1, "one for everything");

        let id = verified(t, &id_token, DEFAULT_CLIENT_ID).await;
        assert_eq!(id["token_use"], "id");
        assert_eq!(id["sub"], user["sub"]);
        assert_eq!(id["phone_number_verified"], true);
    })
    .await;
}

/// The claims of a token, verified with the keys that the pool publishes.
async fn verified(t: &Context, token: &str, audience: &str) -> Value {
    let client = Client::new(t.url.clone());
    let keys = client.get(&format!("/{DEFAULT_POOL_ID}/.well-known/jwks.json")).await.unwrap();
    let keys: JwkSet = serde_json::from_value(keys).unwrap();
    let key = keys.find(&decode_header(token).unwrap().kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[format!("{}/{DEFAULT_POOL_ID}", t.url)]);
    decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

#[tokio::test(flavor = "multi_thread")]
async fn email_address_signs_in_by_email() {
    run_test(Setup::default(), async |t| {
        t.sign_up(EMAIL).await;
        let (challenge, code) = t.start_and_read(EMAIL).await;
        assert_eq!(challenge.parameter("CODE_DELIVERY_DELIVERY_MEDIUM"), "EMAIL");
        assert_eq!(challenge.parameter("CODE_DELIVERY_DESTINATION"), inbox::masked(EMAIL));
        let subject = t.messages().pop().unwrap().subject.unwrap();
        assert!(subject.starts_with(&code), "the notification shows the code");
        let token = t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.who(&token).await["email"], EMAIL);
        assert!(inbox::texts(&t.messages()).is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_wrong_answers_then_correct_code_sign_in_with_one_message() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let sent = t.messages();
        let second = t.answer(&challenge, &inbox::mistype(&code)).await.unwrap().challenge();
        assert_eq!(second.parameter("ATTEMPTS_LEFT"), "2");
        let third = t.answer(&second, "not a code").await.unwrap().challenge();
        assert_eq!(third.parameter("ATTEMPTS_LEFT"), "1");
        assert_eq!(t.messages(), sent, "a wrong answer sends nothing");
        t.answer(&third, &code).await.unwrap().access_token();
        assert_eq!(t.messages(), sent);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn third_wrong_answer_ends_the_sign_in() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let wrong = inbox::mistype(&code);
        let second = t.answer(&challenge, &wrong).await.unwrap().challenge();
        let third = t.answer(&second, &wrong).await.unwrap().challenge();
        assert_eq!(t.answer(&third, &wrong).await.unwrap_err(), wrong_answer());
        // The right code comes too late, on any session of this sign-in.
        for challenge in [&challenge, &second, &third] {
            let used = "Invalid session for the user, session can only be used once.";
            assert_eq!(t.answer(challenge, &code).await.unwrap_err(), not_authorized(used));
        }
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_is_bound_to_one_user_and_one_answer() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        t.sign_up(OTHER_PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let (other, other_code) = t.start_and_read(OTHER_PHONE).await;

        // Another user's name with this session, in each of its forms.
        for name in [OTHER_PHONE, other.parameter("USERNAME")] {
            for code in [&code, &other_code] {
                let refused = t.respond(&challenge, name, code, &[]).await.unwrap_err();
                assert_eq!(refused, not_authorized("Invalid session for the user."));
            }
        }
        // A session that never was.
        let mut forged = challenge.clone();
        forged.session = forged.session.replace(|c: char| c.is_ascii_digit(), "x");
        let refused = t.answer(&forged, &code).await.unwrap_err();
        assert_eq!(refused, not_authorized("Invalid session for the user."));

        // None of that has cost anything.
        t.answer(&challenge, &code).await.unwrap().access_token();
        let used = "Invalid session for the user, session can only be used once.";
        assert_eq!(t.answer(&challenge, &code).await.unwrap_err(), not_authorized(used));
        assert_eq!(t.messages().len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_of_another_user_is_refused_and_a_used_code_never_works_again() {
    run_test(Setup::with(&[("CODE_LENGTH", "10")]), async |t| {
        t.sign_up(PHONE).await;
        t.sign_up(OTHER_PHONE).await;
        let (first, first_code) = t.start_and_read(PHONE).await;
        let (other, other_code) = t.start_and_read(OTHER_PHONE).await;
        // Each code in the other's session.
        let first = t.answer(&first, &other_code).await.unwrap().challenge();
        let other = t.answer(&other, &first_code).await.unwrap().challenge();
        // Each in its own.
        t.answer(&first, &first_code).await.unwrap().access_token();
        t.answer(&other, &other_code).await.unwrap().access_token();
        // A used code in a new sign-in, whose own code is another.
        let (third, third_code) = t.start_and_read(PHONE).await;
        let third = t.answer(&third, &first_code).await.unwrap().challenge();
        t.answer(&third, &third_code).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resend_repeats_the_code_and_compares_no_answer() {
    run_test(Setup::with(&[("RESEND_AFTER_SECONDS", "0")]), async |t| {
        t.sign_up(PHONE).await;
        let (mut challenge, code) = t.start_and_read(PHONE).await;
        let name = challenge.parameter("USERNAME").to_owned();
        // The right code in a request to resend is not compared: no tokens, no attempt.
        for resends_left in ["1", "0"] {
            challenge = t.respond(&challenge, &name, &code, RESEND).await.unwrap().challenge();
            assert_eq!(challenge.parameter("RESENDS_LEFT"), resends_left);
            assert_eq!(challenge.parameter("ATTEMPTS_LEFT"), "3");
            assert_eq!(inbox::code(&t.messages().pop().unwrap()), code);
        }
        let sent = t.messages();
        assert_eq!(sent.len(), 3);
        // The fourth is refused, and the sign-in goes on.
        challenge = t.respond(&challenge, &name, "x", RESEND).await.unwrap().challenge();
        assert_eq!(challenge.parameter("ATTEMPTS_LEFT"), "3");
        assert_eq!(t.messages(), sent);
        t.answer(&challenge, &code).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn early_resends_send_nothing_and_are_capped() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        let (mut challenge, code) = t.start_and_read(PHONE).await;
        let sent = t.messages();
        let name = challenge.parameter("USERNAME").to_owned();
        let mut rounds = 0;
        let refused = loop {
            match t.respond(&challenge, &name, &code, RESEND).await {
                Ok(reply) => challenge = reply.challenge(),
                Err(refused) => break refused,
            }
            rounds += 1;
        };
        assert_eq!(refused, wrong_answer());
        assert_eq!(rounds, 6, "twice MAX_SENDS");
        assert_eq!(t.messages(), sent);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resend_switches_only_to_a_verified_medium() {
    run_test(Setup::with(&[("RESEND_AFTER_SECONDS", "0")]), async |t| {
        let verified = ("phone_number_verified", "true");
        let phone = ("phone_number", PHONE);
        let email = ("email", EMAIL);
        t.create_user(PHONE, &[phone, verified, email, ("email_verified", "true")]).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let name = challenge.parameter("USERNAME").to_owned();
        let switch = &[("action", "resend"), ("medium", "EMAIL")];
        let challenge = t.respond(&challenge, &name, "-", switch).await.unwrap().challenge();
        assert_eq!(challenge.parameter("CODE_DELIVERY_DESTINATION"), inbox::masked(EMAIL));
        let message = t.messages().pop().unwrap();
        assert_eq!((message.medium, message.to.as_str()), (Medium::Email, EMAIL));
        assert_eq!(inbox::code(&message), code);
        t.answer(&challenge, &code).await.unwrap().access_token();

        // Not verified: refused, and the sign-in goes on.
        t.create_user(
            OTHER_PHONE,
            &[("phone_number", OTHER_PHONE), verified, ("email", "joe@example.com")],
        )
        .await;
        let (challenge, code) = t.start_and_read(OTHER_PHONE).await;
        let sent = t.messages();
        let name = challenge.parameter("USERNAME").to_owned();
        let challenge = t.respond(&challenge, &name, "-", switch).await.unwrap().challenge();
        assert_eq!(challenge.parameter("CODE_DELIVERY_DELIVERY_MEDIUM"), "SMS");
        assert_eq!(t.messages(), sent);
        t.answer(&challenge, &code).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_width_digits_and_spaces_are_accepted() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let (head, tail) = code.split_at(3);
        let typed = format!(" {} {}\u{3000}", inbox::full_width(head), tail);
        t.answer(&challenge, &typed).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_passed_to_the_functions() {
    let settings = [("CODE_LENGTH", "10"), ("MAX_ATTEMPTS", "1"), ("APP_NAME", "Example")];
    run_test(Setup::with(&settings), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        assert_eq!(code.len(), 10);
        assert_eq!(challenge.parameter("ATTEMPTS_LEFT"), "1");
        assert!(t.messages().pop().unwrap().body.contains("Example"));
        let refused = t.answer(&challenge, &inbox::mistype(&code)).await.unwrap_err();
        assert_eq!(refused, wrong_answer());
    })
    .await;
}

/// How far apart times of the same round may be, which is played for one user after the other.
const SECONDS_APART: u64 = 2;

/// What is the same for every user name that Cognito makes up: a UUID's hyphens.
fn shape(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect()
}

/// That a client cannot tell which of these challenges, for `known` and `unknown`, is real.
fn assert_alike((known, real): (&str, &Challenge), (unknown, decoy): (&str, &Challenge)) {
    assert_eq!(decoy.session.len(), real.session.len());
    assert_eq!(decoy.parameters.len(), real.parameters.len());
    for (name, value) in &real.parameters {
        let other = decoy.parameter(name);
        match name.as_str() {
            "EXPIRES_AT" | "RESEND_AT" => {
                let [time, other] = [value, other].map(|text| text.parse::<u64>().unwrap());
                assert!(time.abs_diff(other) <= SECONDS_APART, "{name}: {time}, {other}");
            }
            "USERNAME" => assert_eq!(shape(other), shape(value)),
            "CODE_DELIVERY_DESTINATION" => {
                assert_eq!(*value, inbox::masked(known));
                assert_eq!(other, inbox::masked(unknown));
            }
            _ => assert_eq!(other, value, "{name}"),
        }
    }
}

/// Every kind of response that goes on, with what it asks for. No code has letters.
const ROUNDS: [(&str, &[(&str, &str)]); 6] = [
    ("wrong", &[]),
    ("-", RESEND),
    ("-", &[("action", "resend"), ("medium", "SMS")]),
    ("-", &[("action", "resend"), ("medium", "EMAIL")]),
    ("-", RESEND),
    ("wrong", &[("locale", "ja")]),
];

/// A name of the form `like`, unknown to the pool, whose made-up user can be reached by `media`, and
/// the start of a sign-in with it.
async fn made_up(t: &Context, like: &str, media: &str) -> (String, Challenge) {
    for n in 0..64 {
        let name = match like {
            "+8190" => format!("{like}{:08}", 55_550_000 + n),
            _ => format!("joe{n}{like}"),
        };
        let challenge = t.start(&name).await.unwrap();
        if challenge.parameter("MEDIA") == media {
            return (name, challenge);
        }
    }
    panic!("no made-up user of 64 has {media}")
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_user_matches_known_user() {
    run_test(Setup::with(&[("RESEND_AFTER_SECONDS", "0")]), async |t| {
        let phone = [("phone_number", PHONE), ("phone_number_verified", "true")];
        let email = [("email", EMAIL), ("email_verified", "true")];
        for (known, attributes, like) in [
            (PHONE, phone.to_vec(), "+8190"),
            (
                "+819012345679",
                [&phone[1..], &email, &[("phone_number", "+819012345679")]].concat(),
                "+8190",
            ),
            ("joan@example.com", vec![("email", "joan@example.com"), email[1]], "@example.org"),
        ] {
            t.create_user(known, &attributes).await;
            let mut real = t.start(known).await.unwrap();
            let (unknown, mut decoy) = made_up(t, like, real.parameter("MEDIA")).await;
            let unknown = unknown.as_str();
            assert_alike((known, &real), (unknown, &decoy));
            for (answer, metadata) in ROUNDS {
                for challenge in [&mut real, &mut decoy] {
                    let name = challenge.parameter("USERNAME").to_owned();
                    let reply = t.respond(challenge, &name, answer, metadata).await;
                    *challenge = reply.unwrap().challenge();
                }
                assert_alike((known, &real), (unknown, &decoy));
            }
            for challenge in [&real, &decoy] {
                assert_eq!(t.answer(challenge, "wrong").await.unwrap_err(), wrong_answer());
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_user_sends_nothing_in_any_round() {
    run_test(Setup::with(&[("RESEND_AFTER_SECONDS", "0")]), async |t| {
        t.sign_up(PHONE).await;
        let sent = t.messages();
        for unknown in [OTHER_PHONE, EMAIL] {
            let mut challenge = t.start(unknown).await.unwrap();
            let name = challenge.parameter("USERNAME").to_owned();
            for (answer, metadata) in ROUNDS {
                let reply = t.respond(&challenge, &name, answer, metadata).await;
                challenge = reply.unwrap().challenge();
            }
            assert_eq!(t.answer(&challenge, "wrong").await.unwrap_err(), wrong_answer());
        }
        assert_eq!(t.messages(), sent);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn user_created_without_a_password_signs_in() {
    run_test(Setup::default(), async |t| {
        t.create_user(PHONE, &[("phone_number", PHONE), ("phone_number_verified", "true")]).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn user_without_verified_destination_gets_no_destination_fault() {
    for sign_up in ["cognito", "closed"] {
        run_test(Setup::with(&[("SIGN_UP", sign_up)]), async |t| {
            t.create_user(PHONE, &[("phone_number", PHONE)]).await;
            let (exception, message) = t.start(PHONE).await.unwrap_err();
            assert_eq!(exception, "UserLambdaValidationException");
            assert_eq!(
                message,
                "CreateAuthChallenge failed with error NO_DESTINATION: this account has no phone \
                 number or email address that codes are sent to."
            );
            assert!(t.messages().is_empty());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits a minute, the shortest lifetime, for a code to expire"]
async fn expired_code_is_refused_and_replaced() {
    const PAST_THE_LIFETIME: Duration = Duration::from_secs(61);
    run_test(Setup::with(&[("CODE_LIFETIME_SECONDS", "60")]), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        tokio::time::sleep(PAST_THE_LIFETIME).await;
        let challenge = t.answer(&challenge, &code).await.unwrap().challenge();
        let messages = t.messages();
        assert_eq!(messages.len(), 2, "the expired one and the new one");
        let new_code = inbox::code(messages.last().unwrap());
        assert_ne!(new_code, code, "one of a million: run it again");
        let challenge = t.answer(&challenge, &code).await.unwrap().challenge();
        t.answer(&challenge, &new_code).await.unwrap().access_token();
    })
    .await;
}
