//! Federation as its callers see it: identity pools and STS, with real tokens of real sign-ins and a
//! clock that the test moves.
#![cfg(test)]
//! Federation as its callers see it: identity pools and STS, with real tokens of real sign-ins and
//! a clock that the test moves.

mod guests;
mod harness;
mod http;
mod pools;
mod refusals;
mod roles;
mod signed_in;
mod sts;
mod wire;
