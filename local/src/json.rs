//! The AWS JSON 1.1 protocol, as far as it is the same for every service that speaks it here.

use std::fmt;

use serde_json::{Value, json};

/// The answer to one call: HTTP's status, the exception if it failed, and the JSON body.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP's status: 200, 400 or 500.
    pub status: u16,
    /// The exception, for the `x-amzn-errortype` header. The body names it too.
    pub error_type: Option<&'static str>,
    /// JSON.
    pub body: Vec<u8>,
}

impl Reply {
    /// What an operation that did its work answers.
    pub(crate) fn ok(value: &Value) -> Self {
        Self { status: 200, error_type: None, body: value.to_string().into_bytes() }
    }

    /// An exception.
    pub(crate) fn error(status: u16, exception: &'static str, message: &str) -> Self {
        let body = json!({ "__type": exception, "message": message });
        Self { status, error_type: Some(exception), body: body.to_string().into_bytes() }
    }
}

impl fmt::Debug for Reply {
    /// Without the body, which may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("error_type", &self.error_type)
            .finish_non_exhaustive()
    }
}
