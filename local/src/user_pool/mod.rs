//! The user pool: its data, its operations, its rules.
//!
//! - `user_pools` is what can be called: an operation's name and JSON in, Cognito's reply out;
//! - `flow` is signing in and creating users, with the triggers: it alone waits, and holds no lock
//!   while it does;
//! - `operations` is everything else that can be called: small functions under the lock;
//! - `model` is the data, and the rules that need nothing else;
//! - `id_tokens` verifies ID tokens for identity pools.
//!
//! Each uses only those named after it, and `protocol`.

mod flow;
mod id_tokens;
mod model;
mod operations;
mod user_pools;

pub use flow::invoke::{Invoke, InvokeError, TRIGGER_TIMEOUT};
pub use id_tokens::IdToken;
pub use model::account_recovery::{AccountRecovery, RecoveryMethod, RecoveryOption};
pub use model::app_client::{AuthFlow, Client, PreventUserExistenceErrors, TimeUnit, Validity};
pub use model::attributes::Contact;
pub use model::initial_pools::{
    ANY_FLOW_CLIENT_ID, DEFAULT_CLIENT_ID, DEFAULT_POOL_ID, InitialPools, SECRET_CLIENT_ID,
    SECRET_CLIENT_SECRET, SignUpMode,
};
pub use model::password_policy::PasswordPolicy;
pub use model::pool::NewPool;
pub use model::pool_config::{PoolConfig, UserNames};
pub use model::secret_hash::secret_hash;
pub use model::snapshot::Snapshot;
pub use model::trigger::Trigger;
pub use user_pools::{Counts, UserPools};

pub use crate::protocol::signing_key::SigningKey;
