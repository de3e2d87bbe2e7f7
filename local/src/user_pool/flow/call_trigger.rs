//! One call of a trigger as Cognito makes it: repeated when the function does not answer, and its
//! failure as Cognito reports it. No lock is held while it waits.

use bytes::Bytes;

use crate::protocol::error::{Error, Exception, Result};
use crate::user_pool::flow::invoke::{Invoke, InvokeError};
use crate::user_pool::model::trigger::Trigger;

/// How often Cognito calls a function that does not answer.
const CALLS: usize = 3;

/// Calls `function`, the one behind `trigger`: again when it does not answer in time, and only then.
pub(crate) async fn call_trigger(
    functions: &dyn Invoke,
    trigger: Trigger,
    function: Trigger,
    event: Bytes,
) -> Result<Bytes> {
    for _ in 0..CALLS {
        match functions.invoke(function, event.clone()).await {
            Ok(output) => return Ok(output),
            Err(InvokeError::TimedOut) => {}
            Err(InvokeError::Function { message, .. }) => {
                return Err(Error::new(
                    Exception::USER_LAMBDA_VALIDATION,
                    format!("{} failed with error {message}.", trigger.name()),
                ));
            }
        }
    }
    Err(Error::new(
        Exception::UNEXPECTED_LAMBDA,
        format!(
            "{} invocation failed due to error Socket timeout while invoking Lambda function.",
            trigger.name()
        ),
    ))
}
