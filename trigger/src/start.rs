//! From process start to the first event, and what surrounds each call.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use settings::{Lookup, SettingError};

use crate::{Event, Fault, MetricEvent, Metrics, Trigger, answer, log};

/// Within this time of being called a function has answered or failed, whatever the services that it
/// waits for do. Cognito gives up at 5 seconds and calls again.
pub const TIME_LIMIT: Duration = Duration::from_millis(3_700);

/// Starts a function: logging, settings, then `run`. Ends only on an error, which is told on
/// standard error; a refused setting names its variable there.
pub fn start<S>(
    read: impl FnOnce(&Lookup<'_>) -> Result<S, SettingError>,
    run: impl AsyncFnOnce(S) -> Result<(), Error>,
) -> ExitCode {
    let lookup = &|name: &str| environment_variable(name);
    log::init(lookup);
    let result = read(lookup).map_err(Error::from).and_then(|settings| {
        // One call at a time is what Lambda gives a process: more threads would only cost memory.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(settings))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::print_start_error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Answers `trigger`'s events with `respond` until the Runtime API goes away. A panic in `respond`
/// is an internal fault of that one call. Faults are counted in `metrics`.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve<R, F>(trigger: Trigger, metrics: &Metrics, respond: F) -> Result<(), Error>
where
    R: Serialize,
    F: AsyncFn(&Event) -> Result<R, Fault>,
{
    let handler = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let started = monotonic_now();
        let call = answer(trigger, event.payload.get(), &respond);
        let result = AssertUnwindSafe(call)
            .catch_unwind()
            .await
            .unwrap_or(Err(Fault::Internal("function panicked")));
        let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let request_id = event.context.request_id.as_str();
        if let Err(fault) = &result {
            metrics.record(MetricEvent::Refused(*fault));
        }
        match &result {
            Ok(_) => tracing::info!(request_id, duration_us, "request handled"),
            Err(fault @ Fault::Internal(reason)) => {
                tracing::error!(request_id, duration_us, code = fault.code(), "{reason}");
            }
            Err(fault) => {
                tracing::warn!(request_id, duration_us, code = fault.code(), "request refused");
            }
        }
        result
    });
    Runtime::new(handler).run().await
}

/// The time of day, in milliseconds since the Unix epoch. A clock before 1970 is broken; then no code
/// is in its lifetime.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "where decisions get their `now` from")]
pub fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "times a call for its log line")]
fn monotonic_now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "where settings get their lookup from")]
fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
