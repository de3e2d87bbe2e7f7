//! The language that the three trigger functions share: what a code is and how it is derived, the
//! record that a sign-in carries from round to round, what a client may ask for, and the settings
//! that two of the functions must agree on.
//!
//! Everything here is a pure function over plain data. There is no clock, no randomness, no
//! environment and no AWS in this crate: `now`, the generator and the lookup of a variable are
//! arguments.
//!
//! Not responsible for: which step comes next (`define-auth-challenge`), choosing a destination and
//! sending (`create-auth-challenge`), comparing (`verify-auth-challenge`), or the shape of Cognito's
//! events (`trigger`).

mod challenge_metadata;
mod client_request;
mod code;
mod medium;
mod nonce;
mod private_challenge_parameters;
mod record;

pub use challenge_metadata::ChallengeMetadata;
pub use client_request::ClientRequest;
pub use code::{Code, CodeKey, CodeKeyError, CodeLength};
pub use medium::Medium;
pub use nonce::Nonce;
pub use private_challenge_parameters::{
    CodeParameters, PrivateChallengeParameters, PrivateChallengeParametersError,
};
pub use record::{Record, RecordError};

/// Whole seconds since the Unix epoch.
pub type UnixSeconds = u64;
