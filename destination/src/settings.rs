//! Which destinations are enabled, and the form of an email address.

use numbering::AllowedCountries;
use otp::Medium;
use settings::{Lookup, SettingError, Variable};

use crate::Destination;

const MEDIA: Variable = Variable::new("MEDIA", "SMS,EMAIL");
const SMS_COUNTRIES: Variable = Variable::new("SMS_COUNTRIES", "US,CA");

const NO_COUNTRIES: &str = "is not set, but MEDIA (default SMS,EMAIL) includes SMS: list the \
                            countries to send SMS to, or * for all, or set MEDIA=EMAIL";

/// Where codes may go.
#[derive(Clone, Debug)]
pub struct DestinationSettings {
    /// `MEDIA`: the enabled media, in order of preference; at least one, each once.
    pub media: Vec<Medium>,
    /// `SMS_COUNTRIES`: where SMS may go; nowhere if `MEDIA` has no `SMS`. Required otherwise.
    pub sms_countries: AllowedCountries,
}

impl DestinationSettings {
    /// Reads `MEDIA` and `SMS_COUNTRIES`.
    ///
    /// # Errors
    /// When a required one is missing or one has an impossible value.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let media = media(lookup)?;
        let sms_countries = match SMS_COUNTRIES.optional(lookup) {
            Some(value) => {
                AllowedCountries::parse(&value).map_err(|error| SMS_COUNTRIES.error(error))?
            }
            None if media.contains(&Medium::Sms) => return Err(SMS_COUNTRIES.error(NO_COUNTRIES)),
            None => AllowedCountries::none(),
        };
        Ok(Self { media, sms_countries })
    }

    /// May a message be sent to `destination`?
    #[must_use]
    pub fn allow(&self, destination: &Destination) -> bool {
        self.media.contains(&destination.medium()) && destination.is_allowed(&self.sms_countries)
    }
}

fn media(lookup: &Lookup<'_>) -> Result<Vec<Medium>, SettingError> {
    let Some(value) = MEDIA.optional(lookup) else {
        return Ok(vec![Medium::Sms, Medium::Email]);
    };
    let mut media = Vec::new();
    for name in value.split(',') {
        let medium = Medium::from_name(name.trim())
            .ok_or_else(|| MEDIA.error("contains a value other than SMS and EMAIL"))?;
        if media.contains(&medium) {
            return Err(MEDIA.error("lists a medium twice"));
        }
        media.push(medium);
    }
    Ok(media)
}

/// The longest email address (RFC 5321 §4.5.3.1.3, less its brackets).
const MAX_EMAIL_BYTES: usize = 254;

/// An address that SES can send to: it takes ASCII only, a domain in Punycode.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>,;@".contains(c);
    text.len() <= MAX_EMAIL_BYTES
        && text.is_ascii()
        && text.split_once('@').is_some_and(|(local, domain)| {
            [local, domain].iter().all(|part| !part.is_empty() && !part.contains(forbidden))
        })
}

#[cfg(test)]
mod tests {
    use numbering::Region;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<DestinationSettings, String> {
        let lookup = |name: &str| {
            let pair = pairs.iter().find(|(n, _)| *n == name);
            pair.map(|(_, value)| (*value).to_owned())
        };
        DestinationSettings::read(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn invalid_values_name_their_variable() {
        for (media, countries, problem) in [
            ("PIGEON", "JP", "MEDIA contains a value other than SMS and EMAIL"),
            ("SMS,", "JP", "MEDIA contains a value other than SMS and EMAIL"),
            ("SMS,SMS", "JP", "MEDIA lists a medium twice"),
            ("", "", &format!("SMS_COUNTRIES {NO_COUNTRIES}")),
            ("", "*,US", "SMS_COUNTRIES is neither * nor a list of regions"),
            ("", "jp", "SMS_COUNTRIES is neither * nor a list of regions"),
            ("", "JP,", "SMS_COUNTRIES is neither * nor a list of regions"),
            ("", "EU", "SMS_COUNTRIES is neither * nor a list of regions"),
            ("EMAIL", "001", "SMS_COUNTRIES is neither * nor a list of regions"),
        ] {
            let error = read(&[("MEDIA", media), ("SMS_COUNTRIES", countries)]).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
            assert!(error.contains("; for example "), "{error}");
        }
    }

    #[test]
    fn sms_countries_are_required_only_if_sms_is_enabled() {
        let countries = |pairs: &[_]| read(pairs).unwrap().sms_countries;
        let only = |codes: &[&str]| {
            let region = |code: &&str| Region::from_code(code).unwrap();
            AllowedCountries::Only(codes.iter().map(region).collect())
        };
        assert_eq!(countries(&[("MEDIA", "EMAIL")]), AllowedCountries::none());
        assert_eq!(countries(&[("SMS_COUNTRIES", "*")]), AllowedCountries::All);
        assert_eq!(countries(&[("SMS_COUNTRIES", "US, JP,XK")]), only(&["US", "JP", "XK"]));
        let media = read(&[("MEDIA", "EMAIL, SMS"), ("SMS_COUNTRIES", "*")]).unwrap().media;
        assert_eq!(media, [Medium::Email, Medium::Sms]);
    }

    #[test]
    fn destination_needs_an_enabled_medium_and_an_allowed_country() {
        let settings = |media| read(&[("MEDIA", media), ("SMS_COUNTRIES", "JP")]).unwrap();
        for (media, medium, address, expected) in [
            ("SMS,EMAIL", Medium::Sms, "+819012345678", true),
            ("SMS,EMAIL", Medium::Email, "jane@example.com", true),
            ("SMS", Medium::Email, "jane@example.com", false),
            ("EMAIL", Medium::Sms, "+819012345678", false),
            ("SMS", Medium::Sms, "+14155550123", false),
            ("SMS", Medium::Sms, "+810120123456", false),
        ] {
            let destination = Destination::new(medium, address).unwrap();
            assert_eq!(settings(media).allow(&destination), expected, "{media} {address}");
        }
    }
}
