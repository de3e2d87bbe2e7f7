//! The ledger with its real code, over the embedded DynamoDB: what bounds the messages to one
//! destination, and what a repeated call sends.

use std::time::Duration;

use futures_util::future::join_all;
use local::lambda::Trigger;
use test_support::fixtures::PHONE;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::failing_aws::{Aws, InjectedFailure};
use crate::harness::{Context, Setup, run_test};
use crate::inbox;

fn limits(limits: &str) -> Setup {
    Setup::with(&[("ISSUE_LIMITS", limits), ("PUBLIC_LIMITS", limits), ("WHEN_LIMITED", "fail")])
}

async fn create_user(t: &Context) {
    t.create_user(PHONE, &[("phone_number", PHONE), ("phone_number_verified", "true")]).await;
}

fn too_many(message: &str) -> bool {
    message.starts_with("CreateAuthChallenge failed with error TOO_MANY_CODES: try again in ")
        && message.ends_with(" seconds.")
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_first_rounds_send_five_messages() {
    run_test(limits("5/15m"), async |t| {
        create_user(t).await;
        let started = join_all((0..50).map(|_| t.start(PHONE))).await;
        let (admitted, refused): (Vec<_>, Vec<_>) = started.into_iter().partition(Result::is_ok);
        let refused: Vec<_> = refused.into_iter().filter_map(Result::err).collect();
        assert!(refused.iter().all(|(_, message)| too_many(message)), "{refused:?}");
        assert_eq!((admitted.len(), refused.len()), (5, 45));
        assert_eq!(t.messages().len(), 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resend_counts_towards_the_limit_and_excess_keeps_the_sign_in() {
    let limits =
        [("ISSUE_LIMITS", "2/15m"), ("RESEND_AFTER_SECONDS", "0"), ("WHEN_LIMITED", "fail")];
    run_test(Setup::with(&limits), async |t| {
        create_user(t).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let name = challenge.parameter("USERNAME").to_owned();
        let resend = &[("action", "resend")];
        let challenge = t.respond(&challenge, &name, "-", resend).await.unwrap().challenge();
        assert_eq!(t.messages().len(), 2);
        // The third is one too many: nothing is sent, and the client learns when to ask again.
        let challenge = t.respond(&challenge, &name, "-", resend).await.unwrap().challenge();
        assert_eq!(t.messages().len(), 2);
        let at = |name: &str| challenge.parameter(name).parse::<u64>().unwrap();
        assert!(at("RESEND_AT") > at("EXPIRES_AT"), "15 minutes from the first");
        // So is the first of another sign-in, which has nothing to go on with.
        assert!(too_many(&t.start(PHONE).await.unwrap_err().1));
        t.answer(&challenge, &code).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_user_has_the_same_rate_limit() {
    run_test(limits("2/15m"), async |t| {
        for _ in 0..2 {
            t.start(PHONE).await.unwrap();
        }
        assert!(too_many(&t.start(PHONE).await.unwrap_err().1));
        assert!(t.messages().is_empty());
    })
    .await;
}

/// How many seconds may be between two calls that are made one after the other.
const SECONDS_APART: u64 = 2;

/// `refused` but for the number in it, and that number.
fn wait(refused: &(String, String)) -> (String, u64) {
    let (exception, message) = refused;
    let digits: String = message.chars().filter(char::is_ascii_digit).collect();
    (format!("{exception}: {}", message.replace(&digits, "N")), digits.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limit_response_is_the_same_for_known_and_unknown_user() {
    const UNKNOWN: &str = "+819112345678";
    let setup = Setup::with(&[
        ("ISSUE_LIMITS", "2/15m"),
        ("RESEND_AFTER_SECONDS", "0"),
        ("WHEN_LIMITED", "fail"),
    ]);
    run_test(setup, async |t| {
        create_user(t).await;
        let mut seen = Vec::new();
        for name in [PHONE, UNKNOWN] {
            let mut challenge = t.start(name).await.unwrap();
            let user = challenge.parameter("USERNAME").to_owned();
            let mut left = Vec::new();
            // The first of these is sent; the others are more than the ledger admits.
            for _ in 0..3 {
                let reply = t.respond(&challenge, &user, "-", &[("action", "resend")]).await;
                challenge = reply.unwrap().challenge();
                let at = |name: &str| challenge.parameter(name).parse::<u64>().unwrap();
                let resend_in = at("RESEND_AT") - (at("EXPIRES_AT") - 300);
                left.push((challenge.parameter("RESENDS_LEFT").to_owned(), resend_in));
            }
            seen.push((left, wait(&t.start(name).await.unwrap_err())));
        }
        let [(known, (words, seconds)), (unknown, (other_words, other_seconds))] = &seen[..] else {
            panic!("two users")
        };
        assert_eq!(words, other_words);
        assert!(seconds.abs_diff(*other_seconds) <= SECONDS_APART, "{seconds}, {other_seconds}");
        for ((left, at), (other_left, other_at)) in known.iter().zip(unknown) {
            assert_eq!(left, other_left);
            assert!(at.abs_diff(*other_at) <= SECONDS_APART, "{at}, {other_at}");
        }
        assert_eq!(t.messages().len(), 2, "none of them for the unknown user");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn next_sign_in_after_stalled_send_repeats_the_code_once() {
    let aws = Aws::start(InjectedFailure::NoResponse).await;
    let setup = Setup { senders: Some(aws.url.clone()), ..limits("5/15m") };
    run_test(setup, async |t| {
        create_user(t).await;
        t.start(PHONE).await.unwrap_err();
        let stalled = inbox::code(&aws.last());
        assert_same_code_then_another(t, &aws, &stalled).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn next_sign_in_after_killed_function_repeats_the_code_once() {
    /// How long the function may take to send.
    const SENT_WITHIN: Duration = Duration::from_secs(20);
    let aws = Aws::start(InjectedFailure::NoResponse).await;
    let senders = Some(aws.url.clone());
    let setup = Setup { senders, functions_may_exit: true, ..limits("5/15m") };
    run_test(setup, async |t| {
        create_user(t).await;
        let kill = async {
            let sent = async {
                while aws.taken().is_empty() {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(SENT_WITHIN, sent).await.expect("create sends");
            for pid in t.functions.pids(Trigger::CreateAuthChallenge) {
                Command::new("kill").arg("-KILL").arg(pid.to_string()).status().await.unwrap();
            }
        };
        let (refused, ()) = tokio::join!(t.start(PHONE), kill);
        refused.unwrap_err();
        let sent = inbox::code(&aws.last());
        assert_same_code_then_another(t, &aws, &sent).await;
    })
    .await;
}

/// The sign-in after one that failed with `code` on its way goes on with that code, and it works.
/// The sign-in after that has a code of its own.
async fn assert_same_code_then_another(t: &Context, aws: &Aws, code: &str) {
    aws.set(InjectedFailure::None);
    let challenge = t.start(PHONE).await.unwrap();
    assert_eq!(inbox::code(&aws.last()), code);
    t.answer(&challenge, code).await.unwrap().access_token();
    let next = t.start(PHONE).await.unwrap();
    assert_ne!(inbox::code(&aws.last()), code, "one of a million: run it again");
    t.answer(&next, code).await.unwrap().challenge();
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_ledger_sends_nothing() {
    // Nothing listens on the discard port of loopback.
    let setup = Setup::with(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")]);
    run_test(setup, async |t| {
        create_user(t).await;
        let (exception, message) = t.start(PHONE).await.unwrap_err();
        assert_eq!(exception, "UserLambdaValidationException");
        let unavailable = "CreateAuthChallenge failed with error UNAVAILABLE: try again later.";
        assert_eq!(message, unavailable);
        assert!(t.messages().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attacker_guesses_stay_within_the_limits() {
    const LIMIT: usize = 4;
    const ATTEMPTS: usize = 3;
    run_test(limits("4/15m"), async |t| {
        create_user(t).await;
        // As many sessions as they will give, at once and one after the other.
        let parallel = join_all((0..20).map(|_| t.start(PHONE))).await;
        let mut sessions: Vec<_> = parallel.into_iter().filter_map(Result::ok).collect();
        for _ in 0..5 {
            sessions.extend(t.start(PHONE).await.ok());
        }
        // As many guesses as each will take, with resends mixed in.
        let mut guesses = 0;
        for mut session in sessions {
            let name = session.parameter("USERNAME").to_owned();
            for round in 0.. {
                let metadata: &[_] = if round % 3 == 0 { &[("action", "resend")] } else { &[] };
                // No code has the form of this guess, so that none is right by chance.
                let reply = t.respond(&session, &name, "0000000", metadata).await;
                guesses += usize::from(metadata.is_empty());
                match reply {
                    Ok(reply) => session = reply.challenge(),
                    Err(_) => break,
                }
            }
        }
        assert!(guesses <= LIMIT * ATTEMPTS, "{guesses} guesses");
        assert_eq!(t.messages().len(), LIMIT);
    })
    .await;
}
