//! The function's settings.

use settings::{Limits, Lookup, SettingError, Variable};

use crate::{Rules, SignInMode};

const SIGN_IN: Variable = Variable::new("SIGN_IN", "passwordless");

/// Reads `SIGN_IN`, `MAX_ATTEMPTS` and `MAX_SENDS`.
///
/// # Errors
/// When one has an impossible value.
pub fn read(lookup: &Lookup<'_>) -> Result<Rules, SettingError> {
    Ok(Rules {
        sign_in: SIGN_IN.choice(
            lookup,
            SignInMode::Passwordless,
            [
                ("passwordless", SignInMode::Passwordless),
                ("second-factor", SignInMode::SecondFactor),
            ],
        )?,
        limits: Limits::read(lookup)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_mode_is_read_from_its_variable() {
        for (value, expected) in [
            (None, Some(SignInMode::Passwordless)),
            (Some(""), Some(SignInMode::Passwordless)),
            (Some("passwordless"), Some(SignInMode::Passwordless)),
            (Some("second-factor"), Some(SignInMode::SecondFactor)),
            (Some("second_factor"), None),
            (Some("none"), None),
        ] {
            let lookup = |name: &str| value.filter(|_| name == "SIGN_IN").map(str::to_owned);
            assert_eq!(read(&lookup).ok().map(|rules| rules.sign_in), expected, "{value:?}");
        }
    }
}
