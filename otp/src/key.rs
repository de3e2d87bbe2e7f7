//! The two secrets: one that codes are derived with, one that ledger items are named with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

const TAG_DOMAIN: &[u8] = b"cognito-otp key tag v1";

/// A secret, taken as the bytes of its text.
///
/// Held as HMAC's inner and outer state, so that no call mixes the key in again. Wiped when dropped.
#[derive(Clone)]
struct SecretKey(Hmac<Sha256>);

/// Why a text cannot be a key. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Fewer than [`CodeKey::MIN_BYTES`] bytes.
    #[error("is shorter than {} bytes", CodeKey::MIN_BYTES)]
    TooShort,
    /// Too few different bytes (`aaaa…`, `01010101…`), or a pattern written twice or more.
    #[error("repeats itself; it must be random")]
    Repetitive,
}

impl SecretKey {
    fn new(text: &str) -> Result<Self, KeyError> {
        let bytes = text.as_bytes();
        if bytes.len() < CodeKey::MIN_BYTES {
            return Err(KeyError::TooShort);
        }
        if has_few_different_bytes(bytes) || is_periodic(bytes) {
            return Err(KeyError::Repetitive);
        }
        Hmac::new_from_slice(bytes).map(Self).map_err(|_| KeyError::TooShort)
    }

    /// HMAC-SHA256 of `domain` and `parts`, each preceded by its length (8 bytes, big endian), so
    /// that no two lists of parts give the same input.
    fn mac(&self, domain: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        for part in std::iter::once(&domain).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

fn has_few_different_bytes(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() < CodeKey::MIN_DIFFERENT_BYTES
}

/// Is it one pattern, written at least twice?
fn is_periodic(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|period| {
        bytes.iter().skip(period).eq(bytes.iter().take(bytes.len().saturating_sub(period)))
    })
}

/// The secret that turns nonces into codes: `CODE_KEY`. It may change at any time: the codes of the
/// key before are then no longer right. `Debug` is redacted.
#[derive(Clone)]
pub struct CodeKey(SecretKey);

/// Which `CODE_KEY` a code was derived with, as text that tells nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeKeyTag(pub String);

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
    pub fn new(text: &str) -> Result<Self, KeyError> {
        SecretKey::new(text).map(Self)
    }

    /// The key's tag.
    #[must_use]
    pub fn tag(&self) -> CodeKeyTag {
        let mac = self.mac(TAG_DOMAIN, &[]);
        CodeKeyTag(URL_SAFE_NO_PAD.encode(mac.iter().take(9).copied().collect::<Vec<u8>>()))
    }

    pub(crate) fn mac(&self, domain: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        self.0.mac(domain, parts)
    }
}

/// The secret that names ledger items and made-up destinations: `LEDGER_KEY`. It stays, so that limits
/// survive a change of `CODE_KEY`. `Debug` is redacted.
#[derive(Clone)]
pub struct LedgerKey(SecretKey);

impl LedgerKey {
    /// Takes `text` as the key.
    ///
    /// # Errors
    /// When it is too short or too repetitive to be random.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        SecretKey::new(text).map(Self)
    }

    /// HMAC-SHA256 of `domain` and `parts`, each preceded by its length (8 bytes, big endian), so
    /// that no two lists of parts give the same input.
    #[must_use]
    pub fn mac(&self, domain: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        self.0.mac(domain, parts)
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey([redacted])")
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "an example key of some 40 different bytes";

    #[test]
    fn short_and_repetitive_keys_are_refused() {
        let pattern = "0123456789abcdefghij";
        for (text, expected) in [
            ("", Some(KeyError::TooShort)),
            ("0123456789abcdef0123456789abcde", Some(KeyError::TooShort)),
            ("0123456789abcdef0123456789abcdef", Some(KeyError::Repetitive)),
            ("0123456789abcdef0123456789abcdeg", None),
            ("00000000000000000000000000000000", Some(KeyError::Repetitive)),
            (&"ab".repeat(32), Some(KeyError::Repetitive)),
            (&pattern.repeat(2), Some(KeyError::Repetitive)),
            (&pattern.repeat(3), Some(KeyError::Repetitive)),
            (&format!("{}0123", pattern.repeat(2)), Some(KeyError::Repetitive)),
            (&format!("{pattern}{pattern}x"), None),
            (KEY, None),
        ] {
            assert_eq!(CodeKey::new(text).err(), expected, "{text}");
            assert_eq!(LedgerKey::new(text).err(), expected, "{text}");
        }
    }

    #[test]
    fn key_tag_tells_keys_apart() {
        let tag = CodeKey::new(KEY).unwrap().tag();
        assert_eq!(tag.0.len(), 12);
        assert_eq!(CodeKey::new(KEY).unwrap().tag(), tag);
        assert_ne!(CodeKey::new(&KEY.to_uppercase()).unwrap().tag(), tag);
    }

    #[test]
    fn keyed_state_is_wiped() {
        // HMAC's state is two of these.
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Sha256>();
    }

    #[test]
    fn debug_output_is_redacted() {
        let (code, ledger) = (CodeKey::new(KEY).unwrap(), LedgerKey::new(KEY).unwrap());
        assert_eq!(format!("{code:?} {ledger:?}"), "CodeKey([redacted]) LedgerKey([redacted])");
    }
}
