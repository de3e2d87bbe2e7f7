//! What the functions' AWS clients have in common: the region and credentials that Lambda puts into
//! the environment, one HTTP client with its TLS, retries and time-outs, and connections that are
//! opened while the function starts. No profile files, no metadata service, no SSO.
//!
//! A function makes its clients of [`Environment::config`], one for each [`Service`] that it calls:
//! `aws_sdk_sns::Client::new(&config)`.
//!
//! Not responsible for: what is asked of a service, and what an answer means (the crate that asks), or
//! the functions' own limit of time (theirs).

mod connect;
mod environment;
mod error;
mod tls;

pub use connect::{CONNECT_LIMIT, connect};
pub use environment::{Config, Environment, Service};
pub use error::reason;
