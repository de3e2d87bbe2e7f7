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

use crate::failing_aws::{closing, trickling};
use crate::harness::{Context, Setup, run_test};
use crate::inbox;

/// How long a slow answer takes: three of them leave a first round time to send.
const SLOW_RESPONSE_DELAY: Duration = Duration::from_millis(200);

/// Longer than any call is waited for.
const NO_RESPONSE_DELAY: Duration = Duration::from_secs(3_600);

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InjectedFailure {
    /// It is answered.
    None,
    /// It is answered after a while.
    SlowResponse,
    /// It is not answered.
    NoResponse,
    /// The answer comes in drops and has no end.
    EndlessBody,
    /// It is done, and the connection closed in the middle of the answer.
    ConnectionClosed,
    /// A body that is no JSON.
    InvalidJson,
    /// JSON of another shape.
    UnexpectedJson,
    /// A fault inside, with no name.
    UnnamedError,
    /// This error, with this status.
    ServiceError(u16, &'static str),
    /// There is an item, and it is not the ledger's (of reads).
    MalformedItem,
    /// Somebody else is always faster (of writes).
    VersionConflict,
}

/// Those in which any call fails.
const ALL_FAILURES: [InjectedFailure; 14] = [
    InjectedFailure::NoResponse,
    InjectedFailure::EndlessBody,
    InjectedFailure::ConnectionClosed,
    InjectedFailure::InvalidJson,
    InjectedFailure::UnexpectedJson,
    InjectedFailure::UnnamedError,
    InjectedFailure::ServiceError(400, "ProvisionedThroughputExceededException"),
    InjectedFailure::ServiceError(400, "ThrottlingException"),
    InjectedFailure::ServiceError(500, "InternalServerError"),
    InjectedFailure::ServiceError(400, "ExpiredTokenException"),
    InjectedFailure::ServiceError(400, "UnrecognizedClientException"),
    InjectedFailure::ServiceError(400, "AccessDeniedException"),
    InjectedFailure::ServiceError(400, "ResourceNotFoundException"),
    InjectedFailure::ServiceError(400, "RequestLimitExceeded"),
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
    /// Create takes the message's credit.
    TakeCredit,
    /// Verify uses the code up.
    Consume,
    /// Verify asks whether the same round used it before.
    ConsumeAgain,
    /// Verify notes what a used code earns.
    FollowUp,
}

impl Step {
    /// What becomes of the calls before it: of create's, or of verify's.
    fn before(self) -> VecDeque<InjectedFailure> {
        match self {
            Self::Read | Self::Consume => [].into(),
            Self::WriteAccount | Self::FollowUp => [InjectedFailure::None].into(),
            Self::WriteDestination => [InjectedFailure::None; 2].into(),
            Self::TakeCredit => [InjectedFailure::None; 3].into(),
            Self::ReadAgain => [InjectedFailure::None, InjectedFailure::VersionConflict].into(),
            Self::ConsumeAgain => [InjectedFailure::VersionConflict].into(),
        }
    }

    /// A failure that only this call knows.
    fn own_failure(self) -> Option<InjectedFailure> {
        match self {
            Self::Read | Self::ReadAgain => Some(InjectedFailure::MalformedItem),
            Self::WriteAccount | Self::WriteDestination => Some(InjectedFailure::VersionConflict),
            // There it is no failure: the code is used, or the credit.
            Self::TakeCredit | Self::Consume | Self::ConsumeAgain | Self::FollowUp => None,
        }
    }
}

/// What will become of the calls to come: the next ones, and all others.
struct FailurePlan {
    next: VecDeque<InjectedFailure>,
    then: InjectedFailure,
}

/// A DynamoDB with injected failures, which quote the request.
#[derive(Clone)]
pub(crate) struct FailingDynamoDb {
    url: String,
    database: DynamoDb,
    outlook: Arc<Mutex<FailurePlan>>,
}

impl FailingDynamoDb {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let table = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            database: DynamoDb::new(LEDGER_TABLE).unwrap(),
            outlook: Arc::new(Mutex::new(FailurePlan {
                next: VecDeque::new(),
                then: InjectedFailure::None,
            })),
        };
        let router = Router::new().fallback(take).with_state(table.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        table
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::with(&[("AWS_ENDPOINT_URL_DYNAMODB", &self.url)])
    }

    /// Lets a first round come to `step`, and from then on meets it in `failure`.
    fn set(&self, step: Step, failure: InjectedFailure) {
        *self.outlook.lock().unwrap() = FailurePlan { next: step.before(), then: failure };
    }

    /// What becomes of this call.
    fn failure(&self) -> InjectedFailure {
        let mut outlook = self.outlook.lock().unwrap();
        outlook.next.pop_front().unwrap_or(outlook.then)
    }
}

async fn take(
    State(table): State<FailingDynamoDb>,
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
    match table.failure() {
        InjectedFailure::None => answer(),
        InjectedFailure::SlowResponse => {
            sleep(SLOW_RESPONSE_DELAY).await;
            answer()
        }
        InjectedFailure::NoResponse => {
            sleep(NO_RESPONSE_DELAY).await;
            answer()
        }
        InjectedFailure::EndlessBody => trickling(),
        InjectedFailure::ConnectionClosed => {
            closing(String::from_utf8(table.database.call(&target, &body).body).unwrap())
        }
        InjectedFailure::InvalidJson => format!("\u{0}<<<{{] {quoted}").into_response(),
        InjectedFailure::UnexpectedJson => {
            json!({ "Item": [quoted], "Attributes": [quoted] }).to_string().into_response()
        }
        InjectedFailure::UnnamedError => {
            (StatusCode::INTERNAL_SERVER_ERROR, quoted).into_response()
        }
        InjectedFailure::ServiceError(status, name) => error(status, name),
        InjectedFailure::MalformedItem => {
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
        InjectedFailure::VersionConflict => error(400, "ConditionalCheckFailedException"),
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
fn assert_failed_in_time(t: &Context, trigger: Trigger, before: usize, failure: InjectedFailure) {
    let calls = t.functions.calls().calls().split_off(before);
    let of_trigger: Vec<_> = calls.iter().filter(|call| call.trigger == trigger.name()).collect();
    let [call] = of_trigger.as_slice() else { panic!("{failure:?}: {} calls", of_trigger.len()) };
    assert_eq!(call.outcome, Outcome::Error, "{failure:?}");
    assert!(call.duration_ms < 4_000.0, "{failure:?}: {} ms", call.duration_ms);
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
    let table = FailingDynamoDb::start().await;
    run_test(table.setup(), async |t| {
        let mut codes = Vec::new();
        for (number, failure) in ALL_FAILURES.into_iter().chain(step.own_failure()).enumerate() {
            let phone = user(t, number).await;
            table.set(step, failure);
            let (calls, sent) = (t.functions.calls().calls().len(), t.messages().len());
            let (exception, message) = t.start(&phone).await.unwrap_err();
            assert_eq!(exception, "UserLambdaValidationException", "{failure:?}");
            assert_eq!(message, CREATE_UNAVAILABLE, "{failure:?}");
            assert_eq!(t.messages().len(), sent, "{failure:?}: a message that was not admitted");
            assert_failed_in_time(t, Trigger::CreateAuthChallenge, calls, failure);

            table.set(Step::Read, InjectedFailure::None);
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
async fn failed_spend_guard_sends_nothing() {
    create_fails_at(Step::TakeCredit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_credit_of_a_used_code_changes_nothing_of_the_sign_in() {
    let table = FailingDynamoDb::start().await;
    run_test(table.setup(), async |t| {
        for (number, failure) in ALL_FAILURES.into_iter().enumerate() {
            let phone = user(t, number).await;
            table.set(Step::Read, InjectedFailure::None);
            let (challenge, code) = t.start_and_read(&phone).await;
            table.set(Step::FollowUp, failure);
            let calls = t.functions.calls().calls().len();
            let (name, device) = (challenge.parameter("USERNAME"), ("device", "a-device-01234567"));
            let reply = t.respond(&challenge, name, &code, &[device]).await.unwrap();
            reply.access_token();
            let calls = t.functions.calls().calls().split_off(calls);
            let verify = Trigger::VerifyAuthChallengeResponse.name();
            let calls: Vec<_> = calls.iter().filter(|call| call.trigger == verify).collect();
            let [call] = calls[..] else { panic!("{failure:?}: {} calls", calls.len()) };
            assert!(call.duration_ms < 4_000.0, "{failure:?}: {} ms", call.duration_ms);
        }
        assert_eq!(t.messages().len(), ALL_FAILURES.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_read_after_a_conflict_sends_nothing() {
    create_fails_at(Step::ReadAgain).await;
}

/// Every failure at a call of verify: no tokens for the right code, and the next sign-in works.
async fn verify_fails_at(step: Step) {
    let table = FailingDynamoDb::start().await;
    run_test(table.setup(), async |t| {
        let mut codes = Vec::new();
        for (number, failure) in ALL_FAILURES.into_iter().enumerate() {
            let phone = user(t, number).await;
            table.set(Step::Read, InjectedFailure::None);
            let (challenge, code) = t.start_and_read(&phone).await;
            table.set(step, failure);
            let calls = t.functions.calls().calls().len();
            let (exception, message) = t.answer(&challenge, &code).await.unwrap_err();
            assert_eq!(exception, "UserLambdaValidationException", "{failure:?}");
            assert_eq!(message, VERIFY_UNAVAILABLE, "{failure:?}");
            assert_failed_in_time(t, Trigger::VerifyAuthChallengeResponse, calls, failure);

            table.set(Step::Read, InjectedFailure::None);
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
    let table = FailingDynamoDb::start().await;
    run_test(table.setup(), async |t| {
        let phone = user(t, 0).await;
        let (challenge, code) = t.start_and_read(&phone).await;
        table.set(Step::Consume, InjectedFailure::UnnamedError);
        let wrong = inbox::mistype(&code);
        let challenge = t.answer(&challenge, &wrong).await.unwrap().challenge();
        // Create goes on with the code that the session has.
        table.set(Step::Read, InjectedFailure::None);
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_ledger_is_waited_for() {
    let table = FailingDynamoDb::start().await;
    run_test(table.setup(), async |t| {
        let phone = user(t, 0).await;
        table.set(Step::Read, InjectedFailure::SlowResponse);
        let (challenge, code) = t.start_and_read(&phone).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

/// A later round's message is not admitted: the sign-in lives on with the code that its user has.
#[tokio::test(flavor = "multi_thread")]
async fn failed_ledger_at_a_resend_sends_nothing_and_keeps_the_sign_in() {
    let table = FailingDynamoDb::start().await;
    let mut setup = table.setup();
    setup.settings.push(("RESEND_AFTER_SECONDS", "0".to_owned()));
    run_test(setup, async |t| {
        for (number, failure) in
            [InjectedFailure::NoResponse, InjectedFailure::InvalidJson, ALL_FAILURES[7]]
                .into_iter()
                .enumerate()
        {
            let phone = user(t, number).await;
            table.set(Step::Read, InjectedFailure::None);
            let (challenge, code) = t.start_and_read(&phone).await;
            let sent = t.messages().len();
            let name = challenge.parameter("USERNAME").to_owned();
            let mut challenge = challenge;
            for step in [Step::Read, Step::WriteAccount, Step::WriteDestination] {
                table.set(step, failure);
                let reply = t.respond(&challenge, &name, "-", &[("action", "resend")]).await;
                challenge = reply.unwrap().challenge();
                assert_eq!(challenge.parameter("RESENDS_LEFT"), "2", "{failure:?}");
                assert_eq!(t.messages().len(), sent, "{failure:?}");
            }
            table.set(Step::Read, InjectedFailure::None);
            t.answer(&challenge, &code).await.unwrap().access_token();
        }
    })
    .await;
}
