//! What create tells verify, through Cognito and past the client.

use crate::{Nonce, UnixSeconds};

/// `privateChallengeParameters`: what verify needs to judge an answer, but never the code itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateParameters {
    /// What the code is derived from.
    pub nonce: Nonce,
    /// The first second at which the code is no longer accepted.
    pub expires_at: UnixSeconds,
}

/// Why these are not parameters that create wrote. Says nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private challenge parameter `{0}` is absent or malformed")]
pub struct PrivateParametersError(pub &'static str);

impl PrivateParameters {
    const NONCE: &str = "nonce";
    const EXPIRES_AT: &str = "expires_at";

    /// The parameters' names and values.
    #[must_use]
    pub fn encode(&self) -> [(&'static str, String); 2] {
        [(Self::NONCE, self.nonce.encode()), (Self::EXPIRES_AT, self.expires_at.to_string())]
    }

    /// Reads what [`PrivateParameters::encode`] wrote, looked up with `get`.
    ///
    /// # Errors
    /// When one is absent or malformed.
    pub fn parse<'a>(
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, PrivateParametersError> {
        let nonce =
            get(Self::NONCE).and_then(Nonce::decode).ok_or(PrivateParametersError(Self::NONCE))?;
        let expires_at = get(Self::EXPIRES_AT)
            .and_then(|text| text.parse().ok())
            .ok_or(PrivateParametersError(Self::EXPIRES_AT))?;
        Ok(Self { nonce, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_encode_writes() {
        let parameters =
            PrivateParameters { nonce: Nonce::from_bytes([9; 16]), expires_at: 1_767_225_900 };
        let encoded = parameters.encode();
        let get = |wanted: &str| {
            encoded.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
        };
        assert_eq!(PrivateParameters::parse(get), Ok(parameters));
        for (name, _) in &encoded {
            for bad in [None, Some(""), Some("-1")] {
                let get = |wanted: &str| if wanted == *name { bad } else { get(wanted) };
                assert_eq!(PrivateParameters::parse(get), Err(PrivateParametersError(name)));
            }
        }
    }
}
