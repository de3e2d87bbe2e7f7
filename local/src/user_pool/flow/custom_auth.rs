//! CUSTOM_AUTH: the rounds that the three triggers decide. Only this file waits, and it holds no
//! lock while it does.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::user_pool::flow::invoke::InvokeError;
use crate::user_pool::flow::password_auth;
use crate::user_pool::flow::round::Round;
use crate::user_pool::flow::shared::Shared;
use crate::user_pool::flow::trigger_events::{self, CreatedChallenge, DefineDecision};
use crate::user_pool::model::challenge::{Challenge, ChallengeResult};
use crate::user_pool::model::sessions::Session;
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::tokens;
use crate::user_pool::model::trigger::Trigger;

/// How often Cognito calls a function that does not answer.
const CALLS: usize = 3;
const CUSTOM_CHALLENGE: &str = "CUSTOM_CHALLENGE";

/// Runs the round to its reply: another challenge, or tokens.
pub(crate) async fn run_round(shared: &Shared, mut round: Round) -> Result<Value> {
    if let Some(answered) = round.answered.take() {
        let event = round.context.verify(&answered.private_parameters, &answered.answer);
        let trigger = Trigger::VerifyAuthChallengeResponse;
        let output = invoke(shared, &round, trigger, event).await?;
        round.history.push(ChallengeResult {
            challenge_name: CUSTOM_CHALLENGE,
            challenge_result: trigger_events::answer_correct(&output)?,
            challenge_metadata: answered.metadata,
        });
    }
    let define = round.context.define(&round.history);
    let output = invoke(shared, &round, Trigger::DefineAuthChallenge, define).await?;
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
    let output = invoke(shared, &round, Trigger::CreateAuthChallenge, create).await?;
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

/// Calls a function as Cognito does: again when it does not answer in time, and only then.
async fn invoke(shared: &Shared, round: &Round, trigger: Trigger, event: Bytes) -> Result<Bytes> {
    let function = *round.configured.get(&trigger).ok_or_else(not_configured)?;
    for _ in 0..CALLS {
        match shared.functions.invoke(function, event.clone()).await {
            Ok(output) => return Ok(output),
            Err(InvokeError::TimedOut) => {}
            Err(InvokeError::Function { message, .. }) => {
                return Err(Error::new(
                    Exception::USER_LAMBDA_VALIDATION,
                    format!("{} failed with error {message}.", trigger.name()),
                ));
            }
        }
    }
    Err(Error::new(
        Exception::UNEXPECTED_LAMBDA,
        format!(
            "{} invocation failed due to error Socket timeout while invoking Lambda function.",
            trigger.name()
        ),
    ))
}

/// The error of a pool without the triggers.
pub(crate) fn not_configured() -> Error {
    Error::invalid("Custom auth lambda trigger is not configured for the user pool.")
}
