//! Identity pools: AWS credentials for guests and for users of a user pool.
//!
//! It uses the tokens of `user_pool`, and `protocol`. The map:
//! - `identity_pools` is what can be called; `fields` are the fields of the requests;
//! - `state` is all data, behind one lock;
//! - `pool_operations` and `role_operations` are what an administrator sets;
//! - `logins` verifies the tokens in `Logins`, without the lock; `roles` chooses a role for them;
//! - `identities` finds the identity of a login and what it gets; `open_id_token` is for STS.

mod context;
mod errors;
mod fields;
mod identities;
mod identity_pools;
mod logins;
mod open_id_token;
mod pool_operations;
mod provider;
mod role_operations;
mod roles;
mod state;

pub use crate::identity_pool::identity_pools::{ISSUER_PATH, IdentityPools, TARGET_PREFIX};
