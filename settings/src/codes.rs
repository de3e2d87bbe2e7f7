//! How codes are derived: what create and verify must agree on.

use otp::{CodeKey, CodeLength};

use crate::variable::secret;
use crate::{Lookup, SettingError, Variable};

/// How codes are derived. Create and verify read the same variables and so derive the same codes.
#[derive(Clone, Debug)]
pub struct CodeSettings {
    /// `CODE_KEY`: at least 32 random bytes. Required.
    pub key: CodeKey,
    /// `CODE_LENGTH`: 6 to 10 digits, 6 by default.
    pub length: CodeLength,
}

const CODE_LENGTH: Variable = Variable::new("CODE_LENGTH", "6");

impl CodeSettings {
    /// Reads `CODE_KEY` and `CODE_LENGTH`.
    ///
    /// # Errors
    /// When the key is missing or not random, or the length is out of range.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let key = secret(lookup, "CODE_KEY", CodeKey::new)?;
        let length =
            CODE_LENGTH.number(lookup, CodeLength::MIN, CodeLength::MIN..=CodeLength::MAX)?;
        Ok(Self { key, length })
    }
}
