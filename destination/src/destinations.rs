//! The destinations of a user.

use otp::{Medium, MediumSet};
use trigger::{Contacts, Fault, StringMap};

use crate::{Destination, DestinationSettings};

/// The destinations that a user has, in order of preference.
pub struct Destinations {
    reachable: Vec<Destination>,
    /// There is one that a message may not go to.
    has_other: bool,
    /// The one is not verified: it is the only contact of an account that a code is to prove.
    is_unverified: bool,
}

impl Destinations {
    /// The destinations among `attributes` for each of the enabled media: those that are well formed,
    /// of an allowed country, and verified.
    ///
    /// With `or_only_contact` an unverified contact is one, too, while it is the only contact
    /// attribute of an account without linked identities: there is then nothing that a code sent
    /// there could take from anyone. Whether this account was ever proven is the caller's question.
    #[must_use]
    pub fn of_user(
        attributes: &StringMap,
        settings: &DestinationSettings,
        or_only_contact: bool,
    ) -> Self {
        let unverified = match attributes.contacts() {
            Contacts::Only(medium, _)
                if or_only_contact
                    && !attributes.is_true(medium.attributes().1)
                    && !attributes.has_linked_identities() =>
            {
                Some(medium)
            }
            _ => None,
        };
        let destination = |medium: &Medium| {
            let (name, verified) = medium.attributes();
            let is_eligible = attributes.is_true(verified) || unverified == Some(*medium);
            let address = attributes.expose(name).filter(|_| is_eligible)?;
            Destination::new(*medium, address)
        };
        let all = settings.media.iter().filter_map(destination);
        let destinations = Self::new(all, |destination| settings.allow(destination));
        Self { is_unverified: unverified.is_some(), ..destinations }
    }

    /// Those of `all`, in order of preference, that are `allowed`; verified.
    pub fn new(
        all: impl Iterator<Item = Destination>,
        allowed: impl Fn(&Destination) -> bool,
    ) -> Self {
        let (reachable, others): (_, Vec<_>) = all.partition(allowed);
        Self { reachable, has_other: !others.is_empty(), is_unverified: false }
    }

    /// Their media, in order of preference.
    #[must_use]
    pub fn media(&self) -> Vec<Medium> {
        self.reachable.iter().map(Destination::medium).collect()
    }

    /// The media whose contacts are verified, without an order.
    #[must_use]
    pub fn verified_media(&self) -> MediumSet {
        let reachable = self.reachable.iter().filter(|_| !self.is_unverified);
        reachable.map(Destination::medium).collect()
    }

    /// Is there one destination only, the account's only contact, which is not verified?
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        self.is_unverified
    }

    /// The destination for `medium`.
    ///
    /// # Errors
    /// When there is none: `DESTINATION_NOT_ALLOWED` if there is nothing but a number that SMS may
    /// not go to, `NO_DESTINATION` otherwise.
    pub fn get(&self, medium: Medium) -> Result<&Destination, Fault> {
        let found = self.reachable.iter().find(|destination| destination.medium() == medium);
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
    use numbering::{AllowedCountries, Region};

    use super::*;

    const SMS: Medium = Medium::Sms;
    const EMAIL: Medium = Medium::Email;

    fn attributes(pairs: &[(&str, &str)]) -> StringMap {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect()
    }

    fn only(country: &str) -> AllowedCountries {
        AllowedCountries::Only(vec![Region::from_code(country).unwrap()])
    }

    fn settings(media: &[Medium], sms_countries: &AllowedCountries) -> DestinationSettings {
        DestinationSettings { media: media.to_vec(), sms_countries: sms_countries.clone() }
    }

    #[test]
    fn user_destinations_are_enabled_verified_allowed_and_ordered() {
        let both = attributes(&[
            ("phone_number", "+819012345678"),
            ("phone_number_verified", "true"),
            ("email", "jane@example.com"),
            ("email_verified", "True"),
        ]);
        let unverified = attributes(&[
            ("phone_number", "+819012345678"),
            ("phone_number_verified", "false"),
            ("email", "jane@example.com"),
        ]);
        let malformed = attributes(&[("phone_number", "090"), ("phone_number_verified", "true")]);
        let no_numbers =
            attributes(&[("phone_number", "+19002345678"), ("phone_number_verified", "true")]);
        let (none, not_allowed) = (Fault::NoDestination, Fault::DestinationNotAllowed);
        for (attributes, media, expected) in [
            (&both, [SMS, EMAIL].as_slice(), [SMS, EMAIL].as_slice()),
            (&both, &[EMAIL, SMS], &[EMAIL, SMS]),
            (&both, &[EMAIL], &[EMAIL]),
            (&unverified, &[SMS, EMAIL], &[]),
            (&malformed, &[SMS, EMAIL], &[]),
            (&StringMap::default(), &[SMS, EMAIL], &[]),
        ] {
            for countries in [&AllowedCountries::All, &only("JP")] {
                for or_only_contact in [false, true] {
                    let settings = settings(media, countries);
                    let destinations =
                        Destinations::of_user(attributes, &settings, or_only_contact);
                    assert_eq!(destinations.media(), expected);
                    assert_eq!(destinations.fault(), none);
                    let verified = destinations.verified_media();
                    assert_eq!(verified, expected.iter().copied().collect());
                    for medium in [SMS, EMAIL] {
                        assert_eq!(destinations.get(medium).is_ok(), expected.contains(&medium));
                    }
                }
            }
        }
        for (attributes, countries, expected, fault) in [
            (&both, &only("US"), [EMAIL].as_slice(), not_allowed),
            (&unverified, &only("US"), &[], none),
            (&malformed, &only("US"), &[], none),
            (&no_numbers, &only("US"), &[], not_allowed),
            (&no_numbers, &AllowedCountries::All, &[], not_allowed),
        ] {
            let settings = settings(&[SMS, EMAIL], countries);
            let destinations = Destinations::of_user(attributes, &settings, false);
            assert_eq!((destinations.media(), destinations.fault()), (expected.to_vec(), fault));
        }
    }

    #[test]
    fn unverified_contact_is_a_destination_only_as_the_only_contact() {
        let phone = ("phone_number", "+819012345678");
        let email = ("email", "jane@example.com");
        let abroad = ("phone_number", "+14155550123");
        let (none, not_allowed) = (Fault::NoDestination, Fault::DestinationNotAllowed);
        for (pairs, expected) in [
            (vec![phone], Ok(SMS)),
            (vec![phone, ("phone_number_verified", "false")], Ok(SMS)),
            (vec![email], Ok(EMAIL)),
            (vec![phone, ("email", "")], Ok(SMS)),
            (vec![phone, ("email_verified", "true")], Ok(SMS)),
            (vec![phone, ("identities", "[]")], Ok(SMS)),
            (vec![phone, ("identities", r#"[{"userId":"1"}]"#)], Err(none)),
            (vec![phone, ("identities", "?")], Err(none)),
            (vec![phone, email], Err(none)),
            // An account with a malformed second contact has two.
            (vec![phone, ("email", "?")], Err(none)),
            (vec![abroad], Err(not_allowed)),
            (vec![("phone_number", "090")], Err(none)),
            (vec![], Err(none)),
        ] {
            let attributes = attributes(&pairs);
            let settings = settings(&[SMS, EMAIL], &only("JP"));
            let with = Destinations::of_user(&attributes, &settings, true);
            match expected {
                Ok(medium) => assert_eq!(with.media(), [medium], "{pairs:?}"),
                Err(fault) => {
                    assert_eq!((with.media(), with.fault()), (vec![], fault), "{pairs:?}")
                }
            }
            assert_eq!(with.verified_media(), MediumSet::default(), "{pairs:?}");
            assert!(expected.is_err() || with.is_unverified(), "{pairs:?}");
            let without = Destinations::of_user(&attributes, &settings, false);
            assert!(without.media().is_empty() && !without.is_unverified(), "{pairs:?}");
        }
        // A verified contact beside an unverified one: only the verified.
        let attributes = attributes(&[phone, ("phone_number_verified", "true"), email]);
        let both = settings(&[EMAIL, SMS], &AllowedCountries::All);
        let destinations = Destinations::of_user(&attributes, &both, true);
        assert_eq!((destinations.media(), destinations.is_unverified()), (vec![SMS], false));
        // A medium that is not enabled is none.
        let email = settings(&[EMAIL], &AllowedCountries::All);
        let phone_alone: StringMap = [(phone.0.to_owned(), phone.1.into())].into_iter().collect();
        assert!(Destinations::of_user(&phone_alone, &email, true).media().is_empty());
    }
}
