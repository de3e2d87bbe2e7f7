//! The CreateAuthChallenge trigger: issue a code and send it.
//!
//! [`plan()`] is the whole rule of sending, a pure function: go on with the same code or make a new
//! one, send or not, and where to. [`Create::respond`] turns Cognito's event into its arguments,
//! carries the plan out, and writes the outcome into Cognito's response fields.
//!
//! Not responsible for: which step comes next (`define-auth-challenge`), comparing
//! (`verify-auth-challenge`), deriving codes and the record's grammar (`otp`), the form of events
//! (`trigger`), which region a number belongs to (`numbering`).

mod challenge;
mod decoy;
mod destination;
mod message;
mod pace;
mod plan;
mod respond;
mod send;
mod settings;

pub use challenge::Response;
pub use destination::{Destination, Destinations};
pub use message::{
    Alphabet, Email, EmailOptions, Language, Message, MessageCatalog, Size, SmsOptions,
};
pub use plan::{Issue, Plan, Policy, Round, Seconds, go_on, plan};
pub use respond::{Create, TIME_LIMIT};
pub use send::{MessageSender, SendError, Services};
pub use settings::{FirstRound, Settings};
