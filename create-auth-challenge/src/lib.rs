//! The CreateAuthChallenge trigger: issue a code and send it.
//!
//! [`plan()`] is the whole rule of sending, a pure function: send or not, where to, and what is left if
//! it fails. [`Create::respond`] reads Cognito's event and the ledger, plans, admits and sends the
//! message, and writes the outcome into Cognito's response fields, each once and in this order.
//!
//! Not responsible for: which step comes next (`define-auth-challenge`), comparing
//! (`verify-auth-challenge`), which code is live and how many messages are admitted (`ledger`),
//! deriving codes and the record's grammar (`otp`), the form of events (`trigger`), which destinations
//! a user has (`destination`).

mod bounds;
mod challenge;
mod decoy;
mod history;
mod message;
mod plan;
mod respond;
mod send;
mod send_history;
mod settings;

pub use challenge::Response;
pub use destination::Destination;
pub use message::{
    Alphabet, Email, EmailOptions, Language, Message, MessageCatalog, Size, SmsOptions,
};
pub use plan::{Fallback, Plan, PlannedMessage, Policy, Round, Seconds, plan};
pub use respond::Create;
pub use send::{MessageSender, SendError, Services};
pub use settings::{FirstRound, Settings, WhenLimited};
