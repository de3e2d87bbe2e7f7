//! All data of the user pools.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::protocol::error::{Error, Exception, Result};
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::initial_pools::InitialPools;
use crate::user_pool::model::pool::{NewPool, Pool, unknown_client};

/// All pools.
pub(crate) struct State {
    /// What every pool's issuer starts with.
    issuer_base: String,
    pub(crate) pools: BTreeMap<String, Pool>,
    /// Which pool a client belongs to.
    clients: HashMap<String, String>,
}

impl State {
    pub(crate) fn new(initial: InitialPools, ctx: &mut Context<'_>) -> Self {
        let mut state = Self::empty(&initial.issuer_base);
        for pool in initial.pools {
            state.add_pool(pool, ctx);
        }
        state
    }

    /// No pools yet.
    pub(crate) fn empty(issuer_base: &str) -> Self {
        let issuer_base = issuer_base.trim_end_matches('/').to_owned();
        Self { issuer_base, pools: BTreeMap::new(), clients: HashMap::new() }
    }

    pub(crate) fn issuer(&self, pool_id: &str) -> String {
        format!("{}/{pool_id}", self.issuer_base)
    }

    /// A new pool, without users.
    pub(crate) fn add_pool(&mut self, new: NewPool, ctx: &mut Context<'_>) -> &Pool {
        let id = new.config.id.clone();
        let pool = Pool::new(new, self.issuer(&id), ctx);
        for client in pool.clients.keys() {
            self.clients.insert(client.clone(), id.clone());
        }
        self.pools.entry(id).insert_entry(pool).into_mut()
    }

    /// Forgets the pool and all that is in it.
    pub(crate) fn remove_pool(&mut self, id: &str) {
        self.pools.remove(id);
        self.clients.retain(|_, pool| pool != id);
    }

    /// Gives the pool a new client.
    pub(crate) fn add_client(&mut self, pool_id: &str, client: Arc<Client>) {
        let id = client.client_id.clone();
        if let Some(pool) = self.pools.get_mut(pool_id) {
            self.clients.insert(id.clone(), pool_id.to_owned());
            pool.clients.insert(id, client);
        }
    }

    /// Forgets the client.
    pub(crate) fn remove_client(&mut self, id: &str) {
        if let Some(pool) = self.clients.remove(id).and_then(|pool| self.pools.get_mut(&pool)) {
            pool.clients.remove(id);
        }
    }

    pub(crate) fn pool(&mut self, id: &str) -> Result<&mut Pool> {
        self.pools.get_mut(id).ok_or_else(|| {
            Error::new(Exception::RESOURCE_NOT_FOUND, format!("User pool {id} does not exist."))
        })
    }

    /// The client, with its pool.
    pub(crate) fn client(&mut self, id: &str) -> Result<(&mut Pool, Arc<Client>)> {
        let pool = self.clients.get(id).and_then(|pool| self.pools.get_mut(pool));
        let Some(pool) = pool else {
            return Err(unknown_client(id));
        };
        let client = pool.client(id)?;
        Ok((pool, client))
    }
}
