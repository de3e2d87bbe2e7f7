//! The exceptions of the user pools' API model, and the errors that several operations share.

use crate::protocol::error::{Error, Exception};

impl Exception {
    pub(crate) const ALIAS_EXISTS: Self = Self::new("AliasExistsException");
    pub(crate) const CODE_MISMATCH: Self = Self::new("CodeMismatchException");
    pub(crate) const EXPIRED_CODE: Self = Self::new("ExpiredCodeException");
    pub(crate) const INVALID_LAMBDA_RESPONSE: Self = Self::new("InvalidLambdaResponseException");
    pub(crate) const INVALID_OAUTH_FLOW: Self = Self::new("InvalidOAuthFlowException");
    pub(crate) const INVALID_PASSWORD: Self = Self::new("InvalidPasswordException");
    pub(crate) const PASSWORD_RESET_REQUIRED: Self = Self::new("PasswordResetRequiredException");
    pub(crate) const SCOPE_DOES_NOT_EXIST: Self = Self::new("ScopeDoesNotExistException");
    pub(crate) const UNAUTHORIZED: Self = Self::new("UnauthorizedException");
    pub(crate) const UNEXPECTED_LAMBDA: Self = Self::new("UnexpectedLambdaException");
    pub(crate) const UNSUPPORTED_OPERATION: Self = Self::new("UnsupportedOperationException");
    pub(crate) const UNSUPPORTED_TOKEN_TYPE: Self = Self::new("UnsupportedTokenTypeException");
    pub(crate) const UNSUPPORTED_USER_STATE: Self = Self::new("UnsupportedUserStateException");
    pub(crate) const USER_LAMBDA_VALIDATION: Self = Self::new("UserLambdaValidationException");
    pub(crate) const USER_NOT_CONFIRMED: Self = Self::new("UserNotConfirmedException");
    pub(crate) const USER_NOT_FOUND: Self = Self::new("UserNotFoundException");
    pub(crate) const USERNAME_EXISTS: Self = Self::new("UsernameExistsException");
}

impl Error {
    /// A wrong password, a failed flow, or an unknown user that must look like one.
    pub(crate) fn incorrect() -> Self {
        Self::not_authorized("Incorrect username or password.")
    }

    pub(crate) fn user_not_found() -> Self {
        Self::new(Exception::USER_NOT_FOUND, "User does not exist.")
    }

    pub(crate) fn user_disabled() -> Self {
        Self::not_authorized("User is disabled.")
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::invalid(format!("Missing required parameter {name}"))
    }
}
