//! Verification of a JWT that is the same for every issuer: format, signature, expiry.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::protocol::signing_key::SigningKey;

/// The claims of a token. `Debug` shows none of them: they may identify a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim, whatever its type.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A string claim.
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

/// Why a token is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidToken {
    /// It is not a signed JWT.
    Malformed,
    /// Its issuer is unknown.
    UnknownIssuer(String),
    /// Its signature is invalid.
    Signature,
    /// A required claim is missing.
    MissingClaim(&'static str),
    /// It is another kind of token, such as an access token.
    WrongUse,
    /// Its audience is another, or does not exist.
    Audience,
    /// It has expired.
    Expired {
        /// When it expired, in Unix seconds.
        end: u64,
        /// The current time, in Unix seconds.
        now: u64,
    },
}

/// The issuer that the token claims, unverified: only for finding its key.
///
/// # Errors
/// When the token has no issuer.
pub(crate) fn claimed_issuer(token: &str) -> Result<String, InvalidToken> {
    let claims: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode_claims(token)
        .map_err(|_| InvalidToken::Malformed)?;
    Ok(Claims(claims).text("iss")?.to_owned())
}

/// The claims of a token that `key` signed and that has not expired.
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
