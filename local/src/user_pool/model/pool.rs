//! A user pool: its configuration, app clients, users and sessions, and what finds one of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::random::random_uuid;
use crate::protocol::signing_key::SigningKey;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::new_user::NewUser;
use crate::user_pool::model::password_attempts::PasswordAttempts;
use crate::user_pool::model::pool_config::{PoolConfig, UserNames};
use crate::user_pool::model::resource_server::{BUILT_IN_SCOPES, ResourceServer};
use crate::user_pool::model::sessions::{Session, Sessions};
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::tickets::{Seal, Ticket, TicketKind};
use crate::user_pool::model::user::{User, UserId, UserStatus};
use crate::user_pool::model::users::Users;

/// A pool to be made.
#[derive(Clone, Debug)]
pub struct NewPool {
    /// Its configuration.
    pub config: PoolConfig,
    /// Its app clients.
    pub clients: Vec<Client>,
    /// The key that signs its tokens.
    pub signing_key: SigningKey,
}

/// A user pool.
pub(crate) struct Pool {
    pub(crate) config: PoolConfig,
    pub(crate) clients: BTreeMap<String, Arc<Client>>,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: PasswordAttempts,
    pub(crate) seal: Seal,
    pub(crate) key: SigningKey,
    pub(crate) issuer: String,
    pub(crate) created: Duration,
    pub(crate) modified: Duration,
    /// By identifier.
    pub(crate) resource_servers: BTreeMap<String, ResourceServer>,
}

/// The error for an app client that does not exist.
pub(crate) fn unknown_client(id: &str) -> Error {
    Error::new(Exception::RESOURCE_NOT_FOUND, format!("User pool client {id} does not exist."))
}

impl Pool {
    /// A new pool, without users.
    pub(crate) fn new(new: NewPool, issuer: String, ctx: &mut Context<'_>) -> Self {
        let NewPool { config, clients, signing_key } = new;
        let made = |mut client: Client| {
            client.created = ctx.now;
            client.modified = ctx.now;
            (client.client_id.clone(), Arc::new(client))
        };
        Self {
            clients: clients.into_iter().map(made).collect(),
            users: Users::default(),
            sessions: Sessions::default(),
            attempts: PasswordAttempts::default(),
            seal: Seal::generate(ctx.rng),
            key: signing_key,
            issuer,
            created: ctx.now,
            modified: ctx.now,
            resource_servers: BTreeMap::new(),
            config,
        }
    }

    pub(crate) fn client(&self, id: &str) -> Result<Arc<Client>> {
        self.clients.get(id).cloned().ok_or_else(|| unknown_client(id))
    }

    pub(crate) fn find(&self, username: &str) -> Option<UserId> {
        self.users.find(&self.config, username)
    }

    /// The user that an administrator names.
    pub(crate) fn user(&mut self, username: &str) -> Result<(UserId, &mut User)> {
        let id = self.find(username).ok_or_else(Error::user_not_found)?;
        let user = self.users.existing_mut(id)?;
        Ok((id, user))
    }

    /// The subject of a sign-in: a user, or an unknown name where the client must not learn that.
    pub(crate) fn subject(&self, client: &Client, username: &str) -> Result<Subject> {
        match self.find(username) {
            Some(id) => Ok(Subject::User(id)),
            None if client.hides_unknown_users() => Ok(Subject::Unknown(username.to_owned())),
            None => Err(Error::user_not_found()),
        }
    }

    /// The user name of the subject in a challenge.
    pub(crate) fn challenge_username(&self, client: &Client, subject: &Subject) -> Result<String> {
        match subject {
            Subject::User(id) => {
                let user = self.known_user(client, *id)?;
                if user.enabled { Ok(user.username.clone()) } else { Err(Error::user_disabled()) }
            }
            // Where known users are shown as UUIDs, the name as typed would reveal an unknown one.
            Subject::Unknown(typed) if !self.config.username_attributes().is_empty() => {
                Ok(self.seal.placeholder_id(typed).to_string())
            }
            Subject::Unknown(typed) => Ok(typed.clone()),
        }
    }

    /// The user of a sign-in with `client`, or the error for a user who is unknown to it: the user
    /// may have been deleted since.
    pub(crate) fn known_user(&self, client: &Client, id: UserId) -> Result<&User> {
        self.users.get(id).ok_or_else(|| client.unknown_user())
    }

    /// Whether an app client may be given the scope.
    pub(crate) fn knows_scope(&self, scope: &str) -> bool {
        BUILT_IN_SCOPES.contains(&scope)
            || scope.rsplit_once('/').is_some_and(|(identifier, scope)| {
                self.resource_servers
                    .get(identifier)
                    .is_some_and(|server| server.scopes.iter().any(|(name, _)| name == scope))
            })
    }

    pub(crate) fn resource_server(&self, identifier: &str) -> Result<&ResourceServer> {
        self.resource_servers.get(identifier).ok_or_else(|| {
            Error::new(
                Exception::RESOURCE_NOT_FOUND,
                format!("Resource server {identifier} does not exist."),
            )
        })
    }

    /// A user who signs up, or whom an administrator creates, as `username`, and who is not in the
    /// pool yet. `writes` have been checked.
    pub(crate) fn new_user(
        &self,
        ctx: &mut Context<'_>,
        username: &str,
        mut writes: Vec<(String, String)>,
        status: UserStatus,
    ) -> Result<NewUser> {
        let sub = random_uuid(ctx.rng);
        let user = match &self.config.user_names {
            UserNames::Attributes(attributes) => {
                let Some(contact) = Contact::detect(username).filter(|it| attributes.contains(it))
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
                if let Some(contact) = Contact::detect(username).filter(|it| aliases.contains(it)) {
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
        let new = NewUser { user, writes };
        self.check_unique(&new)?;
        check_verified_flags(None, &new.writes)?;
        Ok(new)
    }

    /// Adds the user, unless another has taken the name or a contact in the meantime.
    pub(crate) fn add_user(&mut self, ctx: &Context<'_>, new: NewUser) -> Result<UserId> {
        self.check_unique(&new)?;
        let id = self.users.insert(new.user);
        self.users.update(id, &new.writes, ctx.now);
        Ok(id)
    }

    /// Refuses a user whose name or contact is another user's.
    fn check_unique(&self, new: &NewUser) -> Result<()> {
        if self.users.by_username(&new.user.username).is_some() {
            return Err(Error::new(
                Exception::USERNAME_EXISTS,
                match new.user.status {
                    UserStatus::ForceChangePassword => "User account already exists",
                    _ => "User already exists",
                },
            ));
        }
        match self.conflicting_contact(None, &new.writes) {
            Some(contact) => Err(contact_exists(Exception::USERNAME_EXISTS, contact)),
            None => Ok(()),
        }
    }

    /// Marks the contact as verified. Another user who signs in with it loses it.
    pub(crate) fn verify_contact(&mut self, id: UserId, contact: Contact, now: Duration) {
        let value = self.users.get(id).and_then(|user| user.contact(contact));
        let holder =
            value.and_then(|value| self.users.other_owner(&self.config, contact, value, Some(id)));
        let flag = |value: &str| [(contact.verified_name().to_owned(), value.to_owned())];
        if let Some(holder) = holder {
            self.users.update(holder, &flag("false"), now);
        }
        self.users.update(id, &flag("true"), now);
    }

    /// A contact in `writes` that another user signs in with already.
    pub(crate) fn conflicting_contact(
        &self,
        id: Option<UserId>,
        writes: &[(String, String)],
    ) -> Option<Contact> {
        let user = id.and_then(|id| self.users.get(id));
        Contact::ALL.into_iter().find(|contact| {
            let value = last_write(writes, contact.name())
                .or_else(|| user.and_then(|user| user.contact(*contact)))
                .filter(|value| !value.is_empty());
            let claims = match self.config.user_names {
                UserNames::Attributes(_) => true,
                // An alias counts only once it is verified.
                UserNames::Chosen { .. } => last_write(writes, contact.verified_name())
                    .is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
            };
            claims
                && value.is_some_and(|value| {
                    self.users.other_owner(&self.config, *contact, value, id).is_some()
                })
        })
    }

    /// The contact that a new user's code is sent to.
    pub(crate) fn auto_verified_contact(&self, user: &User) -> Option<Contact> {
        Contact::ALL
            .into_iter()
            .find(|contact| self.config.verifies(*contact) && user.contact(*contact).is_some())
    }

    /// The session that a response names, still unused. `username` is the name in the response.
    pub(crate) fn session_named(
        &self,
        ctx: &Context<'_>,
        client: &Client,
        text: &str,
        challenge_name: &str,
        username: &str,
    ) -> Result<(Ticket, &Session)> {
        let ticket = self
            .seal
            .open(TicketKind::Session, &client.client_id, text)
            .ok_or_else(invalid_session)?;
        Ok((ticket, self.session(ctx, &ticket, challenge_name, username)?))
    }

    /// The session of a ticket, still unused.
    pub(crate) fn session(
        &self,
        ctx: &Context<'_>,
        ticket: &Ticket,
        challenge_name: &str,
        username: &str,
    ) -> Result<&Session> {
        if ticket.is_expired(ctx.now) {
            return Err(Error::not_authorized("Invalid session for the user, session is expired."));
        }
        let session = self.sessions.get(ticket).ok_or_else(|| {
            Error::not_authorized("Invalid session for the user, session can only be used once.")
        })?;
        let same_user = match &session.subject {
            // A deleted user has no name to compare; the flow finds that out by itself.
            Subject::User(id) => self.users.get(*id).is_none() || self.find(username) == Some(*id),
            Subject::Unknown(typed) => {
                username == typed || username == self.seal.placeholder_id(typed).to_string()
            }
        };
        if session.challenge.name() == challenge_name && same_user {
            Ok(session)
        } else {
            Err(invalid_session())
        }
    }

    /// Keeps a session and returns its string.
    pub(crate) fn open_session(
        &mut self,
        ctx: &mut Context<'_>,
        client: &Client,
        session: Session,
    ) -> String {
        self.sessions.open(&self.seal, ctx, client, session)
    }
}

fn invalid_session() -> Error {
    Error::not_authorized("Invalid session for the user.")
}

/// The error for a contact of another user.
pub(crate) fn contact_exists(exception: Exception, contact: Contact) -> Error {
    Error::new(exception, format!("An account with the given {} already exists.", contact.name()))
}

/// Refuses to mark a missing contact as verified.
pub(crate) fn check_verified_flags(user: Option<&User>, writes: &[(String, String)]) -> Result<()> {
    for contact in Contact::ALL {
        let value = last_write(writes, contact.name())
            .or_else(|| user.and_then(|user| user.contact(contact)))
            .filter(|value| !value.is_empty());
        if value.is_none() && last_write(writes, contact.verified_name()).is_some() {
            return Err(Error::invalid(format!(
                "{} cannot be set without {}",
                contact.verified_name(),
                contact.name()
            )));
        }
    }
    Ok(())
}

fn last_write<'a>(writes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    writes.iter().rfind(|(written, _)| written == name).map(|(_, value)| value.as_str())
}
