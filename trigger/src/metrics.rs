//! What a function counts: lines in CloudWatch's embedded metric format, which CloudWatch Logs turns
//! into metrics. No call is made and no right is needed.
//!
//! Our own few lines rather than a library's: those take any text for a dimension. Here a dimension's
//! value is a name of ours or a `&'static str`, which no event can become.

use std::io::{self, Write as _};
use std::time::Duration;

use otp::Medium;
use serde_json::{Map, Value, json};
use settings::{Lookup, SettingError, Variable};

use crate::{Fault, now_millis};

const METRICS_NAMESPACE: Variable = Variable::new("METRICS_NAMESPACE", "Passwordless/sign-in");

/// The longest name of a namespace that CloudWatch takes.
const MAX_NAMESPACE: usize = 255;

/// Something that happened once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricEvent {
    /// A sign-in got its first code.
    Issued,
    /// SNS or SES took a message.
    Delivered {
        /// How it was sent.
        medium: Medium,
        /// The region of the phone number, by its two letters.
        country: Option<&'static str>,
        /// How long the service needed.
        took: Duration,
    },
    /// SNS or SES refused a message or did not answer.
    Undelivered {
        /// How it was to be sent.
        medium: Medium,
    },
    /// The function gave a fault instead of a response.
    Refused(Fault),
    /// An answer was right.
    Verified,
    /// An answer was wrong.
    Wrong,
    /// An answer came after its code's life.
    Expired,
    /// A first message was not admitted, and the sign-in holds.
    Held(Fault),
    /// Something about a message that the spend guard counts.
    Spend {
        /// The country of the phone number, by its two letters, `none`, or `email`.
        country: &'static str,
        /// What the message is to its account: `proven` or `new`.
        class: &'static str,
        /// What happened.
        event: SpendEvent,
    },
    /// A new user was let in.
    SignedUp,
    /// A code proved a new user's contact, which is marked as verified.
    ContactVerified,
    /// A code proved a new user's contact, and this step of marking it as verified failed. The next
    /// sign-in tries again.
    ContactNotVerified {
        /// The operation that failed.
        step: &'static str,
    },
}

/// What may happen to a message that the spend guard counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendEvent {
    /// It was sent.
    Sent,
    /// Its code was used.
    Answered,
    /// This bound of the spend guard refused it.
    Refused(&'static str),
    /// This bound would have refused it (`SPEND_GUARD=record`).
    WouldRefuse(&'static str),
    /// A limit of its account or destination refused it.
    Limited,
    /// It was sent, and left a fifth or less of the credit that its country started the hour with.
    Low,
}

impl SpendEvent {
    fn metric(self) -> &'static str {
        match self {
            Self::Sent => "Sent",
            Self::Answered => "Answered",
            Self::Refused(_) => "SpendRefused",
            Self::WouldRefuse(_) => "SpendWouldRefuse",
            Self::Limited => "LimitRefused",
            Self::Low => "SpendLow",
        }
    }

    fn by(self) -> Option<&'static str> {
        match self {
            Self::Refused(by) | Self::WouldRefuse(by) => Some(by),
            Self::Sent | Self::Answered | Self::Limited | Self::Low => None,
        }
    }
}

impl MetricEvent {
    /// The metrics, each with its unit and value.
    fn metrics(self) -> Vec<(&'static str, &'static str, Value)> {
        let one = |name| vec![(name, "Count", json!(1))];
        match self {
            Self::Issued => one("Issued"),
            Self::Delivered { took, .. } => {
                let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let mut metrics = one("Delivered");
                metrics.push(("SendTime", "Milliseconds", json!(millis)));
                metrics
            }
            Self::Undelivered { .. } => one("Undelivered"),
            Self::Refused(_) => one("Refused"),
            Self::Verified => one("Verified"),
            Self::Wrong => one("Wrong"),
            Self::Expired => one("Expired"),
            Self::Held(_) => one("Held"),
            Self::Spend { event, .. } => one(event.metric()),
            Self::SignedUp => one("SignedUp"),
            Self::ContactVerified => one("ContactVerified"),
            Self::ContactNotVerified { .. } => one("ContactNotVerified"),
        }
    }

    /// What they are told apart by, besides their sum over everything.
    fn dimensions(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Delivered { medium, country, .. } => {
                vec![("Medium", medium.name()), ("Country", country.unwrap_or("none"))]
            }
            Self::Undelivered { medium } => vec![("Medium", medium.name())],
            Self::Refused(fault) | Self::Held(fault) => vec![("Reason", fault.code())],
            Self::Spend { country, class, event } => {
                let mut dimensions = vec![("Country", country), ("Class", class)];
                dimensions.extend(event.by().map(|by| ("By", by)));
                dimensions
            }
            Self::ContactNotVerified { step } => vec![("Step", step)],
            Self::Issued
            | Self::Verified
            | Self::Wrong
            | Self::Expired
            | Self::SignedUp
            | Self::ContactVerified => Vec::new(),
        }
    }
}

/// Where counts go: nowhere, unless `METRICS_NAMESPACE` says so.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    namespace: Option<String>,
}

impl Metrics {
    /// Reads `METRICS_NAMESPACE`.
    ///
    /// # Errors
    /// When it is no name of a CloudWatch namespace.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let namespace = METRICS_NAMESPACE.optional(lookup);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._#".contains(&b);
        match &namespace {
            Some(name) if name.len() > MAX_NAMESPACE || !name.bytes().all(plain) => {
                Err(METRICS_NAMESPACE
                    .error("is not a valid namespace: up to 255 letters, digits and /-._#"))
            }
            _ => Ok(Self { namespace }),
        }
    }

    /// Counts `event` once.
    pub fn record(&self, event: MetricEvent) {
        if let Some(line) = self.line(event, now_millis()) {
            // One call, so that no other line gets between; and there is nobody to tell a failure.
            let _ = io::stdout().lock().write_all(line.as_bytes());
        }
    }

    /// The line that counts, with its end.
    fn line(&self, event: MetricEvent, now: u64) -> Option<String> {
        let namespace = self.namespace.as_deref()?;
        let (metrics, dimensions) = (event.metrics(), event.dimensions());
        let mut sets = vec![Vec::new()];
        if !dimensions.is_empty() {
            sets.push(dimensions.iter().map(|(name, _)| *name).collect());
        }
        let described: Vec<_> =
            metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        let directive = json!({ "Namespace": namespace, "Dimensions": sets, "Metrics": described });
        let mut line = Map::new();
        let metadata = json!({ "Timestamp": now, "CloudWatchMetrics": [directive] });
        line.insert("_aws".to_owned(), metadata);
        for (name, value) in dimensions {
            line.insert(name.to_owned(), value.into());
        }
        for (name, _, value) in metrics {
            line.insert(name.to_owned(), value);
        }
        Some(format!("{}\n", Value::Object(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_767_225_600_000;

    fn metrics() -> Metrics {
        Metrics { namespace: Some("Passwordless/test".to_owned()) }
    }

    fn line(count: MetricEvent) -> Value {
        let line = metrics().line(count, NOW).unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1), "one line each");
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn delivery_is_counted_and_timed_by_medium_and_country() {
        let took = Duration::from_micros(123_999);
        let sent = MetricEvent::Delivered { medium: Medium::Sms, country: Some("JP"), took };
        assert_eq!(
            line(sent),
            json!({
                "_aws": {
                    "Timestamp": NOW,
                    "CloudWatchMetrics": [{
                        "Namespace": "Passwordless/test",
                        "Dimensions": [[], ["Medium", "Country"]],
                        "Metrics": [
                            { "Name": "Delivered", "Unit": "Count" },
                            { "Name": "SendTime", "Unit": "Milliseconds" },
                        ],
                    }],
                },
                "Medium": "SMS",
                "Country": "JP",
                "Delivered": 1,
                "SendTime": 123,
            })
        );
        let mail = MetricEvent::Delivered { medium: Medium::Email, country: None, took };
        assert_eq!(line(mail)["Country"], "none");
    }

    #[test]
    fn every_metric_has_the_fields_its_directive_declares() {
        let spend = |event| MetricEvent::Spend { country: "JP", class: "new", event };
        for (count, names) in [
            (MetricEvent::Issued, ["Issued"].as_slice()),
            (MetricEvent::Undelivered { medium: Medium::Email }, &["Medium", "Undelivered"]),
            (MetricEvent::Refused(Fault::TooManyCodes(9)), &["Reason", "Refused"]),
            (MetricEvent::Verified, &["Verified"]),
            (MetricEvent::Wrong, &["Wrong"]),
            (MetricEvent::Expired, &["Expired"]),
            (MetricEvent::Held(Fault::TooManyCodes(9)), &["Reason", "Held"]),
            (spend(SpendEvent::Sent), &["Country", "Class", "Sent"]),
            (spend(SpendEvent::Answered), &["Country", "Class", "Answered"]),
            (spend(SpendEvent::Refused("Cap")), &["By", "Country", "Class", "SpendRefused"]),
            (
                spend(SpendEvent::WouldRefuse("All")),
                &["By", "Country", "Class", "SpendWouldRefuse"],
            ),
            (spend(SpendEvent::Limited), &["Country", "Class", "LimitRefused"]),
            (spend(SpendEvent::Low), &["Country", "Class", "SpendLow"]),
            (MetricEvent::SignedUp, &["SignedUp"]),
            (MetricEvent::ContactVerified, &["ContactVerified"]),
            (
                MetricEvent::ContactNotVerified { step: "AdminGetUser" },
                &["ContactNotVerified", "Step"],
            ),
        ] {
            let line = line(count);
            let fields: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
            let mut expected = names.to_vec();
            expected.push("_aws");
            expected.sort_unstable();
            assert_eq!(fields, expected);
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            let metric = directive["Metrics"][0]["Name"].as_str().unwrap();
            assert_eq!(line[metric], 1);
            let sets = directive["Dimensions"].as_array().unwrap();
            assert!(sets[0].as_array().unwrap().is_empty());
            for set in &sets[1..] {
                for name in set.as_array().unwrap() {
                    assert!(line[name.as_str().unwrap()].is_string());
                }
            }
        }
    }

    #[test]
    fn refusal_reason_is_the_fault_code_alone() {
        let line = line(MetricEvent::Refused(Fault::TooManyCodes(741)));
        assert_eq!(line["Reason"], "TOO_MANY_CODES");
        assert!(!line.to_string().contains("741"));
        let line = metrics().line(MetricEvent::Refused(Fault::Internal("a bug")), NOW).unwrap();
        assert!(line.contains("INTERNAL") && !line.contains("a bug"));
    }

    #[test]
    fn metrics_are_off_without_a_valid_namespace() {
        assert_eq!(Metrics::default().line(MetricEvent::Verified, NOW), None);
        let read = |value: &str| {
            let lookup = |name: &str| (name == "METRICS_NAMESPACE").then(|| value.to_owned());
            Metrics::read(&lookup)
        };
        assert_eq!(read("").unwrap().line(MetricEvent::Verified, NOW), None);
        assert_eq!(read("A/b-c.d_e#1").unwrap().namespace.as_deref(), Some("A/b-c.d_e#1"));
        for bad in ["a b", "a\nb", "é", &"x".repeat(256)] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.starts_with("METRICS_NAMESPACE is not a valid namespace"), "{error}");
            assert!(!error.contains(bad));
        }
    }
}
