//! What create tells verify, through Cognito and past the client.

use subtle::ConstantTimeEq as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{CodeKey, Medium, MediumSet, Nonce, RoundId, UnixSeconds};

const DOMAIN: &[u8] = b"cognito-otp private challenge parameters v2";

/// `privateChallengeParameters`: what verify is to expect of the answer.
///
/// Sealed with a MAC over everything in them, the pool and the user: whoever may invoke verify cannot
/// make up any, nor replay those of another user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateChallengeParameters {
    /// A code.
    Code(CodeParameters),
    /// The name of a medium. Cognito carries one bit of an answer from verify to create, whether it
    /// was right; here it says that the answer is `alternative`, the less preferred of two media, and
    /// nothing more: define issues no tokens for it. Without an alternative no answer is right, as to a
    /// hold.
    Choice {
        /// The less preferred medium, if the user has two.
        alternative: Option<Medium>,
    },
}

/// What verify needs to judge a code, but never the code itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeParameters {
    /// What the code is derived from.
    pub nonce: Nonce,
    /// The first second at which the code is no longer accepted.
    pub expires_at: UnixSeconds,
    /// The challenge.
    pub round: RoundId,
    /// The media on which the user could be reached when the code was sent: it is no longer right once
    /// one of these contacts is no longer verified. None if it was sent to the account's only
    /// contact, which was not verified: then a right answer proves that contact.
    pub media: MediumSet,
    /// Need no proof be noted? It is, of an earlier code, or nobody asks for one.
    pub is_proven: bool,
    /// What the code's message was counted in, in the ledger's words; empty where nothing is counted.
    pub spend: String,
}

/// These are not parameters that create sealed with this key for this user. Says nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private challenge parameters are not sealed by this key for this user")]
pub struct NotSealed;

const NONCE: &str = "nonce";
const EXPIRES_AT: &str = "expires_at";
const ROUND: &str = "round";
const MEDIA: &str = "media";
const PROVEN: &str = "proven";
const SPEND: &str = "spend";
const ALTERNATIVE: &str = "alternative";
const MAC: &str = "mac";

impl PrivateChallengeParameters {
    /// The parameters' names and values, sealed with `key` for the user `user_sub` of the pool.
    #[must_use]
    pub fn seal(
        &self,
        key: &CodeKey,
        pool_id: &str,
        user_sub: &str,
    ) -> Vec<(&'static str, String)> {
        let mut fields = match self {
            Self::Code(CodeParameters { nonce, expires_at, round, media, is_proven, spend }) => {
                vec![
                    (NONCE, nonce.encode()),
                    (EXPIRES_AT, expires_at.to_string()),
                    (ROUND, round.encode()),
                    (MEDIA, media.encode()),
                    (PROVEN, is_proven.to_string()),
                    (SPEND, spend.clone()),
                ]
            }
            Self::Choice { alternative } => {
                vec![(ALTERNATIVE, alternative.map_or("", Medium::name).to_owned())]
            }
        };
        let values = fields.iter().map(|(name, value)| (*name, value.as_str()));
        fields.push((MAC, mac(key, pool_id, user_sub, values)));
        fields
    }

    /// Reads what [`PrivateChallengeParameters::seal`] wrote with the same key for the same user,
    /// looked up with `get`.
    ///
    /// # Errors
    /// When it is anything else. Nothing is believed before its MAC is.
    pub fn open<'a>(
        get: impl Fn(&str) -> Option<&'a str>,
        key: &CodeKey,
        pool_id: &str,
        user_sub: &str,
    ) -> Result<Self, NotSealed> {
        let names: &[&'static str] = match get(ALTERNATIVE) {
            Some(_) => &[ALTERNATIVE],
            None => &[NONCE, EXPIRES_AT, ROUND, MEDIA, PROVEN, SPEND],
        };
        let fields: Option<Vec<_>> =
            names.iter().map(|name| get(name).map(|value| (*name, value))).collect();
        let fields = fields.ok_or(NotSealed)?;
        let expected = mac(key, pool_id, user_sub, fields.iter().copied());
        let given = get(MAC).unwrap_or_default();
        if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
            return Err(NotSealed);
        }
        Self::read(&fields).ok_or(NotSealed)
    }

    fn read(fields: &[(&'static str, &str)]) -> Option<Self> {
        match *fields {
            [(_, "")] => Some(Self::Choice { alternative: None }),
            [(_, name)] => {
                Medium::from_name(name).map(|medium| Self::Choice { alternative: Some(medium) })
            }
            [(_, nonce), (_, expires_at), (_, round), (_, media), (_, proven), (_, spend)] => {
                Some(Self::Code(CodeParameters {
                    nonce: Nonce::decode(nonce)?,
                    expires_at: expires_at.parse().ok()?,
                    round: RoundId::decode(round)?,
                    media: MediumSet::decode(media)?,
                    is_proven: proven.parse().ok()?,
                    spend: spend.to_owned(),
                }))
            }
            _ => None,
        }
    }
}

/// The seal of `fields` in their order.
fn mac<'a>(
    key: &CodeKey,
    pool_id: &str,
    user_sub: &str,
    fields: impl Iterator<Item = (&'static str, &'a str)>,
) -> String {
    let mut parts = vec![pool_id.as_bytes(), user_sub.as_bytes()];
    for (name, value) in fields {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    URL_SAFE_NO_PAD.encode(*key.mac(DOMAIN, &parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "us-east-1_LocalPool";
    const SUB: &str = "the sub";

    fn key() -> CodeKey {
        CodeKey::new("an example key of some 40 different bytes").unwrap()
    }

    fn code() -> PrivateChallengeParameters {
        PrivateChallengeParameters::Code(CodeParameters {
            nonce: Nonce::from_bytes([9; 16]),
            expires_at: 1_767_225_900,
            round: RoundId::from_bytes([8; 16]),
            media: [Medium::Sms, Medium::Email].into_iter().collect(),
            is_proven: true,
            spend: "proven.490896.email".to_owned(),
        })
    }

    fn unproven() -> PrivateChallengeParameters {
        let PrivateChallengeParameters::Code(code) = code() else { unreachable!() };
        let media = MediumSet::default();
        PrivateChallengeParameters::Code(CodeParameters { media, is_proven: false, ..code })
    }

    fn all() -> Vec<PrivateChallengeParameters> {
        let choice = |alternative| PrivateChallengeParameters::Choice { alternative };
        vec![code(), unproven(), choice(None), choice(Some(Medium::Email))]
    }

    fn open(
        fields: &[(&'static str, String)],
        key: &CodeKey,
        pool: &str,
        sub: &str,
    ) -> Result<PrivateChallengeParameters, NotSealed> {
        let get = |wanted: &str| {
            fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
        };
        PrivateChallengeParameters::open(get, key, pool, sub)
    }

    #[test]
    fn open_reads_what_seal_writes() {
        for parameters in all() {
            let sealed = parameters.seal(&key(), POOL, SUB);
            assert_eq!(open(&sealed, &key(), POOL, SUB), Ok(parameters));
        }
    }

    #[test]
    fn changed_or_missing_parameter_is_not_sealed() {
        for parameters in all() {
            let sealed = parameters.seal(&key(), POOL, SUB);
            for at in 0..sealed.len() {
                let mut missing = sealed.clone();
                missing.remove(at);
                assert_eq!(open(&missing, &key(), POOL, SUB), Err(NotSealed));
                for value in
                    ["", "-1", "SMS", "true", "false", "1767225901", "AAAAAAAAAAAAAAAAAAAAAA"]
                {
                    let mut changed = sealed.clone();
                    if changed[at].1 == value {
                        continue;
                    }
                    changed[at].1 = value.to_owned();
                    assert_eq!(open(&changed, &key(), POOL, SUB), Err(NotSealed), "{value}");
                }
            }
        }
        assert_eq!(open(&[], &key(), POOL, SUB), Err(NotSealed));
    }

    #[test]
    fn parameters_of_another_user_pool_key_or_kind_are_not_sealed() {
        let other_key = CodeKey::new("another key of some 40 different bytes!").unwrap();
        for parameters in all() {
            let sealed = parameters.seal(&key(), POOL, SUB);
            assert_eq!(open(&sealed, &other_key, POOL, SUB), Err(NotSealed));
            assert_eq!(open(&sealed, &key(), "us-east-1_Other", SUB), Err(NotSealed));
            assert_eq!(open(&sealed, &key(), POOL, "another sub"), Err(NotSealed));
            assert_eq!(open(&sealed, &key(), "us-east-1_LocalPoolt", "he sub"), Err(NotSealed));
        }
        // A seal of one kind is none of the other.
        let mut mixed = code().seal(&key(), POOL, SUB);
        mixed.push((ALTERNATIVE, String::new()));
        assert_eq!(open(&mixed, &key(), POOL, SUB), Err(NotSealed));
        // Version 1 had neither a round nor a seal.
        let old = [(NONCE, "AAAAAAAAAAAAAAAAAAAAAA".to_owned()), (EXPIRES_AT, "1".to_owned())];
        assert_eq!(open(&old, &key(), POOL, SUB), Err(NotSealed));
    }
}
