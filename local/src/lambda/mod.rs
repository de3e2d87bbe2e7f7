//! The functions as Lambda runs them: built, started as processes, fed through the Runtime API.
//!
//! - `compile`: where the three binaries are, building them when need be;
//! - `process`: one execution environment, a process with a Runtime API of its own;
//! - `functions`: as many of them as the calls need;
//! - `endpoint`: functions that someone else runs, instead;
//! - `output`: where the functions' own lines go;
//! - `calls`: what was called, how long it took and how it ended.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

mod calls;
mod compile;
mod endpoint;
mod functions;
mod output;
mod process;
mod runtime_api;

pub use crate::lambda::calls::{CallLog, Outcome, TriggerCall};
pub use crate::lambda::compile::{CompileError, Programs, Progress};
pub use crate::lambda::endpoint::{Endpoint, InvalidEndpoint};
pub use crate::lambda::functions::{Functions, MAX_INSTANCES, Options, START_LIMIT, StartError};
pub use crate::lambda::output::{Capture, Output};
pub use crate::lambda::process::{Failure, Instance, Launch};

/// How long Cognito waits for a trigger; nobody can change it there.
pub const TRIGGER_TIMEOUT: Duration = Duration::from_secs(5);

/// One of the three custom-challenge triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trigger {
    /// Which step comes next.
    DefineAuthChallenge,
    /// Issue a code and send it.
    CreateAuthChallenge,
    /// Is this answer right?
    VerifyAuthChallengeResponse,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 3] =
        [Self::DefineAuthChallenge, Self::CreateAuthChallenge, Self::VerifyAuthChallengeResponse];

    /// The name that Cognito gives the trigger in events and errors, such as `DefineAuthChallenge`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DefineAuthChallenge => "DefineAuthChallenge",
            Self::CreateAuthChallenge => "CreateAuthChallenge",
            Self::VerifyAuthChallengeResponse => "VerifyAuthChallengeResponse",
        }
    }

    /// The name of the function that answers it, which is its package's and binary's too.
    #[must_use]
    pub fn function(self) -> &'static str {
        match self {
            Self::DefineAuthChallenge => "define-auth-challenge",
            Self::CreateAuthChallenge => "create-auth-challenge",
            Self::VerifyAuthChallengeResponse => "verify-auth-challenge",
        }
    }
}

/// Why one call of a function gave no response.
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

/// Calls functions. The pool knows no more of Lambda than this.
pub trait Invoke: Send + Sync {
    /// Calls the function behind `trigger` once with `event` (JSON) and waits for its response
    /// (the bytes that it answered, whatever they are).
    ///
    /// # Errors
    /// When the function fails, dies, or does not answer within Cognito's five seconds.
    fn invoke(&self, trigger: Trigger, event: Bytes) -> BoxFuture<'_, Result<Bytes, InvokeError>>;
}
