//! What the trigger functions have of Lambda: Cognito's events in every shape they are
//! seen in, the faults that a client may read, and the start-up.
//!
//! A function is `start(read its settings, serve(its trigger, event → response))`; everything
//! between Lambda and that closure is here, so that no function can log an event, let a panic's
//! text out or take another trigger's event for its own.
//!
//! Not responsible for: what a response says. That is each function's decision, over plain data.

mod event;
mod fault;
mod log;
mod metrics;
mod start;
mod time;

pub use event::{Contacts, Event, Request, SessionEntry, StringMap, Trigger, answer};
pub use fault::Fault;
pub use metrics::{MetricEvent, Metrics, SpendEvent};
pub use start::{TIME_LIMIT, now_millis, serve, start};
