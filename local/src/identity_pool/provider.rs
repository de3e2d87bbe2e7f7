//! The user pools that an identity pool trusts, and their users.

/// A user pool that an identity pool trusts, for the tokens of one app client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) client_id: String,
    /// Whether a token is refused once the user has signed out or was deleted.
    pub(crate) server_side_token_check: Option<bool>,
}

/// A user of a provider: the provider's name, and the user's `sub`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Login {
    pub(crate) provider: String,
    pub(crate) subject: String,
}
