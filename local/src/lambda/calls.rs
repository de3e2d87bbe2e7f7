//! The log of trigger calls: trigger, duration and outcome, never the event or the response.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::user_pool::Trigger;

/// How many calls are kept; the oldest go first.
const CAPACITY: usize = 1_000;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The function answered.
    Ok,
    /// The function answered with an error, or could not be reached.
    Error,
    /// No answer in time.
    Timeout,
    /// The function's process could not start, or ended before it answered.
    Died,
}

/// One call of a trigger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriggerCall {
    /// The trigger's name in Cognito, such as `DefineAuthChallenge`.
    pub trigger: &'static str,
    /// When it began, Unix seconds.
    pub started_at: f64,
    /// How long the caller waited for it.
    pub duration_ms: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// The process that took the call, if we run the functions and one did.
    pub pid: Option<u32>,
    /// Whether that process was started for this call.
    pub cold: bool,
}

/// The calls made, oldest first. Clones share them.
#[derive(Clone)]
pub struct CallLog {
    clock: Clock,
    calls: Arc<Mutex<VecDeque<TriggerCall>>>,
}

impl CallLog {
    /// An empty log that dates its entries by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, calls: Arc::default() }
    }

    /// A copy of the calls kept, oldest first. A call is added when it ends.
    #[must_use]
    pub fn calls(&self) -> Vec<TriggerCall> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn begin(&self, trigger: Trigger) -> StartedCall<'_> {
        StartedCall { log: self, trigger, started_at: self.clock.now(), stopwatch: now() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<TriggerCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for CallLog {
    fn default() -> Self {
        Self::new(Clock::system())
    }
}

/// A call under way.
pub(super) struct StartedCall<'a> {
    log: &'a CallLog,
    trigger: Trigger,
    started_at: Duration,
    stopwatch: Instant,
}

impl StartedCall<'_> {
    pub(super) fn end(self, outcome: Outcome, pid: Option<u32>, cold: bool) {
        let call = TriggerCall {
            trigger: self.trigger.name(),
            started_at: self.started_at.as_secs_f64(),
            duration_ms: self.stopwatch.elapsed().as_secs_f64() * 1_000.0,
            outcome,
            pid,
            cold,
        };
        let mut calls = self.log.lock();
        if calls.len() == CAPACITY {
            calls.pop_front();
        }
        calls.push_back(call);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch: durations must not follow a clock that a test moves"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_log_entries_have_the_documented_field_names() {
        let log = CallLog::new(Clock::new(|| Duration::from_millis(1_500)));
        log.begin(Trigger::CreateAuthChallenge).end(Outcome::Timeout, Some(7), true);
        let mut calls = log.calls();
        calls[0].duration_ms = 2.0;
        assert_eq!(
            serde_json::to_value(&calls).unwrap(),
            serde_json::json!([{
                "trigger": "CreateAuthChallenge", "started_at": 1.5, "duration_ms": 2.0,
                "outcome": "timeout", "pid": 7, "cold": true,
            }])
        );
    }

    #[test]
    fn full_call_log_drops_its_oldest_entries() {
        let log = CallLog::default();
        log.begin(Trigger::DefineAuthChallenge).end(Outcome::Ok, None, false);
        for _ in 0..CAPACITY {
            log.begin(Trigger::CreateAuthChallenge).end(Outcome::Ok, None, false);
        }
        let calls = log.calls();
        assert_eq!(calls.len(), CAPACITY);
        assert!(calls.iter().all(|call| call.trigger == "CreateAuthChallenge"));
    }
}
