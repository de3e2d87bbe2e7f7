//! The HTTP skin: which service a request is for, and the form of its answer. Everything that it
//! says comes from the services behind it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::json;
use uuid::Uuid;

use crate::clock::Clock;
use crate::lambda::CallLog;
use crate::outbox::Outbox;
use crate::pool::UserPools;
use crate::{ses, sns};

/// The largest body that is read, in bytes: Cognito's own limit is smaller, for every operation.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// What the services need.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) pools: UserPools,
    pub(crate) outbox: Outbox,
    pub(crate) calls: CallLog,
    pub(crate) clock: Clock,
}

/// Every path that `local` answers.
pub(crate) fn router(services: Services) -> Router {
    Router::new()
        .route("/", get(page).post(by_target))
        .route("/v2/email/outbound-emails", post(send_email))
        .route("/{pool}/.well-known/jwks.json", get(jwks))
        .route("/{pool}/.well-known/openid-configuration", get(openid_configuration))
        .route("/_local/outbox", get(outbox))
        .route("/_local/triggers", get(triggers))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(loopback_only))
        .with_state(Arc::new(services))
}

type Shared = State<Arc<Services>>;
type Body = Result<Bytes, BytesRejection>;

/// What a body gets that is too large, or breaks off.
fn unread(rejection: &BytesRejection) -> Response {
    let (error, message) = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = format!("The request is larger than {MAX_BODY_BYTES} bytes");
        ("RequestEntityTooLargeException", message)
    } else {
        ("SerializationException", "The request broke off".to_owned())
    };
    let body = json!({ "__type": error, "message": message }).to_string().into_bytes();
    answer(rejection.status().as_u16(), Some(error), "application/x-amz-json-1.1", body)
}

/// Refuses a request that names another host than this one: a page on the web that resolves its
/// own name to 127.0.0.1 must not read the outbox.
async fn loopback_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if host.is_none_or(is_loopback) {
        return next.run(request).await;
    }
    let message = "local answers to 127.0.0.1, [::1] and localhost only";
    (StatusCode::FORBIDDEN, Json(json!({ "message": message }))).into_response()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let is_address = address.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    is_address || name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost")
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

/// `POST /` is Cognito's if it has a target, SNS's if it is a form.
async fn by_target(State(services): Shared, headers: HeaderMap, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_form = header(CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    match header("x-amz-target") {
        None if is_form => publish(&services, &body),
        target => {
            let reply = services.pools.call(target.unwrap_or_default(), &body).await;
            const JSON: &str = "application/x-amz-json-1.1";
            answer(reply.status, reply.error_type, JSON, reply.body)
        }
    }
}

fn publish(services: &Services, body: &[u8]) -> Response {
    let form = form_urlencoded::parse(body).into_owned().collect();
    let send = |message| services.outbox.push(message);
    let (status, body) = sns::call(&form, &request_id(), now(services), send);
    answer(status, None, "text/xml", body.into_bytes())
}

async fn send_email(State(services): Shared, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    let send = |message| services.outbox.push(message);
    let (status, error, body) = ses::send_email(&body, &request_id(), now(&services), send);
    answer(status, error, "application/json", body.to_string().into_bytes())
}

async fn jwks(State(services): Shared, Path(pool): Path<String>, uri: Uri) -> Response {
    match services.pools.jwks(&pool) {
        Some(keys) => Json(keys).into_response(),
        None => unknown(uri).await,
    }
}

async fn openid_configuration(
    State(services): Shared,
    Path(pool): Path<String>,
    uri: Uri,
) -> Response {
    match services.pools.openid_configuration(&pool) {
        Some(configuration) => Json(configuration).into_response(),
        None => unknown(uri).await,
    }
}

async fn outbox(State(services): Shared) -> Response {
    Json(services.outbox.messages()).into_response()
}

async fn triggers(State(services): Shared) -> Response {
    Json(services.calls.calls()).into_response()
}

async fn unknown(uri: Uri) -> Response {
    let message = format!("{} is no path of local; see GET /", uri.path());
    (StatusCode::NOT_FOUND, Json(json!({ "message": message }))).into_response()
}

fn answer(status: u16, error: Option<&'static str>, kind: &'static str, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::try_from(request_id()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    if let Some(error) = error {
        // botocore reads the body's `__type`; Amplify and the Rust SDK prefer this.
        let name = HeaderName::from_static("x-amzn-errortype");
        headers.insert(name, HeaderValue::from_static(error));
    }
    response
}

#[expect(clippy::disallowed_methods, reason = "an id that nothing depends on")]
fn request_id() -> String {
    Uuid::new_v4().to_string()
}

fn now(services: &Services) -> f64 {
    services.clock.now().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_answered() {
        for host in
            ["127.0.0.1:9500", "127.0.0.1", "localhost:9500", "[::1]:9500", "[::1]", "LOCALHOST"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "example.com",
            "evil.example:9500",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost.evil",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
