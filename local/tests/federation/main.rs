//! Federation as its callers see it: identity pools and STS, with real tokens of real sign-ins and a
//! clock that the test moves.
#![cfg(test)]

mod guests;
mod harness;
mod http;
mod pools;
mod refusals;
mod roles;
mod signed_in;
mod sts;
mod wire;
