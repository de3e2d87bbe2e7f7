//! What a pool is set to, as plain data, and the default pool's settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::lambda::Trigger;
use crate::pool::attribute::Contact;
use crate::pool::client::Client;
use crate::pool::password::PasswordPolicy;
use crate::pool::snapshot::Snapshot;
use crate::protocol::arn::{ACCOUNT_ID, REGION};
use crate::protocol::signing_key::SigningKey;

/// The default pool.
pub const DEFAULT_POOL_ID: &str = "us-east-1_LocalPool";
/// The default pool's client without a secret.
pub const DEFAULT_CLIENT_ID: &str = "localclient000000000000000";
/// The default pool's client with a secret.
pub const SECRET_CLIENT_ID: &str = "localsecretclient000000000";
/// That client's secret. It protects nothing: everyone has it.
pub const SECRET_CLIENT_SECRET: &str = "notsecret000local0only000000000000000000000000000000";

/// How users of a pool are named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserNames {
    /// `UsernameAttributes`: a user signs up with one of these and gets a UUID as user name.
    Attributes(BTreeSet<Contact>),
    /// A user chooses the user name; a verified attribute of these (`AliasAttributes`) signs in too.
    Chosen {
        /// The attributes that are aliases once they are verified.
        aliases: BTreeSet<Contact>,
    },
}

/// What a pool is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolConfig {
    /// Its id, `<region>_<letters and digits>`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How its users are named.
    pub user_names: UserNames,
    /// Which attributes get a code to verify them by themselves.
    pub auto_verified_attributes: BTreeSet<Contact>,
    /// What a password must be.
    pub password_policy: PasswordPolicy,
    /// The function behind each trigger, by ARN. A trigger that is absent is not configured.
    pub lambda_config: BTreeMap<Trigger, String>,
    /// Whether it refuses to be deleted.
    pub deletion_protection: bool,
    /// Whether only administrators make users.
    pub admin_create_user_only: bool,
    /// What it was given besides, which is shown and changes nothing here.
    pub shown: Map<String, Value>,
}

impl PoolConfig {
    /// A pool as the default one: phone numbers and e-mail addresses are user names, both are
    /// verified, and every trigger has its function.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            user_names: UserNames::Attributes(Contact::ALL.into()),
            auto_verified_attributes: Contact::ALL.into(),
            password_policy: PasswordPolicy::default(),
            lambda_config: Trigger::ALL
                .into_iter()
                .map(|trigger| (trigger, function_arn(trigger)))
                .collect(),
            deletion_protection: false,
            admin_create_user_only: false,
            shown: Map::new(),
        }
    }

    /// The pool's own ARN.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:cognito-idp:{REGION}:{ACCOUNT_ID}:userpool/{}", self.id)
    }

    /// The function behind each trigger: the one whose event it is, unless the ARN names another.
    pub(crate) fn functions(&self) -> BTreeMap<Trigger, Trigger> {
        let named =
            |(trigger, arn): (&Trigger, &String)| (*trigger, function_of(arn).unwrap_or(*trigger));
        self.lambda_config.iter().map(named).collect()
    }

    /// The pool's name in SRP: its id after the `_`.
    pub(crate) fn srp_name(&self) -> &str {
        self.id.split_once('_').map_or(&self.id, |(_, name)| name)
    }

    pub(crate) fn username_attributes(&self) -> Vec<Contact> {
        match &self.user_names {
            UserNames::Attributes(attributes) => attributes.iter().copied().collect(),
            UserNames::Chosen { .. } => Vec::new(),
        }
    }

    pub(crate) fn alias_attributes(&self) -> Vec<Contact> {
        match &self.user_names {
            UserNames::Attributes(_) => Vec::new(),
            UserNames::Chosen { aliases } => aliases.iter().copied().collect(),
        }
    }
}

/// The ARN of the function that answers the trigger.
pub(crate) fn function_arn(trigger: Trigger) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{}", trigger.function())
}

/// The function that an ARN names, in any account, region and version.
pub(crate) fn function_of(arn: &str) -> Option<Trigger> {
    let mut parts = arn.split(':').skip(2);
    let (service, kind, name) = (parts.next()?, parts.nth(2)?, parts.next()?);
    Trigger::ALL
        .into_iter()
        .find(|trigger| service == "lambda" && kind == "function" && name == trigger.function())
}

/// What one pool starts with.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// What it is set to.
    pub config: PoolConfig,
    /// Its app clients.
    pub clients: Vec<Client>,
    /// The key that signs its tokens.
    pub signing_key: SigningKey,
}

/// What everything starts with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the issuers live: a token's `iss` is `<issuer_base>/<pool id>`.
    pub issuer_base: String,
    /// The pools.
    pub pools: Vec<PoolSettings>,
    /// What was saved, instead of the pools.
    pub snapshot: Option<Snapshot>,
}

impl Settings {
    /// The default pool with its two clients.
    #[must_use]
    pub fn new(issuer_base: impl Into<String>) -> Self {
        let mut with_secret = Client::new(SECRET_CLIENT_ID, "local-with-secret");
        with_secret.client_secret = Some(SECRET_CLIENT_SECRET.to_owned());
        Self {
            issuer_base: issuer_base.into(),
            pools: vec![PoolSettings {
                config: PoolConfig::new(DEFAULT_POOL_ID, "local"),
                clients: vec![Client::new(DEFAULT_CLIENT_ID, "local"), with_secret],
                signing_key: SigningKey::new(),
            }],
            snapshot: None,
        }
    }
}
