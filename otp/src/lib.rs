//! The language that the trigger functions share: what a code is and how it is derived, the record
//! that a sign-in carries from round to round, what create tells verify, and what a client may ask
//! for.
//!
//! Everything here is a pure function over plain data. There is no clock, no randomness, no
//! environment and no AWS in this crate: `now` and the generator are arguments.
//!
//! Not responsible for: which step comes next (`define-auth-challenge`), choosing a destination and
//! sending (`create-auth-challenge`), comparing (`verify-auth-challenge`), which code is live
//! (`ledger`), reading settings (`settings`), or the shape of Cognito's events (`trigger`).

mod challenge_metadata;
mod client_request;
mod code;
mod device_id;
mod key;
mod medium;
mod nonce;
mod private_challenge_parameters;
mod record;

pub use challenge_metadata::{ChallengeMetadata, Hold};
pub use client_request::ClientRequest;
pub use code::{Code, CodeLength, CodeOwner};
pub use device_id::DeviceId;
pub use key::{CodeKey, CodeKeyTag, KeyError, LedgerKey};
pub use medium::{Medium, MediumSet};
pub use nonce::{Nonce, RoundId};
pub use private_challenge_parameters::{CodeParameters, NotSealed, PrivateChallengeParameters};
pub use record::{IssuedCode, Record, RecordError};

/// Whole seconds since the Unix epoch.
pub type UnixSeconds = u64;

/// Milliseconds since the Unix epoch: seconds would blur the edges of a window.
pub type UnixMillis = u64;
