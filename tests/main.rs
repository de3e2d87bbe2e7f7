//! End-to-end tests: the real function binaries behind the real loopback user pool, signed in to
//! with a real client. Each test starts its own `local` on port 0.
#![cfg(test)]

mod attack;
mod aws;
mod choice;
mod countries;
mod dynamodb;
mod faults;
mod functions;
mod harness;
mod ledger;
mod one_code;
mod panics;
mod phone;
mod second_factor;
mod secrecy;
mod sign_in;
mod table;
mod words;
