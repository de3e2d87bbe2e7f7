//! The exceptions that operations of identity pools answer with.

use std::borrow::Cow;

use crate::pool::error as pool;

/// An exception of the API model, or one of the JSON protocol's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exception {
    InternalError,
    InvalidIdentityPoolConfiguration,
    InvalidParameter,
    NotAuthorized,
    ResourceConflict,
    ResourceNotFound,
    Serialization,
    UnknownOperation,
}

impl Exception {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InternalError => "InternalErrorException",
            Self::InvalidIdentityPoolConfiguration => "InvalidIdentityPoolConfigurationException",
            Self::InvalidParameter => "InvalidParameterException",
            Self::NotAuthorized => "NotAuthorizedException",
            Self::ResourceConflict => "ResourceConflictException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Serialization => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
        }
    }

    /// The HTTP status that carries it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::InternalError => 500,
            _ => 400,
        }
    }
}

/// Why an operation did not do what it was asked.
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
        Self::new(Exception::InvalidParameter, message)
    }

    pub(crate) fn not_authorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::NotAuthorized, message)
    }

    pub(crate) fn pool_not_found(id: &str) -> Self {
        Self::new(Exception::ResourceNotFound, format!("IdentityPool '{id}' not found."))
    }

    pub(crate) fn identity_not_found(id: &str) -> Self {
        Self::new(Exception::ResourceNotFound, format!("Identity '{id}' not found."))
    }

    /// None of the tokens says anything about the identity.
    pub(crate) fn no_login() -> Self {
        Self::not_authorized(
            "Logins don't match. Please include at least one valid login for this identity or \
             identity pool.",
        )
    }

    /// The pool has no role for such an identity.
    pub(crate) fn no_role() -> Self {
        Self::new(
            Exception::InvalidIdentityPoolConfiguration,
            "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
        )
    }
}

impl From<pool::Error> for Error {
    /// What reading a request can raise, and a key that cannot be made.
    fn from(error: pool::Error) -> Self {
        let exception = match error.exception {
            pool::Exception::InvalidParameter => Exception::InvalidParameter,
            pool::Exception::Serialization => Exception::Serialization,
            _ => Exception::InternalError,
        };
        Self { exception, message: error.message }
    }
}

/// What an operation answers.
pub(crate) type Result<T> = std::result::Result<T, Error>;
