//! What the rules use besides the data: the time, the generator, the outbox.

use std::time::Duration;

use rand::CryptoRng;

use crate::outbox::Outbox;

/// What an operation may use besides the data.
pub(crate) struct Context<'a> {
    pub(crate) now: Duration,
    pub(crate) rng: &'a mut dyn CryptoRng,
    pub(crate) outbox: &'a Outbox,
}
