//! What waits for triggers: signing in (InitiateAuth and RespondToAuthChallenge, with the rounds that
//! the triggers decide), and creating users (SignUp and AdminCreateUser, which ask PreSignUp).
//!
//! It uses `operations`, `model` and `protocol`, and calls functions through `invoke::Invoke`.

pub(crate) mod call_trigger;
pub(crate) mod create_user;
pub(crate) mod custom_auth;
pub(crate) mod initiate_auth;
pub(crate) mod invoke;
pub(crate) mod next_step;
pub(crate) mod parameters;
pub(crate) mod password_auth;
pub(crate) mod pre_sign_up;
pub(crate) mod requested_client;
pub(crate) mod respond_to_auth_challenge;
pub(crate) mod round;
pub(crate) mod shared;
pub(crate) mod sign_in;
pub(crate) mod trigger_events;
