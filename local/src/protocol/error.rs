//! The errors that services respond with: a user pool, an identity pool and STS name different
//! exceptions in the same shape. Each room adds the exceptions of its own API model to these.

use std::borrow::Cow;

/// An exception of an API model, or one of the JSON protocol's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    name: &'static str,
    status: u16,
}

impl Exception {
    pub(crate) const INTERNAL_ERROR: Self = Self::with_status(500, "InternalErrorException");
    pub(crate) const INVALID_PARAMETER: Self = Self::new("InvalidParameterException");
    pub(crate) const LIMIT_EXCEEDED: Self = Self::new("LimitExceededException");
    pub(crate) const NOT_AUTHORIZED: Self = Self::new("NotAuthorizedException");
    pub(crate) const RESOURCE_NOT_FOUND: Self = Self::new("ResourceNotFoundException");
    pub(crate) const SERIALIZATION: Self = Self::new("SerializationException");
    pub(crate) const UNKNOWN_OPERATION: Self = Self::new("UnknownOperationException");

    /// An exception with status 400.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self::with_status(400, name)
    }

    pub(crate) const fn with_status(status: u16, name: &'static str) -> Self {
        Self { name, status }
    }

    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        self.name
    }

    /// The HTTP status that carries it.
    pub(crate) fn status(self) -> u16 {
        self.status
    }
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) exception: Exception,
    pub(crate) message: Cow<'static, str>,
}

impl Error {
    pub(crate) fn new(exception: Exception, message: impl Into<Cow<'static, str>>) -> Self {
        Self { exception, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::INVALID_PARAMETER, message)
    }

    /// A field that breaks a constraint of the API model.
    pub(crate) fn constraint_violation(member: &str, constraint: &str) -> Self {
        Self::constraint_violation_as(Exception::INVALID_PARAMETER, member, constraint)
    }

    /// The same, where the service has another exception for it. The message never repeats the
    /// value, which may be a secret.
    pub(crate) fn constraint_violation_as(
        exception: Exception,
        member: &str,
        constraint: &str,
    ) -> Self {
        let message = format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
             {constraint}"
        );
        Self::new(exception, message)
    }

    pub(crate) fn not_authorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::NOT_AUTHORIZED, message)
    }

    pub(crate) fn serialization(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::SERIALIZATION, message)
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::new(Exception::UNKNOWN_OPERATION, "The operation is not implemented here")
    }

    /// An internal error. Its message does not reveal the cause.
    pub(crate) fn internal() -> Self {
        Self::new(Exception::INTERNAL_ERROR, "Internal error")
    }
}

/// What an operation returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;
