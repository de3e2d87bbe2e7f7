//! What one sign-in may use up: what define and create must agree on.

use crate::{Lookup, SettingError, Variable};

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
