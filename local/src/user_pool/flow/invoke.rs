//! How the flow calls a function. Whoever runs the functions implements it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::user_pool::model::trigger::Trigger;

/// How long Cognito waits for a trigger; nobody can change it there.
pub const TRIGGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a call of a function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// The function answered with an error, or died: Lambda's "function error".
    Function {
        /// Lambda's `errorType`, such as `Runtime.ExitError`.
        error_type: String,
        /// Lambda's `errorMessage`, which Cognito passes on to its client.
        message: String,
    },
    /// No answer within the caller's limit.
    TimedOut,
}

/// Calls functions. The user pool uses nothing else of Lambda.
pub trait Invoke: Send + Sync {
    /// Calls the function behind `trigger` once with `event` (JSON) and waits for its response
    /// (the bytes that it answered, whatever they are).
    ///
    /// # Errors
    /// When the function fails, dies, or does not answer within Cognito's five seconds.
    fn invoke(&self, trigger: Trigger, event: Bytes) -> BoxFuture<'_, Result<Bytes, InvokeError>>;
}
