//! From a call of create to the two items that it reads and writes.

use std::time::Duration;

use otp::{IssuedCode, Nonce, UnixMillis, UnixSeconds};

use crate::limits::admit;
use crate::{CodeRules, Item, ItemKey, LaneLimits, Lanes, RateLimited, Store, StoreError};

/// How long to wait on average before another try when somebody else wrote an item first; longer each
/// time.
const BACKOFF: Duration = Duration::from_millis(7);

/// How long an item is kept beyond the time at which it proves nothing any more.
const MARGIN: u64 = 60;

/// Why a message is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionError {
    /// A limit of the account or of the destination is reached.
    RateLimited(RateLimited),
    /// The ledger cannot tell, so the answer is no.
    Unavailable,
}

/// The items that a call of create is about.
#[derive(Clone, Debug)]
pub struct ItemKeys {
    /// The account.
    pub account: ItemKey,
    /// The destination.
    pub destination: ItemKey,
    /// That a code proved a contact of the account; where that is asked.
    pub proven: Option<ItemKey>,
    /// That a code of the account was answered right with the device that the caller shows, if it
    /// shows one.
    pub device: Option<ItemKey>,
}

/// The items as they were read.
#[derive(Clone, Debug)]
pub struct Reading {
    account: (ItemKey, Item),
    destination: (ItemKey, Item),
    proven: Option<Item>,
    device: Option<Item>,
}

impl Reading {
    /// The account's live code, if it is bound as codes are now and has not expired.
    #[must_use]
    pub fn current_code(&self, rules: &CodeRules, now: UnixSeconds) -> Option<IssuedCode> {
        self.account.1.codes.current(rules, now)
    }

    /// Has a code proven a contact of the account? `None` where that was not asked.
    #[must_use]
    pub fn is_proven(&self) -> Option<bool> {
        self.proven.as_ref().map(Item::is_noted)
    }

    /// Does the caller show a device that is known for the account?
    #[must_use]
    pub fn is_known_device(&self) -> bool {
        self.device.as_ref().is_some_and(Item::is_noted)
    }
}

/// The ledger over a store.
pub struct Ledger<S> {
    store: S,
    limits: LaneLimits,
}

impl<S: Store> Ledger<S> {
    /// The ledger in `store` that keeps `limits`, for each account and for each destination.
    pub fn new(store: S, limits: LaneLimits) -> Self {
        Self { store, limits }
    }

    /// Reads the items at once.
    ///
    /// # Errors
    /// When the ledger cannot be reached. The caller bounds the time.
    pub async fn read(&self, keys: ItemKeys, now: UnixMillis) -> Result<Reading, AdmissionError> {
        let ItemKeys { account, destination, proven, device } = keys;
        let all = [&account, &destination].into_iter().chain(&proven).chain(&device);
        let all: Vec<&ItemKey> = all.collect();
        let items = self.store.read(&all, now / 1_000).await;
        let mut items = items.map_err(|_| AdmissionError::Unavailable)?.into_iter();
        let mut next = || items.next().ok_or(AdmissionError::Unavailable);
        let (account_item, destination_item) = (next()?, next()?);
        let proven = proven.map(|_| next()).transpose()?;
        let device = device.map(|_| next()).transpose()?;
        Ok(Reading {
            account: (account, account_item),
            destination: (destination, destination_item),
            proven,
            device,
        })
    }

    /// Admits a message in `lanes`, if the limits of both items allow it, and returns the code that it carries:
    /// the live one, or by `rules` a new one of `fresh`. If either item refuses as it was read, nothing is
    /// written. Otherwise the account is written and then the destination, each on condition that
    /// nobody else has since, and each by itself again if somebody has. In this order, and not in
    /// parallel: whoever has a place in the account then finds one in the destination, so that calls
    /// at once are admitted up to the limit and not only below it. What was counted in the account
    /// alone stays counted.
    ///
    /// `jitter` is a random number that spreads the tries of calls that run side by side.
    ///
    /// # Errors
    /// When a limit is reached or the ledger cannot be reached. The caller bounds the time.
    pub async fn admit(
        &self,
        reading: Reading,
        lanes: Lanes,
        rules: &CodeRules,
        fresh: Nonce,
        now: UnixMillis,
        jitter: u32,
    ) -> Result<IssuedCode, AdmissionError> {
        let Reading { account, destination, proven: _, device: _ } = reading;
        let issue = |item: &Item| {
            let times = admit(&item.times, &self.limits, lanes.account, now)?;
            let (codes, code) = item.codes.issue(fresh, rules, now / 1_000);
            Ok((Item { version: item.version.saturating_add(1), times, codes }, code))
        };
        let count = |item: &Item| {
            let times = admit(&item.times, &self.limits, lanes.destination, now)?;
            let (version, codes) = (item.version.saturating_add(1), item.codes.clone());
            Ok((Item { version, times, codes }, ()))
        };
        let refusals = [issue(&account.1).err(), count(&destination.1).err()];
        let refused =
            refusals.into_iter().flatten().max_by_key(|refused: &RateLimited| refused.window);
        if let Some(refused) = refused {
            return Err(AdmissionError::RateLimited(refused));
        }
        let expires_at = self.expires_at(rules, now);
        let code = self.replace(account, issue, (now, expires_at), Backoff::new(jitter)).await?;
        let backoff = Backoff::new(jitter.rotate_left(16));
        self.replace(destination, count, (now, expires_at), backoff).await?;
        Ok(code)
    }

    /// Writes what `next` makes of the item, read again and decided again as long as somebody else
    /// writes first.
    async fn replace<T>(
        &self,
        (key, mut item): (ItemKey, Item),
        next: impl Fn(&Item) -> Result<(Item, T), RateLimited>,
        (now, expires_at): (UnixMillis, UnixSeconds),
        mut backoff: Backoff,
    ) -> Result<T, AdmissionError> {
        loop {
            let (written, result) = next(&item).map_err(AdmissionError::RateLimited)?;
            match self.store.write(&key, &written, expires_at).await {
                Ok(()) => return Ok(result),
                Err(StoreError::Unavailable) => return Err(AdmissionError::Unavailable),
                Err(StoreError::Conflict) => {
                    tokio::time::sleep(backoff.next()).await;
                    let read = self.store.read(&[&key], now / 1_000).await;
                    let mut items = read.map_err(|_| AdmissionError::Unavailable)?;
                    item = items.pop().ok_or(AdmissionError::Unavailable)?;
                }
            }
        }
    }

    /// When an item written at `now` proves nothing any more: neither of the limits nor of its codes.
    fn expires_at(&self, rules: &CodeRules, now: UnixMillis) -> UnixSeconds {
        let kept = self.limits.longest_window().as_secs().max(rules.lifetime);
        (now / 1_000).saturating_add(kept).saturating_add(MARGIN)
    }
}

/// The pauses of one caller between its tries.
struct Backoff {
    pause: Duration,
    jitter: u32,
}

impl Backoff {
    fn new(jitter: u32) -> Self {
        Self { pause: Duration::ZERO, jitter }
    }

    /// Half to one and a half of a time that grows by [`BACKOFF`] with each try.
    fn next(&mut self) -> Duration {
        self.pause = self.pause.saturating_add(BACKOFF);
        self.jitter = self.jitter.rotate_left(8);
        let part = 128_u32.saturating_add(self.jitter & 0xff);
        self.pause.saturating_mul(part) / 256
    }
}
