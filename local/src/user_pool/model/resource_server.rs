//! Resource servers, which name custom scopes.

use serde::{Deserialize, Serialize};

/// The scope of a token that a sign-in through the API gives, and that a user's operations demand.
pub(crate) const USER_ADMIN: &str = "aws.cognito.signin.user.admin";
/// The scopes that every pool has.
pub(crate) const BUILT_IN_SCOPES: [&str; 5] = ["openid", "email", "phone", "profile", USER_ADMIN];

/// A resource server: its name, and its scopes with their descriptions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourceServer {
    pub(crate) name: String,
    pub(crate) scopes: Vec<(String, String)>,
}
