//! The DefineAuthChallenge trigger: which step of a sign-in comes next.
//!
//! [`decide()`] is the whole rule of sequence, a pure function of the steps taken so far. [`respond`]
//! turns Cognito's event into those steps and the decision into Cognito's response fields.
//!
//! Not responsible for: codes and sending (`create-auth-challenge`), comparing
//! (`verify-auth-challenge`), the form of events (`trigger`).

mod decide;
mod event;
mod settings;

pub use decide::{Decision, NextChallenge, PriorChallenge, Rules, Step, decide};
pub use event::{Response, respond};
pub use settings::read;
