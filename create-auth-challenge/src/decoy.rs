//! The destinations that an unknown user seems to have.

use destination::{Destination, DestinationSettings, Destinations};
use otp::{LedgerKey, Medium};

const DOMAIN: &[u8] = b"cognito-otp decoy v2";

/// Makes up the destinations of `name`, always the same for the same pool and name, whatever its case.
///
/// What was typed stands for itself where it is an address of an enabled medium, as it does for a
/// user who has no other, and may be one to which no message is allowed; a name that is no address has
/// the preferred medium. Half of the names, by a keyed hash, have a less preferred medium to switch to
/// as well. Not a more preferred one: who mistypes an address should not read of a stranger's number.
pub(crate) fn destinations(
    key: &LedgerKey,
    pool_id: &str,
    name: &str,
    settings: &DestinationSettings,
) -> Destinations {
    let media = &settings.media;
    let mac = key.mac(DOMAIN, &[pool_id.as_bytes(), name.to_ascii_lowercase().as_bytes()]);
    let number = mac.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    let has_others = mac.last().is_some_and(|byte| byte & 1 == 1);
    let typed = |medium: &Medium| Destination::new(*medium, name);
    let first = media.iter().position(|medium| typed(medium).is_some()).unwrap_or_default();
    let has = media.iter().skip(first).take(if has_others { media.len() } else { 1 });
    let all = has.filter_map(|medium| typed(medium).or_else(|| made_up(*medium, number)));
    Destinations::new(all, |destination| {
        // What nobody typed is where it may be.
        destination.expose() != name || settings.allow(destination)
    })
}

/// A destination of which only the mask is ever seen.
fn made_up(medium: Medium, number: u64) -> Option<Destination> {
    match medium {
        Medium::Sms => {
            Destination::new(Medium::Sms, &format!("+1{}", 2_000_000_000 + number % 8_000_000_000))
        }
        Medium::Email => {
            let letter = |number: u64| char::from(b'a' + u8::try_from(number % 26).unwrap_or(0));
            let address = format!("{}@{}", letter(number), letter(number / 26));
            Destination::new(Medium::Email, &address)
        }
    }
}

#[cfg(test)]
mod tests {
    use numbering::AllowedCountries;

    use super::*;

    const SMS: Medium = Medium::Sms;
    const EMAIL: Medium = Medium::Email;

    fn of(name: &str, media: &[Medium], countries: &AllowedCountries) -> Destinations {
        let key = LedgerKey::new("an example key of some 40 different bytes").unwrap();
        let (media, sms_countries) = (media.to_vec(), countries.clone());
        let settings = DestinationSettings { media, sms_countries };
        destinations(&key, "us-east-1_LocalPool", name, &settings)
    }

    /// What the first challenge would show.
    fn masked(name: &str, media: &[Medium]) -> String {
        let made_up = of(name, media, &AllowedCountries::All);
        made_up.get(made_up.media()[0]).unwrap().masked()
    }

    #[test]
    fn decoy_destination_is_stable_and_uses_an_enabled_medium() {
        for (name, media, plus) in [
            ("+819012345678", &[SMS][..], true),
            ("jane", &[SMS, EMAIL], true),
            ("jane@example.com", &[SMS], true),
            ("+819012345678", &[EMAIL], false),
            ("", &[EMAIL], false),
        ] {
            let made_up = masked(name, media);
            assert_eq!(made_up.starts_with('+'), plus, "{name} {made_up}");
            assert_eq!(made_up, masked(name, media));
            assert_eq!(made_up, masked(&name.to_ascii_uppercase(), media));
        }
        assert_ne!(masked("jane", &[SMS]), masked("joan", &[SMS]));
    }

    #[test]
    fn typed_address_comes_first_and_half_of_names_get_a_second_medium() {
        let both = (0..1_000).filter(|n| {
            let (number, mail) = (format!("+8190123{n:05}"), format!("jane{n}@example.com"));
            for (name, medium, mask) in [(&number, SMS, "+***"), (&mail, EMAIL, "j***@e***")] {
                let made_up = of(name, &[SMS, EMAIL], &AllowedCountries::All);
                assert_eq!(made_up.media()[0], medium);
                assert_eq!(made_up.get(medium).unwrap().expose(), name);
                let shown = masked(name, &[SMS, EMAIL]);
                assert!(shown.starts_with(mask), "{shown}");
            }
            of(&number, &[SMS, EMAIL], &AllowedCountries::All).media().len() == 2
        });
        let both = both.count();
        assert!((450..=550).contains(&both), "{both} of 1000");
    }

    #[test]
    fn typed_number_in_disallowed_country_is_not_allowed() {
        let countries = AllowedCountries::Only(Vec::new());
        let number = "+819012345678";
        assert_eq!(of(number, &[SMS], &countries).fault(), trigger::Fault::DestinationNotAllowed);
        assert!(of(number, &[SMS], &countries).media().is_empty());
        assert_eq!(of("jane", &[SMS], &countries).media(), [SMS]);
        assert_eq!(of("jane@example.com", &[EMAIL], &countries).media(), [EMAIL]);
    }
}
