//! A client's half of SRP, written from the formulas and sharing nothing with the pool's: numbers are
//! hashed as Java's `BigInteger.toByteArray` gives them, as every client of Cognito does.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use num_bigint::{BigInt, BigUint, Sign};
use sha2::{Digest, Sha256};

/// One try at proving a password.
pub struct SrpClient {
    prime: BigInt,
    secret: BigInt,
    public: BigInt,
}

/// What the server says in its challenge.
pub struct Challenge<'a> {
    /// The pool's id after the `_`.
    pub pool: &'a str,
    /// `USER_ID_FOR_SRP`.
    pub user_id: &'a str,
    /// `SALT`.
    pub salt: &'a str,
    /// `SRP_B`.
    pub srp_b: &'a str,
    /// `SECRET_BLOCK`.
    pub secret_block: &'a str,
}

/// The group's prime by its definition (RFC 3526, section 4): 2^3072 - 2^3008 - 1 + 2^64 *
/// (floor(2^2942 pi) + 1690314), with pi by Machin's formula.
fn prime() -> BigInt {
    let one = BigInt::from(1);
    let guard = 64;
    let unit: BigInt = &one << (2_942 + guard);
    let arctan = |inverse: u32| {
        let mut power = &unit / inverse;
        let mut sum = power.clone();
        let mut n = 1;
        while power != BigInt::ZERO {
            power = -(&power / (inverse * inverse));
            n += 2;
            sum += &power / n;
        }
        sum
    };
    let pi: BigInt = (arctan(5) * 4 - arctan(239)) * 4;
    let tail: BigInt = (pi >> guard) + 1_690_314;
    (&one << 3_072) - (&one << 3_008) - &one + (tail << 64)
}

fn hash(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn number(hex: &str) -> BigInt {
    BigInt::parse_bytes(hex.as_bytes(), 16).unwrap()
}

fn positive(bytes: &[u8]) -> BigInt {
    BigInt::from_bytes_be(Sign::Plus, bytes)
}

impl SrpClient {
    /// A client whose secret number comes of `secret`.
    pub fn new(secret: &[u8]) -> Self {
        let prime = prime();
        let secret = positive(&hash(&[secret]));
        let public = BigInt::from(2).modpow(&secret, &prime);
        Self { prime, secret, public }
    }

    /// `SRP_A`.
    pub fn srp_a(&self) -> String {
        BigUint::try_from(self.public.clone()).unwrap().to_str_radix(16)
    }

    /// `PASSWORD_CLAIM_SIGNATURE`.
    pub fn sign(&self, challenge: &Challenge<'_>, password: &str, timestamp: &str) -> String {
        let Challenge { pool, user_id, salt, srp_b, secret_block } = challenge;
        let generator = BigInt::from(2);
        let signed = BigInt::to_signed_bytes_be;
        let k = positive(&hash(&[&signed(&self.prime), &signed(&generator)]));
        let srp_b = number(srp_b);
        let u = positive(&hash(&[&signed(&self.public), &signed(&srp_b)]));
        let who = hash(&[pool.as_bytes(), user_id.as_bytes(), b":", password.as_bytes()]);
        let x = positive(&hash(&[&signed(&number(salt)), &who]));
        let base = srp_b - k * generator.modpow(&x, &self.prime);
        let shared = base.modpow(&(&self.secret + &u * &x), &self.prime);
        let extracted = mac(&signed(&u), &[&signed(&shared)]);
        let expanded = mac(&extracted, &[b"Caldera Derived Key", &[1]]);
        let block = BASE64_STANDARD.decode(secret_block).unwrap();
        let parts = [pool.as_bytes(), user_id.as_bytes(), &block, timestamp.as_bytes()];
        BASE64_STANDARD.encode(mac(&expanded[..16], &parts))
    }
}
