//! The lockout after wrong passwords: from the fifth on, each locks the user name out for 2^(n-5)
//! seconds, at most 15 minutes. A correct password, or 15 minutes without an attempt, resets the
//! count. Unknown user names are counted too, so that a lockout does not reveal which exist.

use std::collections::HashMap;
use std::time::Duration;

use crate::protocol::error::{Error, Result};
use crate::user_pool::model::subject::Subject;

/// Wrong passwords before the first lockout.
const ATTEMPTS_BEFORE_LOCKOUT: u32 = 5;
/// The longest lockout, and how long a count is remembered.
const LONGEST_LOCKOUT: Duration = Duration::from_secs(15 * 60);
/// How many counts are kept before old ones are removed.
const PURGE_ABOVE: usize = 10_000;

#[derive(Clone, Copy, Default)]
struct FailureCount {
    wrong: u32,
    last: Duration,
    locked_until: Duration,
}

/// Unknown user names are counted without regard to case.
fn key(subject: &Subject) -> Subject {
    match subject {
        Subject::User(id) => Subject::User(*id),
        Subject::Unknown(name) => Subject::Unknown(name.to_lowercase()),
    }
}

/// The counts of a pool.
#[derive(Default)]
pub(crate) struct PasswordAttempts(HashMap<Subject, FailureCount>);

impl PasswordAttempts {
    /// Refuses an attempt during a lockout, without counting it.
    pub(crate) fn check(&self, subject: &Subject, now: Duration) -> Result<()> {
        match self.0.get(&key(subject)) {
            Some(count) if now < count.locked_until => {
                Err(Error::not_authorized("Password attempts exceeded"))
            }
            _ => Ok(()),
        }
    }

    /// Records the result of an attempt.
    pub(crate) fn record(&mut self, subject: &Subject, right: bool, now: Duration) {
        if right {
            self.0.remove(&key(subject));
            return;
        }
        let forgotten = |count: &FailureCount| now.saturating_sub(count.last) >= LONGEST_LOCKOUT;
        if self.0.len() >= PURGE_ABOVE {
            self.0.retain(|_, count| !forgotten(count));
        }
        let count = self.0.entry(key(subject)).or_default();
        if forgotten(count) {
            *count = FailureCount::default();
        }
        count.wrong = count.wrong.saturating_add(1);
        count.last = now;
        if let Some(over) = count.wrong.checked_sub(ATTEMPTS_BEFORE_LOCKOUT) {
            let lockout = Duration::from_secs(2_u64.saturating_pow(over)).min(LONGEST_LOCKOUT);
            count.locked_until = now + lockout;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockout_doubles_up_to_15_minutes() {
        let (mut attempts, who) = (PasswordAttempts::default(), Subject::Unknown("a".to_owned()));
        let mut now = Duration::from_secs(1_000_000);
        for n in 1..40_u32 {
            assert_eq!(attempts.check(&who, now), Ok(()), "{n}");
            attempts.record(&who, false, now);
            let lockout = n.checked_sub(5).map_or(0, |over| 2_u64.saturating_pow(over).min(900));
            let last = now + Duration::from_secs(lockout.saturating_sub(1));
            assert_eq!(attempts.check(&who, last).is_err(), lockout > 0, "{n}");
            if lockout == 900 {
                break;
            }
            now += Duration::from_secs(lockout);
        }
        now += LONGEST_LOCKOUT;
        attempts.record(&who, false, now);
        assert_eq!(attempts.check(&who, now), Ok(()), "forgotten");
    }

    #[test]
    fn correct_password_resets_the_attempt_count() {
        let (mut attempts, who) = (PasswordAttempts::default(), Subject::Unknown("a".to_owned()));
        for right in [false, false, false, false, true, false, false, false, false] {
            attempts.record(&who, right, Duration::ZERO);
            assert_eq!(attempts.check(&who, Duration::ZERO), Ok(()));
        }
    }
}
