//! A user: attributes, status, password, codes, grants.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::error::{Error, Exception, Result};
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::confirmation_code::ConfirmationCode;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool_config::PoolConfig;
use crate::user_pool::model::srp::{Identity, Verifier};

/// A user's place in a pool: in order of creation, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UserId(pub(crate) u64);

/// The status of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UserStatus {
    Unconfirmed,
    Confirmed,
    ForceChangePassword,
    ResetRequired,
}

impl UserStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Confirmed => "CONFIRMED",
            Self::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Self::ResetRequired => "RESET_REQUIRED",
        }
    }
}

/// One sign-in that can still be refreshed. Its id is `origin_jti` in the tokens that came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) auth_time: Duration,
    pub(crate) expires: Duration,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) username: String,
    pub(crate) sub: Uuid,
    /// The attributes besides `sub`. Write through `Users::update`, which keeps the indexes.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The attribute that the user signed up with, where that is the user name: it signs in before
    /// it is verified.
    pub(crate) signed_up_with: Option<Contact>,
    pub(crate) status: UserStatus,
    pub(crate) enabled: bool,
    pub(crate) password: Option<Verifier>,
    /// When an administrator's temporary password stops working.
    pub(crate) temporary_until: Option<Duration>,
    pub(crate) created: Duration,
    pub(crate) modified: Duration,
    pub(crate) sign_up_code: Option<ConfirmationCode>,
    /// Codes for attributes that changed, by attribute.
    pub(crate) attribute_codes: BTreeMap<Contact, ConfirmationCode>,
    /// The code for a new password.
    pub(crate) reset_code: Option<ConfirmationCode>,
    pub(crate) grants: BTreeMap<Uuid, Grant>,
    /// When the user was last signed out everywhere, which revokes tokens without a grant.
    pub(crate) signed_out: Option<Duration>,
}

impl User {
    pub(crate) fn new(username: String, sub: Uuid, status: UserStatus, now: Duration) -> Self {
        Self {
            username,
            sub,
            attributes: BTreeMap::new(),
            signed_up_with: None,
            status,
            enabled: true,
            password: None,
            temporary_until: None,
            created: now,
            modified: now,
            sign_up_code: None,
            attribute_codes: BTreeMap::new(),
            reset_code: None,
            grants: BTreeMap::new(),
            signed_out: None,
        }
    }

    /// Refuses a user who may not sign in.
    pub(crate) fn check_sign_in(&self) -> Result<()> {
        if !self.enabled {
            return Err(Error::user_disabled());
        }
        match self.status {
            UserStatus::Unconfirmed => {
                Err(Error::new(Exception::USER_NOT_CONFIRMED, "User is not confirmed."))
            }
            UserStatus::ResetRequired => Err(Error::new(
                Exception::PASSWORD_RESET_REQUIRED,
                "Password reset required for the user",
            )),
            UserStatus::Confirmed | UserStatus::ForceChangePassword => Ok(()),
        }
    }

    /// Ends every sign-in of the user.
    pub(crate) fn sign_out(&mut self, now: Duration) {
        self.grants.clear();
        self.signed_out = Some(now);
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(crate) fn contact(&self, contact: Contact) -> Option<&str> {
        self.attribute(contact.name())
    }

    pub(crate) fn is_verified(&self, contact: Contact) -> bool {
        self.attribute(contact.verified_name()) == Some("true")
    }

    /// Whether `password` is the user's.
    pub(crate) fn has_password(&self, config: &PoolConfig, password: &str) -> bool {
        let identity = Identity { pool: config.srp_name(), user: &self.username };
        self.password.as_ref().is_some_and(|kept| kept.matches(identity, password))
    }

    /// Sets the password and the status that follows.
    pub(crate) fn set_password(
        &mut self,
        config: &PoolConfig,
        password: &str,
        status: UserStatus,
        temporary_until: Option<Duration>,
        ctx: &mut Context<'_>,
    ) {
        let identity = Identity { pool: config.srp_name(), user: &self.username };
        self.password = Some(Verifier::new(identity, password, ctx.rng));
        self.status = status;
        self.reset_code = None;
        self.temporary_until = temporary_until;
        self.modified = ctx.now;
    }

    /// The attributes besides `sub`, by name.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The attributes as the API lists them: only those in `wanted`, if that is given.
    pub(crate) fn attribute_list(&self, wanted: Option<&[&str]>) -> Value {
        let sub = self.sub.to_string();
        std::iter::once(("sub", sub.as_str()))
            .chain(self.attributes())
            .filter(|(name, _)| wanted.is_none_or(|wanted| wanted.contains(name)))
            .map(|(name, value)| json!({ "Name": name, "Value": value }))
            .collect()
    }

    /// `userAttributes` of a trigger's event.
    pub(crate) fn event_attributes(&self) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("sub".to_owned(), json!(self.sub.to_string()));
        all.insert("cognito:user_status".to_owned(), json!(self.status.name()));
        for (name, value) in self.attributes() {
            all.insert(name.to_owned(), json!(value));
        }
        all
    }
}
