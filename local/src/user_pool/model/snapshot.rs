//! The state that survives a restart: pools with their settings, clients, users, refresh tokens and
//! keys. Sign-ins that wait for an answer and counts of wrong passwords do not.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::protocol::signing_key::SigningKey;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::password_attempts::PasswordAttempts;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::pool_config::PoolConfig;
use crate::user_pool::model::resource_server::ResourceServer;
use crate::user_pool::model::sessions::Sessions;
use crate::user_pool::model::state::State;
use crate::user_pool::model::tickets::Seal;
use crate::user_pool::model::user::User;
use crate::user_pool::model::users::Users;

/// Everything that survives. Secret: it holds keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pools: Vec<SavedPool>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} pools)", self.pools.len())
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPool {
    config: PoolConfig,
    clients: Vec<Client>,
    users: BTreeMap<u64, User>,
    next_user: u64,
    seal: Seal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_key: Option<SavedKey>,
    created: Duration,
    modified: Duration,
    resource_servers: BTreeMap<String, ResourceServer>,
}

/// A signing key, checked when it is read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct SavedKey(SigningKey);

impl TryFrom<String> for SavedKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        SigningKey::restored(&text).map(Self).ok_or("the signing key is invalid")
    }
}

impl From<SavedKey> for String {
    fn from(key: SavedKey) -> Self {
        key.0.saved().unwrap_or_default()
    }
}

impl From<&State> for Snapshot {
    fn from(state: &State) -> Self {
        let saved = |pool: &Pool| {
            let (users, next_user) = pool.users.saved();
            SavedPool {
                config: pool.config.clone(),
                clients: pool.clients.values().map(|client| client.as_ref().clone()).collect(),
                users,
                next_user,
                seal: pool.seal.clone(),
                signing_key: pool.key.saved().map(|_| SavedKey(pool.key.clone())),
                created: pool.created,
                modified: pool.modified,
                resource_servers: pool.resource_servers.clone(),
            }
        };
        Self { pools: state.pools.values().map(saved).collect() }
    }
}

impl Snapshot {
    /// The state again, with issuers that start with `issuer_base`.
    pub(crate) fn restore(self, issuer_base: &str) -> State {
        let mut state = State::empty(issuer_base);
        for saved in self.pools {
            let issuer = state.issuer(&saved.config.id);
            let id = saved.config.id.clone();
            let pool = Pool {
                issuer,
                clients: BTreeMap::new(),
                users: Users::restored(saved.users, saved.next_user),
                sessions: Sessions::default(),
                attempts: PasswordAttempts::default(),
                seal: saved.seal,
                key: saved.signing_key.map_or_else(SigningKey::new, |key| key.0),
                created: saved.created,
                modified: saved.modified,
                resource_servers: saved.resource_servers,
                config: saved.config,
            };
            state.pools.insert(id.clone(), pool);
            for client in saved.clients {
                state.add_client(&id, Arc::new(client));
            }
        }
        state
    }
}
