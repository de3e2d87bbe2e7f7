//! How items are named: HMACs, so that the table holds nothing personal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use otp::{DeviceId, LedgerKey};

use crate::{SpendKeys, SpendScopes};

/// In how many of their last digits the phone numbers of a range differ.
const DIGITS_WITHIN_A_RANGE: usize = 4;

/// The name of an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemKey(pub String);

/// Names items with the `LEDGER_KEY`.
///
/// An unknown name has items of its own, in domains of its own: whoever types it takes nothing of what
/// a user with that phone number or email address has left, and sees the same limits.
#[derive(Clone, Debug)]
pub struct ItemNames(LedgerKey);

impl ItemNames {
    /// Names with `key`.
    #[must_use]
    pub fn new(key: LedgerKey) -> Self {
        Self(key)
    }

    /// The account of the user `sub` of the pool.
    #[must_use]
    pub fn account(&self, pool_id: &str, sub: &str) -> ItemKey {
        self.name("account", b"cognito-otp ledger account v2", &[pool_id, sub])
    }

    /// The destination `address`, a phone number in the form of E.164 or an email address.
    #[must_use]
    pub fn destination(&self, address: &str) -> ItemKey {
        // Email addresses are told apart by case hardly anywhere.
        let address = address.to_ascii_lowercase();
        self.name("destination", b"cognito-otp ledger destination v2", &[&address])
    }

    /// The account that the unknown name `name` seems to be.
    #[must_use]
    pub fn unknown_account(&self, pool_id: &str, name: &str) -> ItemKey {
        let name = name.to_ascii_lowercase();
        self.name("account", b"cognito-otp ledger unknown account v2", &[pool_id, &name])
    }

    /// The destination `address` that the unknown name `name` seems to have.
    #[must_use]
    pub fn unknown_destination(&self, pool_id: &str, name: &str, address: &str) -> ItemKey {
        let [name, address] = [name, address].map(str::to_ascii_lowercase);
        let domain = b"cognito-otp ledger unknown destination v2";
        self.name("destination", domain, &[pool_id, &name, &address])
    }

    /// The fact that a code proved a contact of the user `sub` of the pool.
    #[must_use]
    pub fn proven(&self, pool_id: &str, sub: &str) -> ItemKey {
        self.name("proven", b"cognito-otp ledger proven v2", &[pool_id, sub])
    }

    /// That fact of the unknown name `name`. It is never noted.
    #[must_use]
    pub fn unknown_proven(&self, pool_id: &str, name: &str) -> ItemKey {
        let name = name.to_ascii_lowercase();
        self.name("proven", b"cognito-otp ledger unknown proven v2", &[pool_id, &name])
    }

    /// The fact that a code of the user `sub` of the pool was answered right with `device`.
    #[must_use]
    pub fn device(&self, pool_id: &str, sub: &str, device: &DeviceId) -> ItemKey {
        self.name("device", b"cognito-otp ledger device v2", &[pool_id, sub, device.expose()])
    }

    /// That fact of the unknown name `name`. It is never noted.
    #[must_use]
    pub fn unknown_device(&self, pool_id: &str, name: &str, device: &DeviceId) -> ItemKey {
        let name = name.to_ascii_lowercase();
        let domain = b"cognito-otp ledger unknown device v2";
        self.name("device", domain, &[pool_id, &name, device.expose()])
    }

    /// The scopes of a message to the phone number `number`, in the form of E.164, of `country`: the two
    /// letters of its region, if it has one.
    #[must_use]
    pub fn phone_scopes(&self, number: &str, country: Option<&str>) -> SpendScopes {
        let range_length = number.len().saturating_sub(DIGITS_WITHIN_A_RANGE);
        let range = number.get(..range_length).unwrap_or_default();
        SpendScopes::phone(country, self.mac(b"cognito-otp ledger range v2", &[range]))
    }

    /// What a message that the unknown name `name` asks for would be counted in: refused when the
    /// scopes of its destination refuse it, but counted in items of its own.
    #[must_use]
    pub fn unknown_spend(&self, pool_id: &str, name: &str, scopes: SpendScopes) -> SpendKeys {
        let name = name.to_ascii_lowercase();
        let domain = b"cognito-otp ledger unknown spend v2";
        let names = scopes.names().map(|scope| self.mac(domain, &[pool_id, &name, scope]));
        let names = names.collect();
        SpendKeys::unknown(scopes, names)
    }

    fn name(&self, kind: &str, domain: &[u8], parts: &[&str]) -> ItemKey {
        ItemKey(format!("{kind}#{}", self.mac(domain, parts)))
    }

    /// The HMAC of `parts` in `domain`, as text.
    fn mac(&self, domain: &[u8], parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        URL_SAFE_NO_PAD.encode(*self.0.mac(domain, &parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SpendClass;

    fn names() -> ItemNames {
        ItemNames::new(LedgerKey::new("an example key of some 40 different bytes").unwrap())
    }

    #[test]
    fn known_and_unknown_items_never_coincide() {
        let (names, phone) = (names(), "+819012345678");
        let device = |text| DeviceId::parse(text).unwrap();
        let (a, b) = (device("0123456789abcdef"), device("0123456789abcdeg"));
        let all = [
            names.account("pool", phone),
            names.account("pool", "sub"),
            names.account("poo", "lsub"),
            names.account("other", "sub"),
            names.destination(phone),
            names.destination("jane@example.com"),
            names.unknown_account("pool", phone),
            names.unknown_account("other", phone),
            names.unknown_destination("pool", phone, phone),
            names.unknown_destination("pool", phone, "jane@example.com"),
            names.unknown_destination("pool", "jane", phone),
            names.proven("pool", "sub"),
            names.proven("other", "sub"),
            names.unknown_proven("pool", "sub"),
            names.device("pool", "sub", &a),
            names.device("pool", "sub", &b),
            names.device("pool", "another", &a),
            names.device("other", "sub", &a),
            names.unknown_device("pool", "sub", &a),
            names.unknown_device("pool", "another", &a),
        ];
        for (i, a) in all.iter().enumerate() {
            for personal in ["8190", "jane", "0123456789abcde"] {
                assert!(!a.0.contains(personal), "{a:?}");
            }
            for b in &all[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn phone_numbers_of_a_range_share_its_scope() {
        let names = names();
        let scopes = |number: &str| names.phone_scopes(number, Some("JP"));
        let same = scopes("+819012345678");
        for (number, is_same) in [
            ("+819012340000", true),
            ("+819012349999", true),
            ("+819012355678", false),
            ("+81901234567", false),
            ("+8190123456789", false),
            ("+18", false),
            ("", false),
        ] {
            assert_eq!(scopes(number) == same, is_same, "{number}");
        }
        // A country is two capitals; what is not is none.
        let none = names.phone_scopes("+819012345678", None);
        assert_ne!(none, same);
        for country in ["", "J", "JPN", "jp", "J#", "日"] {
            assert_eq!(names.phone_scopes("+819012345678", Some(country)), none);
        }
        let another =
            ItemNames::new(LedgerKey::new("other example key of some 40 bytes, too").unwrap());
        assert_ne!(another.phone_scopes("+819012345678", Some("JP")), same);
    }

    #[test]
    fn unknown_user_writes_no_item_that_a_user_reads() {
        let (names, phone, now) = (names(), "+819012345678", 1_767_225_600);
        let scopes = || names.phone_scopes(phone, Some("JP"));
        let unknown = names.unknown_spend("pool", "Jane", scopes());
        let real = SpendKeys::new(scopes(), SpendClass::Proven);
        assert_eq!(unknown.to_read(now), real.to_read(now));
        let own = unknown.to_write(now);
        assert_eq!(own.len(), real.to_write(now).len());
        for key in &own {
            assert!(!real.to_read(now).contains(key), "{key:?}");
            assert_eq!(own.iter().filter(|other| *other == key).count(), 1);
            assert!(key.0.starts_with("spend#") && key.0.ends_with("#proven#490896"), "{key:?}");
            assert!(!key.0.contains("jane") && !key.0.contains("8190"), "{key:?}");
        }
        assert_eq!(names.unknown_spend("pool", "jane", scopes()).to_write(now), own);
        for (pool, name) in [("other", "jane"), ("pool", "john")] {
            assert_ne!(names.unknown_spend(pool, name, scopes()).to_write(now), own);
        }
    }

    #[test]
    fn case_of_names_and_addresses_does_not_matter() {
        let names = names();
        let (jane, other_case) = ("jane@example.com", "Jane@Example.COM");
        assert_eq!(names.destination(jane), names.destination(other_case));
        assert_eq!(names.unknown_account("pool", jane), names.unknown_account("pool", other_case));
        assert_eq!(
            names.unknown_destination("pool", jane, jane),
            names.unknown_destination("pool", other_case, other_case)
        );
    }
}
