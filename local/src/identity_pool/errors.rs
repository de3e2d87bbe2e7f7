//! The exceptions of the identity pools' API model, and the errors that several operations share.

use crate::protocol::error::{Error, Exception};

impl Exception {
    pub(crate) const INVALID_IDENTITY_POOL_CONFIGURATION: Self =
        Self::new("InvalidIdentityPoolConfigurationException");
    pub(crate) const RESOURCE_CONFLICT: Self = Self::new("ResourceConflictException");
}

impl Error {
    pub(crate) fn pool_not_found(id: &str) -> Self {
        Self::new(Exception::RESOURCE_NOT_FOUND, format!("IdentityPool '{id}' not found."))
    }

    pub(crate) fn identity_not_found(id: &str) -> Self {
        Self::new(Exception::RESOURCE_NOT_FOUND, format!("Identity '{id}' not found."))
    }

    /// None of the tokens belongs to the identity.
    pub(crate) fn logins_mismatch() -> Self {
        Self::not_authorized(
            "Logins don't match. Please include at least one valid login for this identity or \
             identity pool.",
        )
    }

    /// The pool has no role for such an identity.
    pub(crate) fn role_missing() -> Self {
        Self::new(
            Exception::INVALID_IDENTITY_POOL_CONFIGURATION,
            "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
        )
    }
}
