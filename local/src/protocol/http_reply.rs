//! The reply to a call: what every service here gives to HTTP.

use std::fmt;

use serde_json::{Value, json};

use crate::protocol::error::{Error, Result};

/// The content type of the AWS JSON 1.1 protocol.
const AMZ_JSON: &str = "application/x-amz-json-1.1";

/// The reply to one call.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The HTTP status.
    pub status: u16,
    /// The exception, for the `x-amzn-errortype` header of a JSON protocol. The body names it too.
    pub error_type: Option<&'static str>,
    /// The type of the body.
    pub content_type: &'static str,
    /// JSON or XML.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// The result of an operation in the JSON protocol.
    pub(crate) fn ok(value: &Value) -> Self {
        Self::json(200, None, value.to_string().into_bytes())
    }

    /// An exception in the JSON protocol.
    pub(crate) fn error(status: u16, exception: &'static str, message: &str) -> Self {
        let body = json!({ "__type": exception, "message": message });
        Self::json(status, Some(exception), body.to_string().into_bytes())
    }

    /// A body of the JSON protocol.
    pub(crate) fn json(status: u16, error_type: Option<&'static str>, body: Vec<u8>) -> Self {
        Self { status, error_type, content_type: AMZ_JSON, body }
    }

    /// A result or an error of a REST service, whose error is named in the header alone.
    pub(crate) fn rest_json(status: u16, error_type: Option<&'static str>, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { status, error_type, content_type: "application/json", body }
    }

    /// A body of the query protocol.
    pub(crate) fn xml(status: u16, body: String) -> Self {
        Self { status, error_type: None, content_type: "text/xml", body: body.into_bytes() }
    }
}

impl From<Result<Value>> for HttpReply {
    fn from(result: Result<Value>) -> Self {
        match result {
            Ok(value) => Self::ok(&value),
            Err(Error { exception, message }) => {
                Self::error(exception.status(), exception.name(), &message)
            }
        }
    }
}

impl fmt::Debug for HttpReply {
    /// Without the body, which may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReply")
            .field("status", &self.status)
            .field("error_type", &self.error_type)
            .finish_non_exhaustive()
    }
}
