//! CUSTOM_AUTH: the rounds that its three triggers decide. No lock is held while they are called.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::protocol::error::{Error, Result};
use crate::user_pool::flow::call_trigger::call_trigger;
use crate::user_pool::flow::password_auth;
use crate::user_pool::flow::round::Round;
use crate::user_pool::flow::shared::Shared;
use crate::user_pool::flow::trigger_events::{self, CreatedChallenge, DefineDecision};
use crate::user_pool::model::challenge::{Challenge, ChallengeResult};
use crate::user_pool::model::sessions::Session;
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::tokens;
use crate::user_pool::model::trigger::Trigger;

const CUSTOM_CHALLENGE: &str = "CUSTOM_CHALLENGE";

/// Runs the round to its reply: another challenge, or tokens.
pub(crate) async fn run_round(shared: &Shared, mut round: Round) -> Result<Value> {
    if let Some(answered) = round.answered.take() {
        let event = round.context.verify(&answered.private_parameters, &answered.answer);
        let trigger = Trigger::VerifyAuthChallengeResponse;
        let output = call(shared, &round, trigger, event).await?;
        round.history.push(ChallengeResult {
            challenge_name: CUSTOM_CHALLENGE,
            challenge_result: trigger_events::answer_correct(&output)?,
            challenge_metadata: answered.metadata,
        });
    }
    let define = round.context.define(&round.history);
    let output = call(shared, &round, Trigger::DefineAuthChallenge, define).await?;
    match (trigger_events::decision(&output)?, &round.subject) {
        // An unknown user never gets tokens, whatever a function responds.
        (DefineDecision::Fail, _) | (DefineDecision::IssueTokens, Subject::Unknown(_)) => {
            Err(Error::incorrect())
        }
        (DefineDecision::IssueTokens, Subject::User(id)) => shared
            .locked(|state, ctx| {
                let pool = state.pool(&round.context.pool_id)?;
                pool.known_user(&round.client, *id)?;
                tokens::issue(pool, ctx, &round.client, *id)
            })?
            .into_sign_in_reply(),
        (DefineDecision::CustomChallenge, _) => issue_challenge(shared, round).await,
        (DefineDecision::PasswordVerifier, _) => {
            // Only a sign-in that has just started with SRP_A can continue with it.
            let srp_a = round.srp_a.ok_or_else(trigger_events::unrecognizable_output)?;
            shared.locked(|state, ctx| {
                let pool = state.pool(&round.context.pool_id)?;
                let (client, history) = (&round.client, Some(round.history));
                password_auth::issue_password_verifier(
                    pool,
                    ctx,
                    client,
                    round.subject,
                    &srp_a,
                    history,
                )
            })
        }
    }
}

async fn issue_challenge(shared: &Shared, round: Round) -> Result<Value> {
    let create = round.context.create(&round.history, CUSTOM_CHALLENGE);
    let output = call(shared, &round, Trigger::CreateAuthChallenge, create).await?;
    let CreatedChallenge {
        public_challenge_parameters,
        private_challenge_parameters,
        challenge_metadata,
    } = trigger_events::created(&output)?;
    let private_parameters = private_challenge_parameters.unwrap_or_default();
    if private_parameters.is_empty() {
        return Err(Error::incorrect());
    }
    let mut parameters = public_challenge_parameters.unwrap_or_default();
    shared.locked(|state, ctx| {
        let pool = state.pool(&round.context.pool_id)?;
        let username = pool.challenge_username(&round.client, &round.subject)?;
        parameters.insert("USERNAME".to_owned(), username);
        let session = Session {
            subject: round.subject,
            challenge: Challenge::Custom {
                history: round.history,
                private_parameters,
                metadata: challenge_metadata,
            },
        };
        let session = pool.open_session(ctx, &round.client, session);
        Ok(json!({
            "ChallengeName": CUSTOM_CHALLENGE,
            "Session": session,
            "ChallengeParameters": parameters,
        }))
    })
}

async fn call(shared: &Shared, round: &Round, trigger: Trigger, event: Bytes) -> Result<Bytes> {
    let function = *round.configured.get(&trigger).ok_or_else(not_configured)?;
    call_trigger(shared.functions.as_ref(), trigger, function, event).await
}

/// The error of a pool without the triggers.
pub(crate) fn not_configured() -> Error {
    Error::invalid("Custom auth lambda trigger is not configured for the user pool.")
}
