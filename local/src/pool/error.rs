//! The exceptions that operations answer with.

use std::borrow::Cow;

/// An exception of the API model, or one of the JSON protocol's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exception {
    AliasExists,
    CodeMismatch,
    ExpiredCode,
    InternalError,
    InvalidLambdaResponse,
    InvalidOAuthFlow,
    InvalidParameter,
    InvalidPassword,
    LimitExceeded,
    NotAuthorized,
    PasswordResetRequired,
    ResourceNotFound,
    ScopeDoesNotExist,
    Serialization,
    Unauthorized,
    UnexpectedLambda,
    UnknownOperation,
    UnsupportedOperation,
    UnsupportedTokenType,
    UnsupportedUserState,
    UserLambdaValidation,
    UserNotConfirmed,
    UserNotFound,
    UsernameExists,
}

impl Exception {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AliasExists => "AliasExistsException",
            Self::CodeMismatch => "CodeMismatchException",
            Self::ExpiredCode => "ExpiredCodeException",
            Self::InternalError => "InternalErrorException",
            Self::InvalidLambdaResponse => "InvalidLambdaResponseException",
            Self::InvalidOAuthFlow => "InvalidOAuthFlowException",
            Self::InvalidParameter => "InvalidParameterException",
            Self::InvalidPassword => "InvalidPasswordException",
            Self::LimitExceeded => "LimitExceededException",
            Self::NotAuthorized => "NotAuthorizedException",
            Self::PasswordResetRequired => "PasswordResetRequiredException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ScopeDoesNotExist => "ScopeDoesNotExistException",
            Self::Serialization => "SerializationException",
            Self::Unauthorized => "UnauthorizedException",
            Self::UnexpectedLambda => "UnexpectedLambdaException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::UnsupportedOperation => "UnsupportedOperationException",
            Self::UnsupportedTokenType => "UnsupportedTokenTypeException",
            Self::UnsupportedUserState => "UnsupportedUserStateException",
            Self::UserLambdaValidation => "UserLambdaValidationException",
            Self::UserNotConfirmed => "UserNotConfirmedException",
            Self::UserNotFound => "UserNotFoundException",
            Self::UsernameExists => "UsernameExistsException",
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

    /// A wrong password, a failed flow, or an unknown user that must look like one.
    pub(crate) fn incorrect() -> Self {
        Self::not_authorized("Incorrect username or password.")
    }

    pub(crate) fn user_not_found() -> Self {
        Self::new(Exception::UserNotFound, "User does not exist.")
    }

    pub(crate) fn user_disabled() -> Self {
        Self::not_authorized("User is disabled.")
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::invalid(format!("Missing required parameter {name}"))
    }

    pub(crate) fn serialization(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::Serialization, message)
    }

    /// A fault of this program; says nothing of its cause to the caller.
    pub(crate) fn internal() -> Self {
        Self::new(Exception::InternalError, "Internal error")
    }
}

/// What an operation answers.
pub(crate) type Result<T> = std::result::Result<T, Error>;
