//! An Amazon SNS and SES that are not always well, and remember what they took all the same.

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
pub(crate) enum Mood {
    /// The message is sent.
    Well,
    /// It is taken, and not answered before the mood changes.
    Stalled,
    /// It is refused.
    Refusing,
    /// There is too much to do.
    Throttling,
    /// Something else is answered, as a refusal.
    Babbling,
    /// Something else is answered, as if all were well.
    Raving,
    /// The answer comes in drops and has no end.
    Trickling,
    /// The credentials are no longer good.
    Expired,
    /// Something fails inside.
    Broken,
    /// The connection is closed in the middle of the answer.
    Closing,
}

impl Mood {
    /// Those in which a send fails.
    pub(crate) const ILL: [Self; 9] = [
        Self::Stalled,
        Self::Refusing,
        Self::Throttling,
        Self::Babbling,
        Self::Raving,
        Self::Trickling,
        Self::Expired,
        Self::Broken,
        Self::Closing,
    ];
}

/// Both services behind one address. What they answer when they are ill quotes the message.
#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) url: String,
    mood: watch::Sender<Mood>,
    taken: Arc<Mutex<Vec<Message>>>,
}

impl Aws {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let aws = Self { url, mood: watch::Sender::new(mood), taken: Arc::default() };
        let router = Router::new().fallback(take).with_state(aws.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        aws
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// The messages of the requests so far, oldest first, whatever became of them.
    pub(crate) fn taken(&self) -> Vec<Message> {
        self.taken.lock().unwrap().clone()
    }

    /// The message of the last request.
    pub(crate) fn last(&self) -> Message {
        self.taken().pop().expect("a request")
    }

    async fn mood(&self) -> Mood {
        let mut mood = self.mood.subscribe();
        if *mood.borrow() == Mood::Stalled {
            // The sender lives as long as `self`.
            mood.wait_for(|mood| *mood != Mood::Stalled).await.unwrap();
        }
        *mood.borrow()
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
    match aws.mood().await {
        Mood::Well | Mood::Stalled => sent.into_response(),
        Mood::Refusing => refused(StatusCode::BAD_REQUEST, "InvalidParameter", "MessageRejected"),
        Mood::Throttling => {
            refused(StatusCode::TOO_MANY_REQUESTS, "Throttling", "TooManyRequestsException")
        }
        Mood::Babbling => {
            (StatusCode::BAD_REQUEST, format!("\u{0}<<<{{] {quoted}")).into_response()
        }
        Mood::Raving => format!("\u{0}<<<{{] {quoted}").into_response(),
        Mood::Trickling => trickling(),
        Mood::Expired => refused(StatusCode::FORBIDDEN, "ExpiredToken", "ExpiredTokenException"),
        Mood::Broken => (StatusCode::INTERNAL_SERVER_ERROR, quoted).into_response(),
        Mood::Closing => closing(sent),
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
