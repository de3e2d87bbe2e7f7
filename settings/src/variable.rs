//! One variable: its name, its value, and what to say when it has none or an invalid one.

use std::fmt;
use std::ops::RangeInclusive;

use otp::KeyError;
use zeroize::Zeroizing;

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
}

/// A key that `make` takes, out of the variable `name`. Required.
pub(crate) fn secret<K>(
    lookup: &Lookup<'_>,
    name: &'static str,
    make: impl FnOnce(&str) -> Result<K, KeyError>,
) -> Result<K, SettingError> {
    let variable = Variable::new(name, "the 64 characters that `openssl rand -hex 32` prints");
    let text = Zeroizing::new(variable.required(lookup)?);
    make(&text).map_err(|error| variable.error(error))
}
