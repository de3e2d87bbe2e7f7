//! From a call of create to the items that it reads and writes.
//!
//! The order is that of the types: [`Ledger::read`] returns a [`Reading`], [`Ledger::assess`] makes it
//! [`Assessed`], [`Ledger::admit`] makes that [`Admitted`], and only [`Ledger::take`] returns the code.

use std::time::Duration;

use otp::{IssuedCode, Nonce, UnixMillis, UnixSeconds};

use crate::limits::admit;
use crate::spending::{SpendState, Spending};
use crate::{
    CodeRules, Item, ItemKey, LaneLimits, Lanes, RateLimited, SpendKeys, SpendMode, SpendRefusal,
    SpendRules, Store, StoreError,
};

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
    /// What the message would be counted in, if it costs anything.
    pub spend: Option<SpendKeys>,
}

/// The items as they were read.
#[derive(Clone, Debug)]
pub struct Reading {
    account: (ItemKey, Item),
    destination: (ItemKey, Item),
    proven: Option<Item>,
    device: Option<Item>,
    spend: Option<SpendState>,
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

    /// Was the code used that was issued to the account last?
    pub(crate) fn is_last_code_used(&self) -> bool {
        self.account.1.codes.is_last_code_used()
    }

    pub(crate) fn take_spend(&mut self) -> Option<SpendState> {
        self.spend.take()
    }
}

/// A reading that the spend guard allows.
#[derive(Clone, Debug)]
pub struct Assessed {
    pub(crate) reading: Reading,
    pub(crate) spending: Option<Spending>,
}

impl Assessed {
    /// What would have refused the message, if the guard refused messages (`SPEND_GUARD=record`).
    #[must_use]
    pub fn unenforced(&self) -> Option<SpendRefusal> {
        self.spending.as_ref().and_then(Spending::unenforced)
    }
}

/// A message that the limits of its account and destination admit. Its code is returned by
/// [`Ledger::take`].
#[derive(Debug)]
#[must_use = "an admitted message is not counted by the spend guard before it is taken"]
pub struct Admitted {
    pub(crate) code: IssuedCode,
    pub(crate) spending: Option<Spending>,
}

/// What bounds messages.
#[derive(Clone, Debug)]
pub struct LedgerRules {
    /// The limits of each account and of each destination.
    pub limits: LaneLimits,
    /// The spend guard.
    pub spend: SpendRules,
}

/// The ledger over a store.
pub struct Ledger<S> {
    pub(crate) store: S,
    limits: LaneLimits,
    pub(crate) spend: SpendRules,
}

impl<S: Store> Ledger<S> {
    /// The ledger in `store` that keeps `rules`.
    pub fn new(store: S, rules: LedgerRules) -> Self {
        let LedgerRules { limits, spend } = rules;
        Self { store, limits, spend }
    }

    /// Reads the items at once.
    ///
    /// # Errors
    /// When the ledger cannot be reached. The caller bounds the time.
    pub async fn read(&self, keys: ItemKeys, now: UnixMillis) -> Result<Reading, AdmissionError> {
        let ItemKeys { account, destination, proven, device, spend } = keys;
        let spend = spend.filter(|_| self.spend.mode != SpendMode::Off);
        let all = [&account, &destination].into_iter().chain(&proven).chain(&device);
        let all: Vec<&ItemKey> = all.collect();
        let seconds = now / 1_000;
        let spend_keys = spend.as_ref().map_or_else(Vec::new, |spend| spend.to_read(seconds));
        let spend_keys: Vec<&ItemKey> = spend_keys.iter().collect();
        let read = self.store.read_with_spend(&all, &spend_keys, seconds).await;
        let (items, spend_items) = read.map_err(|_| AdmissionError::Unavailable)?;
        let mut items = items.into_iter();
        let mut next = || items.next().ok_or(AdmissionError::Unavailable);
        let (account_item, destination_item) = (next()?, next()?);
        let proven = proven.map(|_| next()).transpose()?;
        let device = device.map(|_| next()).transpose()?;
        let spend = match spend {
            None => None,
            Some(keys) => {
                let reading = keys.reading(spend_items).ok_or(AdmissionError::Unavailable)?;
                Some(SpendState::new(keys, reading, seconds))
            }
        };
        Ok(Reading {
            account: (account, account_item),
            destination: (destination, destination_item),
            proven,
            device,
            spend,
        })
    }

    /// Admits a message in `lanes`, if the limits of both items allow it. The code that it carries is the
    /// live one, or by `rules` a new one of `fresh`. If either item refuses as it was read, nothing is
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
        assessed: Assessed,
        lanes: Lanes,
        rules: &CodeRules,
        fresh: Nonce,
        now: UnixMillis,
        jitter: u32,
    ) -> Result<Admitted, AdmissionError> {
        let Assessed { reading, spending } = assessed;
        let Reading { account, destination, .. } = reading;
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
        Ok(Admitted { code, spending })
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
