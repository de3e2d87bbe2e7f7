//! Web identities: what STS needs to know of a token, whoever issued it.

use crate::protocol::jwt::InvalidToken;

/// The identity that a valid token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    /// The issuer that signed the token.
    pub issuer: String,
    /// The user or identity that the token is about.
    pub subject: String,
    /// The identity pool or app client that the token is for.
    pub audience: String,
}

/// Verifies the tokens that STS exchanges for credentials.
pub trait VerifyWebIdentity: Send + Sync {
    /// The identity that `token` proves.
    ///
    /// # Errors
    /// When the token is invalid, or for an audience that does not exist.
    fn verify_web_identity(&self, token: &str) -> Result<WebIdentity, InvalidToken>;
}
