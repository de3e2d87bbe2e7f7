//! The one-time code: its length, its derivation.

use std::fmt;

use zeroize::Zeroizing;

use crate::{CodeKey, Nonce};

/// Separates this use of the key from any other, and this derivation from an earlier or later one.
const DOMAIN: &[u8] = b"cognito-otp code v2";

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

/// Whom a code is for: a user of a pool and the contacts that the code is bound to, so that it dies
/// with them. Has no `Debug`.
#[derive(Clone, Copy)]
pub struct CodeOwner<'a> {
    /// The user pool.
    pub pool_id: &'a str,
    /// The user's `sub`; for an unknown user, the name that was typed.
    pub user_sub: &'a str,
    /// The user's `phone_number`, empty if there is none.
    pub phone_number: &'a str,
    /// The user's `email`, empty if there is none.
    pub email: &'a str,
}

/// A one-time code, as ASCII digits.
///
/// Wiped when dropped; `Debug` is redacted; the one way out is [`Code::expose`].
pub struct Code(Zeroizing<String>);

impl Code {
    /// The code that `nonce` makes for `owner`: the first 8 bytes of
    /// `HMAC-SHA256(key, domain, pool id, sub, phone number, email, nonce)`, each part preceded by its
    /// length, as a number modulo 10^length, padded with zeros.
    ///
    /// Every code of the length occurs, and none is likelier than another by more than one part
    /// in 10^9 (10^10 of 2^64 for the greatest length).
    #[must_use]
    pub fn derive(key: &CodeKey, owner: CodeOwner<'_>, nonce: &Nonce, length: CodeLength) -> Self {
        let CodeOwner { pool_id, user_sub, phone_number, email } = owner;
        let [pool_id, user_sub, phone_number, email] =
            [pool_id, user_sub, phone_number, email].map(str::as_bytes);
        let mac = key.mac(DOMAIN, &[pool_id, user_sub, phone_number, email, nonce.as_bytes()]);
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
    fn derived_codes_match_known_answers() {
        for ([pool_id, user_sub, phone_number, email], nonce, digits, expected) in VECTORS {
            let owner = CodeOwner { pool_id, user_sub, phone_number, email };
            let code = Code::derive(&key(), owner, &Nonce::from_bytes(nonce), length(digits));
            assert_eq!(code.expose(), expected, "{pool_id} {user_sub} {digits}");
        }
    }

    const POOL: &str = "us-east-1_LocalPool";
    const SUB: &str = "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90";
    const PHONE: &str = "+819012345678";
    const EMAIL: &str = "jane@example.com";
    #[rustfmt::skip]
    const VECTORS: [([&str; 4], [u8; 16], u8, &str); 8] = [
        ([POOL, SUB, PHONE, EMAIL], [0; 16], 6, "568821"),
        ([POOL, SUB, PHONE, EMAIL], [0; 16], 10, "1787568821"),
        ([POOL, SUB, PHONE, EMAIL], [255; 16], 6, "045788"),
        (["eu-west-3_abcDEF123", SUB, PHONE, ""], [0; 16], 6, "240844"),
        ([POOL, SUB, "", EMAIL], [0; 16], 8, "66804043"),
        ([POOL, SUB, EMAIL, PHONE], [0; 16], 8, "91912763"),
        ([POOL, SUB, "", ""], [0; 16], 8, "09103716"),
        (["", POOL, "", ""], [0; 16], 8, "61928884"),
    ];

    fn owner() -> CodeOwner<'static> {
        CodeOwner { pool_id: POOL, user_sub: SUB, phone_number: PHONE, email: EMAIL }
    }

    #[test]
    fn ends_of_the_range_are_reachable() {
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
    fn every_digit_is_equally_frequent_in_every_place() {
        const DRAWS: u32 = 20_000;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for digits in 6..=10 {
            let mut counts = vec![[0_u32; 10]; usize::from(digits)];
            for _ in 0..DRAWS {
                let nonce = Nonce::generate(&mut rng).unwrap();
                let code = Code::derive(&key(), owner(), &nonce, length(digits));
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
        let derive = |key: &CodeKey, owner: CodeOwner<'_>, nonce: u8| {
            let nonce = Nonce::from_bytes([nonce; 16]);
            Code::derive(key, owner, &nonce, CodeLength::MAX).expose().to_owned()
        };
        let other_key = CodeKey::new(&KEY.to_uppercase()).unwrap();
        let owners = [
            owner(),
            CodeOwner { pool_id: "us-east-1_Other", ..owner() },
            CodeOwner { user_sub: "another", ..owner() },
            CodeOwner { phone_number: "+819012345679", ..owner() },
            CodeOwner { phone_number: "", ..owner() },
            CodeOwner { email: "joan@example.com", ..owner() },
            CodeOwner { email: "", ..owner() },
            CodeOwner { phone_number: "", email: "", ..owner() },
            // No two lists of parts are the same input.
            CodeOwner { phone_number: EMAIL, email: PHONE, ..owner() },
            CodeOwner { phone_number: "", email: "+819012345678jane@example.com", ..owner() },
            CodeOwner { pool_id: "us-east-1_LocalPoo", user_sub: &format!("l{SUB}"), ..owner() },
        ];
        let mut codes: Vec<String> = owners.iter().map(|owner| derive(&key(), *owner, 0)).collect();
        codes.push(derive(&key(), owner(), 1));
        codes.push(derive(&other_key, owner(), 0));
        for (i, a) in codes.iter().enumerate() {
            for b in &codes[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn debug_output_is_redacted() {
        let code = Code::derive(&key(), owner(), &Nonce::from_bytes([0; 16]), CodeLength::MIN);
        assert_eq!(format!("{code:?}"), "Code([redacted])");
    }

    #[test]
    fn code_length_is_six_to_ten() {
        let valid: Vec<u8> = (0..=255).filter(|n| CodeLength::new(*n).is_some()).collect();
        assert_eq!(valid, [6, 7, 8, 9, 10]);
    }
}
