//! Where items are kept.

use std::future::Future;

use otp::{Nonce, RoundId, UnixMillis, UnixSeconds};

use crate::{CodeState, Consumption, ItemKey};

/// What is known of an account or a destination. A destination has no codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// How often it has been written; 0 when it does not exist.
    pub version: u64,
    /// When messages were admitted, oldest first.
    pub times: Vec<UnixMillis>,
    /// The codes of an account.
    pub codes: CodeState,
}

/// Keeps items.
pub trait Store {
    /// Reads the items of `keys` as they are now, in this order. One that is absent or past its expiry
    /// at `now` is empty, but for its version.
    fn read<const N: usize>(
        &self,
        keys: [&ItemKey; N],
        now: UnixSeconds,
    ) -> impl Future<Output = Result<[Item; N], StoreError>>;

    /// Writes `item` in the place of the version before it, until `expires_at` at least.
    fn write(
        &self,
        key: &ItemKey,
        item: &Item,
        expires_at: UnixSeconds,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Uses the code of `nonce` in `round`, as [`CodeState::consume`] says, in one step.
    fn consume(
        &self,
        account: &ItemKey,
        nonce: Nonce,
        round: RoundId,
    ) -> impl Future<Output = Result<Consumption, StoreError>>;
}

/// Why an item was not read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Somebody else wrote it first.
    Conflict,
    /// The store could not be reached, or did not do it.
    Unavailable,
}
