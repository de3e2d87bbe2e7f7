//! The Runtime API of one execution environment: the HTTP that a function speaks to Lambda.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::clock::Clock;
use crate::user_pool::InvokeError;

/// Lambda's limit for a response, and as much again for what it does not count.
const BODY_LIMIT: usize = 2 * 6 * 1024 * 1024;

/// The ARN that a function receives, up to its name.
const ARN_PREFIX: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

/// What the function answered to one invocation.
pub(super) type FunctionResult = Result<Bytes, InvokeError>;

/// One call on its way to the function.
pub(super) struct Invocation {
    id: String,
    trace: String,
    event: Bytes,
    deadline: Duration,
    reply: oneshot::Sender<FunctionResult>,
}

/// The server of one instance. It ends with this value.
pub(super) struct RuntimeApi {
    state: Arc<Shared>,
    queue: mpsc::Sender<Invocation>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct Shared {
    arn: String,
    queue: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    current: Mutex<CurrentInvocation>,
    /// Whether the function has asked for an event yet, which ends its initialisation.
    asked: watch::Sender<bool>,
}

#[derive(Default)]
struct CurrentInvocation {
    /// The invocation that the function took and has not answered.
    taken: Option<(String, oneshot::Sender<FunctionResult>)>,
    init_error: Option<InvokeError>,
}

impl RuntimeApi {
    /// Serves on a free loopback port.
    pub(super) async fn serve(function: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (queue, receiver) = mpsc::channel(1);
        let state = Arc::new(Shared {
            arn: format!("{ARN_PREFIX}{function}"),
            queue: tokio::sync::Mutex::new(receiver),
            current: Mutex::default(),
            asked: watch::Sender::new(false),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // It ends with an error only if the listener does, and then the function exits by
            // itself, which is reported.
            drop(axum::serve(listener, routes).await);
        });
        Ok(Self { state, queue, address, server })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the function has asked for its first event.
    pub(super) async fn asked(&self) {
        // The sender lives as long as `self`.
        drop(self.state.asked.subscribe().wait_for(|asked| *asked).await);
    }

    /// Hands `event` to the function when it asks next. Gives the request's id and where the
    /// answer will be.
    pub(super) fn invoke(
        &self,
        event: Bytes,
        limit: Duration,
    ) -> (String, oneshot::Receiver<FunctionResult>) {
        let (reply, answer) = oneshot::channel();
        let request = new_id();
        let id = request.to_string();
        let now = Clock::system().now();
        let invocation = Invocation {
            id: id.clone(),
            trace: format!(
                "Root=1-{:08x}-{:024x};Sampled=0",
                now.as_secs(),
                request.as_u128() >> 32
            ),
            event,
            // The function compares it with the real clock, so it never follows a test's.
            deadline: now.saturating_add(limit),
            reply,
        };
        // One call at a time: the queue is empty, or the previous call was given up and its
        // instance with it; `answer` then fails, which the caller sees as no answer.
        drop(self.queue.try_send(invocation));
        (id, answer)
    }

    /// Whether the function took the event of request `id` and has not answered it.
    pub(super) fn has_taken(&self, id: &str) -> bool {
        let current = self.state.current();
        current.taken.as_ref().is_some_and(|(taken, _)| taken == id)
    }

    /// The error that the function reported for its initialisation, if any.
    pub(super) fn init_error(&self) -> Option<InvokeError> {
        self.state.current().init_error.clone()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, CurrentInvocation> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, id: &str, reply: FunctionResult) -> Response {
        let mut current = self.current();
        match mem::take(&mut current.taken) {
            Some((taken, sender)) if taken == id => {
                drop(current);
                // The caller may have given up.
                drop(sender.send(reply));
                accepted()
            }
            other => {
                current.taken = other;
                refused("InvalidRequestID", "Invalid request ID")
            }
        }
    }
}

async fn next(State(state): State<Arc<Shared>>) -> Response {
    state.asked.send_replace(true);
    let Some(invocation) = state.queue.lock().await.recv().await else {
        return refused("InvalidStateTransition", "The environment is shutting down");
    };
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", invocation.id.clone()),
        ("Lambda-Runtime-Deadline-Ms", invocation.deadline.as_millis().to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", state.arn.clone()),
        ("Lambda-Runtime-Trace-Id", invocation.trace),
        ("Content-Type", "application/json".to_owned()),
    ];
    state.current().taken = Some((invocation.id, invocation.reply));
    (headers, invocation.event).into_response()
}

async fn response(
    State(state): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    state.answer(&id, Ok(body))
}

async fn error(
    State(state): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.answer(&id, Err(function_error(&headers, &body)))
}

async fn init_error(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    state.current().init_error = Some(function_error(&headers, &body));
    accepted()
}

/// The body of a function's error, here and in what an endpoint answers.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(rename = "errorType")]
    pub(super) error_type: Option<String>,
    #[serde(rename = "errorMessage")]
    pub(super) message: Option<String>,
}

fn function_error(headers: &HeaderMap, body: &[u8]) -> InvokeError {
    let body =
        serde_json::from_slice(body).unwrap_or(ErrorBody { error_type: None, message: None });
    let header = || {
        let header = headers.get("Lambda-Runtime-Function-Error-Type")?;
        Some(header.to_str().ok()?.to_owned())
    };
    InvokeError::Function {
        error_type: body.error_type.or_else(header).unwrap_or_else(|| "Unhandled".to_owned()),
        message: body.message.unwrap_or_default(),
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
}

fn refused(error_type: &str, message: &str) -> Response {
    let body = json!({ "errorType": error_type, "errorMessage": message });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a request's id decides nothing: Lambda makes one up for every call"
)]
fn new_id() -> Uuid {
    Uuid::new_v4()
}
