//! The function's settings.

use settings::{Limits, Lookup, Modes, SettingError};

use crate::Rules;

/// Reads `SIGN_IN`, `SIGN_UP`, `MAX_ATTEMPTS` and `MAX_SENDS`.
///
/// # Errors
/// When one has an impossible value.
pub fn read(lookup: &Lookup<'_>) -> Result<Rules, SettingError> {
    Ok(Rules { sign_in: Modes::read(lookup)?.sign_in, limits: Limits::read(lookup)? })
}
