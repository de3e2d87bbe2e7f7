//! The one-time code: its key, its length, its derivation.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Nonce;

/// Separates this use of the key from any other, and this derivation from a later one.
const DOMAIN: &[u8] = b"cognito-otp code v1";
const NEXT_NONCE_DOMAIN: &[u8] = b"cognito-otp next nonce v1";

/// The secret that turns nonces into codes: `CODE_KEY`, taken as the bytes of its text.
///
/// Held as HMAC's inner and outer state, so that no call mixes the key in again. Wiped when dropped;
/// `Debug` is redacted.
#[derive(Clone)]
pub struct CodeKey(Hmac<Sha256>);

/// Why a text cannot be the key. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeKeyError {
    /// Fewer than [`CodeKey::MIN_BYTES`] bytes.
    #[error("is shorter than {} bytes", CodeKey::MIN_BYTES)]
    TooShort,
    /// Too few different bytes: `aaaa…`, `01010101…`.
    #[error("repeats a few characters; it must be random")]
    Repetitive,
}

impl CodeKey {
    /// The least length: as long as SHA-256's output (RFC 2104 §3).
    pub const MIN_BYTES: usize = 32;

    /// The least number of different bytes. 32 random hexadecimal digits have fewer than this with
    /// a chance below one in a million; a typed-in placeholder usually has.
    pub const MIN_DIFFERENT_BYTES: usize = 8;

    /// Takes `text` as the key.
    ///
    /// # Errors
    /// When it is too short or too repetitive to be random.
    pub fn new(text: &str) -> Result<Self, CodeKeyError> {
        let bytes = text.as_bytes();
        if bytes.len() < Self::MIN_BYTES {
            return Err(CodeKeyError::TooShort);
        }
        let mut seen = [false; 256];
        for byte in bytes {
            if let Some(seen) = seen.get_mut(usize::from(*byte)) {
                *seen = true;
            }
        }
        if seen.iter().filter(|seen| **seen).count() < Self::MIN_DIFFERENT_BYTES {
            return Err(CodeKeyError::Repetitive);
        }
        Hmac::new_from_slice(bytes).map(Self).map_err(|_| CodeKeyError::TooShort)
    }

    /// HMAC-SHA256 of `domain` and `parts`, each preceded by its length (8 bytes, big endian), so
    /// that no two lists of parts give the same input.
    #[must_use]
    pub fn mac(&self, domain: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        for part in std::iter::once(&domain).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey([redacted])")
    }
}

/// How many digits a code has: 6 to 10.
///
/// Six is the least that NIST SP 800-63B allows for an out-of-band code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeLength(u8);

impl CodeLength {
    /// The least length.
    pub const MIN: Self = Self(6);
    /// The greatest length.
    pub const MAX: Self = Self(10);

    /// A length of `digits`, if that is from 6 to 10.
    #[must_use]
    pub fn new(digits: u8) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&digits).then_some(Self(digits))
    }

    /// The number of digits.
    #[must_use]
    pub fn digits(self) -> usize {
        usize::from(self.0)
    }
}

impl Nonce {
    /// The nonce that follows this one when its code has expired: a function of it, so that a call
    /// that Cognito repeats issues the same new code.
    #[must_use]
    pub fn next(&self, key: &CodeKey, pool_id: &str, user_sub: &str) -> Self {
        let parts = [pool_id.as_bytes(), user_sub.as_bytes(), self.as_bytes()];
        let mac = key.mac(NEXT_NONCE_DOMAIN, &parts);
        let mut bytes = [0; Self::BYTES];
        for (byte, mac_byte) in bytes.iter_mut().zip(mac.iter()) {
            *byte = *mac_byte;
        }
        Self::from_bytes(bytes)
    }
}

/// A one-time code, as ASCII digits.
///
/// Wiped when dropped; `Debug` is redacted; the one way out is [`Code::expose`].
pub struct Code(Zeroizing<String>);

impl Code {
    /// The code of a sign-in: the first 8 bytes of
    /// `HMAC-SHA256(key, domain, pool id, user sub, nonce)` as a number modulo 10^length, padded
    /// with zeros.
    ///
    /// Every code of the length occurs, and none is likelier than another by more than one part
    /// in 10^9 (10^10 of 2^64 for the greatest length).
    #[must_use]
    pub fn derive(
        key: &CodeKey,
        pool_id: &str,
        user_sub: &str,
        nonce: &Nonce,
        length: CodeLength,
    ) -> Self {
        let mac = key.mac(DOMAIN, &[pool_id.as_bytes(), user_sub.as_bytes(), nonce.as_bytes()]);
        let number = mac.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        Self::from_number(number, length)
    }

    fn from_number(number: u64, length: CodeLength) -> Self {
        let width = length.digits();
        let number = number % 10_u64.pow(u32::from(length.0));
        Self(Zeroizing::new(format!("{number:0width$}")))
    }

    /// The digits. For the message that carries them, and for the comparison.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<u64> for CodeLength {
    type Error = ();

    fn try_from(digits: u64) -> Result<Self, ()> {
        u8::try_from(digits).ok().and_then(Self::new).ok_or(())
    }
}

impl fmt::Display for CodeLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;

    use super::*;

    const KEY: &str = "an example key of some 40 different bytes";

    fn key() -> CodeKey {
        CodeKey::new(KEY).unwrap()
    }

    fn length(digits: u8) -> CodeLength {
        CodeLength::new(digits).unwrap()
    }

    /// Computed with Python's `hmac` from the definition in [`Code::derive`]; see
    /// `tests/vectors/codes.py`.
    #[test]
    fn known_answers() {
        for (pool, sub, nonce, digits, expected) in VECTORS {
            let nonce = Nonce::from_bytes(nonce);
            let code = Code::derive(&key(), pool, sub, &nonce, length(digits));
            assert_eq!(code.expose(), expected, "{pool} {sub} {digits}");
        }
    }

    const SUB: &str = "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90";
    #[rustfmt::skip]
    const VECTORS: [(&str, &str, [u8; 16], u8, &str); 6] = [
        ("us-east-1_LocalPool", SUB, [0; 16], 6, "401656"),
        ("us-east-1_LocalPool", SUB, [0; 16], 10, "2015401656"),
        ("us-east-1_LocalPool", SUB, [255; 16], 6, "422288"),
        ("eu-west-3_abcDEF123", SUB, [0; 16], 6, "366863"),
        ("us-east-1_LocalPool", "", [0; 16], 8, "47906286"),
        ("", "us-east-1_LocalPool", [0; 16], 8, "51929669"),
    ];

    #[test]
    fn the_ends_of_the_range_are_reachable() {
        for (number, digits, expected) in [
            (0, 6, "000000"),
            (999_999, 6, "999999"),
            (1_000_000, 6, "000000"),
            (7, 6, "000007"),
            (u64::MAX, 6, "551615"),
            (9_999_999_999, 10, "9999999999"),
            (u64::MAX, 10, "3709551615"),
        ] {
            assert_eq!(Code::from_number(number, length(digits)).expose(), expected);
        }
    }

    #[test]
    fn every_digit_occurs_in_every_place_equally_often() {
        const DRAWS: u32 = 20_000;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for digits in 6..=10 {
            let mut counts = vec![[0_u32; 10]; usize::from(digits)];
            for _ in 0..DRAWS {
                let nonce = Nonce::generate(&mut rng).unwrap();
                let code = Code::derive(&key(), "pool", "sub", &nonce, length(digits));
                assert_eq!(code.expose().len(), usize::from(digits));
                for (place, digit) in code.expose().bytes().enumerate() {
                    counts[place][usize::from(digit - b'0')] += 1;
                }
            }
            for (place, counts) in counts.iter().enumerate() {
                let expected = f64::from(DRAWS) / 10.0;
                let chi_squared: f64 =
                    counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
                // 9 degrees of freedom: above 33.7 once in 10,000 fair draws; the seed is fixed.
                assert!(chi_squared < 33.7, "place {place} of {digits}: {counts:?}");
            }
        }
    }

    #[test]
    fn each_input_changes_the_code() {
        let derive = |pool: &str, sub: &str, nonce: u8| {
            let nonce = Nonce::from_bytes([nonce; 16]);
            Code::derive(&key(), pool, sub, &nonce, CodeLength::MAX).expose().to_owned()
        };
        let other_key = CodeKey::new(&KEY.to_uppercase()).unwrap();
        let codes = [
            derive("pool", "sub", 0),
            derive("poo", "lsub", 0),
            derive("pool", "sub", 1),
            derive("other", "sub", 0),
            derive("pool", "other", 0),
            Code::derive(&other_key, "pool", "sub", &Nonce::from_bytes([0; 16]), CodeLength::MAX)
                .expose()
                .to_owned(),
        ];
        for (i, a) in codes.iter().enumerate() {
            for b in &codes[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn the_next_nonce_is_a_function_of_the_one_before() {
        let nonce = Nonce::from_bytes([0; 16]);
        let next = nonce.next(&key(), "pool", "sub");
        assert_eq!(next, nonce.next(&key(), "pool", "sub"));
        for other in [
            nonce,
            next.next(&key(), "pool", "sub"),
            nonce.next(&key(), "pool", "other"),
            nonce.next(&key(), "other", "sub"),
        ] {
            assert_ne!(next, other);
        }
    }

    #[test]
    fn the_keyed_state_is_wiped() {
        // HMAC's state is two of these.
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Sha256>();
    }

    #[test]
    fn keys_that_are_not_random_are_refused() {
        let alternating = "ab".repeat(32);
        for (text, expected) in [
            ("", Some(CodeKeyError::TooShort)),
            ("0123456789abcdef0123456789abcde", Some(CodeKeyError::TooShort)),
            ("0123456789abcdef0123456789abcdef", None),
            ("00000000000000000000000000000000", Some(CodeKeyError::Repetitive)),
            (&alternating, Some(CodeKeyError::Repetitive)),
            (KEY, None),
        ] {
            assert_eq!(CodeKey::new(text).err(), expected, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let nonce = Nonce::from_bytes([0; 16]);
        let code = Code::derive(&key(), "pool", "sub", &nonce, CodeLength::MIN);
        assert_eq!(format!("{code:?} {:?}", key()), "Code([redacted]) CodeKey([redacted])");
    }

    #[test]
    fn lengths() {
        let valid: Vec<u8> = (0..=255).filter(|n| CodeLength::new(*n).is_some()).collect();
        assert_eq!(valid, [6, 7, 8, 9, 10]);
    }
}
