//! `Logins`: the tokens of user pools, each verified.

use std::collections::BTreeMap;

use crate::identity_pool::provider::{Login, Provider};
use crate::protocol::arn::REGION;
use crate::protocol::error::{Error, Result};
use crate::protocol::jwt::{Claims, InvalidToken};
use crate::user_pool::UserPools;

/// A verified token with its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedLogin {
    pub(crate) login: Login,
    client_id: String,
    pub(crate) claims: Claims,
}

impl VerifiedLogin {
    /// The name of this provider and client in role mappings.
    pub(crate) fn mapping_name(&self) -> String {
        format!("{}:{}", self.login.provider, self.client_id)
    }
}

/// Verifies every token of `logins` for the providers that an identity pool trusts. One invalid
/// token fails them all.
pub(crate) fn verify(
    pools: &UserPools,
    providers: &[Provider],
    logins: &BTreeMap<String, String>,
) -> Result<Vec<VerifiedLogin>> {
    if providers.is_empty() && !logins.is_empty() {
        return Err(Error::logins_mismatch());
    }
    logins.iter().map(|(name, token)| verify_one(pools, providers, name, token)).collect()
}

fn verify_one(
    pools: &UserPools,
    providers: &[Provider],
    name: &str,
    token: &str,
) -> Result<VerifiedLogin> {
    if !providers.iter().any(|provider| provider.name == name) {
        return Err(unsupported());
    }
    let token = pools.verify_id_token(token).map_err(|error| invalid(&error))?;
    if name != provider_name(&token.pool_id) {
        return Err(other_issuer());
    }
    let provider = providers
        .iter()
        .find(|provider| provider.name == name && provider.client_id == token.audience)
        .ok_or_else(unsupported)?;
    if provider.server_side_token_check == Some(true) && !pools.is_current(&token) {
        return Err(Error::not_authorized("Invalid login token. The token has been revoked."));
    }
    Ok(VerifiedLogin {
        login: Login { provider: name.to_owned(), subject: token.subject },
        client_id: token.audience,
        claims: token.claims,
    })
}

/// The name of a user pool as a provider.
pub(crate) fn provider_name(pool_id: &str) -> String {
    format!("cognito-idp.{REGION}.amazonaws.com/{pool_id}")
}

fn unsupported() -> Error {
    Error::not_authorized("Token is not from a supported provider of this identity pool.")
}

fn other_issuer() -> Error {
    Error::not_authorized("Invalid login token. Issuer doesn't match providerName")
}

fn invalid(error: &InvalidToken) -> Error {
    let reason = match error {
        InvalidToken::Malformed | InvalidToken::WrongUse => {
            "Not a valid OpenId Connect identity token.".to_owned()
        }
        InvalidToken::UnknownIssuer(_) => return other_issuer(),
        InvalidToken::Signature => "Couldn't verify signed token.".to_owned(),
        InvalidToken::MissingClaim(name) => format!("Missing a required claim: {name}"),
        InvalidToken::Audience => return unsupported(),
        InvalidToken::Expired { end, now } => format!("Token expired: {end} <= {now}"),
    };
    Error::not_authorized(format!("Invalid login token. {reason}"))
}
