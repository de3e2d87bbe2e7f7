//! Who may call: programs of this machine, and pages that come from it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::protocol::admission::{Admission, Refusal};

/// Refuses a request for another `Host` than this machine, and one that a page from elsewhere would
/// change something with.
pub(super) async fn admitted_only(
    State(admission): State<Admission>,
    request: Request,
    next: Next,
) -> Response {
    let message = match admission.check_request(request.method(), request.uri(), request.headers())
    {
        Ok(()) => return next.run(request).await,
        Err(Refusal::Host) => "Forbidden. cognito-otp serves 127.0.0.1, [::1] and localhost only",
        Err(Refusal::Origin) => {
            "Forbidden. cognito-otp takes calls of pages from 127.0.0.1, [::1] and localhost only"
        }
    };
    (StatusCode::FORBIDDEN, Json(json!({ "message": message }))).into_response()
}

/// Lets a page in a browser call what AWS would let it call, if the page comes from this machine.
/// On AWS any page may; but here any credentials do, so that a page on the web could do everything.
pub(super) fn cross_origin(admission: Admission, exposed: [HeaderName; 2]) -> CorsLayer {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| admission.admits(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(A_DAY)
}
