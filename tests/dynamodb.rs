//! What happens when the ledger's DynamoDB fails at any of its calls: nothing is sent that it did not
//! admit, nobody is signed in by a code that it did not use up, and the client is told `UNAVAILABLE`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use local::lambda::{Outcome, Trigger};
use local::services::dynamodb::{DynamoDb, LEDGER_TABLE};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::aws::{closing, trickling};
use crate::harness::{Context, Setup, run_test};
use crate::phone;

/// How long a slow answer takes: three of them leave a first round time to send.
const SLOW: Duration = Duration::from_millis(200);

/// Longer than any call is waited for.
const NEVER: Duration = Duration::from_secs(3_600);

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// It is answered.
    Well,
    /// It is answered after a while.
    Slow,
    /// It is not answered.
    Stalled,
    /// The answer comes in drops and has no end.
    Trickling,
    /// It is done, and the connection closed in the middle of the answer.
    Closing,
    /// A body that is no JSON.
    Raving,
    /// JSON of another shape.
    Babbling,
    /// A fault inside, with no name.
    Broken,
    /// This error, with this status.
    Error(u16, &'static str),
    /// There is an item, and it is not the ledger's (of reads).
    Rubbish,
    /// Somebody else is always faster (of writes).
    Outrun,
}

/// Those in which any call fails.
const ILL: [Mood; 14] = [
    Mood::Stalled,
    Mood::Trickling,
    Mood::Closing,
    Mood::Raving,
    Mood::Babbling,
    Mood::Broken,
    Mood::Error(400, "ProvisionedThroughputExceededException"),
    Mood::Error(400, "ThrottlingException"),
    Mood::Error(500, "InternalServerError"),
    Mood::Error(400, "ExpiredTokenException"),
    Mood::Error(400, "UnrecognizedClientException"),
    Mood::Error(400, "AccessDeniedException"),
    Mood::Error(400, "ResourceNotFoundException"),
    Mood::Error(400, "RequestLimitExceeded"),
];

/// The calls of a sign-in, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Create reads both items.
    Read,
    /// Create writes the account.
    WriteAccount,
    /// Create writes the destination.
    WriteDestination,
    /// Create reads an item again, because somebody else wrote it in between.
    ReadAgain,
    /// Verify uses the code up.
    Consume,
    /// Verify asks whether the same round used it before.
    ConsumeAgain,
}

impl Step {
    /// What becomes of the calls before it: of create's, or of verify's.
    fn before(self) -> VecDeque<Mood> {
        match self {
            Self::Read | Self::Consume => [].into(),
            Self::WriteAccount => [Mood::Well].into(),
            Self::WriteDestination => [Mood::Well; 2].into(),
            Self::ReadAgain => [Mood::Well, Mood::Outrun].into(),
            Self::ConsumeAgain => [Mood::Outrun].into(),
        }
    }

    /// A failure that only this call knows.
    fn own_failure(self) -> Option<Mood> {
        match self {
            Self::Read | Self::ReadAgain => Some(Mood::Rubbish),
            Self::WriteAccount | Self::WriteDestination => Some(Mood::Outrun),
            // There it is no failure: the code is used.
            Self::Consume | Self::ConsumeAgain => None,
        }
    }
}

/// What will become of the calls to come: the next ones, and all others.
struct Outlook {
    next: VecDeque<Mood>,
    then: Mood,
}

/// A DynamoDB that is not always well. What it answers when it is ill quotes the request.
#[derive(Clone)]
pub(crate) struct Table {
    url: String,
    database: DynamoDb,
    outlook: Arc<Mutex<Outlook>>,
}

impl Table {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let table = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            database: DynamoDb::new(LEDGER_TABLE).unwrap(),
            outlook: Arc::new(Mutex::new(Outlook { next: VecDeque::new(), then: Mood::Well })),
        };
        let router = Router::new().fallback(take).with_state(table.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        table
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::with(&[("AWS_ENDPOINT_URL_DYNAMODB", &self.url)])
    }

    /// Lets a first round come to `step`, and from then on meets it in `mood`.
    fn set(&self, step: Step, mood: Mood) {
        *self.outlook.lock().unwrap() = Outlook { next: step.before(), then: mood };
    }

    /// What becomes of this call.
    fn mood(&self) -> Mood {
        let mut outlook = self.outlook.lock().unwrap();
        outlook.next.pop_front().unwrap_or(outlook.then)
    }
}

async fn take(
    State(table): State<Table>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::GET {
        // It only opens a connection.
        return StatusCode::NOT_FOUND.into_response();
    }
    let target = headers.get("x-amz-target").unwrap().to_str().unwrap().to_owned();
    let answer = || {
        let reply = table.database.call(&target, &body);
        let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        (StatusCode::from_u16(reply.status).unwrap(), kind, reply.body).into_response()
    };
    let quoted = String::from_utf8_lossy(&body).into_owned();
    let error = |status, name: &str| {
        let error = json!({ "__type": format!("com.amazon#{name}"), "message": quoted });
        (StatusCode::from_u16(status).unwrap(), error.to_string()).into_response()
    };
    match table.mood() {
        Mood::Well => answer(),
        Mood::Slow => {
            sleep(SLOW).await;
            answer()
        }
        Mood::Stalled => {
            sleep(NEVER).await;
            answer()
        }
        Mood::Trickling => trickling(),
        Mood::Closing => {
            closing(String::from_utf8(table.database.call(&target, &body).body).unwrap())
        }
        Mood::Raving => format!("\u{0}<<<{{] {quoted}").into_response(),
        Mood::Babbling => {
            json!({ "Item": [quoted], "Attributes": [quoted] }).to_string().into_response()
        }
        Mood::Broken => (StatusCode::INTERNAL_SERVER_ERROR, quoted).into_response(),
        Mood::Error(status, name) => error(status, name),
        Mood::Rubbish => {
            let request: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let keys = request["RequestItems"][LEDGER_TABLE]["Keys"].as_array().unwrap();
            let item = |key: &serde_json::Value| {
                let mut item = key.clone();
                item["version"] = json!({ "S": "x" });
                item
            };
            let items: Vec<_> = keys.iter().map(item).collect();
            json!({ "Responses": { LEDGER_TABLE: items } }).to_string().into_response()
        }
        Mood::Outrun => error(400, "ConditionalCheckFailedException"),
    }
}

/// A user of this case's own, so that no case meets what another left open or used up.
async fn user(t: &Context, number: usize) -> String {
    let phone = format!("+8190123{number:05}");
    t.create_user(&phone, &[("phone_number", &phone), ("phone_number_verified", "true")]).await;
    phone
}

const CREATE_UNAVAILABLE: &str =
    "CreateAuthChallenge failed with error UNAVAILABLE: try again later.";
const VERIFY_UNAVAILABLE: &str =
    "VerifyAuthChallengeResponse failed with error UNAVAILABLE: try again later.";

/// The one call of `trigger` since there were `before` failed by itself, once, before Cognito gave it
/// up.
fn assert_failed_in_time(t: &Context, trigger: Trigger, before: usize, mood: Mood) {
    let calls = t.functions.calls().calls().split_off(before);
    let of_trigger: Vec<_> = calls.iter().filter(|call| call.trigger == trigger.name()).collect();
    let [call] = of_trigger.as_slice() else { panic!("{mood:?}: {} calls", of_trigger.len()) };
    assert_eq!(call.outcome, Outcome::Error, "{mood:?}");
    assert!(call.duration_ms < 4_000.0, "{mood:?}: {} ms", call.duration_ms);
}

/// The log has the service's error codes, and neither its messages, nor the requests, nor codes.
fn assert_log(t: &Context, codes: &[String]) {
    let log = String::from_utf8(t.output.bytes()).unwrap();
    for code in ["ThrottlingException", "AccessDeniedException", "ResourceNotFoundException"] {
        assert!(log.contains(code), "the operator sees the service's {code}: {log}");
    }
    for secret in ["+8190123", "live_binding", "account#", "destination#"] {
        assert!(!log.contains(secret), "but not its message, nor the request");
    }
    let secret = |code: &String| log.contains(&format!("\"{code}"));
    assert!(!codes.iter().any(secret), "nor a code");
}

/// Every failure at a call of create: nothing is sent, and the sign-in that is tried again works.
async fn create_fails_at(step: Step) {
    let table = Table::start().await;
    run_test(table.setup(), async |t| {
        let mut codes = Vec::new();
        for (number, mood) in ILL.into_iter().chain(step.own_failure()).enumerate() {
            let phone = user(t, number).await;
            table.set(step, mood);
            let (calls, sent) = (t.functions.calls().calls().len(), t.messages().len());
            let (exception, message) = t.start(&phone).await.unwrap_err();
            assert_eq!(exception, "UserLambdaValidationException", "{mood:?}");
            assert_eq!(message, CREATE_UNAVAILABLE, "{mood:?}");
            assert_eq!(t.messages().len(), sent, "{mood:?}: a message that was not admitted");
            assert_failed_in_time(t, Trigger::CreateAuthChallenge, calls, mood);

            table.set(Step::Read, Mood::Well);
            let (challenge, code) = t.start_and_read(&phone).await;
            t.answer(&challenge, &code).await.unwrap().access_token();
            codes.push(code);
        }
        assert_log(t, &codes);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_read_sends_nothing() {
    create_fails_at(Step::Read).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_account_write_sends_nothing() {
    create_fails_at(Step::WriteAccount).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_destination_write_sends_nothing() {
    create_fails_at(Step::WriteDestination).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_read_after_a_conflict_sends_nothing() {
    create_fails_at(Step::ReadAgain).await;
}

/// Every failure at a call of verify: no tokens for the right code, and the next sign-in works.
async fn verify_fails_at(step: Step) {
    let table = Table::start().await;
    run_test(table.setup(), async |t| {
        let mut codes = Vec::new();
        for (number, mood) in ILL.into_iter().enumerate() {
            let phone = user(t, number).await;
            table.set(Step::Read, Mood::Well);
            let (challenge, code) = t.start_and_read(&phone).await;
            table.set(step, mood);
            let calls = t.functions.calls().calls().len();
            let (exception, message) = t.answer(&challenge, &code).await.unwrap_err();
            assert_eq!(exception, "UserLambdaValidationException", "{mood:?}");
            assert_eq!(message, VERIFY_UNAVAILABLE, "{mood:?}");
            assert_failed_in_time(t, Trigger::VerifyAuthChallengeResponse, calls, mood);

            table.set(Step::Read, Mood::Well);
            let (challenge, code) = t.start_and_read(&phone).await;
            t.answer(&challenge, &code).await.unwrap().access_token();
            codes.push(code);
        }
        assert_log(t, &codes);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_consume_signs_nobody_in() {
    verify_fails_at(Step::Consume).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_check_for_a_repeat_signs_nobody_in() {
    verify_fails_at(Step::ConsumeAgain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_answer_needs_no_ledger() {
    let table = Table::start().await;
    run_test(table.setup(), async |t| {
        let phone = user(t, 0).await;
        let (challenge, code) = t.start_and_read(&phone).await;
        table.set(Step::Consume, Mood::Broken);
        let wrong = phone::mistype(&code);
        let challenge = t.answer(&challenge, &wrong).await.unwrap().challenge();
        // Create goes on with the code that the session has.
        table.set(Step::Read, Mood::Well);
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_ledger_is_waited_for() {
    let table = Table::start().await;
    run_test(table.setup(), async |t| {
        let phone = user(t, 0).await;
        table.set(Step::Read, Mood::Slow);
        let (challenge, code) = t.start_and_read(&phone).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

/// A later round's message is not admitted: the sign-in lives on with the code that its user has.
#[tokio::test(flavor = "multi_thread")]
async fn failed_ledger_at_a_resend_sends_nothing_and_keeps_the_sign_in() {
    let table = Table::start().await;
    let mut setup = table.setup();
    setup.settings.push(("RESEND_AFTER_SECONDS", "0".to_owned()));
    run_test(setup, async |t| {
        for (number, mood) in [Mood::Stalled, Mood::Raving, ILL[7]].into_iter().enumerate() {
            let phone = user(t, number).await;
            table.set(Step::Read, Mood::Well);
            let (challenge, code) = t.start_and_read(&phone).await;
            let sent = t.messages().len();
            let name = challenge.parameter("USERNAME").to_owned();
            let mut challenge = challenge;
            for step in [Step::Read, Step::WriteAccount, Step::WriteDestination] {
                table.set(step, mood);
                let reply = t.respond(&challenge, &name, "-", &[("action", "resend")]).await;
                challenge = reply.unwrap().challenge();
                assert_eq!(challenge.parameter("RESENDS_LEFT"), "2", "{mood:?}");
                assert_eq!(t.messages().len(), sent, "{mood:?}");
            }
            table.set(Step::Read, Mood::Well);
            t.answer(&challenge, &code).await.unwrap().access_token();
        }
    })
    .await;
}
