//! Where a code may go.

use numbering::{AllowedCountries, E164, Region};
use otp::{Medium, MediumSet};
use secrecy::{ExposeSecret as _, SecretString};
use trigger::{Fault, StringMap};

/// A phone number or an e-mail address. Has no `Debug` and no `Display`; wiped when dropped.
#[derive(Clone)]
pub struct Destination {
    medium: Medium,
    address: SecretString,
}

impl Destination {
    /// `address` for `medium`, if it has the form: E.164 (ITU-T: `+`, then at most 15 digits) for
    /// a phone number, something before and after one `@` for an e-mail address.
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

    /// May a message go there, if texts go to `countries`?
    pub(crate) fn is_allowed(&self, countries: &AllowedCountries) -> bool {
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

/// The longest e-mail address (RFC 5321 §4.5.3.1.3, less its brackets).
const MAX_EMAIL_BYTES: usize = 254;

/// An address that SES can send to: it takes ASCII only, a domain in Punycode.
pub(crate) fn is_email(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>,;@".contains(c);
    text.len() <= MAX_EMAIL_BYTES
        && text.is_ascii()
        && text.split_once('@').is_some_and(|(local, domain)| {
            [local, domain].iter().all(|part| !part.is_empty() && !part.contains(forbidden))
        })
}

/// The destinations that a user has, in order of preference.
pub struct Destinations {
    reachable: Vec<Destination>,
    /// There is one that a message may not go to.
    has_other: bool,
}

impl Destinations {
    /// The destinations among `attributes` for each of `media`: those that are well formed, of one
    /// of `countries`, and verified.
    #[must_use]
    pub fn of_user(attributes: &StringMap, media: &[Medium], countries: &AllowedCountries) -> Self {
        let destination = |medium: &Medium| {
            let (name, verified) = medium.attributes();
            let address = attributes.expose(name).filter(|_| attributes.is_true(verified))?;
            Destination::new(*medium, address)
        };
        let all = media.iter().filter_map(destination);
        Self::new(all, |destination| destination.is_allowed(countries))
    }

    /// Those of `all`, in order of preference, that are `allowed`.
    pub(crate) fn new(
        all: impl Iterator<Item = Destination>,
        allowed: impl Fn(&Destination) -> bool,
    ) -> Self {
        let (reachable, others): (_, Vec<_>) = all.partition(allowed);
        Self { reachable, has_other: !others.is_empty() }
    }

    /// Their media, in order of preference.
    #[must_use]
    pub fn media(&self) -> Vec<Medium> {
        self.reachable.iter().map(Destination::medium).collect()
    }

    /// Their media, without an order.
    #[must_use]
    pub fn media_set(&self) -> MediumSet {
        self.reachable.iter().map(Destination::medium).collect()
    }

    /// The destination for `medium`.
    ///
    /// # Errors
    /// When there is none: `DESTINATION_NOT_ALLOWED` if there is nothing but a number that texts may
    /// not go to, `NO_DESTINATION` otherwise.
    pub fn get(&self, medium: Medium) -> Result<&Destination, Fault> {
        let found = self.reachable.iter().find(|destination| destination.medium == medium);
        found.ok_or_else(|| self.fault())
    }

    /// What is wrong with having no destination.
    #[must_use]
    pub fn fault(&self) -> Fault {
        if self.has_other { Fault::DestinationNotAllowed } else { Fault::NoDestination }
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

    #[test]
    fn user_destinations_are_enabled_verified_allowed_and_ordered() {
        let (sms, email) = (Medium::Sms, Medium::Email);
        let texts = |pairs: &[(&str, &str)]| -> StringMap {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect()
        };
        let both = texts(&[
            ("phone_number", "+819012345678"),
            ("phone_number_verified", "true"),
            ("email", "jane@example.com"),
            ("email_verified", "True"),
        ]);
        let unverified = texts(&[
            ("phone_number", "+819012345678"),
            ("phone_number_verified", "false"),
            ("email", "jane@example.com"),
        ]);
        let malformed = texts(&[("phone_number", "090"), ("phone_number_verified", "true")]);
        let japan = AllowedCountries::Only(vec![Region::from_code("JP").unwrap()]);
        let elsewhere = AllowedCountries::Only(vec![Region::from_code("US").unwrap()]);
        let no_numbers =
            texts(&[("phone_number", "+19002345678"), ("phone_number_verified", "true")]);
        let (none, not_allowed) = (Fault::NoDestination, Fault::DestinationNotAllowed);
        for (attributes, media, expected) in [
            (&both, vec![sms, email], vec![sms, email]),
            (&both, vec![email, sms], vec![email, sms]),
            (&both, vec![email], vec![email]),
            (&unverified, vec![sms, email], vec![]),
            (&malformed, vec![sms, email], vec![]),
            (&StringMap::default(), vec![sms, email], vec![]),
        ] {
            for countries in [&AllowedCountries::All, &japan] {
                let destinations = Destinations::of_user(attributes, &media, countries);
                assert_eq!(destinations.media(), expected);
                assert_eq!(destinations.fault(), none);
                for medium in [sms, email] {
                    assert_eq!(destinations.get(medium).is_ok(), expected.contains(&medium));
                }
            }
        }
        for (attributes, countries, expected, fault) in [
            (&both, &elsewhere, vec![email], not_allowed),
            (&unverified, &elsewhere, vec![], none),
            (&malformed, &elsewhere, vec![], none),
            (&no_numbers, &elsewhere, vec![], not_allowed),
            (&no_numbers, &AllowedCountries::All, vec![], not_allowed),
        ] {
            let destinations = Destinations::of_user(attributes, &[sms, email], countries);
            assert_eq!((destinations.media(), destinations.fault()), (expected, fault));
        }
    }
}
