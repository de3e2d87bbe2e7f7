//! InitiateAuth and AdminInitiateAuth: who signs in how.

use std::sync::Arc;

use serde_json::Value;

use crate::lambda::Trigger;
use crate::pool::client::{AuthFlow, Client};
use crate::pool::event::Entry;
use crate::pool::flow::Round;
use crate::pool::parameters::Parameters;
use crate::pool::session::Subject;
use crate::pool::state::{Pool, State};
use crate::pool::token::Unsigned;
use crate::pool::user::{User, UserStatus};
use crate::pool::{Ctx, Shared, fields, flow, password_auth, secret_hash, token};
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;

/// Who calls: a user's device, or a server that names the pool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    Admin,
}

/// What is left to do when the lock is given back.
pub(crate) enum Next {
    Reply(Value),
    Sign(Unsigned),
    Play(Box<Round>),
}

pub(crate) async fn follow(shared: &Shared, next: Next) -> Result<Value> {
    match next {
        Next::Reply(reply) => Ok(reply),
        Next::Sign(unsigned) => unsigned.sign(),
        Next::Play(round) => flow::play(shared, *round).await,
    }
}

pub(crate) fn client_of<'a>(
    state: &'a mut State,
    by: By,
    request: &Request,
) -> Result<(&'a mut Pool, Arc<Client>)> {
    let client_id = request.required(&fields::CLIENT_ID)?;
    match by {
        By::Client => state.client(client_id),
        By::Admin => {
            let pool = state.pool(request.required(&fields::USER_POOL_ID)?)?;
            let client = pool.client(client_id)?;
            Ok((pool, client))
        }
    }
}

/// InitiateAuth, AdminInitiateAuth.
pub(crate) async fn initiate(shared: &Shared, by: By, request: &Request) -> Result<Value> {
    let next = shared.locked(|state, ctx| begin(state, ctx, by, request))?;
    follow(shared, next).await
}

fn begin(state: &mut State, ctx: &mut Ctx<'_>, by: By, request: &Request) -> Result<Next> {
    if by == By::Admin {
        request.required(&fields::USER_POOL_ID)?;
    }
    request.required(&fields::CLIENT_ID)?;
    let flow = request.required(&fields::AUTH_FLOW)?;
    let parameters = Parameters::read(request, "AuthParameters")?;
    // Checked for its shape only: this metadata reaches none of the three triggers.
    request.map("ClientMetadata")?;
    let (pool, client) = client_of(state, by, request)?;
    match (flow, by) {
        ("CUSTOM_AUTH", _) => custom(pool, client, &parameters),
        ("USER_PASSWORD_AUTH", By::Client) => {
            client.allow(AuthFlow::UserPassword)?;
            password_auth::password(pool, ctx, &client, &parameters)
        }
        ("ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH", By::Admin) => {
            client.allow(AuthFlow::AdminUserPassword)?;
            password_auth::password(pool, ctx, &client, &parameters)
        }
        ("REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN", _) => {
            client.allow(AuthFlow::RefreshToken)?;
            let token = parameters.required("REFRESH_TOKEN")?;
            let hash = parameters.get("SECRET_HASH");
            token::refresh(pool, ctx, &client, token, |user| {
                secret_hash::check(&client, &user.username, hash)
            })
            .map(Next::Sign)
        }
        ("USER_SRP_AUTH", _) => {
            client.allow(AuthFlow::UserSrp)?;
            password_auth::srp(pool, ctx, &client, &parameters)
        }
        _ => Err(Error::invalid("Initiate Auth method not supported.")),
    }
}

/// GetTokensFromRefreshToken. Its client shows its secret as it is, in place of a hash. It is no
/// authentication flow, so that the client's flows do not matter.
pub(crate) fn renew(state: &mut State, ctx: &mut Ctx<'_>, request: &Request) -> Result<Unsigned> {
    let token = request.required(&fields::REFRESH_TOKEN)?;
    let client_id = request.required(&fields::CLIENT_ID)?;
    let secret = request.optional(&fields::CLIENT_SECRET)?;
    request.map("ClientMetadata")?;
    let (pool, client) = state.client(client_id)?;
    if !client.knows_secret(secret) {
        return Err(Error::not_authorized("Client secret does not match."));
    }
    token::refresh(pool, ctx, &client, token, |_| Ok(()))
}

fn custom(pool: &mut Pool, client: Arc<Client>, parameters: &Parameters) -> Result<Next> {
    client.allow(AuthFlow::Custom)?;
    let username = parameters.username()?;
    secret_hash::check(&client, username, parameters.get("SECRET_HASH"))?;
    let srp_a = match parameters.get("CHALLENGE_NAME") {
        Some("SRP_A") => Some(parameters.required("SRP_A")?.to_owned()),
        _ => None,
    };
    if !pool.config.lambda_config.contains_key(&Trigger::DefineAuthChallenge) {
        return Err(flow::not_configured());
    }
    let subject = pool.subject(&client, username)?;
    if let Subject::User(id) = &subject {
        check_status(pool.users.get(*id).ok_or_else(|| client.unknown_user())?)?;
    }
    let mut round = Round::new(pool, client, subject, None)?;
    if srp_a.is_some() {
        round.history.push(Entry::passed("SRP_A"));
    }
    round.srp_a = srp_a;
    Ok(Next::Play(Box::new(round)))
}

/// Refuses a user who may not sign in at all.
pub(crate) fn check_status(user: &User) -> Result<()> {
    if !user.enabled {
        return Err(Error::user_disabled());
    }
    match user.status {
        UserStatus::Unconfirmed => {
            Err(Error::new(Exception::USER_NOT_CONFIRMED, "User is not confirmed."))
        }
        UserStatus::ResetRequired => Err(Error::new(
            Exception::PASSWORD_RESET_REQUIRED,
            "Password reset required for the user",
        )),
        UserStatus::Confirmed | UserStatus::ForceChangePassword => Ok(()),
    }
}
