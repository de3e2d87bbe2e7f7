//! Items in memory: the ledger without DynamoDB, for tests and simulations.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use otp::{Nonce, RoundId, UnixMillis, UnixSeconds};

use crate::{Consumption, Item, ItemKey, SpendItem, SpendOutcome, SpendUpdate, Store, StoreError};

/// A table in memory. Clones share it. Other tasks run before each of its calls, so that calls
/// interleave as they do over a network.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    items: Mutex<BTreeMap<ItemKey, (Item, UnixSeconds)>>,
    spend: Mutex<BTreeMap<ItemKey, (SpendItem, UnixSeconds)>>,
    unavailable: AtomicBool,
    reads: AtomicUsize,
}

impl MemoryStore {
    /// From here on, fails or works again.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.0.unavailable.store(unavailable, Ordering::SeqCst);
    }

    /// How often it was read.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }

    /// Every item.
    #[must_use]
    pub fn items(&self) -> BTreeMap<ItemKey, Item> {
        let copy = |(key, (item, _)): (&ItemKey, &(Item, _))| (key.clone(), item.clone());
        self.locked(|items| items.iter().map(copy).collect())
    }

    /// Every spend item.
    #[must_use]
    pub fn spend_items(&self) -> BTreeMap<ItemKey, SpendItem> {
        self.spend_locked(|items| {
            items.iter().map(|(key, (item, _))| (key.clone(), *item)).collect()
        })
    }

    fn spend_locked<T>(
        &self,
        run: impl FnOnce(&mut BTreeMap<ItemKey, (SpendItem, UnixSeconds)>) -> T,
    ) -> T {
        run(&mut self.0.spend.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn locked<T>(&self, run: impl FnOnce(&mut BTreeMap<ItemKey, (Item, UnixSeconds)>) -> T) -> T {
        run(&mut self.0.items.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn turn(&self) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        match self.0.unavailable.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable),
            false => Ok(()),
        }
    }
}

impl Store for MemoryStore {
    async fn read_with_spend(
        &self,
        keys: &[&ItemKey],
        spend: &[&ItemKey],
        now: UnixSeconds,
    ) -> Result<(Vec<Item>, Vec<Option<SpendItem>>), StoreError> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        self.turn().await?;
        let items = self.locked(|items| {
            let read = keys.iter().map(|key| match items.get(key) {
                Some((item, expires_at)) if now < *expires_at => item.clone(),
                Some((item, _)) => Item { version: item.version, ..Item::default() },
                None => Item::default(),
            });
            read.collect()
        });
        let spend = self.spend_locked(|items| {
            let kept = |(item, expires_at): &(SpendItem, UnixSeconds)| {
                (now < *expires_at).then_some(*item)
            };
            spend.iter().map(|key| items.get(key).and_then(kept)).collect()
        });
        Ok((items, spend))
    }

    async fn write(
        &self,
        key: &ItemKey,
        item: &Item,
        expires_at: UnixSeconds,
    ) -> Result<(), StoreError> {
        self.turn().await?;
        self.locked(|items| {
            let before = items.get(key).map_or(0, |(item, _)| item.version);
            if before.saturating_add(1) != item.version {
                return Err(StoreError::Conflict);
            }
            items.insert(key.clone(), (item.clone(), expires_at));
            Ok(())
        })
    }

    async fn note(
        &self,
        fact: &ItemKey,
        now: UnixMillis,
        expires_at: Option<UnixSeconds>,
    ) -> Result<(), StoreError> {
        self.turn().await?;
        let noted = (Item::noted(now), expires_at.unwrap_or(UnixSeconds::MAX));
        self.locked(|items| items.insert(fact.clone(), noted));
        Ok(())
    }

    async fn consume(
        &self,
        account: &ItemKey,
        nonce: Nonce,
        round: RoundId,
    ) -> Result<Consumption, StoreError> {
        self.turn().await?;
        Ok(self.locked(|items| {
            let Some((item, _)) = items.get_mut(account) else { return Consumption::NotLive };
            let (consumption, codes) = item.codes.consume(nonce, round);
            if let Some(codes) = codes {
                item.codes = codes;
                item.version = item.version.saturating_add(1);
            }
            consumption
        }))
    }

    async fn update_spend(
        &self,
        key: &ItemKey,
        update: &SpendUpdate,
    ) -> Result<SpendOutcome, StoreError> {
        self.turn().await?;
        Ok(self.spend_locked(|items| {
            let before = items.get(key).copied();
            let (outcome, after) = SpendItem::update(before.map(|(item, _)| item), update);
            if let Some(after) = after {
                let kept = before.map_or(0, |(_, expires_at)| expires_at);
                let expires_at = update.bounds().map_or(kept, |bounds| bounds.expires_at);
                items.insert(key.clone(), (after, expires_at));
            }
            outcome
        }))
    }
}
