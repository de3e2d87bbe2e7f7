//! How recent sends went, so that an unknown user's challenge takes as long, and fails as often.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::TryCryptoRng;

use crate::SendError;

/// How many of the last sends are remembered.
const REMEMBERED: usize = 32;

/// How a send went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// How long it took.
    pub(crate) took: Duration,
    /// What came of it.
    pub(crate) outcome: Result<(), SendError>,
}

/// What a send is like before there was one in this process: it takes about what SNS takes from
/// within its region.
pub(crate) const BEFORE_ANY: Sent = Sent { took: Duration::from_millis(120), outcome: Ok(()) };

/// The last real sends of this process.
#[derive(Default)]
pub(crate) struct Pace(Mutex<VecDeque<Sent>>);

impl Pace {
    /// Remembers a send.
    pub(crate) fn note(&self, sent: Sent) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(sent);
    }

    /// One of the remembered sends, each as likely as the others.
    pub(crate) fn draw<R: TryCryptoRng>(&self, generator: &mut R) -> Sent {
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
        for n in 0..40 {
            let outcome = if n % 4 == 0 { Err(SendError) } else { Ok(()) };
            pace.note(Sent { took: Duration::from_millis(n), outcome });
        }
        let mut drawn: Vec<_> = (0..1_000)
            .map(|_| pace.draw(&mut generator))
            .map(|sent| (sent.took.as_millis(), sent.outcome.is_ok()))
            .collect();
        drawn.sort_unstable();
        drawn.dedup();
        let expected: Vec<_> = (8..40).map(|n| (n, n % 4 != 0)).collect();
        assert_eq!(drawn, expected, "the last 32, and all of them");
    }
}
