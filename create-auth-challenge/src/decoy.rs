//! The destination that an unknown user seems to have.

use otp::{CodeKey, Medium};

use crate::Destination;

const DOMAIN: &[u8] = b"cognito-otp decoy v1";

/// Makes up a destination for `name`, always the same for the same pool and name. What was typed
/// stands for itself where it is an address of an enabled medium (so it does for a real user who has
/// no other); else it is one of the preferred medium, out of a keyed hash of the name.
///
/// A user who has both a number and an address still differs from it: typing the less preferred
/// of the two, such a user is reached by the other.
pub(crate) fn destination(
    key: &CodeKey,
    pool_id: &str,
    name: &str,
    media: &[Medium],
) -> Option<Destination> {
    let typed = media.iter().find_map(|medium| Destination::new(*medium, name));
    typed.or_else(|| {
        let mac = key.mac(DOMAIN, &[pool_id.as_bytes(), name.as_bytes()]);
        let number = mac.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        match media.first()? {
            Medium::Sms => {
                let digits = 2_000_000_000 + number % 8_000_000_000;
                Destination::new(Medium::Sms, &format!("+1{digits}"))
            }
            Medium::Email => {
                // Only the initials are ever shown.
                let letter =
                    |number: u64| char::from(b'a' + u8::try_from(number % 26).unwrap_or(0));
                let address = format!("{}@{}", letter(number), letter(number / 26));
                Destination::new(Medium::Email, &address)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_plausible_and_of_an_enabled_medium() {
        let key = CodeKey::new("an example key of some 40 different bytes").unwrap();
        let (sms, email) = (Medium::Sms, Medium::Email);
        let masked = |name, media: &[Medium]| {
            destination(&key, "us-east-1_LocalPool", name, media).unwrap().masked()
        };
        assert_eq!(masked("+819012345678", &[sms, email]), "+*******5678");
        assert_eq!(masked("jane@example.com", &[sms, email]), "j***@e***");
        for (name, media, plus) in [
            ("jane", &[sms, email][..], true),
            ("jane@example.com", &[sms], true),
            ("+819012345678", &[email], false),
            ("", &[email], false),
        ] {
            let made_up = masked(name, media);
            assert_eq!(made_up.starts_with('+'), plus, "{name} {made_up}");
            assert_eq!(made_up, masked(name, media));
        }
        assert_ne!(masked("jane", &[sms]), masked("joan", &[sms]));
    }
}
