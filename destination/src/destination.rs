//! One destination.

use numbering::{AllowedCountries, E164, Region};
use otp::Medium;
use secrecy::{ExposeSecret as _, SecretString};

use crate::settings::is_email;

/// A phone number or an email address. Has no `Debug` and no `Display`; wiped when dropped.
#[derive(Clone)]
pub struct Destination {
    medium: Medium,
    address: SecretString,
}

impl Destination {
    /// `address` for `medium`, if it has the form: E.164 (ITU-T: `+`, then at most 15 digits) for
    /// a phone number, something before and after one `@` for an email address.
    #[must_use]
    pub fn new(medium: Medium, address: &str) -> Option<Self> {
        let good = match medium {
            Medium::Sms => E164::parse(address).is_some(),
            Medium::Email => is_email(address),
        };
        good.then(|| Self { medium, address: address.into() })
    }

    /// How to send there.
    #[must_use]
    pub fn medium(&self) -> Medium {
        self.medium
    }

    /// The number or address, for the service that sends.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.address.expose_secret()
    }

    /// The region of a phone number, by its two letters, if it has one.
    #[must_use]
    pub fn country(&self) -> Option<&'static str> {
        let number = E164::parse(self.expose()).filter(|_| self.medium == Medium::Sms)?;
        number.region().map(Region::code)
    }

    /// May a message go there, if SMS are sent to `countries`?
    #[must_use]
    pub fn is_allowed(&self, countries: &AllowedCountries) -> bool {
        match self.medium {
            Medium::Sms => {
                E164::parse(self.expose()).is_some_and(|number| countries.allows(number))
            }
            Medium::Email => true,
        }
    }

    /// What the client may show, in Cognito's form: `+*******1234`, `j***@e***`. It tells neither
    /// the length nor the case, in which a made-up destination could differ from a real one.
    #[must_use]
    pub fn masked(&self) -> String {
        let address = self.expose();
        match self.medium {
            Medium::Sms => {
                let shown: String = address.chars().skip(address.len().saturating_sub(4)).collect();
                format!("+*******{shown}")
            }
            Medium::Email => {
                let initial = |part: &str| part.chars().next().unwrap_or('*').to_ascii_lowercase();
                let (local, domain) = address.split_once('@').unwrap_or_default();
                format!("{}***@{}***", initial(local), initial(domain))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_destinations_are_refused() {
        for (text, sms, email) in [
            ("+819012345678", true, false),
            ("+1234567", true, false),
            ("+123456789012345", true, false),
            ("+123456", false, false),
            ("+1234567890123456", false, false),
            ("+0123456789", false, false),
            ("819012345678", false, false),
            ("+81 90 1234 5678", false, false),
            ("+٨١٩٠١٢٣٤٥", false, false),
            ("", false, false),
            ("a@b", false, true),
            ("jane.doe+x@example.com", false, true),
            ("@example.com", false, false),
            ("jane@", false, false),
            ("jane@doe@example.com", false, false),
            ("jane@example.com, b@example.com", false, false),
            ("jane@example.com\nBcc: b", false, false),
            ("Jane <jane@example.com>", false, false),
            ("é@example.com", false, false),
            ("jane@ü.example", false, false),
        ] {
            assert_eq!(Destination::new(Medium::Sms, text).is_some(), sms, "{text:?}");
            assert_eq!(Destination::new(Medium::Email, text).is_some(), email, "{text:?}");
        }
        assert!(Destination::new(Medium::Email, &format!("{}@b", "a".repeat(300))).is_none());
    }

    #[test]
    fn masked_destinations_match_cognito_format() {
        for (medium, address, expected) in [
            (Medium::Sms, "+12065551234", "+*******1234"),
            (Medium::Sms, "+819012345678", "+*******5678"),
            (Medium::Sms, "+1234567", "+*******4567"),
            (Medium::Email, "jane.doe@example.com", "j***@e***"),
            (Medium::Email, "a@b", "a***@b***"),
            (Medium::Email, "JANE@Example.com", "j***@e***"),
        ] {
            assert_eq!(Destination::new(medium, address).unwrap().masked(), expected);
        }
    }
}
