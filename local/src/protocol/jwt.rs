//! The checks of a JWT that are the same whoever signed it: shape, signature, time.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::protocol::signing_key::SigningKey;

/// What a token says. The `Debug` form shows none of it: it may name a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim, whatever its type.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is text.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn text(&self, name: &'static str) -> Result<&str, InvalidToken> {
        self.0.get(name).and_then(Value::as_str).ok_or(InvalidToken::MissingClaim(name))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(..)")
    }
}

/// Why a token is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidToken {
    /// It is no signed JWT.
    Malformed,
    /// Nobody here is this issuer.
    UnknownIssuer(String),
    /// The issuer did not sign it, or not as it stands.
    Signature,
    /// A claim that it needs is not there.
    MissingClaim(&'static str),
    /// It is another kind of token, such as an access token.
    WrongUse,
    /// It is for somebody else, or for somebody who is gone.
    Audience,
    /// It is too old.
    Expired {
        /// When it ended, in Unix seconds.
        end: u64,
        /// What time it is.
        now: u64,
    },
}

/// Who the token says has signed it: good for finding a key, and for nothing else.
///
/// # Errors
/// When it says nothing.
pub(crate) fn claimed_issuer(token: &str) -> Result<String, InvalidToken> {
    let claims: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode_claims(token)
        .map_err(|_| InvalidToken::Malformed)?;
    Ok(Claims(claims).text("iss")?.to_owned())
}

/// The claims of a token that `key` signed and whose time is not over.
///
/// # Errors
/// When it is not such a token.
pub(crate) fn verify(token: &str, key: &SigningKey, now: Duration) -> Result<Claims, InvalidToken> {
    let claims = Claims(key.verified(token).ok_or(InvalidToken::Signature)?);
    let end = claims.get("exp").and_then(Value::as_u64).ok_or(InvalidToken::MissingClaim("exp"))?;
    let now = now.as_secs();
    if now >= end {
        return Err(InvalidToken::Expired { end, now });
    }
    Ok(claims)
}
