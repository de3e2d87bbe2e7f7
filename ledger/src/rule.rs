//! The rule of the ledger: how many messages one destination gets, and which code a retry sends.

use std::time::Duration;

use otp::Nonce;

/// Milliseconds since the Unix epoch: seconds would blur the edges of a window.
pub type UnixMillis = u64;

/// How long an issue stays open for a retry: Cognito's three calls of five seconds each, and some.
pub const OPEN_FOR: UnixMillis = 20_000;

/// How far a call's clock may be behind another's. One that is further behind is refused: what its
/// time would prove is forgotten.
const TOLERANCE: UnixMillis = 60_000;

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

/// Whom an open issue is for: an HMAC, so that the ledger holds nothing personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTag(pub String);

/// An issue whose challenge has not been returned yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What its code is derived from.
    pub nonce: Nonce,
    /// Whom it is for.
    pub user: UserTag,
    /// When it was opened.
    pub at: UnixMillis,
}

/// What the ledger holds for one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// When messages were admitted, oldest first; none older than the longest window and
    /// `TOLERANCE`.
    pub times: Vec<UnixMillis>,
    /// The issue that a retry goes on with.
    pub open: Option<Open>,
}

/// What a call wants to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A new code for this user; the nonce for it, should there be none open.
    New(UserTag, Nonce),
    /// The code that the sign-in has had before.
    Same,
}

/// The message may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What the ledger holds from now on.
    pub account: Account,
    /// For a new code, what to derive it from and when that was issued.
    pub issue: Option<(Nonce, UnixMillis)>,
}

/// The message may not be sent before this much time has gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// In milliseconds, 1 or more.
    pub retry_after: UnixMillis,
}

/// Decides whether a message may be sent at `now`.
///
/// Calls may come in any order, from processes whose clocks differ: whatever `now` they bring, no
/// span of a limit's length ever holds more than its count of admitted times.
///
/// # Errors
/// When a limit would be exceeded, or `now` is so far behind that this cannot be known.
pub fn admit(
    account: &Account,
    wanted: &Wanted,
    limits: &[IssueLimit],
    now: UnixMillis,
) -> Result<Admitted, Refused> {
    let latest = account.times.last().copied().unwrap_or(0);
    let longest = limits.iter().map(IssueLimit::millis).max().unwrap_or(0);
    let position = account.times.partition_point(|time| *time <= now);
    let mut times = account.times.clone();
    times.insert(position, now);
    let known = now >= latest.saturating_sub(TOLERANCE);
    if !known || !limits.iter().all(|limit| keeps(&times, limit)) {
        let at = earliest(&account.times, limits);
        return Err(Refused { retry_after: at.saturating_sub(now).max(1) });
    }
    let horizon = latest.max(now).saturating_sub(longest.saturating_add(TOLERANCE));
    times.retain(|time| *time > horizon);
    let (open, issue) = match wanted {
        Wanted::Same => (account.open.clone(), None),
        Wanted::New(user, nonce) => {
            let of_retry = account
                .open
                .clone()
                .filter(|open| open.user == *user && now.abs_diff(open.at) < OPEN_FOR);
            let fresh = || Open { nonce: *nonce, user: user.clone(), at: now };
            let open = of_retry.unwrap_or_else(fresh);
            let issue = (open.nonce, open.at);
            (Some(open), Some(issue))
        }
    };
    Ok(Admitted { account: Account { times, open }, issue })
}

/// Closes the issue of `nonce`; `None` when it is not open, so that there is nothing to store.
#[must_use]
pub fn close(account: &Account, nonce: &Nonce) -> Option<Account> {
    let is_open = account.open.as_ref().is_some_and(|open| open.nonce == *nonce);
    is_open.then(|| Account { open: None, ..account.clone() })
}

/// Does no span of the limit's length hold more than its count of `times` (oldest first)?
fn keeps(times: &[UnixMillis], limit: &IssueLimit) -> bool {
    times.windows(limit.count.saturating_add(1)).all(|span| match span {
        [first, .., last] => last - first >= limit.millis(),
        _ => true,
    })
}

/// The earliest time, not before the last of `times`, at which one more keeps every limit.
fn earliest(times: &[UnixMillis], limits: &[IssueLimit]) -> UnixMillis {
    let latest = times.last().copied().unwrap_or(0);
    let after = |limit: &IssueLimit| {
        let first = times.len().checked_sub(limit.count).and_then(|at| times.get(at));
        first.map_or(latest, |first| first.saturating_add(limit.millis()))
    };
    limits.iter().map(after).fold(latest, UnixMillis::max)
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

    fn user(name: &str) -> UserTag {
        UserTag(name.to_owned())
    }

    fn nonce(byte: u8) -> Nonce {
        Nonce::from_bytes([byte; 16])
    }

    fn new(byte: u8) -> Wanted {
        Wanted::New(user("jane"), nonce(byte))
    }

    fn after(times: &[UnixMillis]) -> Account {
        Account { times: times.to_vec(), open: None }
    }

    fn retry_after(account: &Account, now: UnixMillis) -> Option<UnixMillis> {
        admit(account, &Wanted::Same, &limits(), now).err().map(|refused| refused.retry_after)
    }

    #[test]
    fn the_window_slides_to_the_millisecond() {
        let five: Vec<UnixMillis> = (0..5).map(|n| START + n * MINUTE).collect();
        let account = after(&five);
        for (now, expected) in [
            (START + 5 * MINUTE, Some(10 * MINUTE)),
            (START + 15 * MINUTE - 1, Some(1)),
            (START + 15 * MINUTE, None),
        ] {
            assert_eq!(retry_after(&account, now), expected, "{}", now - START);
        }
        let four = after(&five[..4]);
        assert_eq!(retry_after(&four, START + 4 * MINUTE), None);
    }

    #[test]
    fn the_longest_wait_of_all_limits_counts() {
        // Twenty a day, five every twenty minutes.
        let twenty: Vec<UnixMillis> =
            (0..20).map(|n| START + n / 5 * 20 * MINUTE + n % 5).collect();
        let now = START + 3 * 60 * MINUTE;
        assert_eq!(retry_after(&after(&twenty), now), Some(21 * 60 * MINUTE));
    }

    #[test]
    fn a_retry_goes_on_with_the_open_issue_and_nothing_else_does() {
        let first = admit(&Account::default(), &new(1), &limits(), START).unwrap();
        assert_eq!(first.issue, Some((nonce(1), START)));
        let issue_at = |account: &Account, wanted: &Wanted, now| {
            admit(account, wanted, &limits(), now).unwrap().issue
        };
        let open = &first.account;
        // The same user, soon: the same nonce, and its own age.
        assert_eq!(issue_at(open, &new(2), START + 5_000), Some((nonce(1), START)));
        assert_eq!(issue_at(open, &new(2), START + 19_999), Some((nonce(1), START)));
        // Too late, or someone else with the same phone.
        assert_eq!(issue_at(open, &new(2), START + 20_000), Some((nonce(2), START + 20_000)));
        let other = Wanted::New(user("joan"), nonce(2));
        assert_eq!(issue_at(open, &other, START + 1), Some((nonce(2), START + 1)));
        // A resend has its own nonce and leaves the issue as it is.
        let resent = admit(open, &Wanted::Same, &limits(), START + 1).unwrap();
        assert_eq!((resent.issue, resent.account.open), (None, open.open.clone()));
        // Closed: never again.
        assert_eq!(close(open, &nonce(2)), None);
        let closed = close(open, &nonce(1)).unwrap();
        assert_eq!(close(&closed, &nonce(1)), None);
        assert_eq!(issue_at(&closed, &new(2), START + 1), Some((nonce(2), START + 1)));
        // Every one of them counts.
        assert_eq!(resent.account.times.len(), 2);
        assert_eq!(closed.times.len(), 1);
    }

    #[test]
    fn what_is_older_than_the_longest_window_is_forgotten() {
        let later = START + 24 * 60 * MINUTE + TOLERANCE;
        let admitted = admit(&after(&[START, START + 1]), &new(1), &limits(), later).unwrap();
        assert_eq!(admitted.account.times, [START + 1, later]);
        // A clock that is a little behind will do; one that is far behind proves nothing.
        let at = |now| admit(&admitted.account, &new(1), &limits(), now);
        assert!(at(later - TOLERANCE).is_ok());
        assert!(at(later - TOLERANCE - 1).is_err());
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
        fn no_window_holds_more_than_its_count(
            calls in prop::collection::vec((0_u64..300_000, any::<bool>()), 0..120),
            limits in any_limits(),
        ) {
            let mut account = Account::default();
            let mut admitted = Vec::new();
            for (now, same) in calls {
                let wanted = if same { Wanted::Same } else { new(1) };
                if let Ok(ok) = admit(&account, &wanted, &limits, now) {
                    admitted.push(now);
                    account = ok.account;
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

        /// At the time that a refusal names a call is admitted, and a millisecond before it is not.
        #[test]
        fn a_refusal_names_the_earliest_time(
            pauses in prop::collection::vec(0_u64..20_000, 1..40),
            limits in any_limits(),
        ) {
            let (mut account, mut now) = (Account::default(), START);
            for pause in pauses {
                now += pause;
                match admit(&account, &Wanted::Same, &limits, now) {
                    Ok(admitted) => account = admitted.account,
                    Err(Refused { retry_after }) => {
                        let at = |now| admit(&account, &Wanted::Same, &limits, now);
                        prop_assert!(at(now + retry_after).is_ok());
                        prop_assert!(at(now + retry_after - 1).is_err());
                    }
                }
            }
        }
    }
}
