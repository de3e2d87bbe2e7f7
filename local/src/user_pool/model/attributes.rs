//! User attributes: the standard ones, their valid values, and who may write them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::outbox::Medium;
use crate::protocol::error::{Error, Result};
use crate::user_pool::model::actor::Actor;

/// A list of attributes as a request has it: names with their values, `None` where there is none.
pub(crate) type AttributeList = Vec<(String, Option<String>)>;

/// An attribute that a user is reached at, can verify, and can sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Contact {
    /// `phone_number`. First, because Cognito prefers it where a user has both.
    PhoneNumber,
    /// `email`.
    Email,
}

impl Contact {
    /// Both.
    pub const ALL: [Self; 2] = [Self::PhoneNumber, Self::Email];

    /// The attribute's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PhoneNumber => "phone_number",
            Self::Email => "email",
        }
    }

    /// The name of its flag, which is true once it is verified.
    #[must_use]
    pub fn verified_name(self) -> &'static str {
        match self {
            Self::PhoneNumber => "phone_number_verified",
            Self::Email => "email_verified",
        }
    }

    pub(crate) fn medium(self) -> Medium {
        match self {
            Self::PhoneNumber => Medium::Sms,
            Self::Email => Medium::Email,
        }
    }

    /// The medium's name in the API.
    pub(crate) fn medium_name(self) -> &'static str {
        match self {
            Self::PhoneNumber => "SMS",
            Self::Email => "EMAIL",
        }
    }

    /// The contact whose format `text` has.
    pub(crate) fn detect(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contact| contact.check(text).is_ok())
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contact| contact.name() == name)
    }

    fn of_verified_flag(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contact| contact.verified_name() == name)
    }

    pub(crate) fn check(self, value: &str) -> Result<()> {
        let (right, fault) = match self {
            Self::PhoneNumber => (is_e164(value), "Invalid phone number format."),
            Self::Email => (is_email(value), "Invalid email address format."),
        };
        if right { Ok(()) } else { Err(Error::invalid(fault)) }
    }

    /// The masked destination, as a caller may see it.
    pub(crate) fn mask(self, value: &str) -> String {
        match self {
            Self::PhoneNumber => {
                let digits = value.trim_start_matches('+');
                let shown = digits.len().saturating_sub(4);
                let last: String = digits.chars().skip(shown).collect();
                format!("+{}{last}", "*".repeat(shown))
            }
            Self::Email => value
                .split('@')
                .map(|part| {
                    let first: String = part.chars().take(1).collect();
                    format!("{first}***")
                })
                .collect::<Vec<_>>()
                .join("@"),
        }
    }
}

fn is_e164(value: &str) -> bool {
    value.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.contains("..")
            && !part.contains('@')
            && !part.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    plain(local) && plain(domain) && domain.contains('.') && value.len() <= 320
}

/// The standard attributes, with their types, besides `sub`.
pub(crate) const STANDARD: [(&str, &str); 19] = [
    ("name", "String"),
    ("given_name", "String"),
    ("family_name", "String"),
    ("middle_name", "String"),
    ("nickname", "String"),
    ("preferred_username", "String"),
    ("profile", "String"),
    ("picture", "String"),
    ("website", "String"),
    ("email", "String"),
    ("email_verified", "Boolean"),
    ("gender", "String"),
    ("birthdate", "String"),
    ("zoneinfo", "String"),
    ("locale", "String"),
    ("phone_number", "String"),
    ("phone_number_verified", "Boolean"),
    ("address", "String"),
    ("updated_at", "Number"),
];

/// Checks the attributes of a request against the schema and the actor's permissions, and returns
/// the name and value of each. An empty value deletes an attribute.
pub(crate) fn check(actor: Actor, attributes: AttributeList) -> Result<Vec<(String, String)>> {
    attributes
        .into_iter()
        .map(|(name, value)| {
            let value = value.unwrap_or_default();
            check_one(actor, &name, &value)?;
            Ok((name, value))
        })
        .collect()
}

fn check_one(actor: Actor, name: &str, value: &str) -> Result<()> {
    if name == "sub" {
        return Err(Error::invalid("Cannot modify the non-mutable attribute sub"));
    }
    let Some((_, kind)) = STANDARD.iter().find(|(standard, _)| *standard == name) else {
        return Err(Error::invalid(format!(
            "Attributes did not conform to the schema: {name}: Attribute does not exist in the \
             schema."
        )));
    };
    if Contact::of_verified_flag(name).is_some() && actor == Actor::Client {
        return Err(Error::not_authorized("A client attempted to write unauthorized attribute"));
    }
    if value.is_empty() {
        return Ok(());
    }
    if let Some(contact) = Contact::named(name) {
        return contact.check(value);
    }
    let right = match *kind {
        "Boolean" => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        "Number" => value.parse::<i64>().is_ok(),
        _ => name != "birthdate" || value.chars().count() == 10,
    };
    if right {
        Ok(())
    } else {
        Err(Error::invalid(format!(
            "Attributes did not conform to the schema: {name}: Attribute value is not valid."
        )))
    }
}

/// An attribute's value as a claim of the ID token.
pub(crate) fn claim(name: &str, value: &str) -> Value {
    match name {
        "email_verified" | "phone_number_verified" => json!(value == "true"),
        "address" => json!({ "formatted": value }),
        "updated_at" => value.parse::<i64>().map_or(json!(value), |at| json!(at)),
        _ => json!(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_outside_e164_are_invalid() {
        for (value, right) in [
            ("+819012345678", true),
            ("+12", true),
            ("+1", false),
            ("819012345678", false),
            ("+0123456", false),
            ("+1234567890123456", false),
            ("+81 90", false),
            ("+８１９０", false),
            ("+", false),
            ("", false),
        ] {
            assert_eq!(is_e164(value), right, "{value}");
        }
    }

    #[test]
    fn malformed_email_addresses_are_invalid() {
        for (value, right) in [
            ("a@example.com", true),
            ("a.b+c@mail.example.com", true),
            ("a@example", false),
            ("@example.com", false),
            ("a@", false),
            ("a@b@example.com", false),
            ("a b@example.com", false),
            ("a@.com", false),
            ("a..b@example.com", false),
            ("a", false),
        ] {
            assert_eq!(is_email(value), right, "{value}");
        }
    }

    #[test]
    fn masked_contacts_show_only_their_ends() {
        assert_eq!(Contact::PhoneNumber.mask("+819012345678"), "+********5678");
        assert_eq!(Contact::PhoneNumber.mask("+123"), "+123");
        assert_eq!(Contact::Email.mask("maya@example.com"), "m***@e***");
    }
}
