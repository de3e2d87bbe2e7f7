//! InitiateAuth, AdminInitiateAuth: the start of every flow.

use std::sync::Arc;

use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::flow::next_step::NextStep;
use crate::user_pool::flow::parameters::Parameters;
use crate::user_pool::flow::requested_client::requested_client;
use crate::user_pool::flow::round::Round;
use crate::user_pool::flow::{custom_auth, password_auth};
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::app_client::{AuthFlow, Client};
use crate::user_pool::model::challenge::ChallengeResult;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::state::State;
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::trigger::Trigger;
use crate::user_pool::model::{secret_hash, tokens};
use crate::user_pool::operations::fields;

/// InitiateAuth, AdminInitiateAuth.
pub(crate) fn initiate_auth(
    state: &mut State,
    ctx: &mut Context<'_>,
    actor: Actor,
    request: &Request,
) -> Result<NextStep> {
    if actor == Actor::Admin {
        request.required(&fields::USER_POOL_ID)?;
    }
    request.required(&fields::CLIENT_ID)?;
    let flow = request.required(&fields::AUTH_FLOW)?;
    let parameters = Parameters::read(request, "AuthParameters")?;
    // Checked for its shape only: this metadata reaches none of the three triggers.
    request.map("ClientMetadata")?;
    let (pool, client) = requested_client(state, actor, request)?;
    match (flow, actor) {
        ("CUSTOM_AUTH", _) => start_custom_auth(pool, client, &parameters),
        ("USER_PASSWORD_AUTH", Actor::Client) => {
            client.allow(AuthFlow::UserPassword)?;
            password_auth::sign_in_with_password(pool, ctx, &client, &parameters)
        }
        ("ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH", Actor::Admin) => {
            client.allow(AuthFlow::AdminUserPassword)?;
            password_auth::sign_in_with_password(pool, ctx, &client, &parameters)
        }
        ("REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN", _) => {
            client.allow(AuthFlow::RefreshToken)?;
            let token = parameters.required("REFRESH_TOKEN")?;
            let hash = parameters.get("SECRET_HASH");
            tokens::refresh(pool, ctx, &client, token, |user| {
                secret_hash::check(&client, &user.username, hash)
            })
            .map(NextStep::Sign)
        }
        ("USER_SRP_AUTH", _) => {
            client.allow(AuthFlow::UserSrp)?;
            password_auth::start_srp(pool, ctx, &client, &parameters)
        }
        _ => Err(Error::invalid("Initiate Auth method not supported.")),
    }
}

fn start_custom_auth(
    pool: &mut Pool,
    client: Arc<Client>,
    parameters: &Parameters,
) -> Result<NextStep> {
    client.allow(AuthFlow::Custom)?;
    let username = parameters.username()?;
    secret_hash::check(&client, username, parameters.get("SECRET_HASH"))?;
    let srp_a = match parameters.get("CHALLENGE_NAME") {
        Some("SRP_A") => Some(parameters.required("SRP_A")?.to_owned()),
        _ => None,
    };
    if !pool.config.lambda_config.contains_key(&Trigger::DefineAuthChallenge) {
        return Err(custom_auth::not_configured());
    }
    let subject = pool.subject(&client, username)?;
    if let Subject::User(id) = &subject {
        pool.known_user(&client, *id)?.check_sign_in()?;
    }
    let mut round = Round::new(pool, client, subject, None)?;
    if srp_a.is_some() {
        round.history.push(ChallengeResult::passed("SRP_A"));
    }
    round.srp_a = srp_a;
    Ok(NextStep::RunRound(Box::new(round)))
}
