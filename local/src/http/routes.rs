//! The routes: which service a request is for. Everything in a reply comes from that service.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::json;
use uuid::Uuid;

use crate::clock::Clock;
use crate::http::loopback::{admitted_only, cross_origin};
use crate::identity_pool::{self, IdentityPools};
use crate::lambda::CallLog;
use crate::outbox::Outbox;
use crate::protocol::admission::Admission;
use crate::protocol::http_reply::HttpReply;
use crate::protocol::query::{self, Form};
use crate::services::dynamodb::{self, DynamoDb};
use crate::services::sts::{self, Caller, Sts};
use crate::services::{ses, sns};
use crate::user_pool::UserPools;

/// The largest body that is read, in bytes: Cognito's own limit is smaller, for every operation.
const MAX_BODY_BYTES: usize = 1024 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The services behind the routes.
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

/// Every route.
pub(crate) fn router(services: Services) -> Router {
    let admission = Admission::default();
    // What AWS has. A page of this machine may call it; no page sees what was sent.
    let aws = Router::new()
        .route("/", get(page).post(dispatch_call))
        .route("/v2/email/outbound-emails", post(send_email))
        .route("/cognito-identity/.well-known/jwks_uri", get(identity_jwks))
        .route("/cognito-identity/.well-known/jwks.json", get(identity_jwks))
        .route("/cognito-identity/.well-known/openid-configuration", get(identity_configuration))
        .route("/{pool}/.well-known/jwks.json", get(jwks))
        .route("/{pool}/.well-known/openid-configuration", get(openid_configuration))
        .layer(cross_origin(admission.clone(), [REQUEST_ID, ERROR_TYPE]));
    aws.route("/_local/outbox", get(outbox))
        .route("/_local/triggers", get(triggers))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(admission, admitted_only))
        .with_state(Arc::new(services))
}

type Shared = State<Arc<Services>>;
type Body = Result<Bytes, BytesRejection>;

/// The reply to a body that is too large or incomplete.
fn unreadable_body(rejection: &BytesRejection) -> Response {
    let (error, message) = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = format!("The request is larger than {MAX_BODY_BYTES} bytes");
        ("RequestEntityTooLargeException", message)
    } else {
        ("SerializationException", "The request is incomplete".to_owned())
    };
    respond(HttpReply::error(rejection.status().as_u16(), error, &message))
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

/// `POST /` is Cognito's if it has a target, and STS's or SNS's if it is a form.
async fn dispatch_call(State(services): Shared, headers: HeaderMap, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable_body(&rejection),
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
            return dispatch_query_call(&services, &query::parse(&body), caller);
        }
        Some(target) if target.starts_with(identity_pool::TARGET_PREFIX) => {
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
fn dispatch_query_call(services: &Services, form: &Form, caller: Caller<'_>) -> Response {
    respond(if sts::is_sts_request(form) {
        services.sts.call(form, caller, &request_id())
    } else {
        let send = |message| services.outbox.push(message);
        sns::call(form, &request_id(), now(services), send)
    })
}

async fn send_email(State(services): Shared, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable_body(&rejection),
    };
    let send = |message| services.outbox.push(message);
    respond(ses::send_email(&body, &request_id(), now(&services), send))
}

async fn jwks(State(services): Shared, Path(pool): Path<String>, uri: Uri) -> Response {
    match services.pools.jwks(&pool) {
        Some(keys) => Json(keys).into_response(),
        None => not_found(uri).await,
    }
}

async fn identity_jwks(State(services): Shared, uri: Uri) -> Response {
    match services.identities.jwks() {
        Some(keys) => Json(keys).into_response(),
        None => not_found(uri).await,
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
        None => not_found(uri).await,
    }
}

async fn outbox(State(services): Shared) -> Response {
    Json(services.outbox.messages()).into_response()
}

async fn triggers(State(services): Shared) -> Response {
    Json(services.calls.calls()).into_response()
}

async fn not_found(uri: Uri) -> Response {
    let message = format!("Not found: {}. See GET / for what is served here", uri.path());
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
