//! InitiateAuth and RespondToAuthChallenge with their Admin forms: who signs in how.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{AuthFlow, Client};
use super::error::{Error, Exception, Result};
use super::flow::{self, Answered, Round};
use super::session::{self, Challenge, Session, Subject};
use super::state::{Pool, State};
use super::token::{self, Unsigned};
use super::user::{User, UserId, UserStatus};
use super::wire::{self, Parameters, Request};
use super::{Ctx, Shared, account, attribute, secret_hash};
use crate::lambda::Trigger;

/// Who calls: a user's device, or a server that names the pool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    Admin,
}

/// What is left to do when the lock is given back.
enum Next {
    Reply(Value),
    Sign(Unsigned),
    Play(Box<Round>),
}

async fn follow(shared: &Shared, next: Next) -> Result<Value> {
    match next {
        Next::Reply(reply) => Ok(reply),
        Next::Sign(unsigned) => unsigned.sign(),
        Next::Play(round) => flow::play(shared, *round).await,
    }
}

fn client_of<'a>(
    state: &'a mut State,
    by: By,
    request: &Request,
) -> Result<(&'a mut Pool, Arc<Client>)> {
    let client_id = request.required(&wire::CLIENT_ID)?;
    match by {
        By::Client => state.client(client_id),
        By::Admin => {
            let pool = state.pool(request.required(&wire::USER_POOL_ID)?)?;
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
        request.required(&wire::USER_POOL_ID)?;
    }
    request.required(&wire::CLIENT_ID)?;
    let flow = request.required(&wire::AUTH_FLOW)?;
    let parameters = request.parameters("AuthParameters")?;
    // Checked for its shape only: this metadata reaches none of the three triggers.
    request.map("ClientMetadata")?;
    let (pool, client) = client_of(state, by, request)?;
    match (flow, by) {
        ("CUSTOM_AUTH", _) => custom(pool, client, &parameters),
        ("USER_PASSWORD_AUTH", By::Client) => {
            client.allow(AuthFlow::UserPassword)?;
            password(pool, ctx, &client, &parameters)
        }
        ("ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH", By::Admin) => {
            client.allow(AuthFlow::AdminUserPassword)?;
            password(pool, ctx, &client, &parameters)
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
            Err(Error::invalid("USER_SRP_AUTH is not supported here yet."))
        }
        _ => Err(Error::invalid("Initiate Auth method not supported.")),
    }
}

/// GetTokensFromRefreshToken. It is no authentication flow, so that the client's flows do not matter;
/// there are no remembered devices here, so that the device's key does not either.
pub(crate) async fn renew(shared: &Shared, request: &Request) -> Result<Value> {
    let next = shared.locked(|state, ctx| {
        let token = request.required(&wire::REFRESH_TOKEN)?;
        let client_id = request.required(&wire::CLIENT_ID)?;
        let secret = request.optional(&wire::CLIENT_SECRET)?;
        request.map("ClientMetadata")?;
        let (pool, client) = state.client(client_id)?;
        if !account::knows_secret(&client, secret) {
            return Err(Error::not_authorized("Client secret does not match."));
        }
        token::refresh(pool, ctx, &client, token, |_| Ok(())).map(Next::Sign)
    })?;
    follow(shared, next).await
}

fn custom(pool: &mut Pool, client: Arc<Client>, parameters: &Parameters) -> Result<Next> {
    client.allow(AuthFlow::Custom)?;
    let username = parameters.username()?;
    secret_hash::check(&client, username, parameters.get("SECRET_HASH"))?;
    if parameters.get("CHALLENGE_NAME") == Some("SRP_A") {
        return Err(Error::invalid(
            "CUSTOM_AUTH with CHALLENGE_NAME SRP_A is not supported here yet.",
        ));
    }
    if !pool.config.lambda_config.contains_key(&Trigger::DefineAuthChallenge) {
        return Err(flow::not_configured());
    }
    let subject = match pool.find(username) {
        Some(id) => {
            let user = pool.users.get(id).ok_or_else(|| client.unknown_user())?;
            check_status(user)?;
            Subject::User(id)
        }
        None if client.hides_unknown_users() => Subject::Unknown(username.to_owned()),
        None => return Err(Error::user_not_found()),
    };
    Round::new(pool, client, subject, None).map(|round| Next::Play(Box::new(round)))
}

/// Refuses a user who may not sign in at all.
fn check_status(user: &User) -> Result<()> {
    if !user.enabled {
        return Err(Error::user_disabled());
    }
    match user.status {
        UserStatus::Unconfirmed => {
            Err(Error::new(Exception::UserNotConfirmed, "User is not confirmed."))
        }
        UserStatus::Confirmed | UserStatus::ForceChangePassword => Ok(()),
    }
}

fn password(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    client: &Client,
    parameters: &Parameters,
) -> Result<Next> {
    let username = parameters.username()?;
    let password = parameters.required("PASSWORD")?;
    secret_hash::check(client, username, parameters.get("SECRET_HASH"))?;
    let id = pool.find(username).ok_or_else(|| client.unknown_user())?;
    let user = pool.users.get(id).ok_or_else(|| client.unknown_user())?;
    // The password first: who does not know it learns nothing of the account.
    if !user.password.as_ref().is_some_and(|kept| kept.matches(password)) {
        return Err(Error::incorrect());
    }
    check_status(user)?;
    if user.status != UserStatus::ForceChangePassword {
        return token::issue(pool, ctx, client, id).map(Next::Sign);
    }
    if user.temporary_until.is_some_and(|until| ctx.now >= until) {
        return Err(Error::not_authorized(
            "Temporary password has expired and must be reset by an administrator.",
        ));
    }
    let attributes: BTreeMap<_, _> = user.attributes().collect();
    let parameters = json!({
        "USER_ID_FOR_SRP": user.username,
        "requiredAttributes": "[]",
        "userAttributes": json!(attributes).to_string(),
    });
    let session = Session { subject: Subject::User(id), challenge: Challenge::NewPassword };
    let session = pool.sessions.open(&pool.seal, ctx, client, session);
    Ok(Next::Reply(json!({
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": session,
        "ChallengeParameters": parameters,
    })))
}

/// RespondToAuthChallenge, AdminRespondToAuthChallenge.
pub(crate) async fn respond(shared: &Shared, by: By, request: &Request) -> Result<Value> {
    let next = shared.locked(|state, ctx| answer(state, ctx, by, request))?;
    follow(shared, next).await
}

fn answer(state: &mut State, ctx: &mut Ctx<'_>, by: By, request: &Request) -> Result<Next> {
    if by == By::Admin {
        request.required(&wire::USER_POOL_ID)?;
    }
    request.required(&wire::CLIENT_ID)?;
    let name = request.required(&wire::CHALLENGE_NAME)?;
    let session = request.optional(&wire::SESSION)?;
    let responses = request.parameters("ChallengeResponses")?;
    let metadata = request.map("ClientMetadata")?;
    let (pool, client) = client_of(state, by, request)?;
    if !matches!(name, "CUSTOM_CHALLENGE" | "NEW_PASSWORD_REQUIRED") {
        return Err(Error::invalid(format!("Challenge {name} is not supported here yet.")));
    }
    let username = responses.username()?;
    let needed = match name {
        "CUSTOM_CHALLENGE" => responses.required("ANSWER")?,
        _ => responses.required("NEW_PASSWORD")?,
    };
    let session = session.ok_or_else(|| Error::missing_parameter("Session"))?;
    secret_hash::check(&client, username, responses.get("SECRET_HASH"))?;
    let (ticket, found) = session::find(pool, ctx, &client, session, name, username)?;
    match (&found.challenge, found.subject.clone()) {
        (Challenge::NewPassword, Subject::User(id)) => {
            let writes = new_password(pool, &client, id, needed, &responses)?;
            pool.sessions.take(&ticket);
            pool.users.update(id, &writes, ctx.now);
            let user = pool.users.get_mut(id).ok_or_else(|| client.unknown_user())?;
            user.set_password(needed, UserStatus::Confirmed, None, ctx);
            token::issue(pool, ctx, &client, id).map(Next::Sign)
        }
        _ => {
            let Some(Session {
                subject,
                challenge:
                    Challenge::Custom { history, private_parameters, metadata: round_metadata },
            }) = pool.sessions.take(&ticket)
            else {
                return Err(Error::internal());
            };
            if let Subject::User(id) = &subject {
                let user = pool.users.get(*id).ok_or_else(|| client.unknown_user())?;
                check_status(user)?;
            }
            let metadata = (!metadata.is_empty()).then_some(metadata);
            let mut round = Round::new(pool, client, subject, metadata)?;
            round.history = history;
            round.answered = Some(Answered {
                answer: needed.to_owned(),
                private_parameters,
                metadata: round_metadata,
            });
            Ok(Next::Play(Box::new(round)))
        }
    }
}

/// Checks an answer to NEW_PASSWORD_REQUIRED before its session is used up, so that a person whose
/// new password is too weak may try another. Gives back the attributes to write.
fn new_password(
    pool: &Pool,
    client: &Client,
    id: UserId,
    password: &str,
    responses: &Parameters,
) -> Result<Vec<(String, String)>> {
    let user = pool.users.get(id).ok_or_else(|| client.unknown_user())?;
    check_status(user)?;
    pool.config.password_policy.check(password)?;
    let attributes = responses
        .with_prefix("userAttributes.")
        .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
        .collect();
    let writes = attribute::check(attribute::Writer::Client, attributes)?;
    match pool.conflict(Some(id), &writes) {
        Some(contact) => Err(super::state::already_exists(Exception::AliasExists, contact)),
        None => Ok(writes),
    }
}
