//! The ledger: who was sent what, and which code is live.
//!
//! One item per account and one per destination hold when messages were admitted, and in which lane:
//! strangers use a part of the limits only, the rest is the owner's. The account's also
//! holds its live code, the one before it, and the one that was used last. The rules are pure:
//! [`admit`] bounds messages, [`CodeState`] says which code a message carries and that it is used
//! once. [`Ledger`] is what create does with them, [`Store::consume`] what verify does. Items are
//! named by HMACs ([`ItemNames`]) and hold nothing personal and nothing that signs anyone in.
//!
//! A message that costs money takes a credit of its country, its range of numbers and everything
//! besides, which used codes give back ([`SpendItem`]): what is sent for nothing is bounded in all.
//!
//! A [`Store`] writes an item only if nobody else has in between (compare and swap), so that calls in
//! parallel can neither share the last place nor bring a used code back. [`DynamoDb`] is the real one.
//!
//! Cognito's lockout does not apply to custom challenges: an attacker's guesses are bounded by the
//! messages here times the attempts that define allows for each.
//!
//! Not responsible for: which destinations a user has, and sending (`create-auth-challenge`); whether an
//! answer has the right digits (`verify-auth-challenge`); deriving codes (`otp`).

mod admission;
mod code;
mod dynamodb;
mod limits;
mod memory;
mod names;
mod spend;
mod spending;
mod store;

pub use admission::{AdmissionError, Admitted, Assessed, ItemKeys, Ledger, LedgerRules, Reading};
pub use code::{CodeBinding, CodeRules, CodeState, Consumption, LiveCode, UsedCode};
pub use dynamodb::DynamoDb;
pub use limits::{AdmittedTimes, IssueLimit, Lane, LaneLimits, Lanes, RateLimited, admit};
pub use memory::MemoryStore;
pub use names::{ItemKey, ItemNames};
pub use spend::{
    SPEND_WINDOW, ScopeKind, ScopePlan, ScopeReading, SpendBounds, SpendClass, SpendCredit,
    SpendItem, SpendKeys, SpendMode, SpendOutcome, SpendPlan, SpendReading, SpendRefusal,
    SpendRules, SpendScopes, SpendTicket, SpendUpdate, UnixHours, assess,
};
pub use spending::{NotTaken, TakeError, Taken, earn};
pub use store::{DEVICE_LIFETIME, Item, Store, StoreError};
