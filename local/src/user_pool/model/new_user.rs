//! A user between the checks of a request and the pool: PreSignUp decides in between.

use std::collections::BTreeMap;

use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::user::User;

/// A user who passed the checks and is not in the pool yet.
pub(crate) struct NewUser {
    pub(crate) user: User,
    /// The attributes, checked. The last write of a name counts, and an empty value is none.
    pub(crate) writes: Vec<(String, String)>,
}

impl NewUser {
    /// The attributes that the user will have, as they were submitted.
    pub(crate) fn attributes(&self) -> BTreeMap<&str, &str> {
        let written = self.writes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut attributes: BTreeMap<&str, &str> = written.collect();
        attributes.retain(|_, value| !value.is_empty());
        attributes
    }

    pub(crate) fn has(&self, contact: Contact) -> bool {
        self.attributes().contains_key(contact.name())
    }
}

/// What PreSignUp is told besides the user. None where the request has none.
pub(crate) struct TriggerData {
    pub(crate) validation_data: Option<BTreeMap<String, String>>,
    pub(crate) client_metadata: Option<BTreeMap<String, String>>,
}

/// What PreSignUp decided about a user who signs up. The default is that of a pool without it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    pub(crate) confirmed: bool,
    /// The contacts that are verified without a code.
    pub(crate) verified: Vec<Contact>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::user_pool::model::user::UserStatus;

    #[test]
    fn last_write_counts_and_empty_value_is_absent() {
        let user =
            User::new("maya".to_owned(), Uuid::nil(), UserStatus::Unconfirmed, Duration::ZERO);
        let write = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let writes = vec![
            write("email", "a@example.com"),
            write("phone_number", "+12"),
            write("email", "b@example.com"),
            write("phone_number", ""),
        ];
        let new = NewUser { user, writes };
        assert_eq!(new.attributes(), [("email", "b@example.com")].into());
        assert!(new.has(Contact::Email));
        assert!(!new.has(Contact::PhoneNumber));
    }
}
