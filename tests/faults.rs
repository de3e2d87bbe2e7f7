//! What a client sees when something behind the sign-in fails.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use local::lambda::{Outcome, Trigger};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::harness::{Setup, run_test};

const PHONE: &str = "+819012345678";

/// How long to wait for something that happens soon.
const SOON: Duration = Duration::from_secs(20);

/// What an AWS that is not well does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Sends the message.
    Well,
    /// Takes the request and never answers.
    Stalled,
    /// Refuses it.
    Refusing,
    /// Has too much to do.
    Throttling,
    /// Answers something else.
    Babbling,
    /// Fails inside.
    Broken,
}

/// An SNS whose mood can change; `taken` counts the requests that it got.
#[derive(Clone)]
struct Sns {
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<Bytes>>>,
}

impl Sns {
    async fn start(mood: Mood) -> (Self, String) {
        let sns = Self { mood: Arc::new(Mutex::new(mood)), taken: Arc::default() };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(sns.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (sns, url)
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

async fn take(State(sns): State<Sns>, body: Bytes) -> Response {
    sns.taken.lock().unwrap().push(body);
    let mood = *sns.mood.lock().unwrap();
    let error = |code: &str| {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>about {PHONE}\
             </Message></Error><RequestId>1</RequestId></ErrorResponse>"
        )
    };
    match mood {
        Mood::Well => "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>\
                       </PublishResponse>"
            .into_response(),
        Mood::Stalled => std::future::pending().await,
        Mood::Refusing => (StatusCode::BAD_REQUEST, error("InvalidParameter")).into_response(),
        Mood::Throttling => (StatusCode::BAD_REQUEST, error("Throttling")).into_response(),
        Mood::Babbling => (StatusCode::BAD_REQUEST, "\u{0}<<<{]").into_response(),
        Mood::Broken => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn setup(url: String) -> Setup {
    Setup { aws_endpoint: Some(url), ..Setup::default() }
}

fn create_failed(with: &str) -> (String, String) {
    let message = format!("CreateAuthChallenge failed with error {with}.");
    ("UserLambdaValidationException".to_owned(), message)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sns_that_fails_is_a_delivery_that_failed_and_says_no_more() {
    let (sns, url) = Sns::start(Mood::Well).await;
    run_test(setup(url), async |t| {
        t.create_user(PHONE, &[("phone_number", PHONE), ("phone_number_verified", "true")]).await;
        for mood in [Mood::Refusing, Mood::Throttling, Mood::Babbling, Mood::Broken, Mood::Stalled]
        {
            sns.set(mood);
            let refused = t.start(PHONE).await.unwrap_err();
            let expected = "DELIVERY_FAILED: the code could not be sent; try again";
            assert_eq!(refused, create_failed(expected), "{mood:?}");
            // Create failed by itself, before Cognito gave it up and called again.
            let call = t.functions.calls().calls().pop().unwrap();
            assert_eq!((call.trigger, call.outcome), ("CreateAuthChallenge", Outcome::Error));
            assert!(call.duration_ms < 4_000.0, "{mood:?}: {} ms", call.duration_ms);
        }
        assert!(t.messages().is_empty());
        sns.set(Mood::Well);
        t.start(PHONE).await.unwrap();
        let log = String::from_utf8(t.output.bytes()).unwrap();
        assert!(log.contains("InvalidParameter"), "the operator sees SNS's code: {log}");
        assert!(!log.contains(PHONE), "but not its message");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_killed_in_a_call_fails_that_call_only() {
    let (sns, url) = Sns::start(Mood::Stalled).await;
    let setup = Setup { functions_may_die: true, ..setup(url) };
    run_test(setup, async |t| {
        t.create_user(PHONE, &[("phone_number", PHONE), ("phone_number_verified", "true")]).await;
        let kill = async {
            timeout(SOON, async {
                while sns.taken() == 0 {
                    sleep(Duration::from_millis(5)).await;
                }
            })
            .await
            .expect("create calls SNS");
            let pids = t.functions.pids(Trigger::CreateAuthChallenge);
            let [pid] = pids.as_slice() else { panic!("one create: {pids:?}") };
            let killed = Command::new("kill").arg("-KILL").arg(pid.to_string()).status().await;
            assert!(killed.unwrap().success());
            *pid
        };
        let (refused, pid) = tokio::join!(t.start(PHONE), kill);
        let (exception, message) = refused.unwrap_err();
        assert_eq!(exception, "UserLambdaValidationException");
        assert!(
            message.starts_with("CreateAuthChallenge failed with error RequestId: "),
            "{message}"
        );
        assert!(
            message.ends_with(" Error: Runtime exited with error: signal: killed."),
            "{message}"
        );
        assert!(!Path::new(&format!("/proc/{pid}")).exists());

        // The next sign-in finds a function again.
        sns.set(Mood::Well);
        let taken = sns.taken();
        t.start(PHONE).await.unwrap();
        assert_eq!(sns.taken(), taken + 1);
    })
    .await;
}
