//! What a function writes: its own lines, and nobody else's.
//!
//! The AWS SDK writes requests at DEBUG and the Lambda runtime writes raw events at TRACE: codes,
//! phone numbers and all. So a line passes only if it comes from one of this workspace's crates,
//! whatever level is asked for. They write what their types let them, which is no secret.

use std::io::{self, Write as _};
use std::panic::PanicHookInfo;

use otp::settings::Lookup;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;

/// The crates whose lines are written.
const OURS: [&str; 5] =
    ["otp", "trigger", "define_auth_challenge", "create_auth_challenge", "verify_auth_challenge"];

/// Starts logging to standard output, as `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` ask
/// (what a template's `LoggingConfig` sets), and has panics logged without their text.
pub(crate) fn init(lookup: &Lookup<'_>) {
    let level = level(lookup("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let ours = Targets::new().with_targets(OURS.map(|name| (name, level)));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(io::stdout);
    let json = lookup("AWS_LAMBDA_LOG_FORMAT").is_some_and(|f| f.eq_ignore_ascii_case("json"));
    let lines = if json {
        let lines = lines.json().flatten_event(true);
        lines.with_current_span(false).with_span_list(false).boxed()
    } else {
        // Lambda's own line has the time.
        lines.without_time().boxed()
    };
    // Someone else's subscriber can only be there in a test.
    let _ = tracing::subscriber::set_global_default(registry().with(lines.with_filter(ours)));
    std::panic::set_hook(Box::new(panicked));
}

/// Lambda's names of levels; INFO for what it does not have.
fn level(name: Option<&str>) -> LevelFilter {
    match name.map(str::to_ascii_uppercase).as_deref() {
        Some("TRACE") => LevelFilter::TRACE,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some("WARN") => LevelFilter::WARN,
        Some("ERROR" | "FATAL") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// Says where, never what: a panic's text may quote the value that caused it.
fn panicked(info: &PanicHookInfo<'_>) {
    let (file, line) = info.location().map_or(("unknown", 0), |at| (at.file(), at.line()));
    tracing::error!(file, line, "panicked");
}

/// Writes `message` to standard error, for a start-up that failed.
pub(crate) fn complain(message: &dyn std::fmt::Display) {
    // There is nothing left to tell it to.
    let _ = writeln!(io::stderr(), "{message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_levels() {
        for (name, expected) in [
            (None, LevelFilter::INFO),
            (Some("TRACE"), LevelFilter::TRACE),
            (Some("debug"), LevelFilter::DEBUG),
            (Some("WARN"), LevelFilter::WARN),
            (Some("ERROR"), LevelFilter::ERROR),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("loud"), LevelFilter::INFO),
        ] {
            assert_eq!(level(name), expected, "{name:?}");
        }
    }
}
