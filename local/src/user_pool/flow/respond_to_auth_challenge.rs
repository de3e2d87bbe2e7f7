//! RespondToAuthChallenge, AdminRespondToAuthChallenge: the responses to each challenge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::hmac;
use crate::protocol::json_request::Request;
use crate::user_pool::flow::next_step::NextStep;
use crate::user_pool::flow::parameters::Parameters;
use crate::user_pool::flow::password_auth;
use crate::user_pool::flow::requested_client::requested_client;
use crate::user_pool::flow::round::{CustomAnswer, Round};
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::challenge::{Challenge, ChallengeResult};
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::{Pool, contact_exists};
use crate::user_pool::model::sessions::Session;
use crate::user_pool::model::srp::{self, Identity};
use crate::user_pool::model::state::State;
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::tickets::TicketKind;
use crate::user_pool::model::user::{UserId, UserStatus};
use crate::user_pool::model::{attributes, secret_hash, tokens};
use crate::user_pool::operations::fields;

/// The largest accepted difference to the client's clock in a proof of a password.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// A response of an authenticated client.
struct ChallengeResponse<'a> {
    client: Arc<Client>,
    username: &'a str,
    session: Option<&'a str>,
    parameters: &'a Parameters,
    metadata: Option<BTreeMap<String, String>>,
}

impl ChallengeResponse<'_> {
    fn session(&self) -> Result<&str> {
        self.session.ok_or_else(|| Error::missing_parameter("Session"))
    }
}

/// RespondToAuthChallenge, AdminRespondToAuthChallenge.
pub(crate) fn respond_to_auth_challenge(
    state: &mut State,
    ctx: &mut Context<'_>,
    actor: Actor,
    request: &Request,
) -> Result<NextStep> {
    if actor == Actor::Admin {
        request.required(&fields::USER_POOL_ID)?;
    }
    request.required(&fields::CLIENT_ID)?;
    let name = request.required(&fields::CHALLENGE_NAME)?;
    let session = request.optional(&fields::SESSION)?;
    let parameters = Parameters::read(request, "ChallengeResponses")?;
    let metadata = request.map("ClientMetadata")?;
    let (pool, client) = requested_client(state, actor, request)?;
    let (answer, needed): (ResponseHandler, &[&str]) = match name {
        "CUSTOM_CHALLENGE" => (answer_custom_challenge, &["ANSWER"]),
        "NEW_PASSWORD_REQUIRED" => (set_new_password, &["NEW_PASSWORD"]),
        "PASSWORD_VERIFIER" => (
            verify_password_proof,
            &["PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"],
        ),
        _ => return Err(Error::invalid(format!("Challenge {name} is not supported here."))),
    };
    let username = parameters.username()?;
    for name in needed {
        parameters.required(name)?;
    }
    let metadata = (!metadata.is_empty()).then_some(metadata);
    let response =
        ChallengeResponse { client, username, session, parameters: &parameters, metadata };
    if name != "PASSWORD_VERIFIER" {
        response.session()?;
    }
    secret_hash::check(&response.client, username, parameters.get("SECRET_HASH"))?;
    answer(pool, ctx, response)
}

type ResponseHandler = fn(&mut Pool, &mut Context<'_>, ChallengeResponse<'_>) -> Result<NextStep>;

/// An answer for Verify to judge.
fn answer_custom_challenge(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    response: ChallengeResponse<'_>,
) -> Result<NextStep> {
    let ChallengeResponse { client, username, metadata, .. } = &response;
    let text = response.session()?;
    let (ticket, _) = pool.session_named(ctx, client, text, "CUSTOM_CHALLENGE", username)?;
    let Some(Session {
        subject,
        challenge: Challenge::Custom { history, private_parameters, metadata: round_metadata },
    }) = pool.sessions.take(&ticket)
    else {
        return Err(Error::internal());
    };
    let mut round = next_round(pool, client, subject, metadata.clone())?;
    round.history = history;
    round.answered = Some(CustomAnswer {
        answer: response.parameters.required("ANSWER")?.to_owned(),
        private_parameters,
        metadata: round_metadata,
    });
    Ok(NextStep::RunRound(Box::new(round)))
}

/// The next round of a sign-in whose user may still sign in.
fn next_round(
    pool: &Pool,
    client: &Arc<Client>,
    subject: Subject,
    metadata: Option<BTreeMap<String, String>>,
) -> Result<Round> {
    if let Subject::User(id) = &subject {
        let user = pool.known_user(client, *id)?;
        user.check_sign_in()?;
    }
    Round::new(pool, Arc::clone(client), subject, metadata)
}

/// The first password that the user chooses. It is checked before the session is used, so that a
/// user whose new password is too weak may try another.
fn set_new_password(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    response: ChallengeResponse<'_>,
) -> Result<NextStep> {
    let ChallengeResponse { client, username, parameters, .. } = &response;
    let text = response.session()?;
    let password = parameters.required("NEW_PASSWORD")?;
    let (ticket, found) =
        pool.session_named(ctx, client, text, "NEW_PASSWORD_REQUIRED", username)?;
    let Subject::User(id) = found.subject else {
        return Err(Error::internal());
    };
    let writes = check_new_password(pool, client, id, password, parameters)?;
    pool.sessions.take(&ticket);
    pool.users.update(id, &writes, ctx.now);
    let user = pool.users.get_mut(id).ok_or_else(|| client.unknown_user())?;
    user.set_password(&pool.config, password, UserStatus::Confirmed, None, ctx);
    tokens::issue(pool, ctx, client, id).map(NextStep::Sign)
}

/// Returns the attributes to write.
fn check_new_password(
    pool: &Pool,
    client: &Client,
    id: UserId,
    password: &str,
    parameters: &Parameters,
) -> Result<Vec<(String, String)>> {
    let user = pool.known_user(client, id)?;
    user.check_sign_in()?;
    pool.config.password_policy.check(password)?;
    let attributes = parameters
        .with_prefix("userAttributes.")
        .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
        .collect();
    let writes = attributes::check(Actor::Client, attributes)?;
    match pool.conflicting_contact(Some(id), &writes) {
        Some(contact) => Err(contact_exists(Exception::ALIAS_EXISTS, contact)),
        None => Ok(writes),
    }
}

/// The proof of a password. Correct or not, it uses the session.
fn verify_password_proof(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    response: ChallengeResponse<'_>,
) -> Result<NextStep> {
    const NAME: &str = "PASSWORD_VERIFIER";
    let ChallengeResponse { client, username, parameters, metadata, .. } = &response;
    let block = parameters.required("PASSWORD_CLAIM_SECRET_BLOCK")?;
    let timestamp = parameters.required("TIMESTAMP")?;
    let at = srp::timestamp(timestamp).ok_or_else(|| {
        Error::invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english")
    })?;
    let block = BASE64_STANDARD.decode(block).unwrap_or_default();
    let sealed = pool.seal.open_bytes(TicketKind::SecretBlock, &client.client_id, &block);
    let ticket = match response.session {
        Some(text) => pool.session_named(ctx, client, text, NAME, username)?.0,
        None => {
            let ticket = sealed.ok_or_else(Error::incorrect)?;
            let found = pool.session(ctx, &ticket, NAME, username)?;
            if matches!(found.challenge, Challenge::PasswordVerifier { history: Some(_), .. }) {
                return Err(Error::missing_parameter("Session"));
            }
            ticket
        }
    };
    let Some(Session { subject, challenge: Challenge::PasswordVerifier { user_id, key, history } }) =
        pool.sessions.take(&ticket)
    else {
        return Err(Error::internal());
    };
    let identity = Identity { pool: pool.config.srp_name(), user: &user_id };
    let expected = key.signature(identity, &block, timestamp);
    let claimed = parameters.required("PASSWORD_CLAIM_SIGNATURE")?;
    let claimed = BASE64_STANDARD.decode(claimed).unwrap_or_default();
    let proved = hmac::constant_time_eq(&expected, &claimed)
        && sealed == Some(ticket)
        && ctx.now.abs_diff(at) <= CLOCK_SKEW;
    pool.attempts.check(&subject, ctx.now)?;
    let right = match &subject {
        Subject::User(id) => {
            let user = pool.known_user(client, *id)?;
            proved && user.password.is_some()
        }
        Subject::Unknown(_) => false,
    };
    pool.attempts.record(&subject, right, ctx.now);
    let Subject::User(id) = subject else {
        return Err(Error::incorrect());
    };
    if !right {
        return Err(Error::incorrect());
    }
    let is_temporary = pool.known_user(client, id)?.status == UserStatus::ForceChangePassword;
    // A temporary password is replaced, and then there are tokens: Cognito asks Define no more, so
    // that no code is asked for.
    let Some(mut history) = history.filter(|_| !is_temporary) else {
        return password_auth::accept_password(pool, ctx, client, id);
    };
    history.push(ChallengeResult::passed(NAME));
    let mut round = next_round(pool, client, subject, metadata.clone())?;
    round.history = history;
    Ok(NextStep::RunRound(Box::new(round)))
}
