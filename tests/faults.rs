//! What a client sees when something behind the sign-in fails.

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use local::lambda::{Outcome, Trigger};
use local::outbox::Medium;
use test_support::fixtures::{EMAIL, PHONE};
use test_support::wait::until;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::failing_aws::{Aws, InjectedFailure};
use crate::harness::{Context, Refused, Setup, exists, run_test};
use crate::inbox;

/// A number that nobody has signed up yet.
const NEW_PHONE: &str = "+819012345670";

/// How long to wait for something that happens soon.
const SOON: Duration = Duration::from_secs(20);

fn setup(aws: &Aws) -> Setup {
    Setup { senders: Some(aws.url.clone()), ..Setup::default() }
}

/// A user for each medium.
async fn create_users(t: &Context) {
    t.create_user(PHONE, &[("phone_number", PHONE), ("phone_number_verified", "true")]).await;
    t.create_user(EMAIL, &[("email", EMAIL), ("email_verified", "true")]).await;
}

/// Signs `name` in with the code in the last message that `aws` took.
async fn sign_in(t: &Context, aws: &Aws, name: &str) {
    let challenge = t.start(name).await.unwrap();
    let message = aws.last();
    assert_eq!(message.to, name);
    t.answer(&challenge, &inbox::code(&message)).await.unwrap().access_token();
}

fn failed(trigger: Trigger, with: &str) -> Refused {
    let message = format!("{} failed with error {with}.", trigger.name());
    ("UserLambdaValidationException".to_owned(), message)
}

/// A broken connection, a throttled service and a fault of its own are tried once more; what it
/// says clearly, or not in time, is not.
fn requests(failure: InjectedFailure) -> usize {
    match failure {
        InjectedFailure::None
        | InjectedFailure::Rejected
        | InjectedFailure::InvalidErrorBody
        | InjectedFailure::InvalidSuccessBody
        | InjectedFailure::NoResponse
        | InjectedFailure::EndlessBody
        | InjectedFailure::ExpiredCredentials => 1,
        InjectedFailure::Throttled
        | InjectedFailure::InternalError
        | InjectedFailure::ConnectionClosed => 2,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_send_returns_delivery_failed_without_details() {
    let aws = Aws::start(InjectedFailure::None).await;
    run_test(setup(&aws), async |t| {
        create_users(t).await;
        let expected = "DELIVERY_FAILED: the code could not be sent; try again";
        let expected = failed(Trigger::CreateAuthChallenge, expected);
        for failure in InjectedFailure::ALL {
            aws.set(failure);
            let (calls, taken) = (t.functions.calls().calls().len(), aws.taken().len());
            for refused in join_all([PHONE, EMAIL].map(|name| t.start(name))).await {
                assert_eq!(refused.unwrap_err(), expected, "{failure:?}");
            }
            // Create failed by itself, before Cognito gave it up and called again.
            let calls = t.functions.calls().calls().split_off(calls);
            let is_create = |name| name == Trigger::CreateAuthChallenge.name();
            let create: Vec<_> = calls.iter().filter(|call| is_create(call.trigger)).collect();
            assert_eq!(create.len(), 2, "{failure:?}");
            for call in create {
                assert_eq!(call.outcome, Outcome::Error, "{failure:?}");
                assert!(call.duration_ms < 4_000.0, "{failure:?}: {} ms", call.duration_ms);
            }
            // However often a message is tried, it has one code.
            let taken = aws.taken().split_off(taken);
            for medium in [Medium::Sms, Medium::Email] {
                let tries: Vec<_> = taken.iter().filter(|taken| taken.medium == medium).collect();
                assert_eq!(tries.len(), requests(failure), "{failure:?} {medium:?}");
                assert!(tries.windows(2).all(|two| two[0] == two[1]), "{failure:?} {medium:?}");
            }
        }
        aws.set(InjectedFailure::None);
        for name in [PHONE, EMAIL] {
            let taken = aws.taken().len();
            sign_in(t, &aws, name).await;
            assert_eq!(aws.taken().len(), taken + requests(InjectedFailure::None));
        }
        assert!(t.messages().is_empty());
        let log = String::from_utf8(t.output.bytes()).unwrap();
        for code in [
            "InvalidParameter",
            "MessageRejected",
            "Throttling",
            "TooManyRequests",
            "ExpiredToken\"",
            "ExpiredTokenException",
        ] {
            assert!(log.contains(code), "the operator sees the service's {code}: {log}");
        }
        for name in [PHONE, EMAIL] {
            assert!(!log.contains(name), "but not its message");
        }
    })
    .await;
}

/// The process of the function behind `trigger`, the only one.
fn pid(t: &Context, trigger: Trigger) -> u32 {
    let pids = t.functions.pids(trigger);
    let [pid] = pids.as_slice() else { panic!("one {}: {pids:?}", trigger.name()) };
    *pid
}

async fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status().await;
    assert!(status.unwrap().success());
}

/// Whether there is something in a socket of process `pid` that it has not read: of a stopped
/// function, its event.
fn has_unread(pid: u32) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = files.map(|file| fs::read_link(file.unwrap().path()).unwrap());
    let links: Vec<String> = links.map(|link| link.to_str().unwrap().to_owned()).collect();
    let sockets = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    sockets.lines().skip(1).any(|line| {
        // proc_pid_net(5): the queues are the fifth field, `tx:rx`, the inode is the tenth.
        let fields: Vec<&str> = line.split_whitespace().collect();
        !fields[4].ends_with(":00000000") && links.contains(&format!("socket:[{}]", fields[9]))
    })
}

/// That `refused` says of `trigger` that its function, which was process `pid`, was killed.
fn assert_killed(trigger: Trigger, pid: u32, refused: Refused) {
    let (exception, message) = refused;
    assert_eq!(exception, "UserLambdaValidationException");
    let start = format!("{} failed with error RequestId: ", trigger.name());
    assert!(message.starts_with(&start), "{message}");
    let end = " Error: Runtime exited with error: signal: killed.";
    assert!(message.ends_with(end), "{message}");
    assert!(!exists(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn function_killed_while_sending_fails_only_that_sign_in() {
    let aws = Aws::start(InjectedFailure::NoResponse).await;
    run_test(Setup { functions_may_exit: true, ..setup(&aws) }, async |t| {
        create_users(t).await;
        let create = Trigger::CreateAuthChallenge;
        let pid = pid(t, create);
        let (refused, ()) = tokio::join!(t.start(PHONE), async {
            until(SOON, "create calls SNS", || !aws.taken().is_empty()).await;
            signal("-KILL", pid).await;
        });
        assert_killed(create, pid, refused.unwrap_err());
        aws.set(InjectedFailure::None);
        sign_in(t, &aws, PHONE).await;
        assert_eq!(aws.taken().len(), 2, "the one in vain, the one that signed in");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn function_killed_during_a_call_fails_only_that_sign_in() {
    for trigger in Trigger::ALL {
        let aws = Aws::start(InjectedFailure::None).await;
        run_test(Setup { functions_may_exit: true, ..setup(&aws) }, async |t| {
            create_users(t).await;
            // Functions answer in microseconds, so it is stopped before its first call, when it
            // waits for its event and has nothing else to read.
            let pid = pid(t, trigger);
            signal("-STOP", pid).await;
            let call = async {
                if trigger == Trigger::PreSignUp {
                    return t.try_sign_up(NEW_PHONE).await.map(drop);
                }
                let challenge = t.start(PHONE).await?;
                t.answer(&challenge, &inbox::code(&aws.last())).await.map(drop)
            };
            let (refused, ()) = tokio::join!(call, async {
                until(SOON, "it has its event", || has_unread(pid)).await;
                signal("-KILL", pid).await;
            });
            assert_killed(trigger, pid, refused.unwrap_err());
            sign_in(t, &aws, PHONE).await;
            // Nobody was created by the call that failed.
            t.sign_up(NEW_PHONE).await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_service_does_not_prevent_start() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let gone = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let urls = [&silent, &gone].map(|on| format!("http://{}", on.local_addr().unwrap()));
    drop(gone);
    for url in urls {
        // The test would not begin if create did not start.
        run_test(Setup { senders: Some(url), ..Setup::default() }, async |t| {
            create_users(t).await;
            let log = String::from_utf8(t.output.bytes()).unwrap();
            let is_info = |line: &str| line.contains("\"level\":\"INFO\"");
            assert!(log.lines().all(is_info), "nobody asked: {log}");
            let refused = t.start(PHONE).await.unwrap_err();
            assert!(refused.1.contains("DELIVERY_FAILED"), "{refused:?}");
            assert!(t.messages().is_empty());
        })
        .await;
    }
    drop(silent);
}

/// How often Cognito calls a function that does not answer.
const CALLS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn unresponsive_function_is_called_three_times() {
    let aws = Aws::start(InjectedFailure::NoResponse).await;
    run_test(setup(&aws), async |t| {
        create_users(t).await;
        // As many processes as there will be calls, all at rest.
        let start = join_all([PHONE; CALLS].map(|name| t.start(name)));
        let (started, ()) = tokio::join!(start, async {
            until(SOON, "each calls SNS", || aws.taken().len() == CALLS).await;
            aws.set(InjectedFailure::None);
        });
        assert!(started.iter().all(Result::is_ok));
        let create = Trigger::CreateAuthChallenge;
        let pids = t.functions.pids(create);
        assert_eq!(pids.len(), CALLS);
        for pid in pids {
            signal("-STOP", pid).await;
        }

        let calls = t.functions.calls().calls().len();
        let refused = t.start(PHONE).await.unwrap_err();
        let message = "CreateAuthChallenge invocation failed due to error Socket timeout while \
                       invoking Lambda function.";
        assert_eq!(refused, ("UnexpectedLambdaException".to_owned(), message.to_owned()));
        let calls = t.functions.calls().calls().split_off(calls);
        let calls = calls.iter().filter(|call| call.trigger == create.name());
        let outcomes: Vec<Outcome> = calls.map(|call| call.outcome).collect();
        assert_eq!(outcomes, [Outcome::Timeout; CALLS]);

        assert_eq!(aws.taken().len(), CALLS, "nothing was sent in vain");
        sign_in(t, &aws, PHONE).await;
    })
    .await;
}
