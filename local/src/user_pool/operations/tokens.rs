//! GetTokensFromRefreshToken, RevokeToken.

use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::state::State;
use crate::user_pool::model::tickets::TicketKind;
use crate::user_pool::model::tokens::{self, UnsignedTokens};
use crate::user_pool::operations::fields;

/// GetTokensFromRefreshToken. The client sends its secret itself, in place of a hash. It is not an
/// authentication flow, so that the client's flows do not matter.
pub(crate) fn get_tokens_from_refresh_token(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<UnsignedTokens> {
    let token = request.required(&fields::REFRESH_TOKEN)?;
    let client_id = request.required(&fields::CLIENT_ID)?;
    let secret = request.optional(&fields::CLIENT_SECRET)?;
    request.map("ClientMetadata")?;
    let (pool, client) = state.client(client_id)?;
    if !client.knows_secret(secret) {
        return Err(Error::not_authorized("Client secret does not match."));
    }
    tokens::refresh(pool, ctx, &client, token, |_| Ok(()))
}

/// RevokeToken. It declares none of the usual errors: an unknown client or a wrong secret is
/// `UnauthorizedException`.
pub(crate) fn revoke_token(
    state: &mut State,
    _: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let token = request.required(&fields::TOKEN)?;
    let client_id = request.required(&fields::CLIENT_ID)?;
    let secret = request.optional(&fields::CLIENT_SECRET)?;
    let unauthorized = || Error::new(Exception::UNAUTHORIZED, "Invalid client.");
    let (pool, client) = state.client(client_id).map_err(|_| unauthorized())?;
    if !client.knows_secret(secret) {
        return Err(unauthorized());
    }
    if !client.enable_token_revocation {
        return Err(Error::new(
            Exception::UNSUPPORTED_OPERATION,
            "Token revocation is not enabled for this client.",
        ));
    }
    if token.split('.').count() == 3 {
        return Err(Error::new(Exception::UNSUPPORTED_TOKEN_TYPE, "Unsupported token type"));
    }
    let mine = pool.seal.open(TicketKind::RefreshToken, client_id, token);
    let Some(ticket) = mine else {
        let others = pool
            .clients
            .keys()
            .any(|other| pool.seal.open(TicketKind::RefreshToken, other, token).is_some());
        // As RFC 7009 has it: another client's token is refused, and one that is no token at all
        // needs no revoking.
        return if others { Err(unauthorized()) } else { Ok(json!({})) };
    };
    let user = pool.users.by_sub(ticket.sub()).and_then(|id| pool.users.get_mut(id));
    if let Some(user) = user {
        user.grants.remove(&ticket.id());
    }
    Ok(json!({}))
}
