//! What operations may use besides the data.

use std::time::Duration;

use rand::CryptoRng;

/// The time and the generator.
pub(crate) struct Context<'a> {
    pub(crate) now: Duration,
    pub(crate) rng: &'a mut dyn CryptoRng,
}
