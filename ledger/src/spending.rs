//! The spend guard of a call: assessed before anything is written, taken after the admission, given
//! back if the message is not sent; and earned by verify when its code is used.

use futures_util::future::join_all;
use otp::{IssuedCode, UnixSeconds};

use crate::spend::{SpendReading, assess};
use crate::{
    Admitted, Assessed, ItemKey, Ledger, Reading, SpendKeys, SpendMode, SpendOutcome, SpendPlan,
    SpendRefusal, SpendRules, SpendTicket, SpendUpdate, Store, StoreError,
};

/// What a reading has of the spend guard.
#[derive(Clone, Debug)]
pub(crate) struct SpendState {
    keys: SpendKeys,
    reading: SpendReading,
    read_at: UnixSeconds,
}

impl SpendState {
    pub(crate) fn new(keys: SpendKeys, reading: SpendReading, read_at: UnixSeconds) -> Self {
        Self { keys, reading, read_at }
    }
}

/// How a message is counted, and where.
#[derive(Clone, Debug)]
pub(crate) struct Spending {
    plan: SpendPlan,
    keys: Vec<ItemKey>,
    takes_nothing: bool,
    read_at: UnixSeconds,
}

impl Spending {
    fn assess(
        rules: &SpendRules,
        state: SpendState,
        passes_at_zero: bool,
    ) -> Result<Self, SpendRefusal> {
        let SpendState { keys, reading, read_at } = state;
        let plan = assess(rules, &reading, passes_at_zero)?;
        let (keys, takes_nothing) = (keys.to_write(read_at), keys.is_unknown());
        Ok(Self { plan, keys, takes_nothing, read_at })
    }

    pub(crate) fn unenforced(&self) -> Option<SpendRefusal> {
        self.plan.unenforced
    }
}

/// A message that is admitted and counted. It carries [`Taken::code`].
#[derive(Debug)]
#[must_use = "a message that is not sent is given back"]
pub struct Taken {
    code: IssuedCode,
    counted: Vec<Counted>,
    unenforced: Option<SpendRefusal>,
    is_country_low: bool,
}

impl Taken {
    /// The code that the message carries.
    #[must_use]
    pub fn code(&self) -> IssuedCode {
        self.code
    }

    /// What would have refused the message, if the guard refused messages (`SPEND_GUARD=record`).
    #[must_use]
    pub fn unenforced(&self) -> Option<SpendRefusal> {
        self.unenforced
    }

    /// Does it leave its country a fifth or less of the credit that the hour started with?
    #[must_use]
    pub fn is_country_low(&self) -> bool {
        self.is_country_low
    }
}

/// An item in which a message is counted.
#[derive(Debug)]
struct Counted {
    key: ItemKey,
    credit: bool,
}

/// A message that is admitted and must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeError {
    /// The live code of the account, which the admission may have replaced.
    pub code: IssuedCode,
    /// Why.
    pub reason: NotTaken,
}

/// Why a message that is admitted must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The last credit was taken in between.
    Refused(SpendRefusal),
    /// The ledger cannot tell, so the answer is no.
    Unavailable,
}

impl<S: Store> Ledger<S> {
    /// Asks the spend guard by what was read, before anything is written. A known device of an account
    /// whose last code was used passes where there is no credit.
    ///
    /// # Errors
    /// Which bound refuses the message. It is never sent, and nothing is written.
    pub fn assess(&self, mut reading: Reading) -> Result<Assessed, SpendRefusal> {
        let passes_at_zero = reading.is_known_device() && reading.is_last_code_used();
        let state = reading.take_spend();
        let spending = state.map(|state| Spending::assess(&self.spend, state, passes_at_zero));
        Ok(Assessed { reading, spending: spending.transpose()? })
    }

    /// Takes a credit of each scope of an admitted message, at once; an unknown user's message is
    /// counted in items of its own and takes none. If one refuses or fails, what the others took is
    /// given back. Afterwards the message is sent, or given back with [`Ledger::give_back`].
    ///
    /// # Errors
    /// When the last credit of a scope was taken since it was read, the cap was reached, or the ledger
    /// cannot be reached. The caller bounds the time.
    pub async fn take(&self, admitted: Admitted) -> Result<Taken, TakeError> {
        let Admitted { code, spending } = admitted;
        let Some(spending) = spending else {
            let counted = Vec::new();
            return Ok(Taken { code, counted, unenforced: None, is_country_low: false });
        };
        let Spending { plan, keys, takes_nothing, read_at } = spending;
        let scopes = plan.scopes.iter().zip(keys);
        let takes = scopes.map(async |(scope, key)| {
            let has_credit = scope.has_credit && !takes_nothing;
            let update = scope.update(has_credit, read_at);
            // Items of an unknown user refuse nothing.
            let update = if takes_nothing { update.without_cap() } else { update };
            let refused = SpendRefusal::from(scope.kind);
            match self.store.update_spend(&key, &update).await? {
                SpendOutcome::Done => Ok((Ok(Counted { key, credit: has_credit }), None)),
                SpendOutcome::NoCredit if plan.passes_at_zero => {
                    let update = scope.update(false, read_at);
                    match self.store.update_spend(&key, &update).await? {
                        SpendOutcome::Done => {
                            Ok((Ok(Counted { key, credit: false }), Some(refused)))
                        }
                        _ => Ok((Err(SpendRefusal::Cap), None)),
                    }
                }
                SpendOutcome::NoCredit | SpendOutcome::Absent => Ok((Err(refused), None)),
                SpendOutcome::Capped => Ok((Err(SpendRefusal::Cap), None)),
            }
        });
        let (mut counted, mut reason, mut without_credit) = (Vec::new(), None, None);
        for taken in join_all(takes).await {
            match taken {
                Ok((Ok(item), passed)) => {
                    counted.push(item);
                    without_credit = without_credit.or(passed);
                }
                Ok((Err(refusal), _)) => {
                    reason = reason.or(Some(NotTaken::Refused(refusal)));
                }
                Err(StoreError::Conflict | StoreError::Unavailable) => {
                    reason = Some(NotTaken::Unavailable);
                }
            }
        }
        match reason {
            Some(reason) => {
                self.give_back_counted(counted).await;
                Err(TakeError { code, reason })
            }
            None => {
                let is_recorded = self.spend.mode == SpendMode::Record;
                let unenforced = plan.unenforced.or(without_credit.filter(|_| is_recorded));
                Ok(Taken { code, counted, unenforced, is_country_low: plan.is_country_low })
            }
        }
    }

    /// Gives back what a message took that was not sent. What cannot be given back stays counted: that
    /// over-counts, never under.
    pub async fn give_back(&self, taken: Taken) {
        self.give_back_counted(taken.counted).await;
    }

    async fn give_back_counted(&self, counted: Vec<Counted>) {
        let updates = counted.iter().map(async |Counted { key, credit }| {
            self.store.update_spend(key, &SpendUpdate::GiveBack { credit: *credit }).await
        });
        // The store has logged what failed.
        drop(join_all(updates).await);
    }
}

/// Gives credit back to the items of a message whose code was used, and counts it as answered there.
/// Items that do not exist stay so. Only for a code that was used now: a repeat earns nothing.
///
/// # Errors
/// When one of the items could not be written. The others are.
pub async fn earn<S: Store>(store: &S, ticket: &SpendTicket) -> Result<(), StoreError> {
    let keys = ticket.keys();
    let updates = keys.iter().map(|key| store.update_spend(key, &SpendUpdate::Earn));
    join_all(updates).await.into_iter().try_for_each(|outcome| outcome.map(drop))
}
