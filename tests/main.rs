//! End-to-end tests: the real function binaries behind the real loopback user pool, signed in to
//! with a real client. Each test starts its own `local` on port 0.
#![cfg(test)]

mod attack;
mod choice;
mod countries;
mod dynamodb;
mod failing_aws;
mod failing_cognito;
mod faults;
mod functions;
mod harness;
mod inbox;
mod known_device;
mod ledger;
mod ledger_table;
mod messages;
mod one_code;
mod panics;
mod second_factor;
mod secrecy;
mod sign_in;
mod sign_up;
mod spend_guard;
