//! Whom a sign-in is for.

use crate::user_pool::model::user::UserId;

/// A user, or the name that a client must not learn to be unknown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    User(UserId),
    /// No user of the pool: the name as it was typed.
    Unknown(String),
}
