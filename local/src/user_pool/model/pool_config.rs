//! The configuration of a user pool.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::protocol::arn::{ACCOUNT_ID, REGION};
use crate::user_pool::model::account_recovery::AccountRecovery;
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::password_policy::PasswordPolicy;
use crate::user_pool::model::trigger::Trigger;

/// How users of a pool are named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserNames {
    /// `UsernameAttributes`: a user signs up with one of these and gets a UUID as user name.
    Attributes(BTreeSet<Contact>),
    /// A user chooses the user name; a verified attribute of these (`AliasAttributes`) signs in
    /// too.
    Chosen {
        /// The attributes that are aliases once they are verified.
        aliases: BTreeSet<Contact>,
    },
}

/// The configuration of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolConfig {
    /// Its id, `<region>_<letters and digits>`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How its users are named.
    pub user_names: UserNames,
    /// The attributes that are verified automatically, by a code.
    pub auto_verified_attributes: BTreeSet<Contact>,
    /// `SmsConfiguration`, as it was given. Without it the pool sends no SMS. A state file from before
    /// it counted is of a pool that does.
    #[serde(default = "default_sms_configuration")]
    pub sms_configuration: Option<Map<String, Value>>,
    /// The password policy.
    pub password_policy: PasswordPolicy,
    /// The function behind each trigger, by ARN. A trigger that is absent is not configured.
    pub lambda_config: BTreeMap<Trigger, String>,
    /// Whether it refuses to be deleted.
    pub deletion_protection: bool,
    /// Whether only administrators create users.
    pub admin_create_user_only: bool,
    /// How a user gets a new password.
    pub account_recovery: AccountRecovery,
    /// Settings without an effect here, which are only described.
    pub shown: Map<String, Value>,
}

impl PoolConfig {
    /// Phone numbers and email addresses are user names, both are verified by a message, the triggers of the
    /// custom challenge have their functions, and the rest is as in a pool that sets nothing.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            user_names: UserNames::Attributes(Contact::ALL.into()),
            auto_verified_attributes: Contact::ALL.into(),
            sms_configuration: default_sms_configuration(),
            password_policy: PasswordPolicy::default(),
            lambda_config: Trigger::CUSTOM_AUTH
                .into_iter()
                .map(|trigger| (trigger, trigger.function_arn()))
                .collect(),
            deletion_protection: false,
            admin_create_user_only: false,
            account_recovery: AccountRecovery::default(),
            shown: Map::new(),
        }
    }

    /// The pool's own ARN.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:cognito-idp:{REGION}:{ACCOUNT_ID}:userpool/{}", self.id)
    }

    /// Whether the pool has what a message to `contact` needs. Cognito sends email without a setting.
    pub(crate) fn can_send_to(&self, contact: Contact) -> bool {
        match contact {
            Contact::PhoneNumber => self.sms_configuration.is_some(),
            Contact::Email => true,
        }
    }

    /// Whether a code goes to a new `contact` by itself.
    pub(crate) fn verifies(&self, contact: Contact) -> bool {
        self.auto_verified_attributes.contains(&contact) && self.can_send_to(contact)
    }

    /// The function behind each trigger: the one whose event it is, unless the ARN names another.
    pub(crate) fn functions(&self) -> BTreeMap<Trigger, Trigger> {
        let triggers = self.lambda_config.keys();
        triggers.filter_map(|trigger| Some((*trigger, self.function(*trigger)?))).collect()
    }

    /// The function behind `trigger`, if the pool has that trigger.
    pub(crate) fn function(&self, trigger: Trigger) -> Option<Trigger> {
        let arn = self.lambda_config.get(&trigger)?;
        Some(Trigger::of_function(arn).unwrap_or(trigger))
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

/// An `SmsConfiguration` with a placeholder role.
#[expect(clippy::unnecessary_wraps, reason = "the field's type, for serde")]
fn default_sms_configuration() -> Option<Map<String, Value>> {
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/local-sms");
    Some([("SnsCallerArn".to_owned(), json!(role))].into_iter().collect())
}
