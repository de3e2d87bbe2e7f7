//! How long a send takes, so that an unknown user's challenge takes as long.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::TryCryptoRng;

/// How many of the last sends are remembered.
const REMEMBERED: usize = 32;

/// What a send takes before there was one in this process: about what SNS takes from within its
/// region.
pub(crate) const BEFORE_ANY: Duration = Duration::from_millis(120);

/// The times that the last real sends of this process took.
#[derive(Default)]
pub(crate) struct Pace(Mutex<VecDeque<Duration>>);

impl Pace {
    /// Remembers a send.
    pub(crate) fn note(&self, took: Duration) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(took);
    }

    /// One of the remembered times, each as likely as the others.
    pub(crate) fn draw<R: TryCryptoRng>(&self, generator: &mut R) -> Duration {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let draw = generator.try_next_u32().unwrap_or_default();
        let at = usize::try_from(draw).unwrap_or_default().checked_rem(last.len());
        at.and_then(|at| last.get(at)).copied().unwrap_or(BEFORE_ANY)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;

    use super::*;

    #[test]
    fn draws_from_the_last_sends() {
        let (pace, mut generator) = (Pace::default(), ChaCha20Rng::seed_from_u64(1));
        assert_eq!(pace.draw(&mut generator), BEFORE_ANY);
        for milliseconds in 0..40 {
            pace.note(Duration::from_millis(milliseconds));
        }
        let mut drawn: Vec<_> = (0..1_000).map(|_| pace.draw(&mut generator).as_millis()).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, (8..40).collect::<Vec<_>>(), "the last 32, and all of them");
    }
}
