//! Functions that someone else runs, behind a server that answers as the known ones do.
#![cfg(test)]

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use local::lambda::{CallLog, Endpoint, Invoke, InvokeError, Outcome, Trigger};
use tokio::net::TcpListener;

/// The limit of calls that are meant to reach it.
const SHORT_LIMIT: Duration = Duration::from_millis(300);

/// The limit of the others.
const LONG_LIMIT: Duration = Duration::from_secs(10);

/// Serves the Invoke call for as long as the test runs, and gives the address.
async fn serve<F>(answer: impl Fn(String, Bytes) -> F + Clone + Send + Sync + 'static) -> String
where
    F: Future<Output = Response> + Send + 'static,
{
    let routes = Router::new().route(
        "/2015-03-31/functions/{name}/invocations",
        post(move |Path(name): Path<String>, event: Bytes| answer(name, event)),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

async fn invoke(url: &str, limit: Duration) -> (Result<Bytes, InvokeError>, CallLog) {
    let endpoint = Endpoint::new(url, limit, CallLog::default()).unwrap();
    let trigger = Trigger::VerifyAuthChallengeResponse;
    let result = endpoint.invoke(trigger, Bytes::from_static(b"{}")).await;
    (result, endpoint.calls().clone())
}

fn error(error_type: &str, message: &str) -> Result<Bytes, InvokeError> {
    Err(InvokeError::Function { error_type: error_type.to_owned(), message: message.to_owned() })
}

#[tokio::test]
async fn event_is_forwarded_and_response_returned() {
    let url = serve(async |name, event: Bytes| {
        format!("{name} got {}", String::from_utf8_lossy(&event)).into_response()
    })
    .await;
    for url in [url.clone(), format!("{url}/")] {
        let (result, log) = invoke(&url, LONG_LIMIT).await;
        assert_eq!(result.unwrap(), "verify-auth-challenge got {}");
        let calls = log.calls();
        assert_eq!(calls[0].trigger, "VerifyAuthChallengeResponse");
        assert_eq!(calls[0].outcome, Outcome::Ok);
        assert_eq!(calls[0].pid, None);
    }
}

#[tokio::test]
async fn function_error_is_detected_by_header_or_status() {
    const BODY: &str = r#"{"errorType":"Code","errorMessage":"TOO_MANY_CODES"}"#;
    let lambda = serve(async |_, _| {
        let header = [("X-Amz-Function-Error", "Unhandled")];
        (header, BODY).into_response()
    })
    .await;
    let cargo_lambda =
        serve(async |_, _| (StatusCode::INTERNAL_SERVER_ERROR, BODY).into_response()).await;
    for url in [lambda, cargo_lambda] {
        let (result, log) = invoke(&url, LONG_LIMIT).await;
        assert_eq!(result, error("Code", "TOO_MANY_CODES"));
        assert_eq!(log.calls()[0].outcome, Outcome::Error);
    }
}

#[tokio::test]
async fn unexpected_response_names_address_and_status() {
    let url = serve(async |_, _| (StatusCode::NOT_FOUND, "{}").into_response()).await;
    let (result, _) = invoke(&url, LONG_LIMIT).await;
    let message =
        format!("{url} answered the call of verify-auth-challenge with HTTP status 404 Not Found");
    assert_eq!(result, error("Endpoint.Unexpected", &message));
}

#[tokio::test]
async fn late_response_is_a_timeout() {
    let url = serve(async |_, _| std::future::pending().await).await;
    let (result, log) = invoke(&url, SHORT_LIMIT).await;
    assert_eq!(result, Err(InvokeError::TimedOut));
    assert_eq!(log.calls()[0].outcome, Outcome::Timeout);
}

#[tokio::test]
async fn unreachable_endpoint_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (result, log) = invoke(&url, LONG_LIMIT).await;
    let Err(InvokeError::Function { message, .. }) = result else {
        panic!("somebody is there: {result:?}");
    };
    assert!(message.starts_with(&format!("{url} did not answer: ")), "{message}");
    assert_eq!(log.calls()[0].outcome, Outcome::Error);
}
