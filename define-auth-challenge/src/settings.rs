//! The function's settings.

use settings::{Limits, Lookup, SettingError, Variable};

use crate::{Rules, SignIn};

const SIGN_IN: Variable = Variable::new("SIGN_IN", "passwordless");

/// Reads `SIGN_IN`, `MAX_ATTEMPTS` and `MAX_SENDS`.
///
/// # Errors
/// When one has an impossible value.
pub fn read(lookup: &Lookup<'_>) -> Result<Rules, SettingError> {
    Ok(Rules {
        sign_in: SIGN_IN.choice(
            lookup,
            SignIn::Passwordless,
            [("passwordless", SignIn::Passwordless), ("second-factor", SignIn::SecondFactor)],
        )?,
        limits: Limits::read(lookup)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_mode() {
        for (value, expected) in [
            (None, Some(SignIn::Passwordless)),
            (Some(""), Some(SignIn::Passwordless)),
            (Some("passwordless"), Some(SignIn::Passwordless)),
            (Some("second-factor"), Some(SignIn::SecondFactor)),
            (Some("second_factor"), None),
            (Some("none"), None),
        ] {
            let lookup = |name: &str| value.filter(|_| name == "SIGN_IN").map(str::to_owned);
            assert_eq!(read(&lookup).ok().map(|rules| rules.sign_in), expected, "{value:?}");
        }
    }
}
