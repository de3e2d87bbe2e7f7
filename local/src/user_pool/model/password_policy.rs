//! The password policy of a pool, and temporary passwords that meet it.

use rand::CryptoRng;
use rand::seq::{IndexedRandom, SliceRandom};
use serde::{Deserialize, Serialize};

use crate::protocol::error::{Error, Exception, Result};

/// The characters that count as symbols.
const SYMBOLS: &str = r##"^$*.[]{}()?-"!@#%&/\,><':;|_~`+="##;

/// The password policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    /// The fewest characters.
    pub minimum_length: usize,
    /// Whether it needs a capital letter.
    pub require_uppercase: bool,
    /// Whether it needs a small letter.
    pub require_lowercase: bool,
    /// Whether it needs a digit.
    pub require_numbers: bool,
    /// Whether it needs a symbol.
    pub require_symbols: bool,
    /// How long an administrator's temporary password works, in days.
    pub temporary_password_validity_days: u32,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_length: 8,
            require_uppercase: true,
            require_lowercase: true,
            require_numbers: true,
            require_symbols: true,
            temporary_password_validity_days: 7,
        }
    }
}

impl PasswordPolicy {
    pub(crate) fn check(&self, password: &str) -> Result<()> {
        let has = |class: fn(char) -> bool| password.chars().any(class);
        let fault = if password.chars().count() < self.minimum_length {
            "Password not long enough"
        } else if self.require_lowercase && !has(|c| c.is_ascii_lowercase()) {
            "Password must have lowercase characters"
        } else if self.require_uppercase && !has(|c| c.is_ascii_uppercase()) {
            "Password must have uppercase characters"
        } else if self.require_numbers && !has(|c| c.is_ascii_digit()) {
            "Password must have numeric characters"
        } else if self.require_symbols && !has(|c| SYMBOLS.contains(c)) {
            "Password must have symbol characters"
        } else {
            return Ok(());
        };
        Err(Error::new(
            Exception::INVALID_PASSWORD,
            format!("Password did not conform with policy: {fault}"),
        ))
    }

    /// A temporary password that meets the policy.
    pub(crate) fn generate(&self, rng: &mut dyn CryptoRng) -> String {
        let classes: [Vec<char>; 4] = [
            ('a'..='z').collect(),
            ('A'..='Z').collect(),
            ('0'..='9').collect(),
            "!@#%&?".chars().collect(),
        ];
        let length = self.minimum_length.max(12);
        let mut password: Vec<char> = classes
            .iter()
            .cycle()
            .take(length)
            .filter_map(|class| class.choose(rng).copied())
            .collect();
        password.shuffle(rng);
        password.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn each_policy_violation_has_its_message() {
        let policy = PasswordPolicy::default();
        assert_eq!(policy.check("Passw0rd!"), Ok(()));
        for (password, fault) in [
            ("Pw0rd!", "Password not long enough"),
            ("PASSW0RD!", "Password must have lowercase characters"),
            ("passw0rd!", "Password must have uppercase characters"),
            ("Password!", "Password must have numeric characters"),
            ("Passw0rdd", "Password must have symbol characters"),
        ] {
            let error = policy.check(password).unwrap_err();
            assert_eq!(error.exception, Exception::INVALID_PASSWORD);
            assert_eq!(error.message, format!("Password did not conform with policy: {fault}"));
        }
    }

    #[test]
    fn generated_passwords_meet_the_policy() {
        let mut rng = StdRng::seed_from_u64(7);
        for minimum_length in [6, 8, 40] {
            let policy = PasswordPolicy { minimum_length, ..PasswordPolicy::default() };
            for _ in 0..50 {
                assert_eq!(policy.check(&policy.generate(&mut rng)), Ok(()));
            }
        }
    }
}
