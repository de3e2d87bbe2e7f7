//! All data of the identity pools.

use std::collections::{BTreeMap, HashMap};

use rand::CryptoRng;

use crate::identity_pool::provider::{Login, Provider};
use crate::identity_pool::roles::Roles;
use crate::protocol::arn::REGION;
use crate::protocol::error::{Error, Result};
use crate::protocol::random::random_uuid;

/// The configuration of an identity pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityPoolConfig {
    pub(crate) name: String,
    pub(crate) allow_unauthenticated: bool,
    /// Refused only if it is explicitly false.
    pub(crate) allow_classic_flow: Option<bool>,
    pub(crate) providers: Vec<Provider>,
    /// Settings without an effect here, by their names in the API; they are only described.
    pub(crate) shown: BTreeMap<&'static str, serde_json::Value>,
}

/// An identity pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityPool {
    pub(crate) config: IdentityPoolConfig,
    pub(crate) roles: Roles,
}

/// An identity: a guest's when it has no logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pool_id: String,
    pub(crate) logins: Vec<Login>,
}

/// All identity pools and their identities.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) pools: BTreeMap<String, IdentityPool>,
    identities: HashMap<String, Identity>,
    /// The identity that a login has in a pool.
    by_login: HashMap<(String, Login), String>,
}

impl State {
    pub(crate) fn pool(&self, id: &str) -> Result<&IdentityPool> {
        self.pools.get(id).ok_or_else(|| Error::pool_not_found(id))
    }

    pub(crate) fn pool_mut(&mut self, id: &str) -> Result<&mut IdentityPool> {
        self.pools.get_mut(id).ok_or_else(|| Error::pool_not_found(id))
    }

    pub(crate) fn identity(&self, id: &str) -> Result<&Identity> {
        self.identities.get(id).ok_or_else(|| Error::identity_not_found(id))
    }

    pub(crate) fn identity_of(&self, pool_id: &str, login: &Login) -> Option<&str> {
        self.by_login.get(&(pool_id.to_owned(), login.clone())).map(String::as_str)
    }

    /// Adds an identity and returns its id.
    pub(crate) fn add(
        &mut self,
        pool_id: &str,
        logins: &[Login],
        rng: &mut dyn CryptoRng,
    ) -> String {
        let id = new_id(rng);
        let identity = Identity { pool_id: pool_id.to_owned(), logins: Vec::new() };
        self.identities.insert(id.clone(), identity);
        self.link(&id, logins);
        id
    }

    /// Lets `logins` lead to the identity, besides those that already do.
    pub(crate) fn link(&mut self, id: &str, logins: &[Login]) {
        let Some(identity) = self.identities.get_mut(id) else {
            return;
        };
        for login in logins {
            if !identity.logins.contains(login) {
                identity.logins.push(login.clone());
                self.by_login.insert((identity.pool_id.clone(), login.clone()), id.to_owned());
            }
        }
    }

    /// Removes an identity to which no login leads.
    pub(crate) fn remove_guest(&mut self, id: &str) {
        if self.identities.get(id).is_some_and(|identity| identity.logins.is_empty()) {
            self.identities.remove(id);
        }
    }

    /// Removes a pool with its identities.
    pub(crate) fn remove_pool(&mut self, id: &str) -> Result<()> {
        self.pools.remove(id).ok_or_else(|| Error::pool_not_found(id))?;
        self.identities.retain(|_, identity| identity.pool_id != id);
        self.by_login.retain(|(pool_id, _), _| pool_id != id);
        Ok(())
    }
}

/// The id of a new identity or identity pool.
pub(crate) fn new_id(rng: &mut dyn CryptoRng) -> String {
    format!("{REGION}:{}", random_uuid(rng))
}
