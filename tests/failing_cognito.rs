//! A Cognito in front of the one of `local`, with an injected failure of one operation. It is where
//! verify finds the user pool; clients go to `local` itself.

use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserPoolFailure {
    /// It is not answered.
    NoResponse,
    /// There is too much to do.
    Throttled,
    /// It is refused.
    Rejected,
}

impl UserPoolFailure {
    pub(crate) const ALL: [Self; 3] = [Self::NoResponse, Self::Throttled, Self::Rejected];
}

/// What happens before an operation is passed on.
type Interruption = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The service.
#[derive(Clone)]
pub(crate) struct Cognito {
    pub(crate) url: String,
    upstream: Arc<OnceLock<String>>,
    failing: Arc<Mutex<Option<(&'static str, UserPoolFailure)>>>,
    interruption: Arc<Mutex<Option<(&'static str, Interruption)>>>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Cognito {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cognito = Self {
            url,
            upstream: Arc::default(),
            failing: Arc::default(),
            interruption: Arc::default(),
            calls: Arc::default(),
        };
        let router = Router::new().fallback(pass_on).with_state(cognito.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        cognito
    }

    /// Passes calls on to the `local` at `url`.
    pub(crate) fn pass_on_to(&self, url: &str) {
        self.upstream.set(url.to_owned()).unwrap();
    }

    /// Lets `operation` fail from now on, or nothing.
    pub(crate) fn set(&self, failing: Option<(&'static str, UserPoolFailure)>) {
        *self.failing.lock().unwrap() = failing;
    }

    /// Runs `interruption` before each call of `operation` is passed on.
    pub(crate) fn interrupt(&self, operation: &'static str, interruption: Interruption) {
        *self.interruption.lock().unwrap() = Some((operation, interruption));
    }

    /// The operations called since the last time.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

async fn pass_on(
    State(cognito): State<Cognito>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::GET {
        // It only opens a connection.
        return StatusCode::NOT_FOUND.into_response();
    }
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.split_once('.').unwrap().1.to_owned();
    cognito.calls.lock().unwrap().push(operation.clone());
    let failing = *cognito.failing.lock().unwrap();
    match failing.filter(|(name, _)| *name == operation).map(|(_, failure)| failure) {
        None => {}
        Some(UserPoolFailure::NoResponse) => std::future::pending().await,
        Some(UserPoolFailure::Throttled) => {
            return refuse(StatusCode::BAD_REQUEST, "TooManyRequestsException");
        }
        Some(UserPoolFailure::Rejected) => {
            return refuse(StatusCode::BAD_REQUEST, "AccessDeniedException");
        }
    }
    let interruption = cognito.interruption.lock().unwrap().clone();
    if let Some((name, interruption)) = interruption
        && name == operation
    {
        interruption().await;
    }
    let mut request = Request::post(cognito.upstream.get().expect("a local"));
    for name in ["content-type", "x-amz-target"] {
        request = request.header(name, &headers[name]);
    }
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
    response.map(Body::new)
}

/// A refusal whose message quotes more than may be logged.
fn refuse(status: StatusCode, exception: &'static str) -> Response {
    let message = format!("{{\"__type\":\"{exception}\",\"message\":\"+819012345678 refused\"}}");
    (status, [("x-amzn-errortype", exception)], message).into_response()
}
