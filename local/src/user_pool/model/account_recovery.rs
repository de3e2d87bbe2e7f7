//! How a user gets a new password: `AccountRecoverySetting`.

use serde::{Deserialize, Serialize};

use crate::user_pool::model::attributes::Contact;

/// A method of recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecoveryMethod {
    /// `verified_phone_number`, `verified_email`: a code to that contact, if it is verified.
    Verified(Contact),
    /// `admin_only`: an administrator sets the password.
    AdminOnly,
}

impl RecoveryMethod {
    pub(crate) const ALL: [Self; 3] =
        [Self::Verified(Contact::Email), Self::Verified(Contact::PhoneNumber), Self::AdminOnly];

    /// The name in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verified(Contact::Email) => "verified_email",
            Self::Verified(Contact::PhoneNumber) => "verified_phone_number",
            Self::AdminOnly => "admin_only",
        }
    }
}

/// A method with its priority; 1 is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryOption {
    /// 1 or 2.
    pub priority: u32,
    /// The method.
    pub method: RecoveryMethod,
}

/// `AccountRecoverySetting`, as it was given. The default is a pool without the setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecovery(Vec<RecoveryOption>);

impl AccountRecovery {
    /// The setting with these options. None if they contradict each other.
    #[must_use]
    pub fn new(options: Vec<RecoveryOption>) -> Option<Self> {
        let is_admin_only = options.iter().any(|option| option.method == RecoveryMethod::AdminOnly);
        let is_unique = match options.as_slice() {
            [a, b] => a.priority != b.priority && a.method != b.method,
            rest => rest.len() <= 1,
        };
        (is_unique && (!is_admin_only || options.len() == 1)).then_some(Self(options))
    }

    /// `admin_only`.
    #[must_use]
    pub fn admin_only() -> Self {
        Self(vec![RecoveryOption { priority: 1, method: RecoveryMethod::AdminOnly }])
    }

    /// The options as they were given; none if the pool has no such setting.
    pub(crate) fn options(&self) -> &[RecoveryOption] {
        &self.0
    }

    /// The contacts that a code may go to, the preferred first. None where only an administrator
    /// sets a password.
    pub(crate) fn contacts(&self) -> Option<Vec<Contact>> {
        if self.0.is_empty() {
            // Without a setting, Cognito prefers SMS.
            return Some(Contact::ALL.into());
        }
        let mut options = self.0.clone();
        options.sort_by_key(|option| option.priority);
        let contact = |option: RecoveryOption| match option.method {
            RecoveryMethod::Verified(contact) => Some(contact),
            RecoveryMethod::AdminOnly => None,
        };
        options.into_iter().map(contact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: RecoveryMethod = RecoveryMethod::Verified(Contact::PhoneNumber);
    const EMAIL: RecoveryMethod = RecoveryMethod::Verified(Contact::Email);
    const ADMIN: RecoveryMethod = RecoveryMethod::AdminOnly;

    fn setting(options: &[(u32, RecoveryMethod)]) -> Option<AccountRecovery> {
        let option = |&(priority, method)| RecoveryOption { priority, method };
        AccountRecovery::new(options.iter().map(option).collect())
    }

    #[test]
    fn contacts_are_ordered_by_priority() {
        use Contact::{Email, PhoneNumber};
        for (options, expected) in [
            (&[][..], Some(vec![PhoneNumber, Email])),
            (&[(1, EMAIL)], Some(vec![Email])),
            (&[(2, PHONE)], Some(vec![PhoneNumber])),
            (&[(2, PHONE), (1, EMAIL)], Some(vec![Email, PhoneNumber])),
            (&[(1, PHONE), (2, EMAIL)], Some(vec![PhoneNumber, Email])),
            (&[(1, ADMIN)], None),
        ] {
            assert_eq!(setting(options).unwrap().contacts(), expected, "{options:?}");
        }
    }

    #[test]
    fn contradicting_options_are_refused() {
        for options in [
            &[(1, ADMIN), (2, EMAIL)][..],
            &[(1, PHONE), (2, ADMIN)],
            &[(1, PHONE), (1, EMAIL)],
            &[(1, PHONE), (2, PHONE)],
        ] {
            assert_eq!(setting(options), None, "{options:?}");
        }
    }
}
