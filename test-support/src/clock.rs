//! A clock that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock that stands still until it is moved. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock at `now`, the time since the Unix epoch, in whole milliseconds.
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(milliseconds(now))))
    }

    /// The time since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms())
    }

    /// The time since the Unix epoch, in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Moves the clock by `time`.
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(milliseconds(time), Ordering::SeqCst);
    }
}

fn milliseconds(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap()
}
