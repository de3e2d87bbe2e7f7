//! What create tells verify, through Cognito and past the client.

use crate::{Medium, Nonce, UnixSeconds};

/// `privateChallengeParameters`: what verify is to expect of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateChallengeParameters {
    /// A code.
    Code(CodeParameters),
    /// The name of a medium. Cognito carries one bit of an answer from verify to create, whether it
    /// was right; here it says that the answer is `alternative`, the less preferred of two media, and
    /// nothing more: define issues no tokens for it.
    Choice {
        /// The less preferred medium, if the user has two.
        alternative: Option<Medium>,
    },
}

/// What verify needs to judge a code, but never the code itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeParameters {
    /// What the code is derived from.
    pub nonce: Nonce,
    /// The first second at which the code is no longer accepted.
    pub expires_at: UnixSeconds,
}

/// Why these are not parameters that create wrote. Says nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private challenge parameter `{0}` is absent or malformed")]
pub struct PrivateChallengeParametersError(pub &'static str);

impl CodeParameters {
    const NONCE: &str = "nonce";
    const EXPIRES_AT: &str = "expires_at";

    fn parse<'a>(
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, PrivateChallengeParametersError> {
        let nonce = get(Self::NONCE)
            .and_then(Nonce::decode)
            .ok_or(PrivateChallengeParametersError(Self::NONCE))?;
        let expires_at = get(Self::EXPIRES_AT)
            .and_then(|text| text.parse().ok())
            .ok_or(PrivateChallengeParametersError(Self::EXPIRES_AT))?;
        Ok(Self { nonce, expires_at })
    }
}

impl PrivateChallengeParameters {
    const OTHER_CHOICE: &str = "other_choice";

    /// The parameters' names and values.
    #[must_use]
    pub fn encode(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Code(CodeParameters { nonce, expires_at }) => vec![
                (CodeParameters::NONCE, nonce.encode()),
                (CodeParameters::EXPIRES_AT, expires_at.to_string()),
            ],
            Self::Choice { alternative } => {
                vec![(Self::OTHER_CHOICE, alternative.map_or("", Medium::name).to_owned())]
            }
        }
    }

    /// Reads what [`PrivateChallengeParameters::encode`] wrote, looked up with `get`.
    ///
    /// # Errors
    /// When a parameter is absent or malformed.
    pub fn parse<'a>(
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, PrivateChallengeParametersError> {
        match get(Self::OTHER_CHOICE) {
            None => CodeParameters::parse(get).map(Self::Code),
            Some("") => Ok(Self::Choice { alternative: None }),
            Some(name) => Medium::from_name(name)
                .map(|medium| Self::Choice { alternative: Some(medium) })
                .ok_or(PrivateChallengeParametersError(Self::OTHER_CHOICE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_what_encode_writes() {
        let code = CodeParameters { nonce: Nonce::from_bytes([9; 16]), expires_at: 1_767_225_900 };
        let choice = |alternative| PrivateChallengeParameters::Choice { alternative };
        for expected in
            [PrivateChallengeParameters::Code(code), choice(None), choice(Some(Medium::Email))]
        {
            let encoded = expected.encode();
            let get = |wanted: &str| {
                encoded.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
            };
            assert_eq!(PrivateChallengeParameters::parse(get), Ok(expected));
            for (name, _) in &encoded {
                let get = |wanted: &str| if wanted == *name { Some("-1") } else { get(wanted) };
                assert_eq!(
                    PrivateChallengeParameters::parse(get),
                    Err(PrivateChallengeParametersError(name))
                );
            }
        }
        for absent in ["nonce", "expires_at"] {
            let encoded = PrivateChallengeParameters::Code(code).encode();
            let get = |wanted: &str| {
                let found = encoded.iter().find(|(name, _)| *name == wanted && *name != absent);
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!(
                PrivateChallengeParameters::parse(get),
                Err(PrivateChallengeParametersError(absent))
            );
        }
    }
}
