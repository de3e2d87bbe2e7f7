//! What all services share: requests and replies as JSON and as query bodies, errors, one
//! `HttpReply`, who may call, JWTs and the keys that sign them, HMACs, credentials.
//!
//! It uses nothing else of this crate.

pub(crate) mod admission;
pub mod arn;
pub mod credentials;
pub(crate) mod error;
pub(crate) mod hmac;
pub mod http_reply;
pub(crate) mod json_request;
pub mod jwt;
pub mod query;
pub(crate) mod random;
pub mod signing_key;
pub mod web_identity;
pub(crate) mod xml;
