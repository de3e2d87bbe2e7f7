//! What a function writes: its own lines, and nobody else's.
//!
//! The AWS SDK writes requests at DEBUG and the Lambda runtime writes raw events at TRACE: codes,
//! phone numbers and all. So a line passes only if it comes from one of this workspace's crates,
//! whatever level is asked for. They write what their types let them, which is no secret.
//!
//! `tracing-subscriber` would do this, too, for 91 KB more of 1,079 and some of each warm call
//! (docs/PERFORMANCE.md); we need no spans, no filters by span and no colours.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;

use serde_json::Value;
use settings::Lookup;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Metadata};

use crate::time::timestamp;

/// The crates whose lines are written.
const OWN_CRATES: [&str; 11] = [
    "aws",
    "create_auth_challenge",
    "define_auth_challenge",
    "destination",
    "ledger",
    "numbering",
    "otp",
    "pre_sign_up",
    "settings",
    "trigger",
    "verify_auth_challenge",
];

/// Starts logging to standard output, as `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` ask
/// (what a template's `LoggingConfig` sets), and has panics logged without their text.
pub(crate) fn init(lookup: &Lookup<'_>) {
    let level = parse_level(lookup("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let json = lookup("AWS_LAMBDA_LOG_FORMAT").is_some_and(|f| f.eq_ignore_ascii_case("json"));
    // Someone else's subscriber can only be there in a test.
    let _ = tracing::subscriber::set_global_default(LogSubscriber { level, json });
    std::panic::set_hook(Box::new(log_panic));
}

/// Writes one line for each event of ours.
struct LogSubscriber {
    level: LevelFilter,
    json: bool,
}

impl LogSubscriber {
    fn is_written(&self, metadata: &Metadata<'_>) -> bool {
        let from = metadata.target().split("::").next().unwrap_or_default();
        metadata.is_event() && *metadata.level() <= self.level && OWN_CRATES.contains(&from)
    }

    /// `event` as a line, at `now` (milliseconds since the Unix epoch): an object on JSON, else the
    /// level, the place and the fields. Lambda's own line has the time then.
    fn line(&self, event: &Event<'_>, now: u64) -> String {
        let metadata = event.metadata();
        let (level, target) = (metadata.level(), metadata.target());
        let mut line = LineWriter { text: String::with_capacity(256), json: self.json };
        // Writing to a `String` does not fail.
        if self.json {
            let _ = write!(line.text, r#"{{"timestamp":"{}","level":"{level}""#, timestamp(now));
            event.record(&mut line);
            let _ = write!(line.text, r#","target":"{target}"}}"#);
        } else {
            let _ = write!(line.text, "{level:>5} {target}:");
            event.record(&mut line);
        }
        line.text.push('\n');
        line.text
    }
}

impl Subscriber for LogSubscriber {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_written(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.is_written(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let line = self.line(event, crate::now_millis());
        // A log that nobody takes is no reason to fail.
        let _ = io::stdout().lock().write_all(line.as_bytes());
    }

    // We want no spans, so there are none to follow.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A line to which an event's fields are added.
struct LineWriter {
    text: String,
    json: bool,
}

impl LineWriter {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let name = field.name();
        let _ = match (self.json, name) {
            (true, _) => write!(self.text, r#","{name}":{value}"#),
            (false, "message") => write!(self.text, " {value}"),
            (false, _) => write!(self.text, " {name}={value}"),
        };
    }
}

impl Visit for LineWriter {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, format_args!("{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if self.json {
            self.add(field, format_args!("{}", Value::from(value)));
        } else {
            self.add(field, format_args!("{value:?}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.json {
            self.add(field, format_args!("{}", Value::from(format!("{value:?}"))));
        } else {
            self.add(field, format_args!("{value:?}"));
        }
    }
}

/// Lambda's names of levels; INFO for what it does not have.
fn parse_level(name: Option<&str>) -> LevelFilter {
    match name.map(str::to_ascii_uppercase).as_deref() {
        Some("TRACE") => LevelFilter::TRACE,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some("WARN") => LevelFilter::WARN,
        Some("ERROR" | "FATAL") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// Says where, never what: a panic's text may quote the value that caused it.
fn log_panic(info: &PanicHookInfo<'_>) {
    let (file, line) = info.location().map_or(("unknown", 0), |at| (at.file(), at.line()));
    tracing::error!(file, line, "panicked");
}

/// Writes `message` to standard error, for a start-up that failed.
pub(crate) fn print_start_error(message: &dyn fmt::Display) {
    // There is nothing left to tell it to.
    let _ = writeln!(io::stderr(), "{message}");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn lambda_log_levels_are_mapped() {
        for (name, expected) in [
            (None, LevelFilter::INFO),
            (Some("TRACE"), LevelFilter::TRACE),
            (Some("debug"), LevelFilter::DEBUG),
            (Some("WARN"), LevelFilter::WARN),
            (Some("ERROR"), LevelFilter::ERROR),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("loud"), LevelFilter::INFO),
        ] {
            assert_eq!(parse_level(name), expected, "{name:?}");
        }
    }

    /// The lines of what `log` writes, at a time of day that a computer once had.
    fn lines(json: bool, log: impl FnOnce()) -> Vec<String> {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<String>>>);

        struct Keep(LogSubscriber, Kept);

        impl Subscriber for Keep {
            fn enabled(&self, metadata: &Metadata<'_>) -> bool {
                self.0.enabled(metadata)
            }

            fn event(&self, event: &Event<'_>) {
                self.1.0.lock().unwrap().push(self.0.line(event, 1_000_000_000_042));
            }

            fn new_span(&self, attributes: &Attributes<'_>) -> Id {
                self.0.new_span(attributes)
            }

            fn record(&self, _: &Id, _: &Record<'_>) {}

            fn record_follows_from(&self, _: &Id, _: &Id) {}

            fn enter(&self, _: &Id) {}

            fn exit(&self, _: &Id) {}
        }

        let kept = Kept::default();
        let subscriber = Keep(LogSubscriber { level: LevelFilter::INFO, json }, kept.clone());
        tracing::subscriber::with_default(subscriber, log);
        kept.0.lock().unwrap().clone()
    }

    fn some_events() {
        tracing::info!(request_id = "a \"b\"\n", duration_us = 7_u64, "answered");
        tracing::error!(left = -1, ok = true, why = ?Some("é"), "{}", "not \"answered\"");
        tracing::debug!("too much");
        tracing::error!(target: "aws_sdk_sns::operation", "not ours");
        tracing::error!(target: "triggering", "not ours either");
        let _span = tracing::error_span!("a span").entered();
    }

    #[test]
    fn json_format_writes_one_object_per_own_event() {
        assert_eq!(
            lines(true, some_events),
            [
                concat!(
                    r#"{"timestamp":"2001-09-09T01:46:40.042Z","level":"INFO","message":"answered","#,
                    r#""request_id":"a \"b\"\n","duration_us":7,"target":"trigger::log::tests"}"#,
                    "\n"
                ),
                concat!(
                    r#"{"timestamp":"2001-09-09T01:46:40.042Z","level":"ERROR","#,
                    r#""message":"not \"answered\"","left":-1,"ok":true,"why":"Some(\"é\")","#,
                    r#""target":"trigger::log::tests"}"#,
                    "\n"
                ),
            ]
        );
    }

    #[test]
    fn text_format_writes_one_line_per_own_event() {
        assert_eq!(
            lines(false, some_events),
            [
                concat!(
                    " INFO trigger::log::tests: answered ",
                    r#"request_id="a \"b\"\n" duration_us=7"#,
                    "\n"
                ),
                concat!(
                    r#"ERROR trigger::log::tests: not "answered" left=-1 ok=true "#,
                    r#"why=Some("é")"#,
                    "\n"
                ),
            ]
        );
    }
}
