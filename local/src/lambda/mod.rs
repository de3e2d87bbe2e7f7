//! The functions as Lambda runs them: built, started as processes, fed through the Runtime API.
//!
//! - `compile`: where the functions' binaries are, building them when need be;
//! - `process`: one execution environment, a process with a Runtime API of its own;
//! - `functions`: as many of them as the calls need;
//! - `endpoint`: functions that someone else runs, instead;
//! - `output`: where the functions' own lines go;
//! - `calls`: the log of calls, how long each took and how it ended.
//!
//! It implements `Invoke`, which `user_pool` defines, and uses `protocol`.

mod calls;
mod compile;
mod endpoint;
mod functions;
mod output;
mod process;
mod runtime_api;

pub use calls::{CallLog, Outcome, TriggerCall};
pub use compile::{CompileError, Programs, Progress};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use functions::{Functions, MAX_INSTANCES, Options, START_LIMIT, StartError};
pub use output::{Capture, Output};
pub use process::{Failure, Instance, Launch};

pub use crate::user_pool::{Invoke, InvokeError, TRIGGER_TIMEOUT, Trigger};
