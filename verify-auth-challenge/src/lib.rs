//! The VerifyAuthChallengeResponse trigger: is this answer right?
//!
//! [`is_right`] is the whole judgement, a pure function; [`respond`] turns Cognito's event into its
//! arguments and the verdict into Cognito's response field. Whatever a client sends is an answer,
//! right or wrong; an error is for our own faults only.
//!
//! Not responsible for: counting wrong answers (`define-auth-challenge`), making codes (`otp`), the
//! form of events (`trigger`).

mod answer;
mod compare;
mod event;

pub use answer::{Answer, MAX_ANSWER_BYTES};
pub use compare::{Subject, is_other_choice, is_right};
pub use event::{Response, respond};
