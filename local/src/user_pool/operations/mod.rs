//! The operations that can be called, but for signing in: each a small function that runs under the
//! lock, or two, where `flow` calls a trigger in between. `table` names them all; `fields` are the fields of their requests.
//!
//! It uses `model` and `protocol`, and never `flow`.

pub(crate) mod admin_users;
pub(crate) mod app_clients;
pub(crate) mod code_delivery;
pub(crate) mod descriptions;
pub(crate) mod fields;
pub(crate) mod list_users;
pub(crate) mod pages;
pub(crate) mod passwords;
pub(crate) mod resource_servers;
pub(crate) mod sign_up;
pub(crate) mod signed_in_user;
pub(crate) mod table;
pub(crate) mod tokens;
pub(crate) mod user_attributes;
pub(crate) mod user_pools;
