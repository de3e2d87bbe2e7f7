//! The users of a pool, with the indexes that find one of many in the same time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;

use crate::protocol::error::{Error, Result};
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::pool_config::{PoolConfig, UserNames};
use crate::user_pool::model::user::{User, UserId};

/// The users of a pool.
#[derive(Default)]
pub(crate) struct Users {
    next: u64,
    users: BTreeMap<UserId, User>,
    by_name: HashMap<String, UserId>,
    by_sub: HashMap<Uuid, UserId>,
    /// Attributes are not unique by themselves: several users may give the same unverified one.
    by_contact: HashMap<(Contact, String), BTreeSet<UserId>>,
}

/// User names and addresses are compared without regard to case.
fn fold_case(text: &str) -> String {
    text.to_lowercase()
}

impl Users {
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    pub(crate) fn get(&self, id: UserId) -> Option<&User> {
        self.users.get(&id)
    }

    /// The user, to change anything but the attributes.
    pub(crate) fn get_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.users.get_mut(&id)
    }

    pub(crate) fn existing(&self, id: UserId) -> Result<&User> {
        self.get(id).ok_or_else(Error::user_not_found)
    }

    pub(crate) fn existing_mut(&mut self, id: UserId) -> Result<&mut User> {
        self.get_mut(id).ok_or_else(Error::user_not_found)
    }

    pub(crate) fn by_sub(&self, sub: Uuid) -> Option<UserId> {
        self.by_sub.get(&sub).copied()
    }

    pub(crate) fn by_username(&self, username: &str) -> Option<UserId> {
        self.by_name.get(&fold_case(username)).copied()
    }

    pub(crate) fn with_contact(
        &self,
        contact: Contact,
        value: &str,
    ) -> impl Iterator<Item = (UserId, &User)> {
        self.by_contact
            .get(&(contact, fold_case(value)))
            .into_iter()
            .flatten()
            .filter_map(|id| Some((*id, self.users.get(id)?)))
    }

    /// The users after `id` in order of creation.
    pub(crate) fn after(&self, id: Option<UserId>) -> impl Iterator<Item = (UserId, &User)> {
        let first = id.map_or(0, |id| id.0.saturating_add(1));
        self.users.range(UserId(first)..).map(|(id, user)| (*id, user))
    }

    /// The user that a sign-in or an administrator names: by user name, by `sub`, or by an
    /// attribute that signs in.
    pub(crate) fn find(&self, config: &PoolConfig, name: &str) -> Option<UserId> {
        self.by_username(name).or_else(|| self.by_sub(Uuid::try_parse(name).ok()?)).or_else(|| {
            let contact = Contact::detect(name)?;
            self.with_contact(contact, name)
                .find(|(_, user)| can_sign_in_with(config, user, contact))
                .map(|(id, _)| id)
        })
    }

    /// Another user who signs in with `value`.
    pub(crate) fn other_owner(
        &self,
        config: &PoolConfig,
        contact: Contact,
        value: &str,
        besides: Option<UserId>,
    ) -> Option<UserId> {
        self.with_contact(contact, value)
            .find(|(id, user)| {
                Some(*id) != besides
                    && match &config.user_names {
                        UserNames::Attributes(attributes) => attributes.contains(&contact),
                        UserNames::Chosen { aliases } => {
                            aliases.contains(&contact) && user.is_verified(contact)
                        }
                    }
            })
            .map(|(id, _)| id)
    }

    /// Copies of all users, by id, and the next id.
    pub(crate) fn saved(&self) -> (BTreeMap<u64, User>, u64) {
        (self.users.iter().map(|(id, user)| (id.0, user.clone())).collect(), self.next)
    }

    /// The users of a saved state, with their indexes.
    pub(crate) fn restored(users: BTreeMap<u64, User>, next: u64) -> Self {
        let mut all = Self::default();
        for (id, user) in users {
            for contact in Contact::ALL {
                if let Some(value) = user.contact(contact) {
                    let key = (contact, fold_case(value));
                    all.by_contact.entry(key).or_default().insert(UserId(id));
                }
            }
            all.next = id;
            all.insert(user);
        }
        all.next = all.next.max(next);
        all
    }

    pub(crate) fn insert(&mut self, user: User) -> UserId {
        let id = UserId(self.next);
        self.next += 1;
        self.by_name.insert(fold_case(&user.username), id);
        self.by_sub.insert(user.sub, id);
        self.users.insert(id, user);
        id
    }

    pub(crate) fn remove(&mut self, id: UserId) -> Option<User> {
        let user = self.users.remove(&id)?;
        self.by_name.remove(&fold_case(&user.username));
        self.by_sub.remove(&user.sub);
        for contact in Contact::ALL {
            if let Some(value) = user.contact(contact) {
                self.forget(contact, value, id);
            }
        }
        Some(user)
    }

    /// Writes attributes; an empty value deletes. A contact that changes is not verified any more,
    /// unless the same writes verify it. Returns the contacts that changed and are not verified.
    pub(crate) fn update(
        &mut self,
        id: UserId,
        writes: &[(String, String)],
        now: Duration,
    ) -> Vec<Contact> {
        let mut changed = Vec::new();
        for contact in Contact::ALL {
            let Some((_, value)) = writes.iter().rfind(|(name, _)| name == contact.name()) else {
                continue;
            };
            let old = self.get(id).and_then(|user| user.contact(contact)).map(str::to_owned);
            if old.as_deref() == Some(value) || (old.is_none() && value.is_empty()) {
                continue;
            }
            if let Some(old) = old {
                self.forget(contact, &old, id);
            }
            if !value.is_empty() {
                self.by_contact.entry((contact, fold_case(value))).or_default().insert(id);
            }
            changed.push(contact);
        }
        let Some(user) = self.users.get_mut(&id) else {
            return Vec::new();
        };
        user.modified = now;
        for contact in &changed {
            user.attributes.insert(contact.verified_name().to_owned(), "false".to_owned());
            // A code sent to the old contact does not verify the new one.
            user.attribute_codes.remove(contact);
            for code in [&mut user.sign_up_code, &mut user.reset_code] {
                code.take_if(|code| code.contact == *contact);
            }
        }
        for (name, value) in writes {
            if value.is_empty() {
                user.attributes.remove(name);
            } else {
                let flag = Contact::ALL.iter().any(|contact| contact.verified_name() == name);
                let value = if flag { value.to_lowercase() } else { value.clone() };
                user.attributes.insert(name.clone(), value);
            }
        }
        for contact in Contact::ALL {
            if user.contact(contact).is_none() {
                user.attributes.remove(contact.verified_name());
            }
        }
        changed.retain(|contact| user.contact(*contact).is_some() && !user.is_verified(*contact));
        changed
    }

    fn forget(&mut self, contact: Contact, value: &str, id: UserId) {
        let key = (contact, fold_case(value));
        if let Some(ids) = self.by_contact.get_mut(&key) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_contact.remove(&key);
            }
        }
    }
}

fn can_sign_in_with(config: &PoolConfig, user: &User, contact: Contact) -> bool {
    match &config.user_names {
        UserNames::Attributes(attributes) => {
            attributes.contains(&contact)
                && (user.is_verified(contact) || user.signed_up_with == Some(contact))
        }
        UserNames::Chosen { aliases } => aliases.contains(&contact) && user.is_verified(contact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_pool::model::user::UserStatus;

    const NOW: Duration = Duration::from_secs(1);

    fn write(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn users(count: u128) -> (Users, Vec<UserId>) {
        let mut users = Users::default();
        let ids = (1..=count)
            .map(|n| {
                let sub = Uuid::from_u128(n);
                users.insert(User::new(format!("user{n}"), sub, UserStatus::Confirmed, NOW))
            })
            .collect();
        (users, ids)
    }

    #[test]
    fn contact_index_follows_every_change() {
        let (mut users, ids) = users(2);
        let found = |users: &Users, value: &str| {
            users.with_contact(Contact::Email, value).map(|(id, _)| id).collect::<Vec<_>>()
        };
        users.update(ids[0], &[write("email", "A@example.com")], NOW);
        users.update(ids[1], &[write("email", "a@example.com")], NOW);
        assert_eq!(found(&users, "a@EXAMPLE.com"), ids);
        users.update(ids[0], &[write("email", "b@example.com")], NOW);
        assert_eq!(found(&users, "a@example.com"), [ids[1]]);
        assert_eq!(found(&users, "b@example.com"), [ids[0]]);
        users.update(ids[0], &[write("email", "")], NOW);
        assert!(found(&users, "b@example.com").is_empty());
        assert_eq!(users.get(ids[0]).unwrap().attribute("email_verified"), None);
        users.remove(ids[1]);
        assert!(found(&users, "a@example.com").is_empty());
        assert_eq!(users.by_username("USER1"), Some(ids[0]));
        assert_eq!(users.by_username("user2"), None);
        assert_eq!(users.by_sub(Uuid::from_u128(2)), None);
        assert!(users.by_contact.is_empty());
    }

    #[test]
    fn changed_contact_loses_its_verification() {
        let (mut users, ids) = users(1);
        let id = ids[0];
        let verified = [write("email", "a@example.com"), write("email_verified", "True")];
        assert!(users.update(id, &verified, NOW).is_empty());
        assert!(users.get(id).unwrap().is_verified(Contact::Email));
        assert!(users.update(id, &[write("email", "a@example.com")], NOW).is_empty());
        assert!(users.get(id).unwrap().is_verified(Contact::Email));
        let changed = users.update(id, &[write("email", "b@example.com")], NOW);
        assert_eq!(changed, [Contact::Email]);
        assert!(!users.get(id).unwrap().is_verified(Contact::Email));
    }

    #[test]
    fn alias_is_found_only_once_verified() {
        let (mut users, ids) = users(2);
        let mut config = PoolConfig::new("us-east-1_Chosen", "chosen");
        config.user_names = UserNames::Chosen { aliases: [Contact::Email].into() };
        for id in &ids {
            users.update(*id, &[write("email", "a@example.com")], NOW);
        }
        assert_eq!(users.find(&config, "a@example.com"), None);
        assert_eq!(users.other_owner(&config, Contact::Email, "a@example.com", None), None);
        users.update(ids[1], &[write("email_verified", "true")], NOW);
        assert_eq!(users.find(&config, "a@example.com"), Some(ids[1]));
        assert_eq!(
            users.other_owner(&config, Contact::Email, "a@example.com", Some(ids[0])),
            Some(ids[1])
        );
        assert_eq!(users.find(&config, "user1"), Some(ids[0]));
    }
}
