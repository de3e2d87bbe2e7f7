//! Confirmation codes of the pool itself (sign-up, a changed attribute): made, sent to the outbox,
//! checked. The sign-in codes are the functions' business, not the pool's.

use std::fmt;
use std::time::Duration;

use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::hmac;
use crate::user_pool::model::attributes::Contact;

/// How long a code works.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How many wrong attempts a code allows.
const MAX_TRIES: u32 = 5;

/// A code that was sent and not yet used.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ConfirmationCode {
    pub(crate) code: String,
    pub(crate) contact: Contact,
    expires: Duration,
    wrong_tries: u32,
}

impl fmt::Debug for ConfirmationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfirmationCode").field("contact", &self.contact).finish_non_exhaustive()
    }
}

impl ConfirmationCode {
    pub(crate) fn generate(contact: Contact, now: Duration, rng: &mut dyn CryptoRng) -> Self {
        Self {
            code: format!("{:06}", rng.random_range(0..1_000_000)),
            contact,
            expires: now + LIFETIME,
            wrong_tries: 0,
        }
    }

    /// Counts the attempt, then compares.
    pub(crate) fn check(&mut self, answer: &str, now: Duration) -> Result<()> {
        if self.wrong_tries >= MAX_TRIES {
            return Err(Error::new(
                Exception::LIMIT_EXCEEDED,
                "Attempt limit exceeded, please try after some time.",
            ));
        }
        if now >= self.expires {
            return Err(expired());
        }
        self.wrong_tries += 1;
        if hmac::constant_time_eq(self.code.as_bytes(), answer.as_bytes()) {
            Ok(())
        } else {
            Err(Error::new(
                Exception::CODE_MISMATCH,
                "Invalid verification code provided, please try again.",
            ))
        }
    }
}

/// The error for an expired code, and where the user or the code does not exist.
pub(crate) fn expired() -> Error {
    Error::new(Exception::EXPIRED_CODE, "Invalid code provided, please request a code again.")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn sixth_attempt_at_a_code_exceeds_the_limit() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut code = ConfirmationCode::generate(Contact::Email, Duration::ZERO, &mut rng);
        let right = code.code.clone();
        assert_eq!(right.len(), 6);
        assert!(!format!("{code:?}").contains(&right));
        for _ in 0..5 {
            let error = code.check("no", Duration::ZERO).unwrap_err();
            assert_eq!(error.exception, Exception::CODE_MISMATCH);
        }
        let error = code.check(&right, Duration::ZERO).unwrap_err();
        assert_eq!(error.exception, Exception::LIMIT_EXCEEDED);
    }

    #[test]
    fn confirmation_code_expires_after_one_day() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut code = ConfirmationCode::generate(Contact::Email, Duration::ZERO, &mut rng);
        let right = code.code.clone();
        assert_eq!(code.check(&right, LIFETIME).unwrap_err().exception, Exception::EXPIRED_CODE);
        assert_eq!(code.check(&right, LIFETIME - Duration::from_millis(1)), Ok(()));
    }
}
