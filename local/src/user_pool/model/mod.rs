//! The data of user pools and the rules that need nothing else: users, app clients, passwords,
//! codes, sessions, tokens.
//!
//! It uses `protocol`, and never `operations` or `flow`.

pub(crate) mod account_recovery;
pub(crate) mod actor;
pub(crate) mod app_client;
pub(crate) mod attributes;
pub(crate) mod challenge;
pub(crate) mod confirmation_code;
pub(crate) mod context;
pub(crate) mod errors;
pub(crate) mod initial_pools;
pub(crate) mod new_user;
pub(crate) mod password_attempts;
pub(crate) mod password_policy;
pub(crate) mod pool;
pub(crate) mod pool_config;
pub(crate) mod resource_server;
pub(crate) mod secret_hash;
pub(crate) mod sessions;
pub(crate) mod snapshot;
pub(crate) mod srp;
pub(crate) mod state;
pub(crate) mod subject;
pub(crate) mod tickets;
pub(crate) mod tokens;
pub(crate) mod trigger;
pub(crate) mod user;
pub(crate) mod users;
