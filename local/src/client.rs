//! A small client of `local` itself, for the demo: JSON in, JSON out.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::user_pool::PasswordPolicy;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Cognito refused the call.
    #[error("{exception}: {message}")]
    Refused {
        /// The exception's name.
        exception: String,
        /// Its message.
        message: String,
    },
    /// There was no valid response.
    #[error("no valid response from {url}: {reason}")]
    NoAnswer {
        /// What was called.
        url: String,
        /// The reason.
        reason: String,
    },
}

/// Calls a running `local`.
pub struct Client {
    url: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the `local` at `url`.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url, http: HttpClient::builder(TokioExecutor::new()).build_http() }
    }

    /// Calls the user pool's `operation`.
    ///
    /// # Errors
    /// When it is refused or nothing answers.
    pub async fn call(&self, operation: &str, body: &Value) -> Result<Value, ClientError> {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Full::from(body.to_string()));
        let reply = self.send(&self.url, request).await?;
        match reply.get("__type").and_then(Value::as_str) {
            None => Ok(reply),
            Some(exception) => {
                let message = reply.get("message").and_then(Value::as_str).unwrap_or_default();
                let (exception, message) = (exception.to_owned(), message.to_owned());
                Err(ClientError::Refused { exception, message })
            }
        }
    }

    /// The first half of "sign in or up": signs `username` up with a random password, which is never used
    /// again. Returns the response, or none where the user exists already.
    ///
    /// # Errors
    /// When it is refused for another reason or nothing answers.
    pub async fn sign_up_if_new(
        &self,
        client_id: &str,
        username: &str,
    ) -> Result<Option<Value>, ClientError> {
        let user = json!({
            "ClientId": client_id,
            "Username": username,
            "Password": random_password(),
        });
        match self.call("SignUp", &user).await {
            Ok(reply) => Ok(Some(reply)),
            Err(ClientError::Refused { exception, .. })
                if exception == "UsernameExistsException" =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Gets `path`.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        let url = format!("{}{path}", self.url);
        self.send(&url, Request::get(&url).body(Full::default())).await
    }

    async fn send(
        &self,
        url: &str,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> Result<Value, ClientError> {
        let no_answer = |reason: String| ClientError::NoAnswer { url: url.to_owned(), reason };
        let request = request.map_err(|error| no_answer(error.to_string()))?;
        let response =
            self.http.request(request).await.map_err(|error| no_answer(error.to_string()))?;
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| no_answer(error.to_string()))?.to_bytes();
        // RevokeToken and others have an empty response.
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| no_answer(error.to_string()))
    }
}

/// A password that meets Cognito's default policy.
#[expect(clippy::disallowed_methods, reason = "where this client gets its randomness from")]
fn random_password() -> String {
    const LENGTH: usize = 40;
    let policy = PasswordPolicy { minimum_length: LENGTH, ..PasswordPolicy::default() };
    policy.generate(&mut rand::rng())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_passwords_meet_the_default_policy_and_differ() {
        let passwords = [random_password(), random_password()];
        assert_ne!(passwords[0], passwords[1]);
        for password in passwords {
            assert_eq!(password.len(), 40);
            assert_eq!(PasswordPolicy::default().check(&password), Ok(()));
        }
    }
}
