//! The CreateAuthChallenge trigger: issue a code and send it.
//!
//! [`plan()`] is the whole rule of sending, a pure function: go on with the same code or make a new
//! one, send or not, and where to. [`Create::respond`] turns Cognito's event into its arguments,
//! carries the plan out, and writes the outcome into Cognito's response fields.
//!
//! Not responsible for: which step comes next (`define-auth-challenge`), comparing
//! (`verify-auth-challenge`), deriving codes and the record's grammar (`otp`), the form of events
//! (`trigger`), which region a number belongs to (`numbering`).

pub mod aws;
mod challenge;
mod countries;
mod decoy;
mod destination;
pub mod ledger;
mod message;
mod pace;
mod plan;
mod respond;
mod settings;

pub use challenge::Response;
pub use countries::Countries;
pub use destination::{Destination, Destinations};
pub use message::{Alphabet, Language, Mail, MailOptions, Message, Size, TextOptions, Words};
pub use plan::{Issue, Plan, Policy, Round, Seconds, go_on, plan};
pub use respond::{Create, Deliver, TIME_LIMIT, Undelivered};
pub use settings::{FirstRound, Settings};
