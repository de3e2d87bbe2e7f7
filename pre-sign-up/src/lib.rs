//! The PreSignUp trigger: may this user sign up?
//!
//! [`decide()`] is the rule, a pure function: with `SIGN_UP=code` a new user with exactly one contact
//! that codes may be sent to is confirmed, and nothing is verified; the first sign-in's code is the
//! proof. [`PreSignUp::respond`] turns Cognito's event into that question and the decision into
//! Cognito's response fields.
//!
//! Not responsible for: sending (`create-auth-challenge`), marking the contact as verified
//! (`verify-auth-challenge`), which numbers codes may be sent to (`destination`).

mod decide;
mod respond;

pub use decide::{Applicant, Decision, Refusal, decide};
pub use respond::{PreSignUp, Response};
