//! The time of day as a string.

use std::fmt::{self, Display};

use time::OffsetDateTime;

/// `millis` since the Unix epoch as in RFC 3339: `2001-09-09T01:46:40.042Z`. A time beyond the
/// calendar (a broken clock) is the epoch's.
pub(crate) fn timestamp(millis: u64) -> impl Display {
    let nanos = i128::from(millis).saturating_mul(1_000_000);
    Timestamp(
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH),
    )
}

struct Timestamp(OffsetDateTime);

impl Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        let (hour, minute, second, millis) = self.0.to_hms_milli();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_rfc_3339_in_milliseconds() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (1_000_000_000_042, "2001-09-09T01:46:40.042Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            // A broken clock is no reason to panic.
            (u64::MAX, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(millis).to_string(), expected);
        }
    }
}
