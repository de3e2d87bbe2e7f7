//! Functions that another program runs: `cargo lambda watch`, `sam local start-lambda`, or anything
//! else that accepts Lambda's Invoke call over plain HTTP.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::lambda::calls::{CallLog, Outcome};
use crate::lambda::runtime_api::ErrorBody;
use crate::user_pool::{Invoke, InvokeError, Trigger};

/// The largest response of a function: Lambda's own limit.
const RESPONSE_LIMIT: usize = 6 * 1024 * 1024;

/// An invalid address of functions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid address of functions; write it like http://127.0.0.1:9000")]
pub struct InvalidEndpoint(String);

/// A Lambda endpoint.
pub struct Endpoint {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    limit: Duration,
    calls: CallLog,
}

impl Endpoint {
    /// The functions at `url`, such as `http://127.0.0.1:9000`, which have `limit` for an answer
    /// ([`TRIGGER_TIMEOUT`](super::TRIGGER_TIMEOUT), as Cognito does).
    ///
    /// # Errors
    /// When `url` is not a plain `http` address.
    pub fn new(url: &str, limit: Duration, calls: CallLog) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() || uri.query().is_some() {
            return Err(invalid());
        }
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            limit,
            calls,
        })
    }

    /// The calls so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> &CallLog {
        &self.calls
    }

    async fn post(&self, function: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.base);
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header("Content-Type", "application/json")
            .body(Full::new(event))
            .map_err(|error| self.unreachable(&error))?;
        let response =
            self.client.request(request).await.map_err(|error| self.unreachable(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, RESPONSE_LIMIT)
            .collect()
            .await
            .map_err(|error| self.unreachable(error.as_ref()))?
            .to_bytes();
        let failed = head.headers.contains_key("X-Amz-Function-Error");
        if head.status == StatusCode::OK && !failed {
            return Ok(body);
        }
        Err(match serde_json::from_slice(&body) {
            // `cargo lambda watch` sends a function's error with status 500 and no header.
            Ok(ErrorBody { error_type, message: Some(message) }) => InvokeError::Function {
                error_type: error_type.unwrap_or_else(|| "Unhandled".to_owned()),
                message,
            },
            _ => InvokeError::Function {
                error_type: "Endpoint.Unexpected".to_owned(),
                message: format!(
                    "{} answered the call of {function} with HTTP status {}",
                    self.base, head.status
                ),
            },
        })
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> InvokeError {
        let cause =
            std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error);
        InvokeError::Function {
            error_type: "Endpoint.Unreachable".to_owned(),
            message: format!("{} did not answer: {cause}", self.base),
        }
    }
}

impl Invoke for Endpoint {
    fn invoke(&self, trigger: Trigger, event: Bytes) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let entry = self.calls.begin(trigger);
            let call = self.post(trigger.function(), event);
            let ended = timeout(self.limit, call).await.unwrap_or(Err(InvokeError::TimedOut));
            let outcome = match &ended {
                Ok(_) => Outcome::Ok,
                Err(InvokeError::Function { .. }) => Outcome::Error,
                Err(InvokeError::TimedOut) => Outcome::Timeout,
            };
            entry.end(outcome, None, false);
            ended
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_without_http_scheme_and_host_is_refused() {
        let made = |url| Endpoint::new(url, Duration::ZERO, CallLog::default()).map(drop);
        assert_eq!(made("http://127.0.0.1:9000"), Ok(()));
        assert_eq!(made("http://localhost:3001/"), Ok(()));
        for url in ["", "9000", "localhost:9000", "https://127.0.0.1", "http://"] {
            let error = made(url).unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:9000"), "{url}: {error}");
        }
    }
}
