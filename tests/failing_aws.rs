//! An Amazon SNS and SES with injected failures, which keep what they were asked all the same.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use local::outbox::{Medium, Message};
use local::services::{ses, sns};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long the first half of an answer has to leave before the connection is closed.
const HALF_WAY: Duration = Duration::from_millis(20);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InjectedFailure {
    /// The message is sent.
    None,
    /// It is taken, and not answered before the failure changes.
    NoResponse,
    /// It is refused.
    Rejected,
    /// There is too much to do.
    Throttled,
    /// Something else is answered, as a refusal.
    InvalidErrorBody,
    /// Something else is answered, as a success.
    InvalidSuccessBody,
    /// The answer comes in drops and has no end.
    EndlessBody,
    /// The credentials are no longer good.
    ExpiredCredentials,
    /// Something fails inside.
    InternalError,
    /// The connection is closed in the middle of the answer.
    ConnectionClosed,
}

impl InjectedFailure {
    /// Those in which a send fails.
    pub(crate) const ALL: [Self; 9] = [
        Self::NoResponse,
        Self::Rejected,
        Self::Throttled,
        Self::InvalidErrorBody,
        Self::InvalidSuccessBody,
        Self::EndlessBody,
        Self::ExpiredCredentials,
        Self::InternalError,
        Self::ConnectionClosed,
    ];
}

/// Both services behind one address. Their failures quote the message.
#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) url: String,
    failure: watch::Sender<InjectedFailure>,
    taken: Arc<Mutex<Vec<Message>>>,
}

impl Aws {
    pub(crate) async fn start(failure: InjectedFailure) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let aws = Self { url, failure: watch::Sender::new(failure), taken: Arc::default() };
        let router = Router::new().fallback(take).with_state(aws.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        aws
    }

    pub(crate) fn set(&self, failure: InjectedFailure) {
        self.failure.send_replace(failure);
    }

    /// The messages of the requests so far, oldest first, whatever became of them.
    pub(crate) fn taken(&self) -> Vec<Message> {
        self.taken.lock().unwrap().clone()
    }

    /// The message of the last request.
    pub(crate) fn last(&self) -> Message {
        self.taken().pop().expect("a request")
    }

    async fn failure(&self) -> InjectedFailure {
        let mut failure = self.failure.subscribe();
        if *failure.borrow() == InjectedFailure::NoResponse {
            // The sender lives as long as `self`.
            failure.wait_for(|failure| *failure != InjectedFailure::NoResponse).await.unwrap();
        }
        *failure.borrow()
    }
}

async fn take(State(aws): State<Aws>, method: Method, uri: Uri, body: Bytes) -> Response {
    if method == Method::GET {
        // It only opens a connection.
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut message = None;
    let take = |taken| message = Some(taken);
    let sent = if uri.path() == "/v2/email/outbound-emails" {
        ses::send_email(&body, "1", 0.0, take)
    } else {
        sns::call(&form_urlencoded::parse(&body).into_owned().collect(), "1", 0.0, take)
    };
    let sent = String::from_utf8(sent.body).unwrap();
    let message = message.unwrap_or_else(|| panic!("a request that sends nothing: {sent}"));
    let quoted = format!("{}: {}", message.to, message.body);
    let refused = |status, sns: &str, ses: &'static str| match message.medium {
        Medium::Sms => {
            let error = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{sns}</Code><Message>{quoted}\
                 </Message></Error><RequestId>1</RequestId></ErrorResponse>"
            );
            (status, error).into_response()
        }
        Medium::Email => {
            let error = json!({ "message": quoted }).to_string();
            (status, [("x-amzn-errortype", ses)], error).into_response()
        }
    };
    aws.taken.lock().unwrap().push(message.clone());
    match aws.failure().await {
        InjectedFailure::None | InjectedFailure::NoResponse => sent.into_response(),
        InjectedFailure::Rejected => {
            refused(StatusCode::BAD_REQUEST, "InvalidParameter", "MessageRejected")
        }
        InjectedFailure::Throttled => {
            refused(StatusCode::TOO_MANY_REQUESTS, "Throttling", "TooManyRequestsException")
        }
        InjectedFailure::InvalidErrorBody => {
            (StatusCode::BAD_REQUEST, format!("\u{0}<<<{{] {quoted}")).into_response()
        }
        InjectedFailure::InvalidSuccessBody => format!("\u{0}<<<{{] {quoted}").into_response(),
        InjectedFailure::EndlessBody => trickling(),
        InjectedFailure::ExpiredCredentials => {
            refused(StatusCode::FORBIDDEN, "ExpiredToken", "ExpiredTokenException")
        }
        InjectedFailure::InternalError => {
            (StatusCode::INTERNAL_SERVER_ERROR, quoted).into_response()
        }
        InjectedFailure::ConnectionClosed => closing(sent),
    }
}

/// An answer that is under way for ever.
pub(crate) fn trickling() -> Response {
    let drops = stream::unfold((), async |()| {
        sleep(HALF_WAY).await;
        Some((Ok::<_, io::Error>(" "), ()))
    });
    Body::from_stream(drops).into_response()
}

/// Half of `answer`, and then nothing more.
pub(crate) fn closing(answer: String) -> Response {
    let half = answer.split_at(answer.len() / 2).0.to_owned();
    let half = stream::once(async { Ok(half) });
    let end = stream::once(async {
        sleep(HALF_WAY).await;
        Err(io::Error::other("closed"))
    });
    Body::from_stream(half.chain(end)).into_response()
}
