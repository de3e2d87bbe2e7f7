//! How recent sends went, so that an unknown user's challenge takes as long, and fails as often.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::TryCryptoRng;

use crate::SendError;

/// How many of the last sends are kept.
const LENGTH: usize = 32;

/// One send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendSample {
    /// How long it took.
    pub(crate) duration: Duration,
    /// What came of it.
    pub(crate) outcome: Result<(), SendError>,
}

/// What a send is like before there was one in this process: about what SNS takes from
/// within its region.
pub(crate) const DEFAULT_SAMPLE: SendSample =
    SendSample { duration: Duration::from_millis(120), outcome: Ok(()) };

/// The last real sends of this process.
#[derive(Default)]
pub(crate) struct SendHistory(Mutex<VecDeque<SendSample>>);

impl SendHistory {
    /// Keeps a send.
    pub(crate) fn record(&self, sent: SendSample) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LENGTH {
            last.pop_front();
        }
        last.push_back(sent);
    }

    /// One of the kept sends, each as likely as the others.
    pub(crate) fn sample<R: TryCryptoRng>(&self, generator: &mut R) -> SendSample {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = generator.try_next_u32().unwrap_or_default();
        let at = usize::try_from(drawn).unwrap_or_default().checked_rem(last.len());
        at.and_then(|at| last.get(at)).copied().unwrap_or(DEFAULT_SAMPLE)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;

    use super::*;

    #[test]
    fn samples_are_drawn_from_the_last_32_sends() {
        let (history, mut generator) = (SendHistory::default(), ChaCha20Rng::seed_from_u64(1));
        assert_eq!(history.sample(&mut generator), DEFAULT_SAMPLE);
        for n in 0..40 {
            let outcome = if n % 4 == 0 { Err(SendError) } else { Ok(()) };
            history.record(SendSample { duration: Duration::from_millis(n), outcome });
        }
        let mut drawn: Vec<_> = (0..1_000)
            .map(|_| history.sample(&mut generator))
            .map(|sent| (sent.duration.as_millis(), sent.outcome.is_ok()))
            .collect();
        drawn.sort_unstable();
        drawn.dedup();
        let expected: Vec<_> = (8..40).map(|n| (n, n % 4 != 0)).collect();
        assert_eq!(drawn, expected, "the last 32, and all of them");
    }
}
