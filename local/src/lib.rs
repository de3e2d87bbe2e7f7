//! A loopback Amazon Cognito user pool for a developer's machine: any Cognito client signs in
//! against it, and the three shipped function binaries answer its triggers through the Lambda
//! Runtime API.
//!
//! The map, from the inside out:
//! - [`pool`]: the user pool as plain data, its operations and its rules;
//! - [`lambda`]: builds, runs and invokes the functions;
//! - [`outbox`]: what was sent, instead of sending it.
//!
//! Not responsible for: deciding anything about codes (the functions do, in `otp` and the three
//! trigger crates), hosted pages, or being reachable from another machine.

pub mod clock;
pub mod lambda;
pub mod outbox;
pub mod pool;
