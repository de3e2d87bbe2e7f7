//! SRP as Cognito speaks it: a password is proved without being sent.
//!
//! Sources: the group is RFC 5054's (appendix A, 3072 bits, generator 2); the roles of `N`, `g`,
//! `k`, `x`, `u`, `v`, `A` and `B` are SRP-6a's (RFC 5054, section 2.5). What Cognito does its own
//! way is known from the client that AWS publishes, `amazon-cognito-identity-js`
//! (`AuthenticationHelper`):
//! - the hash is SHA-256, over numbers with a zero byte in front where the first bit is set;
//! - `k = H(N | g)`, `u = H(A | B)`, `x = H(salt | H(pool name | user id | ":" | password))`, where
//!   the pool's name is its id after the `_`;
//! - the session's key is HKDF-SHA256 of `S`, salted with `u`, for "Caldera Derived Key", 16 bytes;
//! - the proof is HMAC-SHA256 with it of pool name, user id, secret block and time stamp.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use num_bigint::BigUint;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::protocol::hmac;

/// The prime of RFC 5054's 3072-bit group.
const N: &[u8] = b"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
    020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
    4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
    EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05\
    98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB\
    9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
    E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718\
    3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33\
    A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
    ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864\
    D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2\
    08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";
/// The hexadecimal digits of a number below `N`.
const DIGITS: usize = 768;
const INFO: &[u8] = b"Caldera Derived Key";

struct Group {
    prime: BigUint,
    generator: BigUint,
    multiplier: BigUint,
}

static GROUP: LazyLock<Group> = LazyLock::new(|| {
    let prime = BigUint::parse_bytes(N, 16).unwrap_or_default();
    let generator = BigUint::from(2_u8);
    let multiplier = hash_of(&[&bytes(&prime), &bytes(&generator)]);
    Group { prime, generator, multiplier }
});

/// A number as it is hashed: big-endian, with a zero byte in front where the first bit is set.
fn bytes(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes.first().is_some_and(|first| *first >= 0x80) {
        bytes.insert(0, 0);
    }
    bytes
}

fn hash_of(parts: &[&[u8]]) -> BigUint {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    BigUint::from_bytes_be(&hash.finalize())
}

/// Whose password it is, as the formulas name them.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    /// The pool's id after the `_`.
    pub(crate) pool: &'a str,
    /// `USER_ID_FOR_SRP`: the user's own name, whatever was typed.
    pub(crate) user: &'a str,
}

/// The verifier of a password, from which the password cannot be read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verifier {
    salt: [u8; 16],
    #[serde(with = "hexadecimal")]
    verifier: BigUint,
}

/// A number in a state file.
mod hexadecimal {
    use num_bigint::BigUint;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &BigUint, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&number.to_str_radix(16))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BigUint, D::Error> {
        let digits = String::deserialize(from)?;
        BigUint::parse_bytes(digits.as_bytes(), 16)
            .ok_or_else(|| D::Error::custom("not a hexadecimal number"))
    }
}

impl Verifier {
    pub(crate) fn new(identity: Identity<'_>, password: &str, rng: &mut dyn CryptoRng) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        Self::salted(identity, password, salt)
    }

    fn salted(identity: Identity<'_>, password: &str, salt: [u8; 16]) -> Self {
        let inner = Sha256::new()
            .chain_update(identity.pool)
            .chain_update(identity.user)
            .chain_update(":")
            .chain_update(password)
            .finalize();
        let x = hash_of(&[&bytes(&BigUint::from_bytes_be(&salt)), &inner]);
        Self { salt, verifier: GROUP.generator.modpow(&x, &GROUP.prime) }
    }

    /// The verifier of an unknown user: the same for the same seed, and of no password. Deriving it
    /// takes no measurable time, so that an exchange takes as long as for a known user.
    pub(crate) fn placeholder(seed: &[u8; hmac::LENGTH]) -> Self {
        Self {
            salt: seed.first_chunk().copied().unwrap_or_default(),
            verifier: {
                let blocks = (0..12_u8).flat_map(|block| hmac::mac(seed, &[&[block]]));
                BigUint::from_bytes_be(&blocks.collect::<Vec<u8>>()) % &GROUP.prime
            },
        }
    }

    /// Whether `password` is correct, where it was sent in clear.
    pub(crate) fn matches(&self, identity: Identity<'_>, password: &str) -> bool {
        let other = Self::salted(identity, password, self.salt);
        hmac::constant_time_eq(&self.verifier.to_bytes_be(), &other.verifier.to_bytes_be())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// The key that both sides derive.
#[derive(Clone)]
pub(crate) struct SessionKey([u8; 16]);

/// The server's half of an exchange: the challenge parameters, and the key.
pub(crate) struct Exchange {
    pub(crate) srp_b: String,
    pub(crate) salt: String,
    pub(crate) key: SessionKey,
}

/// Answers the client's `SRP_A`. None if it is not a number, or a multiple of `N`, with which the
/// key could be computed without the password.
pub(crate) fn exchange(
    verifier: &Verifier,
    srp_a: &str,
    rng: &mut dyn CryptoRng,
) -> Option<Exchange> {
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    exchange_with(verifier, srp_a, &BigUint::from_bytes_be(&secret))
}

fn exchange_with(verifier: &Verifier, srp_a: &str, b: &BigUint) -> Option<Exchange> {
    let Group { prime, generator, multiplier } = &*GROUP;
    let digits = srp_a.bytes().all(|digit| digit.is_ascii_hexdigit());
    // One more byte than `N` has, for clients that put a zero in front.
    if !digits || srp_a.len() > DIGITS + 2 {
        return None;
    }
    let a_public = BigUint::parse_bytes(srp_a.as_bytes(), 16)?;
    let none = BigUint::default();
    if &a_public % prime == none {
        return None;
    }
    let b_public = (multiplier * &verifier.verifier + generator.modpow(b, prime)) % prime;
    let u = hash_of(&[&bytes(&a_public), &bytes(&b_public)]);
    if b_public == none || u == none {
        return None;
    }
    let shared = (a_public * verifier.verifier.modpow(&u, prime)).modpow(b, prime);
    let extracted = hmac::mac(&bytes(&u), &[&bytes(&shared)]);
    let expanded = hmac::mac(&extracted, &[INFO, &[1]]);
    Some(Exchange {
        srp_b: b_public.to_str_radix(16),
        salt: BigUint::from_bytes_be(&verifier.salt).to_str_radix(16),
        key: SessionKey(expanded.first_chunk().copied().unwrap_or_default()),
    })
}

impl SessionKey {
    /// The proof that the client knows the password.
    pub(crate) fn signature(
        &self,
        identity: Identity<'_>,
        secret_block: &[u8],
        timestamp: &str,
    ) -> [u8; hmac::LENGTH] {
        let Identity { pool, user } = identity;
        let parts = [pool.as_bytes(), user.as_bytes(), secret_block, timestamp.as_bytes()];
        hmac::mac(&self.0, &parts)
    }
}

/// The time in a `TIMESTAMP`, "EEE MMM d HH:mm:ss z yyyy" in English and UTC, since the Unix epoch.
pub(crate) fn timestamp(text: &str) -> Option<Duration> {
    const FORM: &[BorrowedFormatItem<'_>] = format_description!(
        version = 2,
        "[weekday repr:short] [month repr:short] [day padding:none] \
         [hour padding:none]:[minute padding:none]:[second padding:none] \
         [first [UTC] [GMT]] [year range:standard]"
    );
    let time = PrimitiveDateTime::parse(text, &FORM).ok()?.assume_utc();
    u64::try_from(time.unix_timestamp()).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    const WHO: Identity<'_> = Identity { pool: "LocalPool", user: "1f0a" };
    /// `g^a` for `a` of 32 bytes 0xa1.
    const SRP_A: &str = "78604b754341df90d89b6b6f863685f06670aa11b23e06bd273c7d699d8589b9\
        217b0bd9c6779c5bf67889259965c46f9e1d688ee977d8606ddc9ffe5ce6403c\
        8d9598e8e9dc3bfc9e12e19b586dbc85f4ecce8211f350f2364d0fd24c3c0dee\
        d7783d90f121c7c6f2ee7064e63d88d8fd1b0a7b3dfbe9bcd92db247c7c76b2a\
        50d49ab4f6a68165f0192a088475da953aefeb4ee1fedc8f5488e01e89bfc8b3\
        a2d0f1fd1f28829422c6999579ac84ec676994449cca9ba82311b40894153a00\
        c8ba843bfb528e18d9cc6b0a532f305b5d250469983c989c2a332f7ae252845f\
        b7d4188656f1c87ed94115108304dc5a2926fa7bd95d0e6a074cb9f3bc120275\
        bef33f509482a5a9854935c830f6753e6d5d38be77d24819a1eb4286d228c127\
        0d68e7aa5db7d33acc638600bfba76af6f6293c055ababd1b8f57b6e72b67f6c\
        3253cd0053c37dda63d7bb0a1267397d78413e0c272f2789ddc707116ad8e2fa\
        198848aacba9111264499e264060cbb03c3b25f4c3bf323a8128a67cc4688292";

    fn digest(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn verifier() -> Verifier {
        let mut salt = [0; 16];
        for (at, byte) in (0x01_23_45_67_89_ab_cd_ef_u64.to_be_bytes().iter().cycle()).enumerate() {
            match salt.get_mut(at + 1) {
                Some(to) => *to = *byte,
                None => break,
            }
        }
        salt[0] = 0xf1;
        Verifier::salted(WHO, "Passw0rd!", salt)
    }

    /// The formulas in Python's integers, `hashlib` and `hmac`, for fixed `a`, `b` and salt.
    #[test]
    fn srp_exchange_matches_cognito_vectors() {
        assert_eq!(
            GROUP.multiplier.to_str_radix(16),
            "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6"
        );
        let verifier = verifier();
        assert_eq!(
            digest(&verifier.verifier.to_bytes_be()),
            "f21a877e360349cb5833944d1b838683058a184bf82333f690dca6b823392594"
        );
        let b = BigUint::from_bytes_be(&[0xb2; 32]);
        let exchange = exchange_with(&verifier, SRP_A, &b).unwrap();
        assert_eq!(exchange.salt, "f10123456789abcdef0123456789abcd");
        assert_eq!(
            digest(exchange.srp_b.as_bytes()),
            "f8412cbf17504e3d025fa0e90c9e220104745ea7eaa1eabff4004464fc0219a4"
        );
        let block: Vec<u8> = (0..72).collect();
        let signature = exchange.key.signature(WHO, &block, "Wed May 18 03:33:20 UTC 2033");
        assert_eq!(
            BASE64_STANDARD.encode(signature),
            "ydfO5nSx5z1b5E4Lk4jKDgTGv0PWJ7LPzxfMtys2X5I="
        );
    }

    #[test]
    fn plain_password_matches_the_srp_verifier() {
        let verifier = verifier();
        assert!(verifier.matches(WHO, "Passw0rd!"));
        assert!(!verifier.matches(WHO, "passw0rd!"));
        assert!(!verifier.matches(Identity { user: "other", ..WHO }, "Passw0rd!"));
        assert_eq!(format!("{verifier:?}"), "Verifier(..)");
    }

    #[test]
    fn unsafe_or_malformed_srp_a_is_refused() {
        let b = BigUint::from_bytes_be(&[0xb2; 32]);
        let prime = std::str::from_utf8(N).unwrap();
        let twice = (&GROUP.prime * 2_u8).to_str_radix(16);
        for wrong in ["0", "00", prime, &twice, "", "x", "-1", "+1", &"1".repeat(771)] {
            assert!(exchange_with(&verifier(), wrong, &b).is_none(), "{wrong}");
        }
    }

    #[test]
    fn srp_timestamps_are_parsed_and_other_formats_refused() {
        let at = |text| timestamp(text).map(|time| time.as_secs());
        assert_eq!(at("Wed May 18 03:33:20 UTC 2033"), Some(2_000_000_000));
        assert_eq!(at("Thu Jan 1 00:00:00 UTC 1970"), Some(0));
        assert_eq!(at("Thu Feb 29 23:59:59 UTC 2024"), Some(1_709_251_199));
        for wrong in [
            "",
            "2033-05-18T03:33:20Z",
            "Wed May 18 03:33:20 JST 2033",
            "Mi Mai 18 03:33:20 UTC 2033",
            "Wed May 18 24:33:20 UTC 2033",
            "Wed May 0 03:33:20 UTC 2033",
            "Wed May 18 03:33 UTC 2033",
            "Wed May  18 03:33:20 UTC 2033",
            "Wed May 18 03:33:20 UTC 33333",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
