//! Where items are kept.

use std::future::Future;
use std::time::Duration;

use otp::{Nonce, RoundId, UnixMillis, UnixSeconds};

use crate::{AdmittedTimes, CodeState, Consumption, ItemKey, SpendItem, SpendOutcome, SpendUpdate};

/// How long a device is known after it was noted.
pub const DEVICE_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What is known of an account, a destination or a fact. Only an account has codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// How often it has been written; 0 when it does not exist.
    pub version: u64,
    /// When messages were admitted; of a fact, when it was noted.
    pub times: AdmittedTimes,
    /// The codes of an account.
    pub codes: CodeState,
}

impl Item {
    /// A fact that is noted at `now`.
    #[must_use]
    pub fn noted(now: UnixMillis) -> Self {
        let times = AdmittedTimes { public: vec![now], owner: Vec::new() };
        Self { version: 1, times, codes: CodeState::default() }
    }

    /// Of a fact: was it noted, and has not expired?
    #[must_use]
    pub fn is_noted(&self) -> bool {
        !self.times.is_empty()
    }
}

/// Keeps items.
pub trait Store {
    /// Reads the items of `keys` and the spend items of `spend` as they are now, in these orders, in one
    /// request. Of an item that is absent or past its expiry at `now`, only the version is left; such
    /// a spend item is none.
    fn read_with_spend(
        &self,
        keys: &[&ItemKey],
        spend: &[&ItemKey],
        now: UnixSeconds,
    ) -> impl Future<Output = Result<(Vec<Item>, Vec<Option<SpendItem>>), StoreError>>;

    /// Reads the items of `keys` only.
    fn read(
        &self,
        keys: &[&ItemKey],
        now: UnixSeconds,
    ) -> impl Future<Output = Result<Vec<Item>, StoreError>> {
        async move { Ok(self.read_with_spend(keys, &[], now).await?.0) }
    }

    /// Writes `item` in the place of the version before it, until `expires_at` at least.
    fn write(
        &self,
        key: &ItemKey,
        item: &Item,
        expires_at: UnixSeconds,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Notes a fact at `now`, whatever was there before, until `expires_at` if it expires.
    fn note(
        &self,
        fact: &ItemKey,
        now: UnixMillis,
        expires_at: Option<UnixSeconds>,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Uses the code of `nonce` in `round`, as [`CodeState::consume`] says, in one step.
    fn consume(
        &self,
        account: &ItemKey,
        nonce: Nonce,
        round: RoundId,
    ) -> impl Future<Output = Result<Consumption, StoreError>>;

    /// Changes a spend item, as [`SpendItem::update`] says, in one step.
    fn update_spend(
        &self,
        key: &ItemKey,
        update: &SpendUpdate,
    ) -> impl Future<Output = Result<SpendOutcome, StoreError>>;
}

/// Why an item was not read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Somebody else wrote it first.
    Conflict,
    /// The store could not be reached, or did not do it.
    Unavailable,
}
