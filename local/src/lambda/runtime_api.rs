//! The Runtime API of one execution environment: the HTTP that a function speaks to Lambda.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem};

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::clock::Clock;
use crate::protocol::admission::Admission;
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
        let admission = Admission { port: Some(address.port()), ..Admission::default() };
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
            .layer(middleware::from_fn_with_state(admission, functions_only))
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

/// Refuses whatever comes from a browser: to ask for an event is to take it away from the function.
/// A page that reaches this port by a name of its own shows it in `Host`; one that knows the port
/// shows itself in the headers that browsers add, and no function sends those.
async fn functions_only(
    State(admission): State<Admission>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let is_page = headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site");
    if is_page || admission.check_request(request.method(), request.uri(), headers).is_err() {
        let message = "This is for the function alone";
        return (StatusCode::FORBIDDEN, Json(error_body("Forbidden", message))).into_response();
    }
    next.run(request).await
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
    (StatusCode::BAD_REQUEST, Json(error_body(error_type, message))).into_response()
}

fn error_body(error_type: &str, message: &str) -> Value {
    json!({ "errorType": error_type, "errorMessage": message })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a request's id decides nothing: Lambda makes one up for every call"
)]
fn new_id() -> Uuid {
    Uuid::new_v4()
}

#[cfg(test)]
mod tests {
    use axum::http::header::HOST;
    use http::Method;
    use http_body_util::{BodyExt as _, Full};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Sends a request; the status, the request id in the reply, and its body.
    async fn send(
        api: &RuntimeApi,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Option<String>, String) {
        let url = format!("http://{}/2018-06-01/runtime/{path}", api.address());
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = request.body(Full::<Bytes>::from("\"answer\"")).unwrap();
        let reply = timeout(LIMIT, client.request(request)).await.unwrap().unwrap();
        let (head, body) = reply.into_parts();
        let id = head.headers.get("Lambda-Runtime-Aws-Request-Id");
        let id = id.map(|id| id.to_str().unwrap().to_owned());
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, id, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn page_takes_no_event_and_answers_none() {
        let api = RuntimeApi::serve("verify-auth-challenge").await.unwrap();
        let port = api.address().port();
        let (own, other) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port ^ 1));
        let named = format!("evil.example:{port}");
        let pages: [&[(&str, &str)]; 8] = [
            &[(HOST.as_str(), "evil.example")],
            &[(HOST.as_str(), &named)],
            &[(HOST.as_str(), &other)],
            &[(HOST.as_str(), "127.0.0.1")],
            &[(HOST.as_str(), &named), ("origin", "https://evil.example")],
            &[(HOST.as_str(), &own), ("origin", "https://evil.example")],
            &[(HOST.as_str(), &own), ("origin", "http://localhost:3000")],
            // What needs no preflight has no `Origin`.
            &[(HOST.as_str(), &own), ("sec-fetch-site", "cross-site")],
        ];
        let (id, mut answer) = api.invoke(Bytes::from_static(b"{\"code\":1}"), LIMIT);
        for page in pages {
            for (method, path) in [
                (Method::GET, "invocation/next"),
                (Method::POST, "init/error"),
                (Method::GET, "nothing"),
            ] {
                let (status, taken, body) = send(&api, method, path, page).await;
                assert_eq!((status, taken), (StatusCode::FORBIDDEN, None), "{page:?} {path}");
                assert!(!body.contains("code"), "{body}");
            }
        }
        assert!(!*api.state.asked.borrow(), "the function's initialisation ended");
        assert_eq!(api.init_error(), None);
        assert!(!api.has_taken(&id));

        // The function itself, which says nothing but its host.
        let (status, taken, event) = send(&api, Method::GET, "invocation/next", &[]).await;
        assert_eq!((status, taken.as_deref()), (StatusCode::OK, Some(id.as_str())));
        assert_eq!(event, "{\"code\":1}");
        for page in pages {
            for outcome in ["response", "error"] {
                let path = format!("invocation/{id}/{outcome}");
                let (status, ..) = send(&api, Method::POST, &path, page).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{page:?}");
            }
        }
        assert!(api.has_taken(&id), "the call still waits for its answer");
        answer.try_recv().unwrap_err();
        let (status, ..) =
            send(&api, Method::POST, &format!("invocation/{id}/response"), &[]).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(answer.try_recv().unwrap(), Ok(Bytes::from_static(b"\"answer\"")));
    }
}
