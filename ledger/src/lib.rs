//! The ledger: what bounds the messages to one destination, over all sign-ins.
//!
//! One item per destination, keyed by an HMAC of it, holds when messages were admitted and which
//! issue is open. [`admit`] is the rule, a pure function; a [`Store`] keeps the items, and only
//! stores one if nobody else has in between (compare and swap), so that calls in parallel cannot
//! both take the last place. The item holds nothing personal and nothing that signs anyone in.
//!
//! Cognito's lockout does not apply to custom challenges: an attacker's guesses are bounded by the
//! messages here times the attempts that define allows for each.
//!
//! Not responsible for: which destinations a user has, and sending (`create-auth-challenge`).

mod dynamodb;
mod rule;

use std::future::Future;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use otp::{CodeKey, Nonce};

pub use dynamodb::DynamoDb;
pub use rule::{
    Account, Admitted, IssueLimit, OPEN_FOR, Open, Refused, UnixMillis, UserTag, Wanted, admit,
    close,
};

const DESTINATION_DOMAIN: &[u8] = b"cognito-otp ledger destination v1";
const USER_DOMAIN: &[u8] = b"cognito-otp ledger user v1";

/// How long to wait before another try when someone else stored the item first; longer each time.
const BACKOFF: Duration = Duration::from_millis(7);

/// How long one caller has waited so far between its tries.
#[derive(Default)]
struct Pauses(Duration);

impl Pauses {
    fn next(&mut self) -> Duration {
        self.0 = self.0.saturating_add(BACKOFF);
        self.0
    }
}

/// Which item: an HMAC of the destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemKey(pub String);

/// An item as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// How often it has been stored; 0 when it does not exist.
    pub version: u64,
    /// What it holds.
    pub account: Account,
}

/// Keeps items.
pub trait Store {
    /// Reads an item, as it is now; an absent one is empty.
    fn load(&self, key: &ItemKey) -> impl Future<Output = Result<Item, StoreError>>;

    /// Stores `item` in the place of the version before it, until `expires_at` (Unix seconds) at
    /// least.
    fn store(
        &self,
        key: &ItemKey,
        item: &Item,
        expires_at: u64,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// Why an item was not read or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Someone else stored it first.
    Conflict,
    /// The store could not be reached, or did not do it.
    Unavailable,
}

/// Why a message is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// A limit is reached.
    TooMany(Refused),
    /// The ledger cannot tell, so the answer is no.
    Unavailable,
}

/// A message is admitted, and the item says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// For a new code, what to derive it from and when that was issued.
    pub issue: Option<(Nonce, UnixMillis)>,
    /// The item that it was stored in, and as what.
    key: ItemKey,
    item: Item,
}

/// The ledger over a store.
pub struct Ledger<S> {
    store: S,
    key: CodeKey,
    limits: Vec<IssueLimit>,
}

impl<S: Store> Ledger<S> {
    /// The ledger that keeps `limits`, with items in `store` under HMACs with `key`.
    pub fn new(store: S, key: CodeKey, limits: Vec<IssueLimit>) -> Self {
        Self { store, key, limits }
    }

    /// The tag that an open issue has for a user.
    pub fn user(&self, pool_id: &str, user_sub: &str) -> UserTag {
        UserTag(self.tag(USER_DOMAIN, &[pool_id, user_sub]))
    }

    /// Admits a message to `destination` (a normalised phone number or email address), if the limits
    /// allow it.
    ///
    /// # Errors
    /// When they do not, or the ledger cannot be reached. The caller bounds the time.
    pub async fn admit(
        &self,
        destination: &str,
        wanted: &Wanted,
        now: UnixMillis,
    ) -> Result<Admission, NotAdmitted> {
        let key = ItemKey(self.tag(DESTINATION_DOMAIN, &[destination]));
        let mut pauses = Pauses::default();
        loop {
            let Item { version, account } = self.load(&key).await?;
            let admitted = admit(&account, wanted, &self.limits, now);
            let Admitted { account, issue } = admitted.map_err(NotAdmitted::TooMany)?;
            if let Some(item) = self.replace(&key, version, account, now, &mut pauses).await? {
                return Ok(Admission { issue, key, item });
            }
        }
    }

    /// Closes the issue of `admission`, so that it goes on in no other sign-in. The item is read again
    /// only when someone else has stored it since.
    ///
    /// # Errors
    /// When the ledger cannot be reached. The caller bounds the time.
    pub async fn close(&self, admission: Admission, now: UnixMillis) -> Result<(), NotAdmitted> {
        let Admission { issue: Some((nonce, _)), key, mut item } = admission else { return Ok(()) };
        let mut pauses = Pauses::default();
        loop {
            let Some(account) = close(&item.account, &nonce) else { return Ok(()) };
            if self.replace(&key, item.version, account, now, &mut pauses).await?.is_some() {
                return Ok(());
            }
            item = self.load(&key).await?;
        }
    }

    async fn load(&self, key: &ItemKey) -> Result<Item, NotAdmitted> {
        self.store.load(key).await.map_err(|_| NotAdmitted::Unavailable)
    }

    /// Stores `account` in the place of the item of `version` and gives the item; or none, after a
    /// pause, when someone else was faster.
    async fn replace(
        &self,
        key: &ItemKey,
        version: u64,
        account: Account,
        now: UnixMillis,
        pauses: &mut Pauses,
    ) -> Result<Option<Item>, NotAdmitted> {
        let item = Item { version: version.saturating_add(1), account };
        match self.store.store(key, &item, self.expires_at(now)).await {
            Ok(()) => Ok(Some(item)),
            Err(StoreError::Unavailable) => Err(NotAdmitted::Unavailable),
            Err(StoreError::Conflict) => {
                tokio::time::sleep(pauses.next()).await;
                Ok(None)
            }
        }
    }

    /// When an item stored at `now` proves nothing any more.
    fn expires_at(&self, now: UnixMillis) -> u64 {
        let longest = self.limits.iter().map(|limit| limit.window).max().unwrap_or_default();
        (now / 1_000).saturating_add(longest.as_secs()).saturating_add(60)
    }

    fn tag(&self, domain: &[u8], parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        URL_SAFE_NO_PAD.encode(*self.key.mac(domain, &parts))
    }
}
