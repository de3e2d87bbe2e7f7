//! What is left of a request to sign in when the lock is given back.

use serde_json::Value;

use crate::user_pool::flow::round::Round;
use crate::user_pool::model::tokens::UnsignedTokens;

/// What is left to do when the lock is given back.
pub(crate) enum NextStep {
    Reply(Value),
    Sign(UnsignedTokens),
    RunRound(Box<Round>),
}
