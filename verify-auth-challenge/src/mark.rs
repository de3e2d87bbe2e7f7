//! What follows when a code has proven a contact that was not verified.
//!
//! Whoever signed the contact up first knows the account's password, so nobody is to know it before the
//! contact counts as verified: read the user, set a random password, mark the contact, and only then
//! note that the account is proven. Each step comes only after the one before; what fails is made good
//! by the next sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use otp::Medium;
use rand::TryCryptoRng;
use secrecy::SecretString;
use trigger::{Contacts, StringMap};
use zeroize::Zeroizing;

/// The proven contact.
#[derive(Clone, Copy)]
pub struct Contact<'a> {
    /// Which attribute it is.
    pub medium: Medium,
    /// Its value: what the code was bound to.
    pub value: &'a str,
}

/// What to do with a user whose contact was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Mark the contact as verified.
    Verify,
    /// It already is.
    AlreadyVerified,
    /// The user has another contact by now, or linked identities: leave everything as it is.
    Leave,
}

/// Decides about the user `sub`, who has `attributes` now and has proven `contact`.
#[must_use]
pub fn decide(attributes: &StringMap, sub: &str, contact: Contact<'_>) -> Mark {
    let is_user = attributes.expose("sub") == Some(sub);
    let is_only_contact = attributes.contacts() == Contacts::Only(contact.medium, contact.value);
    if !is_user || !is_only_contact || attributes.has_linked_identities() {
        Mark::Leave
    } else if attributes.is_true(contact.medium.attributes().1) {
        Mark::AlreadyVerified
    } else {
        Mark::Verify
    }
}

/// The user pool, as far as a proven contact changes it. A user is named by the `sub`.
pub trait UserDirectory {
    /// The user's attributes.
    fn attributes(
        &self,
        pool_id: &str,
        sub: &str,
    ) -> impl Future<Output = Result<StringMap, Failed>>;

    /// Makes `password` the user's password.
    fn set_password(
        &self,
        pool_id: &str,
        sub: &str,
        password: &SecretString,
    ) -> impl Future<Output = Result<(), Failed>>;

    /// Sets the contact to its value and marks it as verified, in one call.
    fn mark_verified(
        &self,
        pool_id: &str,
        sub: &str,
        contact: Contact<'_>,
    ) -> impl Future<Output = Result<(), Failed>>;
}

/// A step failed. Says which, and nothing of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed(pub &'static str);

/// Marks `contact` of the user `sub` as verified, if it still is the only one.
///
/// # Errors
/// When a step fails. Those after it are not taken.
pub(crate) async fn mark<D: UserDirectory, R: TryCryptoRng>(
    directory: &D,
    (pool_id, sub): (&str, &str),
    contact: Contact<'_>,
    rng: &mut R,
) -> Result<Mark, Failed> {
    let attributes = directory.attributes(pool_id, sub).await?;
    let mark = decide(&attributes, sub, contact);
    if mark == Mark::Verify {
        let password = random_password(rng).map_err(|_| Failed("randomness"))?;
        directory.set_password(pool_id, sub, &password).await?;
        directory.mark_verified(pool_id, sub, contact).await?;
    }
    Ok(mark)
}

/// How many random bytes a password has. In base64 they are longer than any pool's minimum (99), and
/// within Cognito's 256 characters.
const PASSWORD_BYTES: usize = 96;

/// A character of each kind that a pool's policy may ask for.
const OF_EACH_KIND: &str = "aA0-";

/// A password that nobody knows and every password policy takes.
fn random_password<R: TryCryptoRng>(rng: &mut R) -> Result<SecretString, R::Error> {
    let mut bytes = Zeroizing::new([0; PASSWORD_BYTES]);
    rng.try_fill_bytes(bytes.as_mut())?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()));
    Ok([OF_EACH_KIND, &text].concat().into())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;
    use secrecy::ExposeSecret as _;

    use super::*;

    const PHONE: &str = "+819012345678";

    fn attributes(pairs: &[(&str, &str)]) -> StringMap {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect()
    }

    #[test]
    fn only_the_proven_only_contact_is_marked() {
        let (sub, phone) = (("sub", "the sub"), ("phone_number", PHONE));
        let verified = ("phone_number_verified", "true");
        for (pairs, expected) in [
            (vec![sub, phone], Mark::Verify),
            (vec![sub, phone, ("phone_number_verified", "false")], Mark::Verify),
            (vec![sub, phone, ("email", "")], Mark::Verify),
            (vec![sub, phone, ("identities", "[]")], Mark::Verify),
            (vec![sub, phone, verified], Mark::AlreadyVerified),
            (vec![phone], Mark::Leave),
            (vec![("sub", "another"), phone], Mark::Leave),
            (vec![("sub", "another"), phone, verified], Mark::Leave),
            (vec![sub], Mark::Leave),
            (vec![sub, ("phone_number", "+819099999999")], Mark::Leave),
            (vec![sub, ("phone_number", "+819099999999"), verified], Mark::Leave),
            (vec![sub, ("email", PHONE)], Mark::Leave),
            (vec![sub, phone, ("email", "jane@example.com")], Mark::Leave),
            (vec![sub, phone, verified, ("email", "jane@example.com")], Mark::Leave),
            (vec![sub, phone, ("identities", r#"[{"userId":"1"}]"#)], Mark::Leave),
        ] {
            let contact = Contact { medium: Medium::Sms, value: PHONE };
            assert_eq!(decide(&attributes(&pairs), "the sub", contact), expected, "{pairs:?}");
        }
    }

    #[test]
    fn random_passwords_differ_and_meet_every_policy() {
        let password = |seed| random_password(&mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
        let (one, other) = (password(1), password(2));
        let one = one.expose_secret();
        assert_ne!(one, other.expose_secret());
        assert!((99..=256).contains(&one.len()));
        for kind in [
            char::is_lowercase as fn(char) -> bool,
            char::is_uppercase,
            |c| c.is_ascii_digit(),
            |c| "-_".contains(c),
        ] {
            assert!(one.contains(kind));
        }
    }
}
