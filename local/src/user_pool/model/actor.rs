//! Who calls.

/// A user's own client, or a server with IAM credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Client,
    Admin,
}
