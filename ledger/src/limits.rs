//! How many messages an account or a destination gets: exact sliding windows over the times at which
//! messages were admitted.

use std::time::Duration;

use otp::UnixMillis;

/// How far a call's clock may be behind another's. One that is further behind is refused: what its
/// time would prove is forgotten.
const CLOCK_TOLERANCE: UnixMillis = 60_000;

/// At most `count` messages in any `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueLimit {
    /// How many, 1 or more.
    pub count: usize,
    /// In any span of this length.
    pub window: Duration,
}

impl IssueLimit {
    fn millis(&self) -> UnixMillis {
        UnixMillis::try_from(self.window.as_millis()).unwrap_or(UnixMillis::MAX)
    }
}

/// A limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// The whole window of that limit, the longest if there are several: after it a message is admitted
    /// in any case. Less would tell a stranger when the owner last signed in.
    pub window: Duration,
}

/// Admits a message at `now` after those of `times` (oldest first), and returns the times with it.
///
/// Calls may come in any order, from processes whose clocks differ: whatever `now` they bring, no
/// span of a limit's length ever holds more than its count of admitted times.
///
/// # Errors
/// When a limit would be exceeded, or `now` is so far behind that this cannot be known.
pub fn admit(
    times: &[UnixMillis],
    limits: &[IssueLimit],
    now: UnixMillis,
) -> Result<Vec<UnixMillis>, RateLimited> {
    let latest = times.last().copied().unwrap_or(0);
    let longest = longest(limits);
    if now < latest.saturating_sub(CLOCK_TOLERANCE) {
        return Err(RateLimited { window: longest.window });
    }
    let position = times.partition_point(|time| *time <= now);
    let mut times = times.to_vec();
    times.insert(position, now);
    let exceeded = limits.iter().filter(|limit| !is_kept(&times, limit));
    if let Some(window) = exceeded.map(|limit| limit.window).max() {
        return Err(RateLimited { window });
    }
    let kept = longest.millis().saturating_add(CLOCK_TOLERANCE);
    let horizon = latest.max(now).saturating_sub(kept);
    times.retain(|time| *time > horizon);
    Ok(times)
}

/// The limit with the longest window.
pub(crate) fn longest(limits: &[IssueLimit]) -> IssueLimit {
    let none = IssueLimit { count: 0, window: Duration::ZERO };
    limits.iter().copied().max_by_key(|limit| limit.window).unwrap_or(none)
}

/// Does no span of the limit's length hold more than its count of `times` (oldest first)?
fn is_kept(times: &[UnixMillis], limit: &IssueLimit) -> bool {
    times.windows(limit.count.saturating_add(1)).all(|span| match span {
        [first, .., last] => last.saturating_sub(*first) >= limit.millis(),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: UnixMillis = 1_767_225_600_000;
    const MINUTE: UnixMillis = 60_000;

    fn limits() -> Vec<IssueLimit> {
        let limit =
            |count, minutes: u64| IssueLimit { count, window: Duration::from_secs(minutes * 60) };
        vec![limit(5, 15), limit(20, 24 * 60)]
    }

    fn refused(times: &[UnixMillis], now: UnixMillis) -> Option<u64> {
        admit(times, &limits(), now).err().map(|refused| refused.window.as_secs() / 60)
    }

    #[test]
    fn window_boundary_is_exact_to_the_millisecond() {
        let five: Vec<UnixMillis> = (0..5).map(|n| START + n * MINUTE).collect();
        for (now, expected) in [
            (START + 5 * MINUTE, Some(15)),
            (START + 15 * MINUTE - 1, Some(15)),
            (START + 15 * MINUTE, None),
        ] {
            assert_eq!(refused(&five, now), expected, "{}", now - START);
        }
        assert_eq!(refused(&five[..4], START + 4 * MINUTE), None);
    }

    #[test]
    fn refusal_returns_the_longest_window_that_is_full() {
        // Twenty a day, five every twenty minutes.
        let twenty: Vec<UnixMillis> =
            (0..20).map(|n| START + n / 5 * 20 * MINUTE + n % 5).collect();
        assert_eq!(refused(&twenty, START + 3 * 60 * MINUTE), Some(24 * 60));
        assert_eq!(refused(&twenty, START + 60 * MINUTE + 10), Some(24 * 60));
        assert_eq!(refused(&twenty[..15], START + 40 * MINUTE + 10), Some(15));
    }

    #[test]
    fn times_older_than_the_longest_window_are_dropped() {
        let later = START + 24 * 60 * MINUTE + CLOCK_TOLERANCE;
        let times = admit(&[START, START + 1], &limits(), later).unwrap();
        assert_eq!(times, [START + 1, later]);
        // A clock that is a little behind will do; one that is far behind proves nothing.
        assert_eq!(refused(&times, later - CLOCK_TOLERANCE), None);
        assert_eq!(refused(&times, later - CLOCK_TOLERANCE - 1), Some(24 * 60));
    }

    fn any_limits() -> impl Strategy<Value = Vec<IssueLimit>> {
        let limit = (1_usize..6, 1_u64..40).prop_map(|(count, seconds)| IssueLimit {
            count,
            window: Duration::from_secs(seconds),
        });
        prop::collection::vec(limit, 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// In no window of a limit's length are more than its count admitted, whatever the order and
        /// timing of calls.
        #[test]
        fn no_window_exceeds_its_limit(
            calls in prop::collection::vec(0_u64..300_000, 0..120),
            limits in any_limits(),
        ) {
            let (mut times, mut admitted) = (Vec::new(), Vec::new());
            for now in calls {
                if let Ok(after) = admit(&times, &limits, now) {
                    admitted.push(now);
                    times = after;
                }
            }
            for limit in &limits {
                for start in &admitted {
                    let window = *start..start + limit.millis();
                    let inside = admitted.iter().filter(|time| window.contains(time)).count();
                    prop_assert!(inside <= limit.count, "{inside} in {limit:?} from {start}");
                }
            }
        }

        /// A refusal tells only a window of the settings, and after it a message is admitted.
        #[test]
        fn message_is_admitted_after_the_window_of_a_refusal(
            pauses in prop::collection::vec(0_u64..20_000, 1..40),
            limits in any_limits(),
        ) {
            let (mut times, mut now) = (Vec::new(), START);
            for pause in pauses {
                now += pause;
                match admit(&times, &limits, now) {
                    Ok(after) => times = after,
                    Err(RateLimited { window }) => {
                        prop_assert!(limits.iter().any(|limit| limit.window == window));
                        let later = now + u64::try_from(window.as_millis()).unwrap();
                        prop_assert!(admit(&times, &limits, later).is_ok());
                    }
                }
            }
        }
    }
}
