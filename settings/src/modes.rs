//! What a sign-in and a sign-up consist of: what all functions must agree on.

use crate::{Lookup, SettingError, Variable};

/// `SIGN_IN`: what a sign-in consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignInMode {
    /// `passwordless`: the code alone.
    #[default]
    Passwordless,
    /// `second-factor`: a password by SRP, then whatever second factor the pool demands itself, then
    /// the code.
    SecondFactor,
}

/// `SIGN_UP`: how a new user gets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUpMode {
    /// `code`: the code of the first sign-in proves the contact; Cognito sends nothing.
    Code,
    /// `cognito`: Cognito confirms new users with messages of its own, as it does without us.
    #[default]
    Cognito,
    /// `closed`: administrators create users.
    Closed,
}

/// `SIGN_IN` and `SIGN_UP`, in a combination that protects the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// What a sign-in consists of.
    pub sign_in: SignInMode,
    /// How a new user gets in.
    pub sign_up: SignUpMode,
}

const SIGN_IN: Variable = Variable::new("SIGN_IN", "passwordless");
const SIGN_UP: Variable = Variable::new("SIGN_UP", "cognito");

impl Modes {
    /// Reads `SIGN_IN` and `SIGN_UP`.
    ///
    /// # Errors
    /// When one has an unsupported value, or `SIGN_UP=code` meets `SIGN_IN=second-factor`: the first
    /// code sets a password that nobody knows, and with it the first factor aside.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let sign_in = SIGN_IN.choice(
            lookup,
            SignInMode::Passwordless,
            [
                ("passwordless", SignInMode::Passwordless),
                ("second-factor", SignInMode::SecondFactor),
            ],
        )?;
        let sign_up = SIGN_UP.choice(
            lookup,
            SignUpMode::Cognito,
            [
                ("code", SignUpMode::Code),
                ("cognito", SignUpMode::Cognito),
                ("closed", SignUpMode::Closed),
            ],
        )?;
        match (sign_in, sign_up) {
            (SignInMode::SecondFactor, SignUpMode::Code) => Err(SIGN_UP.error(
                "is code, which SIGN_IN=second-factor does not allow: the first code would set the \
                 first factor aside",
            )),
            _ => Ok(Self { sign_in, sign_up }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sign_in: Option<&str>, sign_up: Option<&str>) -> Result<Modes, String> {
        let lookup = |name: &str| match name {
            "SIGN_IN" => sign_in.map(str::to_owned),
            "SIGN_UP" => sign_up.map(str::to_owned),
            _ => None,
        };
        Modes::read(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn modes_are_read_from_their_variables() {
        let (passwordless, second_factor) = (SignInMode::Passwordless, SignInMode::SecondFactor);
        for (sign_in, sign_up, expected) in [
            (None, None, Some((passwordless, SignUpMode::Cognito))),
            (Some(""), Some(""), Some((passwordless, SignUpMode::Cognito))),
            (Some("passwordless"), Some("code"), Some((passwordless, SignUpMode::Code))),
            (None, Some("closed"), Some((passwordless, SignUpMode::Closed))),
            (Some("second-factor"), None, Some((second_factor, SignUpMode::Cognito))),
            (Some("second-factor"), Some("closed"), Some((second_factor, SignUpMode::Closed))),
            (Some("second_factor"), None, None),
            (Some("none"), None, None),
            (None, Some("Code"), None),
            (None, Some("true"), None),
        ] {
            let expected = expected.map(|(sign_in, sign_up)| Modes { sign_in, sign_up });
            assert_eq!(read(sign_in, sign_up).ok(), expected, "{sign_in:?} {sign_up:?}");
        }
    }

    #[test]
    fn code_sign_up_with_second_factor_is_refused_with_the_reason() {
        assert_eq!(
            read(Some("second-factor"), Some("code")).unwrap_err(),
            "SIGN_UP is code, which SIGN_IN=second-factor does not allow: the first code would set \
             the first factor aside; for example SIGN_UP=cognito"
        );
    }
}
