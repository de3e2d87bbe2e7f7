//! What the tests of several packages share. It asserts nothing about the code under test: that is
//! the tests' own.
#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]

pub mod clock;
pub mod fixtures;
pub mod functions;
pub mod srp;
pub mod wait;
