//! Reading settings: each function reads its variables once, at start-up, into a typed struct.
//!
//! The environment is an argument (a lookup by name). A variable that is absent or empty has its
//! default: a SAM template passes an unused optional parameter as an empty text. Any other value is
//! understood or refused, with a message that names the variable, what is wrong and an example of
//! a good one, but never the value, which may be a key.

use std::fmt;
use std::ops::RangeInclusive;

use crate::{CodeKey, CodeLength, KeyError};

/// Looks a variable up; `None` when it is not set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A setting that stops the function, with the words for its operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}; for example {variable}={example}")]
pub struct SettingError {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong, to be read after the name.
    pub problem: String,
    /// A value that would do.
    pub example: &'static str,
}

/// A variable: its name and an example of a good value.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// A value that would do, for messages.
    pub example: &'static str,
}

impl Variable {
    /// The variable `name`.
    #[must_use]
    pub const fn new(name: &'static str, example: &'static str) -> Self {
        Self { name, example }
    }

    /// The error that this variable has `problem`.
    #[must_use]
    pub fn error(&self, problem: impl fmt::Display) -> SettingError {
        SettingError { variable: self.name, problem: problem.to_string(), example: self.example }
    }

    /// The value, if there is one.
    #[must_use]
    pub fn optional(&self, lookup: &Lookup<'_>) -> Option<String> {
        lookup(self.name).filter(|value| !value.is_empty())
    }

    /// The value.
    ///
    /// # Errors
    /// When there is none.
    pub fn required(&self, lookup: &Lookup<'_>) -> Result<String, SettingError> {
        self.optional(lookup).ok_or_else(|| self.error("is not set"))
    }

    /// A whole number in `range`, or `default`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn number<T>(
        &self,
        lookup: &Lookup<'_>,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T, SettingError>
    where
        T: TryFrom<u64> + PartialOrd + fmt::Display,
    {
        let Some(value) = self.optional(lookup) else {
            return Ok(default);
        };
        value
            .parse::<u64>()
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = range.into_inner();
                self.error(format_args!("is not a whole number from {least} to {most}"))
            })
    }

    /// One of `choices`, each a text and its meaning, or the first of them.
    ///
    /// # Errors
    /// When it is something else.
    pub fn choice<T: Copy, const N: usize>(
        &self,
        lookup: &Lookup<'_>,
        default: T,
        choices: [(&str, T); N],
    ) -> Result<T, SettingError> {
        let Some(value) = self.optional(lookup) else {
            return Ok(default);
        };
        choices.iter().find(|(text, _)| *text == value).map(|(_, meaning)| *meaning).ok_or_else(
            || {
                let texts: Vec<_> = choices.iter().map(|(text, _)| *text).collect();
                self.error(format_args!("is not one of: {}", texts.join(", ")))
            },
        )
    }

    /// `true` or `false`, or `default`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, lookup: &Lookup<'_>, default: bool) -> Result<bool, SettingError> {
        self.choice(lookup, default, [("true", true), ("false", false)])
    }
}

/// How codes are derived. Create and verify read the same variables and so derive the same codes.
#[derive(Clone, Debug)]
pub struct CodeSettings {
    /// `CODE_KEY`: at least 32 random bytes. Required.
    pub key: CodeKey,
    /// `CODE_LENGTH`: 6 to 10 digits, 6 by default.
    pub length: CodeLength,
}

const CODE_KEY: Variable =
    Variable::new("CODE_KEY", "the 64 characters that `openssl rand -hex 32` prints");
const CODE_LENGTH: Variable = Variable::new("CODE_LENGTH", "6");

impl CodeSettings {
    /// Reads `CODE_KEY` and `CODE_LENGTH`.
    ///
    /// # Errors
    /// When the key is missing or not random, or the length is out of range.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let key = zeroize::Zeroizing::new(CODE_KEY.required(lookup)?);
        let key = CodeKey::new(&key).map_err(|error: KeyError| CODE_KEY.error(error))?;
        let length =
            CODE_LENGTH.number(lookup, CodeLength::MIN, CodeLength::MIN..=CodeLength::MAX)?;
        Ok(Self { key, length })
    }
}

/// What one sign-in may use up. Define and create read the same variables: define ends the sign-in
/// when they are used up, create tells the client what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MAX_ATTEMPTS`: wrong answers that end the sign-in, 1 to 5, 3 by default.
    pub attempts: u8,
    /// `MAX_SENDS`: messages per sign-in, 1 to 10, 3 by default.
    pub sends: u8,
}

impl Limits {
    /// Reads `MAX_ATTEMPTS` and `MAX_SENDS`.
    ///
    /// # Errors
    /// When one is out of range.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            attempts: Variable::new("MAX_ATTEMPTS", "3").number(lookup, 3, 1..=5)?,
            sends: Variable::new("MAX_SENDS", "3").number(lookup, 3, 1..=10)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn defaults() {
        let codes = CodeSettings::read(&lookup(&[("CODE_KEY", KEY)])).unwrap();
        assert_eq!(codes.length, CodeLength::MIN);
        let unset = Limits::read(&lookup(&[])).unwrap();
        assert_eq!(unset, Limits { attempts: 3, sends: 3 });
        let empty = Limits::read(&lookup(&[("MAX_ATTEMPTS", ""), ("MAX_SENDS", "")])).unwrap();
        assert_eq!(empty, unset);
    }

    #[test]
    fn the_key() {
        let error = |pairs: &[_]| CodeSettings::read(&lookup(pairs)).unwrap_err().to_string();
        let example = "for example CODE_KEY=the 64 characters that `openssl rand -hex 32` prints";
        assert_eq!(error(&[]), format!("CODE_KEY is not set; {example}"));
        assert_eq!(error(&[("CODE_KEY", "")]), format!("CODE_KEY is not set; {example}"));
        assert_eq!(
            error(&[("CODE_KEY", "hunter2")]),
            format!("CODE_KEY is shorter than 32 bytes; {example}")
        );
        assert_eq!(
            error(&[("CODE_KEY", &"x".repeat(64))]),
            format!("CODE_KEY repeats a few characters; it must be random; {example}")
        );
    }

    #[test]
    fn numbers() {
        for bad in ["0", "6", "-1", "3.0", " 3", "three", "300", "99999999999999999999"] {
            let error = Limits::read(&lookup(&[("MAX_ATTEMPTS", bad)])).unwrap_err().to_string();
            assert_eq!(
                error,
                "MAX_ATTEMPTS is not a whole number from 1 to 5; for example MAX_ATTEMPTS=3",
            );
        }
        for (digits, good) in [("5", false), ("6", true), ("10", true), ("11", false)] {
            let pairs = [("CODE_KEY", KEY), ("CODE_LENGTH", digits)];
            assert_eq!(CodeSettings::read(&lookup(&pairs)).is_ok(), good, "{digits}");
        }
    }

    #[test]
    fn choices_and_flags() {
        let variable = Variable::new("SIGN_IN", "passwordless");
        let read = |value: &str| {
            variable.choice(&lookup(&[("SIGN_IN", value)]), 1, [("passwordless", 1), ("both", 2)])
        };
        assert_eq!((read(""), read("both")), (Ok(1), Ok(2)));
        assert_eq!(
            read("Both").unwrap_err().to_string(),
            "SIGN_IN is not one of: passwordless, both; for example SIGN_IN=passwordless",
        );
        let flag = Variable::new("REQUIRE_VERIFIED", "true");
        assert_eq!(flag.flag(&lookup(&[("REQUIRE_VERIFIED", "false")]), true), Ok(false));
        assert!(flag.flag(&lookup(&[("REQUIRE_VERIFIED", "no")]), true).is_err());
    }
}
