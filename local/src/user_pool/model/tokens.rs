//! Tokens: the claims of ID and access tokens, refresh tokens, and verification of access tokens.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::error::{Error, Result};
use crate::protocol::random::random_uuid;
use crate::protocol::signing_key::SigningKey;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::attributes;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::resource_server::USER_ADMIN;
use crate::user_pool::model::state::State;
use crate::user_pool::model::tickets::{Ticket, TicketKind};
use crate::user_pool::model::user::{Grant, User, UserId};

/// Tokens that are not signed yet: signing is slow, and happens without the lock.
pub(crate) struct UnsignedTokens {
    key: SigningKey,
    id: Map<String, Value>,
    access: Map<String, Value>,
    refresh: Option<String>,
    expires_in: u64,
}

impl UnsignedTokens {
    /// The reply that ends a sign-in.
    pub(crate) fn into_sign_in_reply(self) -> Result<Value> {
        let mut reply = self.into_refresh_reply()?;
        if let Some(reply) = reply.as_object_mut() {
            reply.insert("ChallengeParameters".to_owned(), json!({}));
        }
        Ok(reply)
    }

    /// The reply to a refresh.
    pub(crate) fn into_refresh_reply(self) -> Result<Value> {
        let mut result = json!({
            "AccessToken": self.key.sign(&self.access)?,
            "ExpiresIn": self.expires_in,
            "TokenType": "Bearer",
            "IdToken": self.key.sign(&self.id)?,
        });
        if let (Some(refresh), Some(result)) = (self.refresh, result.as_object_mut()) {
            result.insert("RefreshToken".to_owned(), json!(refresh));
        }
        Ok(json!({ "AuthenticationResult": result }))
    }
}

/// Signs a user in: a new grant with its tokens.
pub(crate) fn issue(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    client: &Client,
    id: UserId,
) -> Result<UnsignedTokens> {
    let user = pool.users.get_mut(id).ok_or_else(Error::incorrect)?;
    if !user.enabled {
        return Err(Error::user_disabled());
    }
    let grant_id = random_uuid(ctx.rng);
    let grant =
        Grant { auth_time: ctx.now, expires: ctx.now + client.refresh_token_validity.duration() };
    let ticket = Ticket::new(grant.expires, grant_id, user.sub);
    user.grants.retain(|_, grant| ctx.now < grant.expires);
    user.grants.insert(grant_id, grant.clone());
    let mut unsigned = claims(pool, ctx, client, id, grant_id, &grant)?;
    unsigned.refresh = Some(pool.seal.close(TicketKind::RefreshToken, &client.client_id, &ticket));
    Ok(unsigned)
}

/// New tokens for a refresh token.
pub(crate) fn refresh(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    client: &Client,
    token: &str,
    check: impl FnOnce(&User) -> Result<()>,
) -> Result<UnsignedTokens> {
    let invalid = || Error::not_authorized("Invalid Refresh Token");
    let ticket =
        pool.seal.open(TicketKind::RefreshToken, &client.client_id, token).ok_or_else(invalid)?;
    let id = pool.users.by_sub(ticket.sub()).ok_or_else(invalid)?;
    let user = pool.users.get(id).ok_or_else(invalid)?;
    check(user)?;
    if ticket.is_expired(ctx.now) {
        return Err(Error::not_authorized("Refresh Token has expired"));
    }
    let grant = user
        .grants
        .get(&ticket.id())
        .cloned()
        .ok_or_else(|| Error::not_authorized("Refresh Token has been revoked"))?;
    if !user.enabled {
        return Err(Error::user_disabled());
    }
    claims(pool, ctx, client, id, ticket.id(), &grant)
}

fn claims(
    pool: &Pool,
    ctx: &mut Context<'_>,
    client: &Client,
    id: UserId,
    grant_id: Uuid,
    grant: &Grant,
) -> Result<UnsignedTokens> {
    let user = pool.users.get(id).ok_or_else(Error::incorrect)?;
    let event_id = random_uuid(ctx.rng);
    let mut common = |token_use: &str, validity: Duration| {
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("sub", json!(user.sub.to_string()));
        set("iss", json!(pool.issuer));
        set("event_id", json!(event_id.to_string()));
        set("token_use", json!(token_use));
        set("auth_time", json!(grant.auth_time.as_secs()));
        set("iat", json!(ctx.now.as_secs()));
        set("exp", json!((ctx.now + validity).as_secs()));
        // The claims that revocation needs.
        if client.enable_token_revocation {
            set("origin_jti", json!(grant_id.to_string()));
            set("jti", json!(random_uuid(ctx.rng).to_string()));
        }
        claims
    };
    let mut access = common("access", client.access_token_validity.duration());
    access.insert("client_id".to_owned(), json!(client.client_id));
    access.insert("scope".to_owned(), json!(USER_ADMIN));
    access.insert("username".to_owned(), json!(user.username));
    let mut id = common("id", client.id_token_validity.duration());
    id.insert("aud".to_owned(), json!(client.client_id));
    id.insert("cognito:username".to_owned(), json!(user.username));
    for (name, value) in user.attributes() {
        id.insert(name.to_owned(), attributes::claim(name, value));
    }
    Ok(UnsignedTokens {
        key: pool.key.clone(),
        id,
        access,
        refresh: None,
        expires_in: client.access_token_validity.duration().as_secs(),
    })
}

/// The claims of an access token that are used here.
#[derive(Clone, Deserialize)]
pub(crate) struct AccessClaims {
    sub: Uuid,
    origin_jti: Option<Uuid>,
    iat: u64,
    token_use: String,
    scope: String,
    exp: u64,
}

/// An access token with a valid signature, with the pool that issued it.
pub(crate) struct VerifiedAccessToken {
    pub(crate) pool_id: String,
    claims: AccessClaims,
}

/// The pool that may have issued a token: what verification without the lock needs.
pub(crate) struct TokenIssuer {
    pool_id: String,
    issuer: String,
    key: SigningKey,
}

fn invalid() -> Error {
    Error::not_authorized("Invalid Access Token")
}

/// The pool whose key the token names.
pub(crate) fn issuer_of(state: &State, token: &str) -> Result<TokenIssuer> {
    let kid = jsonwebtoken::decode_header(token)
        .ok()
        .and_then(|header| header.kid)
        .ok_or_else(invalid)?;
    state
        .pools
        .iter()
        .find(|(_, pool)| pool.key.id() == Some(&kid))
        .map(|(id, pool)| TokenIssuer {
            pool_id: id.clone(),
            issuer: pool.issuer.clone(),
            key: pool.key.clone(),
        })
        .ok_or_else(invalid)
}

impl TokenIssuer {
    pub(crate) fn verify(self, token: &str) -> Result<VerifiedAccessToken> {
        let claims = self.key.verified_from(&self.issuer, token).ok_or_else(invalid)?;
        Ok(VerifiedAccessToken { pool_id: self.pool_id, claims })
    }
}

impl VerifiedAccessToken {
    /// The token's user, if the token is still valid.
    pub(crate) fn user(&self, pool: &Pool, now: Duration) -> Result<UserId> {
        let claims = &self.claims;
        if claims.token_use != "access" {
            return Err(invalid());
        }
        if now.as_secs() >= claims.exp {
            return Err(Error::not_authorized("Access Token has expired"));
        }
        if !claims.scope.split(' ').any(|scope| scope == USER_ADMIN) {
            return Err(Error::not_authorized("Access Token does not have required scopes"));
        }
        let id = pool.users.by_sub(claims.sub).ok_or_else(Error::user_not_found)?;
        let user = pool.users.existing(id)?;
        let lives = match &claims.origin_jti {
            Some(grant) => user.grants.contains_key(grant),
            None => user.signed_out.is_none_or(|at| at.as_secs() < claims.iat),
        };
        if !lives {
            return Err(token_revoked());
        }
        if !user.enabled {
            return Err(Error::user_disabled());
        }
        Ok(id)
    }
}

/// The error for an access token of a revoked sign-in.
pub(crate) fn token_revoked() -> Error {
    Error::not_authorized("Access Token has been revoked")
}
