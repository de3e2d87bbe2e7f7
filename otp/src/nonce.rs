//! The random number that a code is derived from.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryCryptoRng;

/// 128 random bits that, with the key, make one sign-in's code.
///
/// It is worth nothing without the key, and travels only in fields that Cognito keeps to itself
/// (`challengeMetadata`, `privateChallengeParameters`). All the same it is never shown: `Debug` is
/// redacted, and the one way out is [`Nonce::encode`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; Self::BYTES]);

impl Nonce {
    /// How many bytes a nonce has.
    pub const BYTES: usize = 16;

    /// Draws a nonce.
    ///
    /// # Errors
    /// The generator's own error, when the system has no randomness to give.
    pub fn generate<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        let mut bytes = [0; Self::BYTES];
        rng.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A nonce of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The text that [`Nonce::decode`] reads: 22 characters of unpadded base64url (RFC 4648 §5).
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads what [`Nonce::encode`] wrote, and nothing else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (written == Self::BYTES).then_some(Self(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce([redacted])")
    }
}

/// Which challenge an answer is to: a random number that create draws for each, so that Cognito's
/// repeated call of verify can be told from another session with the same code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RoundId(Nonce);

impl RoundId {
    /// Draws a round id.
    ///
    /// # Errors
    /// The generator's own error, when the system has no randomness to give.
    pub fn generate<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        Nonce::generate(rng).map(Self)
    }

    /// A round id of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Nonce::BYTES]) -> Self {
        Self(Nonce::from_bytes(bytes))
    }

    /// The text that [`RoundId::decode`] reads: 22 characters of unpadded base64url.
    #[must_use]
    pub fn encode(&self) -> String {
        self.0.encode()
    }

    /// Reads what [`RoundId::encode`] wrote, and nothing else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        Nonce::decode(text).map(Self)
    }
}

impl fmt::Debug for RoundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoundId([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_is_redacted() {
        let (nonce, round) = (Nonce::from_bytes([7; 16]), RoundId::from_bytes([7; 16]));
        assert_eq!(format!("{nonce:?} {round:?}"), "Nonce([redacted]) RoundId([redacted])");
    }

    #[test]
    fn nonce_round_trips_and_other_text_is_refused() {
        let nonce = Nonce::from_bytes([0xfb; 16]);
        let text = nonce.encode();
        assert_eq!(text.len(), 22);
        assert_eq!(Nonce::decode(&text), Some(nonce));
        for bad in [
            "",
            &"A".repeat(21),
            &format!("{text}A"),
            &format!("{text}=="),
            &text.replace('-', "+"),
            // The last character holds two bits; the other four must be zero.
            "AAAAAAAAAAAAAAAAAAAAAB",
            "AAAAAAAAAAAAAAAAAAAAA\u{e9}",
        ] {
            assert_eq!(Nonce::decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn randomness_failure_is_an_error() {
        struct Dry;
        impl rand::TryRng for Dry {
            type Error = fmt::Error;
            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Err(fmt::Error)
            }
            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Err(fmt::Error)
            }
            fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
                Err(fmt::Error)
            }
        }
        impl TryCryptoRng for Dry {}
        assert!(Nonce::generate(&mut Dry).is_err());
    }
}
