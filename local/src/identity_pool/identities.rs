//! Identities: the one that belongs to a login, and what an identity gets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::identity_pool::context::Context;
use crate::identity_pool::logins::VerifiedLogin;
use crate::identity_pool::open_id_token::{self, UnsignedToken};
use crate::identity_pool::provider::Login;
use crate::identity_pool::state::State;
use crate::protocol::credentials::Vault;
use crate::protocol::error::{Error, Exception, Result};

/// The name of the session that an identity has in its role.
const SESSION_NAME: &str = "CognitoIdentityCredentials";
const CREDENTIALS_VALIDITY: Duration = Duration::from_secs(3_600);

/// GetId: the same identity whenever the same user signs in; a new one for each guest.
pub(crate) fn get_id(
    state: &mut State,
    ctx: &mut Context<'_>,
    pool_id: &str,
    tokens: &[VerifiedLogin],
) -> Result<String> {
    let pool = state.pool(pool_id)?;
    if tokens.is_empty() && !pool.config.allow_unauthenticated {
        return Err(guests_not_supported());
    }
    let logins = logins(tokens);
    match linked_identity(state, pool_id, &logins)? {
        Some(id) => {
            state.link(&id, &logins);
            Ok(id)
        }
        None => Ok(state.add(pool_id, &logins, ctx.rng)),
    }
}

/// The identity that tokens lead to. Nothing has changed yet.
struct IdentityMatch {
    id: String,
    /// The guest identity that the user had until now, which ends.
    guest: Option<String>,
    logins: Vec<Login>,
}

impl IdentityMatch {
    /// Matches the tokens with the identity `id`. A guest who signs in keeps that identity, unless
    /// the user has one already.
    fn find(state: &State, id: &str, tokens: &[VerifiedLogin]) -> Result<Self> {
        let identity = state.identity(id)?;
        let pool = state.pool(&identity.pool_id)?;
        let is_guest = identity.logins.is_empty();
        if tokens.is_empty() {
            return match (is_guest, pool.config.allow_unauthenticated) {
                (true, true) => Ok(Self { id: id.to_owned(), guest: None, logins: Vec::new() }),
                (true, false) => Err(guests_not_supported()),
                (false, _) => {
                    Err(Error::not_authorized(format!("Access to Identity '{id}' is forbidden.")))
                }
            };
        }
        let logins = logins(tokens);
        match linked_identity(state, &identity.pool_id, &logins)? {
            Some(owner) if owner == id => Ok(Self { id: owner, guest: None, logins }),
            _ if !is_guest => Err(Error::logins_mismatch()),
            Some(owner) => Ok(Self { id: owner, guest: Some(id.to_owned()), logins }),
            None => Ok(Self { id: id.to_owned(), guest: None, logins }),
        }
    }

    /// Links the logins and returns the identity's id.
    fn commit(self, state: &mut State) -> String {
        if let Some(guest) = self.guest {
            state.remove_guest(&guest);
        }
        state.link(&self.id, &self.logins);
        self.id
    }
}

/// GetCredentialsForIdentity.
pub(crate) fn credentials(
    state: &mut State,
    ctx: &mut Context<'_>,
    vault: &Vault,
    id: &str,
    tokens: &[VerifiedLogin],
    custom_role: Option<&str>,
) -> Result<Value> {
    let found = IdentityMatch::find(state, id, tokens)?;
    let pool = state.pool(&state.identity(&found.id)?.pool_id)?;
    let role = pool.roles.choose(tokens, custom_role)?.assumed_role(SESSION_NAME);
    let made = vault.issue(role, ctx.now + CREDENTIALS_VALIDITY, ctx.rng);
    Ok(json!({
        "IdentityId": found.commit(state),
        "Credentials": {
            "AccessKeyId": made.access_key_id,
            "SecretKey": made.secret_access_key,
            "SessionToken": made.session_token,
            "Expiration": made.expires.as_secs(),
        },
    }))
}

/// GetOpenIdToken: the identity, and the token to sign.
pub(crate) fn open_id(
    state: &mut State,
    ctx: &mut Context<'_>,
    issuer: &str,
    id: &str,
    tokens: &[VerifiedLogin],
) -> Result<(String, UnsignedToken)> {
    check_classic_flow(state, id)?;
    let id = IdentityMatch::find(state, id, tokens)?.commit(state);
    let pool_id = &state.identity(&id)?.pool_id;
    let unsigned = open_id_token::claims(issuer, pool_id, &id, tokens, ctx.now);
    Ok((id, unsigned))
}

/// Refuses an OpenID token where the identity's pool does not allow the classic flow.
fn check_classic_flow(state: &State, id: &str) -> Result<()> {
    let pool = state.pool(&state.identity(id)?.pool_id)?;
    // Not set is not no.
    if pool.config.allow_classic_flow == Some(false) {
        let message = "Basic (classic) flow is not enabled, please use enhanced flow.";
        return Err(Error::invalid(message));
    }
    if !pool.roles.mappings.is_empty() {
        let message =
            "Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.";
        return Err(Error::invalid(message));
    }
    Ok(())
}

fn logins(tokens: &[VerifiedLogin]) -> Vec<Login> {
    tokens.iter().map(|token| token.login.clone()).collect()
}

/// The one identity that the logins lead to.
fn linked_identity(state: &State, pool_id: &str, logins: &[Login]) -> Result<Option<String>> {
    let mut found = None;
    for id in logins.iter().filter_map(|login| state.identity_of(pool_id, login)) {
        match found {
            Some(other) if other != id => {
                return Err(Error::new(
                    Exception::RESOURCE_CONFLICT,
                    "The logins are linked to different identities.",
                ));
            }
            _ => found = Some(id),
        }
    }
    Ok(found.map(str::to_owned))
}

fn guests_not_supported() -> Error {
    Error::not_authorized("Unauthenticated access is not supported for this identity pool.")
}
