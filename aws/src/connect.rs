//! Connections, opened while the function starts.
//!
//! Lambda gives a start all the processor there is, and a call of a small function a fraction: 7 % at
//! 128 MB. Names looked up, handshakes done, roots and endpoint rules parsed before the first event is
//! asked for are time that nobody waits for throttled (docs/PERFORMANCE.md has what it is worth).

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

/// How long the start waits for connections. In its own region a function needs some ten
/// milliseconds; a connection that is not there after this is opened by the call that needs it.
pub const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Waits for `connections` (see [`probe!`](crate::probe)), for [`CONNECT_LIMIT`] at most. A failure is
/// not reported here: a call that needs the service reports it.
pub async fn connect(connections: impl Future) {
    drop(timeout(CONNECT_LIMIT, connections).await);
}

/// Opens a connection by a request that goes through all that a real one goes through, but asks for
/// nothing: `GET /` with no body, which no operation of these services is. It costs nothing, changes
/// nothing and needs no permission; whatever the answer, the connection stays.
///
/// A macro, because each SDK's request builders are types of its own: `probe!(aws_sdk_sns,
/// client.publish())` is a future.
#[macro_export]
macro_rules! probe {
    ($sdk:ident, $call:expr) => {
        // Boxed: the SDK's futures are kilobytes large.
        Box::pin(
            $call
                .customize()
                .config_override(
                    $sdk::Config::builder()
                        .retry_config($sdk::config::retry::RetryConfig::disabled()),
                )
                .mutate_request(|request| {
                    *request.body_mut() = "".into();
                    for name in ["content-length", "content-type", "x-amz-target"] {
                        request.headers_mut().remove(name);
                    }
                    // Fails for no method of HTTP.
                    let _ = request.set_method("GET");
                })
                .send(),
        )
    };
}
