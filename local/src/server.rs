//! The HTTP skin: which service a request is for, and the form of its answer. Everything that it
//! says comes from the services behind it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::json;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use uuid::Uuid;

use crate::clock::Clock;
use crate::dynamodb::DynamoDb;
use crate::identity::IdentityPools;
use crate::lambda::CallLog;
use crate::outbox::Outbox;
use crate::pool::UserPools;
use crate::protocol::http_reply::HttpReply;
use crate::protocol::query;
use crate::protocol::query::Form;
use crate::sts::{Caller, Sts};
use crate::{dynamodb, identity, ses, sns, sts};

/// The largest body that is read, in bytes: Cognito's own limit is smaller, for every operation.
const MAX_BODY_BYTES: usize = 1024 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// What the services need.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) pools: UserPools,
    pub(crate) identities: IdentityPools,
    pub(crate) sts: Sts,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) outbox: Outbox,
    pub(crate) calls: CallLog,
    pub(crate) clock: Clock,
}

/// Every path that `local` answers.
pub(crate) fn router(services: Services) -> Router {
    // What AWS has. A page from elsewhere may call it, as it may call AWS; it is never to see what
    // was sent.
    let aws = Router::new()
        .route("/", get(page).post(by_target))
        .route("/v2/email/outbound-emails", post(send_email))
        .route("/cognito-identity/.well-known/jwks_uri", get(identity_jwks))
        .route("/cognito-identity/.well-known/jwks.json", get(identity_jwks))
        .route("/cognito-identity/.well-known/openid-configuration", get(identity_configuration))
        .route("/{pool}/.well-known/jwks.json", get(jwks))
        .route("/{pool}/.well-known/openid-configuration", get(openid_configuration))
        .layer(cross_origin());
    aws.route("/_local/outbox", get(outbox))
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
    respond(HttpReply::error(rejection.status().as_u16(), error, &message))
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

/// Lets a page in a browser call what AWS would let it call, if the page comes from this machine. On
/// AWS any page may; but here any credentials do, so that a page on the web could do everything.
fn cross_origin() -> CorsLayer {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|origin, _| is_loopback_origin(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID, ERROR_TYPE])
        .max_age(A_DAY)
}

/// Whether an `Origin` such as `http://localhost:3000` is of this machine.
fn is_loopback_origin(origin: &HeaderValue) -> bool {
    let host = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    host.is_some_and(is_loopback)
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

/// `POST /` is Cognito's if it has a target, and STS's or SNS's if it is a form.
async fn by_target(State(services): Shared, headers: HeaderMap, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_form = header(CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let reply = match header("x-amz-target") {
        None if is_form => {
            let caller = Caller {
                authorization: header(AUTHORIZATION.as_str()),
                session_token: header("x-amz-security-token"),
            };
            return by_version(&services, &query::parse(&body), caller);
        }
        Some(target) if target.starts_with(identity::TARGET_PREFIX) => {
            services.identities.call(target, &body)
        }
        Some(target) if target.starts_with(dynamodb::TARGET_PREFIX) => {
            services.dynamodb.call(target, &body)
        }
        target => services.pools.call(target.unwrap_or_default(), &body).await,
    };
    respond(reply)
}

/// Answers a form.
fn by_version(services: &Services, form: &Form, caller: Caller<'_>) -> Response {
    respond(if sts::is_for(form) {
        services.sts.call(form, caller, &request_id())
    } else {
        let send = |message| services.outbox.push(message);
        sns::call(form, &request_id(), now(services), send)
    })
}

async fn send_email(State(services): Shared, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    let send = |message| services.outbox.push(message);
    respond(ses::send_email(&body, &request_id(), now(&services), send))
}

async fn jwks(State(services): Shared, Path(pool): Path<String>, uri: Uri) -> Response {
    match services.pools.jwks(&pool) {
        Some(keys) => Json(keys).into_response(),
        None => unknown(uri).await,
    }
}

async fn identity_jwks(State(services): Shared, uri: Uri) -> Response {
    match services.identities.jwks() {
        Some(keys) => Json(keys).into_response(),
        None => unknown(uri).await,
    }
}

async fn identity_configuration(State(services): Shared) -> Response {
    Json(services.identities.openid_configuration()).into_response()
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

fn respond(reply: HttpReply) -> Response {
    let HttpReply { status, error_type, content_type, body } = reply;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::try_from(request_id()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(error) = error_type {
        // botocore reads the body's `__type`; Amplify and the Rust SDK prefer this.
        headers.insert(ERROR_TYPE, HeaderValue::from_static(error));
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
        for origin in ["http://localhost:3000", "https://127.0.0.1", "capacitor://localhost"] {
            assert!(is_loopback_origin(&HeaderValue::from_static(origin)), "{origin}");
        }
        for origin in ["null", "http://evil.example", "localhost", "http://localhost.evil:3000"] {
            assert!(!is_loopback_origin(&HeaderValue::from_static(origin)), "{origin}");
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
