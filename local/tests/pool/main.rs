//! The user pool as its callers see it: JSON in, JSON out, with scripted functions and a clock that
//! the test moves.
#![cfg(test)]

mod admin;
mod conformance;
mod custom_auth;
mod declared;
mod harness;
mod lambda_faults;
mod marking;
mod messages;
mod passwords;
mod pre_sign_up;
mod sessions;
mod settings;
mod sign_up;
mod srp;
mod tokens;
mod user_life;
mod wire;
