//! `Logins`: the tokens that say who someone is, each checked for real.

use std::collections::BTreeMap;

use crate::identity::state::{Login, Provider};
use crate::pool::UserPools;
use crate::protocol::arn::REGION;
use crate::protocol::error::{Error, Result};
use crate::protocol::jwt::{Claims, InvalidToken};

/// A token that holds, with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) login: Login,
    client_id: String,
    pub(crate) claims: Claims,
}

impl Verified {
    /// What a role mapping calls those who signed in like this.
    pub(crate) fn mapping_name(&self) -> String {
        format!("{}:{}", self.login.provider, self.client_id)
    }
}

/// Checks every token of `logins` against the providers that an identity pool trusts. One that does
/// not hold spoils them all.
pub(crate) fn verify(
    pools: &UserPools,
    providers: &[Provider],
    logins: &BTreeMap<String, String>,
) -> Result<Vec<Verified>> {
    if providers.is_empty() && !logins.is_empty() {
        return Err(Error::no_login());
    }
    logins.iter().map(|(name, token)| verify_one(pools, providers, name, token)).collect()
}

fn verify_one(
    pools: &UserPools,
    providers: &[Provider],
    name: &str,
    token: &str,
) -> Result<Verified> {
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
    Ok(Verified {
        login: Login { provider: name.to_owned(), subject: token.subject },
        client_id: token.audience,
        claims: token.claims,
    })
}

/// What identity pools call a user pool.
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
        InvalidToken::Malformed | InvalidToken::OtherUse => {
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
