//! Waiting for something that happens by itself, and no longer than a limit.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How often to look whether it has happened.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `condition` holds. The test fails if that takes longer than `limit`; `what` says of
/// what the condition is.
pub async fn until(limit: Duration, what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(limit, wait).await.unwrap_or_else(|_| panic!("in {limit:?}: {what}"));
}
