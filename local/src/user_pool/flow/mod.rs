//! Signing in: InitiateAuth and RespondToAuthChallenge, and the rounds that the triggers decide.
//!
//! It uses `operations`, `model` and `protocol`, and calls functions through `invoke::Invoke`.

pub(crate) mod custom_auth;
pub(crate) mod initiate_auth;
pub(crate) mod invoke;
pub(crate) mod next_step;
pub(crate) mod parameters;
pub(crate) mod password_auth;
pub(crate) mod requested_client;
pub(crate) mod respond_to_auth_challenge;
pub(crate) mod round;
pub(crate) mod shared;
pub(crate) mod sign_in;
pub(crate) mod trigger_events;
