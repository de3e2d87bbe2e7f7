//! The VerifyAuthChallengeResponse trigger: is this answer right?
//!
//! [`judge()`] says whether the digits are right, in time and of the contacts that the user still has, a
//! pure function; [`Verify::respond`] opens what create sealed, judges, and uses a right code up in
//! the ledger, once. With `SIGN_UP=code` the first right code proves the account's contact, which is then
//! marked as verified ([`decide`]). Whatever a client sends is an answer, right or wrong; an error is for our own
//! faults only.
//!
//! Not responsible for: counting wrong answers (`define-auth-challenge`), making codes (`otp`), the rule
//! that a code is used once (`ledger`), the form of events (`trigger`).

mod answer;
mod cognito;
mod judge;
mod mark;
mod respond;

pub use answer::{Answer, MAX_ANSWER_BYTES};
pub use cognito::Cognito;
pub use judge::{Judgement, User, is_alternative_medium, judge};
pub use mark::{Contact, Failed, Mark, UserDirectory, decide};
pub use respond::{Response, Verify};
