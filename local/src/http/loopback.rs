//! Who may call: this machine alone, by its loopback names, and pages that come from it.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Refuses a request with another `Host` than this machine's: a page on the web that resolves its
/// own name to 127.0.0.1 must not read the outbox.
pub(super) async fn loopback_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if host.is_none_or(is_loopback) {
        return next.run(request).await;
    }
    let message = "Forbidden. cognito-otp serves 127.0.0.1, [::1] and localhost only";
    (StatusCode::FORBIDDEN, Json(json!({ "message": message }))).into_response()
}

/// Lets a page in a browser call what AWS would let it call, if the page comes from this machine.
/// On AWS any page may; but here any credentials do, so that a page on the web could do everything.
pub(super) fn cross_origin(exposed: [HeaderName; 2]) -> CorsLayer {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|origin, _| is_loopback_origin(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
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
