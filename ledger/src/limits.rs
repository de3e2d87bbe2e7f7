//! How many messages an account or a destination gets: exact sliding windows over the times at which
//! messages were admitted, in two lanes.

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
        millis(self.window)
    }
}

/// A limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// The whole window of that limit, the longest if there are several: after it a message is admitted
    /// in any case. Less would tell a stranger when the owner last signed in.
    pub window: Duration,
}

/// Which part of the limits a message takes a place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// That of all callers.
    Public,
    /// That of callers who have shown a known device of the account.
    Owner,
}

/// The lanes of one message. They may differ: a known device of an account on which the destination
/// is not verified is the owner of the account and not of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// In the item of the account.
    pub account: Lane,
    /// In the item of the destination.
    pub destination: Lane,
}

impl Lanes {
    /// The public lane in both items.
    pub const PUBLIC: Self = Self { account: Lane::Public, destination: Lane::Public };
}

/// The limits of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// `ISSUE_LIMITS`: of both lanes together.
    pub total: Vec<IssueLimit>,
    /// `PUBLIC_LIMITS`: of the public lane. What they leave of the total is the owner's.
    pub public: Vec<IssueLimit>,
}

impl LaneLimits {
    /// The same limits for the public lane as in total: nothing is left for the owner alone.
    #[must_use]
    pub fn without_owner_lane(limits: Vec<IssueLimit>) -> Self {
        Self { public: limits.clone(), total: limits }
    }

    /// The longest window of all limits.
    pub(crate) fn longest_window(&self) -> Duration {
        let windows = self.total.iter().chain(&self.public).map(|limit| limit.window);
        windows.max().unwrap_or(Duration::ZERO)
    }
}

/// When messages were admitted, oldest first in each lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmittedTimes {
    /// In the public lane.
    pub public: Vec<UnixMillis>,
    /// In the owner's lane.
    pub owner: Vec<UnixMillis>,
}

impl AdmittedTimes {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.public.len().saturating_add(self.owner.len())
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.public.is_empty() && self.owner.is_empty()
    }

    /// Those of both lanes, oldest first.
    fn all(&self) -> Vec<UnixMillis> {
        let mut all: Vec<_> = self.public.iter().chain(&self.owner).copied().collect();
        all.sort_unstable();
        all
    }
}

/// Admits a message in `lane` at `now` after those of `times`, and returns the times with it.
///
/// Calls may come in any order, from processes whose clocks differ: whatever `now` they bring, no
/// span of a limit's length ever holds more admitted times than the total allows, nor more of the
/// public lane than its limits allow.
///
/// # Errors
/// When a limit would be exceeded, or `now` is so far behind that this cannot be known.
pub fn admit(
    times: &AdmittedTimes,
    limits: &LaneLimits,
    lane: Lane,
    now: UnixMillis,
) -> Result<AdmittedTimes, RateLimited> {
    let latest = times.public.last().max(times.owner.last()).copied().unwrap_or(0);
    let longest = limits.longest_window();
    if now < latest.saturating_sub(CLOCK_TOLERANCE) {
        return Err(RateLimited { window: longest });
    }
    let mut times = times.clone();
    let of_lane = match lane {
        Lane::Public => &mut times.public,
        Lane::Owner => &mut times.owner,
    };
    of_lane.insert(of_lane.partition_point(|time| *time <= now), now);
    let all = times.all();
    let of_total = limits.total.iter().filter(|limit| !is_kept(&all, limit));
    // The owner is never refused for what strangers have taken of the public lane.
    let public: &[IssueLimit] = if lane == Lane::Public { &limits.public } else { &[] };
    let of_public = public.iter().filter(|limit| !is_kept(&times.public, limit));
    if let Some(window) = of_total.chain(of_public).map(|limit| limit.window).max() {
        return Err(RateLimited { window });
    }
    let kept = millis(longest).saturating_add(CLOCK_TOLERANCE);
    let horizon = latest.max(now).saturating_sub(kept);
    times.public.retain(|time| *time > horizon);
    times.owner.retain(|time| *time > horizon);
    Ok(times)
}

fn millis(duration: Duration) -> UnixMillis {
    UnixMillis::try_from(duration.as_millis()).unwrap_or(UnixMillis::MAX)
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

    fn limit(count: usize, minutes: u64) -> IssueLimit {
        IssueLimit { count, window: Duration::from_secs(minutes * 60) }
    }

    fn limits() -> LaneLimits {
        LaneLimits {
            total: vec![limit(5, 15), limit(20, 24 * 60)],
            public: vec![limit(4, 15), limit(15, 24 * 60)],
        }
    }

    fn without_owner_lane() -> LaneLimits {
        LaneLimits::without_owner_lane(limits().total)
    }

    fn public(times: &[UnixMillis]) -> AdmittedTimes {
        AdmittedTimes { public: times.to_vec(), owner: Vec::new() }
    }

    fn minutes(result: Result<AdmittedTimes, RateLimited>) -> Option<u64> {
        result.err().map(|refused| refused.window.as_secs() / 60)
    }

    fn refused(times: &[UnixMillis], now: UnixMillis) -> Option<u64> {
        minutes(admit(&public(times), &without_owner_lane(), Lane::Public, now))
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
        let before = AdmittedTimes { public: vec![START, START + 1], owner: vec![START] };
        let times = admit(&before, &limits(), Lane::Public, later).unwrap();
        assert_eq!(times, public(&[START + 1, later]));
        // A clock that is a little behind will do; one that is far behind proves nothing.
        assert_eq!(refused(&times.public, later - CLOCK_TOLERANCE), None);
        assert_eq!(refused(&times.public, later - CLOCK_TOLERANCE - 1), Some(24 * 60));
    }

    #[test]
    fn public_lane_leaves_the_rest_of_the_total_to_the_owner() {
        use Lane::{Owner, Public};
        // The lanes of messages a second apart, and which windows (minutes) refuse the next in each.
        for (lanes, of_public, of_owner) in [
            (vec![], None, None),
            (vec![Public; 3], None, None),
            (vec![Public; 4], Some(15), None),
            (vec![Owner; 4], None, None),
            (vec![Owner; 5], Some(15), Some(15)),
            ([vec![Public; 4], vec![Owner]].concat(), Some(15), Some(15)),
            ([vec![Owner], vec![Public; 3]].concat(), None, None),
            ([vec![Owner; 2], vec![Public; 3]].concat(), Some(15), Some(15)),
        ] {
            let mut times = AdmittedTimes::default();
            for (n, lane) in lanes.iter().enumerate() {
                let now = START + 1_000 * n as u64;
                times = admit(&times, &limits(), *lane, now).unwrap();
            }
            assert_eq!(times.len(), lanes.len());
            let next = |lane| minutes(admit(&times, &limits(), lane, START + 10_000));
            assert_eq!((next(Public), next(Owner)), (of_public, of_owner), "{lanes:?}");
        }
    }

    #[test]
    fn stranger_on_all_day_never_takes_the_place_of_the_owner() {
        let mut times = AdmittedTimes::default();
        let (mut strangers, mut owner) = (0, 0);
        for minute in 0..3 * 24 * 60 {
            let now = START + minute * MINUTE;
            if let Ok(after) = admit(&times, &limits(), Lane::Public, now) {
                (times, strangers) = (after, strangers + 1);
            }
            // Five a day, five hours apart.
            if minute % 300 == 299 {
                times = admit(&times, &limits(), Lane::Owner, now + 1).expect("the owner's place");
                owner += 1;
            }
        }
        assert_eq!((strangers, owner), (45, 14));
    }

    /// Limits of which each of the public lane has one of the same window in total.
    fn any_limits() -> impl Strategy<Value = LaneLimits> {
        let limit = (1_usize..6, 0_usize..6, 1_u64..40).prop_map(|(count, less, seconds)| {
            let limit = |count| IssueLimit { count, window: Duration::from_secs(seconds) };
            (limit(count), limit(count.saturating_sub(less).max(1)))
        });
        prop::collection::vec(limit, 1..4).prop_map(|limits| {
            let (total, public) = limits.into_iter().unzip();
            LaneLimits { total, public }
        })
    }

    fn any_lane() -> impl Strategy<Value = Lane> {
        prop_oneof![Just(Lane::Public), Just(Lane::Owner)]
    }

    /// The most of `times` in one span of the limit's length.
    fn most_in_a_window(times: &[UnixMillis], limit: &IssueLimit) -> usize {
        let inside = |start: &UnixMillis| {
            let window = *start..start + limit.millis();
            times.iter().filter(|time| window.contains(time)).count()
        };
        times.iter().map(inside).max().unwrap_or(0)
    }

    /// The most of `times` in one span of the limit's length that `now` is in.
    fn most_around(times: &[UnixMillis], limit: &IssueLimit, now: UnixMillis) -> usize {
        let inside = |start: UnixMillis| {
            let window = start..start + limit.millis();
            times.iter().filter(|time| window.contains(time)).count()
        };
        let starts = times.iter().copied().chain([now]);
        starts
            .filter(|start| *start <= now && now < start + limit.millis())
            .map(inside)
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever the order, lanes and clocks of calls: no window holds more than the total, nor
        /// more of the public lane than its limits; and the owner is refused only where a window
        /// holds as many of the owner's own as the public lane leaves.
        #[test]
        fn no_window_exceeds_its_limit_and_the_owner_keeps_the_rest(
            calls in prop::collection::vec((0_u64..300_000, any_lane()), 0..120),
            limits in any_limits(),
        ) {
            let mut times = AdmittedTimes::default();
            let mut admitted = AdmittedTimes::default();
            for (now, lane) in calls {
                match admit(&times, &limits, lane, now) {
                    Ok(after) => {
                        times = after;
                        match lane {
                            Lane::Public => admitted.public.push(now),
                            Lane::Owner => admitted.owner.push(now),
                        }
                    }
                    Err(_) if lane == Lane::Owner => {
                        let latest = admitted.all().last().copied().unwrap_or(0);
                        let is_behind = now < latest.saturating_sub(CLOCK_TOLERANCE);
                        let has_had_the_rest = limits.total.iter().zip(&limits.public).any(
                            |(total, public)| {
                                let rest = total.count - public.count;
                                most_around(&admitted.owner, total, now) >= rest
                            },
                        );
                        prop_assert!(is_behind || has_had_the_rest, "{now} {times:?}");
                    }
                    Err(_) => {}
                }
            }
            for limit in &limits.total {
                prop_assert!(most_in_a_window(&admitted.all(), limit) <= limit.count, "{limit:?}");
            }
            for limit in &limits.public {
                let most = most_in_a_window(&admitted.public, limit);
                prop_assert!(most <= limit.count, "{most} of the public lane in {limit:?}");
            }
        }

        /// Without an owner's lane, lanes make no difference.
        #[test]
        fn equal_limits_admit_both_lanes_alike(
            calls in prop::collection::vec((0_u64..300_000, any_lane()), 0..60),
            limits in any_limits(),
        ) {
            let limits = LaneLimits::without_owner_lane(limits.total);
            let (mut laned, mut public) = (AdmittedTimes::default(), AdmittedTimes::default());
            for (now, lane) in calls {
                let results = (
                    admit(&laned, &limits, lane, now),
                    admit(&public, &limits, Lane::Public, now),
                );
                match results {
                    (Ok(in_lane), Ok(in_public)) => (laned, public) = (in_lane, in_public),
                    (in_lane, in_public) => prop_assert_eq!(in_lane.err(), in_public.err()),
                }
                prop_assert_eq!(laned.all(), public.all());
            }
        }

        /// A refusal tells only a window of the settings, and after it a message is admitted.
        #[test]
        fn message_is_admitted_after_the_window_of_a_refusal(
            calls in prop::collection::vec((0_u64..20_000, any_lane()), 1..40),
            limits in any_limits(),
        ) {
            let (mut times, mut now) = (AdmittedTimes::default(), START);
            for (pause, lane) in calls {
                now += pause;
                match admit(&times, &limits, lane, now) {
                    Ok(after) => times = after,
                    Err(RateLimited { window }) => {
                        prop_assert!(limits.total.iter().any(|limit| limit.window == window));
                        let later = now + millis(window);
                        prop_assert!(admit(&times, &limits, lane, later).is_ok());
                    }
                }
            }
        }
    }
}
