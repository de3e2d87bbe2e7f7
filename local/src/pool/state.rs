//! Everything that the pools know, as plain data behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::pool::Ctx;
use crate::pool::attempts::Attempts;
use crate::pool::attribute::Contact;
use crate::pool::client::Client;
use crate::pool::config::{PoolConfig, PoolSettings, Settings, UserNames};
use crate::pool::scopes::ResourceServer;
use crate::pool::session::{Sessions, Subject};
use crate::pool::ticket::Seal;
use crate::pool::user::{User, UserId, UserStatus};
use crate::pool::users::Users;
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::random::random_uuid;
use crate::protocol::signing_key::SigningKey;

/// A user pool.
pub(crate) struct Pool {
    pub(crate) config: PoolConfig,
    pub(crate) clients: BTreeMap<String, Arc<Client>>,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
    pub(crate) seal: Seal,
    pub(crate) key: SigningKey,
    pub(crate) issuer: String,
    pub(crate) created: Duration,
    pub(crate) modified: Duration,
    /// By identifier.
    pub(crate) resource_servers: BTreeMap<String, ResourceServer>,
}

/// All pools.
pub(crate) struct State {
    /// What every pool's issuer starts with.
    issuer_base: String,
    pub(crate) pools: BTreeMap<String, Pool>,
    /// Which pool a client belongs to.
    clients: HashMap<String, String>,
}

impl State {
    pub(crate) fn new(settings: Settings, ctx: &mut Ctx<'_>) -> Self {
        if let Some(snapshot) = settings.snapshot {
            return snapshot.restore(&settings.issuer_base);
        }
        let mut state = Self::empty(&settings.issuer_base);
        for pool in settings.pools {
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
    pub(crate) fn add_pool(&mut self, settings: PoolSettings, ctx: &mut Ctx<'_>) -> &Pool {
        let PoolSettings { config, clients, signing_key } = settings;
        let id = config.id.clone();
        let mut pool = Pool {
            clients: BTreeMap::new(),
            users: Users::default(),
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            seal: Seal::generate(ctx.rng),
            key: signing_key,
            issuer: self.issuer(&id),
            created: ctx.now,
            modified: ctx.now,
            resource_servers: BTreeMap::new(),
            config,
        };
        for mut client in clients {
            client.created = ctx.now;
            client.modified = ctx.now;
            self.clients.insert(client.client_id.clone(), id.clone());
            pool.clients.insert(client.client_id.clone(), Arc::new(client));
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

fn unknown_client(id: &str) -> Error {
    Error::new(Exception::RESOURCE_NOT_FOUND, format!("User pool client {id} does not exist."))
}

impl Pool {
    pub(crate) fn client(&self, id: &str) -> Result<Arc<Client>> {
        self.clients.get(id).cloned().ok_or_else(|| unknown_client(id))
    }

    pub(crate) fn find(&self, username: &str) -> Option<UserId> {
        self.users.find(&self.config, username)
    }

    /// The user that an administrator means.
    pub(crate) fn user(&mut self, username: &str) -> Result<(UserId, &mut User)> {
        let id = self.find(username).ok_or_else(Error::user_not_found)?;
        let user = self.users.get_mut(id).ok_or_else(Error::user_not_found)?;
        Ok((id, user))
    }

    /// Whom a sign-in is for: a user, or nobody where the client is not to learn that.
    pub(crate) fn subject(&self, client: &Client, username: &str) -> Result<Subject> {
        match self.find(username) {
            Some(id) => Ok(Subject::User(id)),
            None if client.hides_unknown_users() => Ok(Subject::Unknown(username.to_owned())),
            None => Err(Error::user_not_found()),
        }
    }

    /// What the subject of a sign-in is called in a challenge.
    pub(crate) fn shown_name(&self, client: &Client, subject: &Subject) -> Result<String> {
        match subject {
            Subject::User(id) => {
                let user = self.users.get(*id).ok_or_else(|| client.unknown_user())?;
                if user.enabled { Ok(user.username.clone()) } else { Err(Error::user_disabled()) }
            }
            // Where known users are shown as UUIDs, what was typed would tell them apart.
            Subject::Unknown(typed) if !self.config.username_attributes().is_empty() => {
                Ok(self.seal.stand_in(typed).to_string())
            }
            Subject::Unknown(typed) => Ok(typed.clone()),
        }
    }

    /// Adds a user who signed up, or whom an administrator makes, as `username`. `writes` have been
    /// checked.
    pub(crate) fn create_user(
        &mut self,
        ctx: &mut Ctx<'_>,
        username: &str,
        mut writes: Vec<(String, String)>,
        status: UserStatus,
    ) -> Result<UserId> {
        let sub = random_uuid(ctx.rng);
        let mut user = match &self.config.user_names {
            UserNames::Attributes(attributes) => {
                let Some(contact) = Contact::of(username).filter(|it| attributes.contains(it))
                else {
                    return Err(Error::invalid(match self.config.username_attributes()[..] {
                        [Contact::PhoneNumber] => "Username should be a phone number.",
                        [Contact::Email] => "Username should be an email.",
                        _ => "Username should be either an email or a phone number.",
                    }));
                };
                writes.push((contact.name().to_owned(), username.to_owned()));
                let mut user = User::new(sub.to_string(), sub, status, ctx.now);
                user.signed_up_with = Some(contact);
                user
            }
            UserNames::Chosen { aliases } => {
                if self.users.by_username(username).is_some() {
                    return Err(Error::new(
                        Exception::USERNAME_EXISTS,
                        match status {
                            UserStatus::ForceChangePassword => "User account already exists",
                            _ => "User already exists",
                        },
                    ));
                }
                if let Some(contact) = Contact::of(username).filter(|it| aliases.contains(it)) {
                    let form = match contact {
                        Contact::PhoneNumber => "phone number",
                        Contact::Email => "email",
                    };
                    return Err(Error::invalid(format!(
                        "Username cannot be of {form} format, since user pool is configured for \
                         {form} alias."
                    )));
                }
                User::new(username.to_owned(), sub, status, ctx.now)
            }
        };
        if let Some(contact) = self.conflict(None, &writes) {
            return Err(already_exists(Exception::USERNAME_EXISTS, contact));
        }
        require_contacts(None, &writes)?;
        user.modified = ctx.now;
        let id = self.users.insert(user);
        self.users.update(id, &writes, ctx.now);
        Ok(id)
    }

    /// A contact in `writes` that is another user's sign-in name already.
    pub(crate) fn conflict(
        &self,
        id: Option<UserId>,
        writes: &[(String, String)],
    ) -> Option<Contact> {
        let user = id.and_then(|id| self.users.get(id));
        Contact::ALL.into_iter().find(|contact| {
            let value = last(writes, contact.name())
                .or_else(|| user.and_then(|user| user.contact(*contact)))
                .filter(|value| !value.is_empty());
            let claims = match self.config.user_names {
                UserNames::Attributes(_) => true,
                // An alias counts only once it is verified.
                UserNames::Chosen { .. } => last(writes, contact.verified_name())
                    .is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
            };
            claims
                && value.is_some_and(|value| {
                    self.users.holder(&self.config, *contact, value, id).is_some()
                })
        })
    }

    /// The contact that a code for a new user goes to.
    pub(crate) fn verifies(&self, user: &User) -> Option<Contact> {
        Contact::ALL.into_iter().find(|contact| {
            self.config.auto_verified_attributes.contains(contact)
                && user.contact(*contact).is_some()
        })
    }
}

/// The error for a contact that someone else has.
pub(crate) fn already_exists(exception: Exception, contact: Contact) -> Error {
    Error::new(exception, format!("An account with the given {} already exists.", contact.name()))
}

/// A contact can be marked as verified only where there is one.
pub(crate) fn require_contacts(user: Option<&User>, writes: &[(String, String)]) -> Result<()> {
    for contact in Contact::ALL {
        let value = last(writes, contact.name())
            .or_else(|| user.and_then(|user| user.contact(contact)))
            .filter(|value| !value.is_empty());
        if value.is_none() && last(writes, contact.verified_name()).is_some() {
            return Err(Error::invalid(format!(
                "{} cannot be set without {}",
                contact.verified_name(),
                contact.name()
            )));
        }
    }
    Ok(())
}

fn last<'a>(writes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    writes.iter().rfind(|(written, _)| written == name).map(|(_, value)| value.as_str())
}
