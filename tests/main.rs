//! End-to-end tests: the real function binaries behind the real loopback user pool, signed in to
//! with a real client. Each test starts its own `local` on port 0.

#[cfg(test)]
mod attack;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod choice;
#[cfg(test)]
mod countries;
#[cfg(test)]
mod dynamodb;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod second_factor;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
#[path = "../local/tests/pool/srp_client.rs"]
mod srp_client;
#[cfg(test)]
mod table;
#[cfg(test)]
mod words;
