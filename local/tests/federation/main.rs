//! Federation as its callers see it: identity pools and STS, with real tokens of real sign-ins and a
//! clock that the test moves.

#[cfg(test)]
mod guests;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod signed_in;
#[cfg(test)]
mod sts;
#[cfg(test)]
mod wire;
