//! `local` as a whole, running on a port: what it makes of bytes, of crowds and of restarts.
#![cfg(test)]

mod sign_up;
mod state;
mod wire;
