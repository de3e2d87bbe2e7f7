//! The user pool as its callers see it: JSON in, JSON out, with scripted functions and a clock that
//! the test moves.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod custom_auth;
#[cfg(test)]
mod declared;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod lambda_faults;
#[cfg(test)]
mod passwords;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod sign_up;
#[cfg(test)]
mod srp;
#[cfg(test)]
mod srp_client;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod user_life;
#[cfg(test)]
mod wire;
