//! Signing in from a request to its reply, with the lock taken only where data is touched.

use serde_json::Value;

use crate::protocol::error::Result;
use crate::protocol::json_request::Request;
use crate::user_pool::flow::next_step::NextStep;
use crate::user_pool::flow::shared::Shared;
use crate::user_pool::flow::{custom_auth, initiate_auth, respond_to_auth_challenge};
use crate::user_pool::model::actor::Actor;

/// InitiateAuth, AdminInitiateAuth.
pub(crate) async fn initiate_auth(
    shared: &Shared,
    actor: Actor,
    request: &Request,
) -> Result<Value> {
    let step =
        shared.locked(|state, ctx| initiate_auth::initiate_auth(state, ctx, actor, request))?;
    complete(shared, step).await
}

/// RespondToAuthChallenge, AdminRespondToAuthChallenge.
pub(crate) async fn respond_to_auth_challenge(
    shared: &Shared,
    actor: Actor,
    request: &Request,
) -> Result<Value> {
    let step = shared.locked(|state, ctx| {
        respond_to_auth_challenge::respond_to_auth_challenge(state, ctx, actor, request)
    })?;
    complete(shared, step).await
}

async fn complete(shared: &Shared, step: NextStep) -> Result<Value> {
    match step {
        NextStep::Reply(reply) => Ok(reply),
        NextStep::Sign(unsigned) => unsigned.into_sign_in_reply(),
        NextStep::RunRound(round) => custom_auth::run_round(shared, *round).await,
    }
}
