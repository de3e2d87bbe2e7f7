//! The pools behind their lock, and the functions behind the triggers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::CryptoRng;

use crate::clock::Clock;
use crate::outbox::Outbox;
use crate::user_pool::flow::invoke::Invoke;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::state::State;

/// What is behind the lock.
struct Inner {
    state: State,
    rng: Box<dyn CryptoRng + Send>,
}

pub(crate) struct Shared {
    inner: Mutex<Inner>,
    clock: Clock,
    outbox: Outbox,
    /// Counts calls that may have changed something.
    changes: AtomicU64,
    pub(crate) functions: Arc<dyn Invoke>,
}

impl Shared {
    pub(crate) fn new(
        state: State,
        clock: Clock,
        outbox: Outbox,
        functions: Arc<dyn Invoke>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Self {
        let inner = Mutex::new(Inner { state, rng });
        Self { inner, clock, outbox, functions, changes: AtomicU64::new(0) }
    }

    /// How many calls so far may have changed something that survives a restart.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Counts a call that may have changed something that survives a restart.
    pub(crate) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Runs `operation` alone. It must not wait for anything.
    pub(crate) fn locked<T>(&self, operation: impl FnOnce(&mut State, &mut Context<'_>) -> T) -> T {
        let now = self.clock.now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { state, rng } = &mut *inner;
        let mut ctx = Context { now, rng: rng.as_mut(), outbox: &self.outbox };
        operation(state, &mut ctx)
    }
}
