//! The rule of sign-up.

use destination::{Destination, DestinationSettings};
use otp::Medium;
use settings::SignUpMode;
use trigger::Contacts;

/// Who is about to become a user.
#[derive(Clone, Copy)]
pub struct Applicant<'a> {
    /// It is a user's own sign-up, not one of an administrator or another provider.
    pub is_self_sign_up: bool,
    /// The user name: a UUID, a chosen name, or, while the attribute is not set yet, the contact.
    pub user_name: &'a str,
    /// The contact attributes.
    pub contacts: Contacts<'a>,
}

/// What becomes of a new user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The account is confirmed. Nothing is verified.
    Confirm,
    /// Cognito does what it does without this trigger.
    LeaveToCognito,
    /// The user is not created.
    Refuse(Refusal),
}

/// Why a user is not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no contact that a code could be sent to.
    NoDestination,
    /// The contact is a phone number to which no codes are sent.
    DestinationNotAllowed,
    /// There are two contacts, and one code can prove one.
    TwoContacts,
    /// Administrators create the users.
    Closed,
}

/// Decides about `applicant`.
///
/// `autoVerify…` is never the answer: a verified alias is taken from whoever had it, so it would hand
/// other people's contacts to anyone who asks.
#[must_use]
pub fn decide(
    applicant: Applicant<'_>,
    mode: SignUpMode,
    destinations: &DestinationSettings,
) -> Decision {
    match (applicant.is_self_sign_up, mode) {
        (false, _) | (true, SignUpMode::Cognito) => Decision::LeaveToCognito,
        (true, SignUpMode::Closed) => Decision::Refuse(Refusal::Closed),
        (true, SignUpMode::Code) => match only_contact(applicant) {
            Err(refusal) => Decision::Refuse(refusal),
            Ok((medium, address)) => {
                match Destination::new(medium, address)
                    .filter(|_| destinations.media.contains(&medium))
                {
                    None => Decision::Refuse(Refusal::NoDestination),
                    Some(destination) if destinations.allow(&destination) => Decision::Confirm,
                    Some(_) => Decision::Refuse(Refusal::DestinationNotAllowed),
                }
            }
        },
    }
}

/// The one contact of `applicant`. A user name with the form of a contact counts as one, because where
/// it is one (`UsernameAttributes`) the attribute may not be in the event.
fn only_contact(applicant: Applicant<'_>) -> Result<(Medium, &str), Refusal> {
    let name = applicant.user_name;
    let named = [Medium::Sms, Medium::Email]
        .into_iter()
        .find(|medium| Destination::new(*medium, name).is_some())
        .map(|medium| (medium, name));
    match (applicant.contacts, named) {
        (Contacts::Both, _) => Err(Refusal::TwoContacts),
        (Contacts::Only(medium, address), None) => Ok((medium, address)),
        (Contacts::Only(medium, address), Some(named)) => {
            let is_same = named.0 == medium && named.1.eq_ignore_ascii_case(address);
            if is_same { Ok((medium, address)) } else { Err(Refusal::TwoContacts) }
        }
        (Contacts::None, named) => named.ok_or(Refusal::NoDestination),
    }
}

#[cfg(test)]
mod tests {
    use numbering::{AllowedCountries, Region};

    use super::*;

    const UUID: &str = "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90";
    const PHONE: &str = "+819012345678";
    const ABROAD: &str = "+14155550123";
    const PREMIUM: &str = "+810990123456";
    const EMAIL: &str = "jane@example.com";

    fn settings(media: &[Medium]) -> DestinationSettings {
        let japan = AllowedCountries::Only(vec![Region::from_code("JP").unwrap()]);
        DestinationSettings { media: media.to_vec(), sms_countries: japan }
    }

    fn decide_in(
        mode: SignUpMode,
        is_self_sign_up: bool,
        user_name: &str,
        contacts: Contacts<'_>,
    ) -> Decision {
        let applicant = Applicant { is_self_sign_up, user_name, contacts };
        decide(applicant, mode, &settings(&[Medium::Sms, Medium::Email]))
    }

    #[test]
    fn user_with_one_allowed_contact_is_confirmed() {
        let (sms, email) = (Medium::Sms, Medium::Email);
        let refuse = Decision::Refuse;
        for (user_name, contacts, expected) in [
            (UUID, Contacts::Only(sms, PHONE), Decision::Confirm),
            (UUID, Contacts::Only(email, EMAIL), Decision::Confirm),
            ("jane", Contacts::Only(sms, PHONE), Decision::Confirm),
            ("", Contacts::Only(email, EMAIL), Decision::Confirm),
            (PHONE, Contacts::Only(sms, PHONE), Decision::Confirm),
            ("Jane@example.com", Contacts::Only(email, EMAIL), Decision::Confirm),
            (PHONE, Contacts::None, Decision::Confirm),
            (EMAIL, Contacts::None, Decision::Confirm),
            (UUID, Contacts::None, refuse(Refusal::NoDestination)),
            ("", Contacts::None, refuse(Refusal::NoDestination)),
            (UUID, Contacts::Only(sms, "090"), refuse(Refusal::NoDestination)),
            (UUID, Contacts::Only(email, "é@example.com"), refuse(Refusal::NoDestination)),
            (UUID, Contacts::Only(sms, ABROAD), refuse(Refusal::DestinationNotAllowed)),
            (UUID, Contacts::Only(sms, PREMIUM), refuse(Refusal::DestinationNotAllowed)),
            (ABROAD, Contacts::None, refuse(Refusal::DestinationNotAllowed)),
            (UUID, Contacts::Only(sms, "+81000"), refuse(Refusal::NoDestination)),
            (UUID, Contacts::Only(sms, "+8100000000000"), refuse(Refusal::DestinationNotAllowed)),
            (UUID, Contacts::Both, refuse(Refusal::TwoContacts)),
            (PHONE, Contacts::Only(email, EMAIL), refuse(Refusal::TwoContacts)),
            (EMAIL, Contacts::Only(sms, PHONE), refuse(Refusal::TwoContacts)),
            ("+819099999999", Contacts::Only(sms, PHONE), refuse(Refusal::TwoContacts)),
        ] {
            let decision = decide_in(SignUpMode::Code, true, user_name, contacts);
            assert_eq!(decision, expected, "{user_name}");
        }
    }

    #[test]
    fn contact_of_a_medium_that_is_not_enabled_is_no_destination() {
        for (media, contacts) in [
            (Medium::Sms, Contacts::Only(Medium::Email, EMAIL)),
            (Medium::Email, Contacts::Only(Medium::Sms, PHONE)),
        ] {
            let applicant = Applicant { is_self_sign_up: true, user_name: UUID, contacts };
            assert_eq!(
                decide(applicant, SignUpMode::Code, &settings(&[media])),
                Decision::Refuse(Refusal::NoDestination)
            );
        }
    }

    #[test]
    fn other_modes_and_other_sources_are_left_to_cognito() {
        for contacts in [Contacts::None, Contacts::Only(Medium::Sms, ABROAD), Contacts::Both] {
            let of = |mode, is_self| decide_in(mode, is_self, UUID, contacts);
            assert_eq!(of(SignUpMode::Cognito, true), Decision::LeaveToCognito);
            assert_eq!(of(SignUpMode::Closed, true), Decision::Refuse(Refusal::Closed));
            for mode in [SignUpMode::Code, SignUpMode::Cognito, SignUpMode::Closed] {
                assert_eq!(of(mode, false), Decision::LeaveToCognito);
            }
        }
    }
}
