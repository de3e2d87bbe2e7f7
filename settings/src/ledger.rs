//! Where the ledger is: what create and verify must agree on.

use otp::LedgerKey;

use crate::variable::secret;
use crate::{Lookup, SettingError, Variable};

/// Where the ledger is and how its items are named. Create and verify read the same variables.
#[derive(Clone, Debug)]
pub struct LedgerSettings {
    /// `LEDGER_KEY`: at least 32 random bytes. Required.
    pub key: LedgerKey,
    /// `LEDGER_TABLE`: the DynamoDB table. Required.
    pub table: String,
}

const LEDGER_TABLE: Variable = Variable::new("LEDGER_TABLE", "passwordless-ledger");

impl LedgerSettings {
    /// Reads `LEDGER_KEY` and `LEDGER_TABLE`.
    ///
    /// # Errors
    /// When one is missing, or the key is not random.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            key: secret(lookup, "LEDGER_KEY", LedgerKey::new)?,
            table: LEDGER_TABLE.required(lookup)?,
        })
    }
}
