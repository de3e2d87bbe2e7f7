//! Signing in with a password: sent as it is, or proved by SRP.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::protocol::error::{Error, Result};
use crate::user_pool::flow::next_step::NextStep;
use crate::user_pool::flow::parameters::Parameters;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::challenge::{Challenge, ChallengeResult};
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::sessions::Session;
use crate::user_pool::model::srp::{self, Identity, Verifier};
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::tickets::TicketKind;
use crate::user_pool::model::user::{User, UserId, UserStatus};
use crate::user_pool::model::{secret_hash, tokens};

/// USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH.
pub(crate) fn sign_in_with_password(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    client: &Client,
    parameters: &Parameters,
) -> Result<NextStep> {
    let username = parameters.username()?;
    let password = parameters.required("PASSWORD")?;
    secret_hash::check(client, username, parameters.get("SECRET_HASH"))?;
    let subject = pool.subject(client, username)?;
    pool.attempts.check(&subject, ctx.now)?;
    // The password first: without it, errors reveal nothing of the account.
    let right = match &subject {
        Subject::User(id) => {
            let user = pool.known_user(client, *id)?;
            if user.enabled {
                check_reset_required(user)?;
            }
            user.has_password(&pool.config, password)
        }
        Subject::Unknown(name) => {
            // No password is correct, and checking it takes as long.
            let identity = Identity { pool: pool.config.srp_name(), user: name };
            Verifier::placeholder(&pool.seal.seed(b"verifier", name)).matches(identity, password);
            false
        }
    };
    pool.attempts.record(&subject, right, ctx.now);
    match subject {
        Subject::User(id) if right => accept_password(pool, ctx, client, id),
        _ => Err(Error::incorrect()),
    }
}

/// A password that an administrator has reset is refused before it is checked.
fn check_reset_required(user: &User) -> Result<()> {
    match user.status {
        UserStatus::ResetRequired => user.check_sign_in(),
        _ => Ok(()),
    }
}

/// The step after a correct password where no triggers decide.
pub(crate) fn accept_password(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    client: &Client,
    id: UserId,
) -> Result<NextStep> {
    let user = pool.known_user(client, id)?;
    user.check_sign_in()?;
    if user.status != UserStatus::ForceChangePassword {
        return tokens::issue(pool, ctx, client, id).map(NextStep::Sign);
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
    let session = pool.open_session(ctx, client, session);
    Ok(NextStep::Reply(json!({
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": session,
        "ChallengeParameters": parameters,
    })))
}

/// USER_SRP_AUTH.
pub(crate) fn start_srp(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    client: &Client,
    parameters: &Parameters,
) -> Result<NextStep> {
    let username = parameters.username()?;
    let srp_a = parameters.required("SRP_A")?;
    secret_hash::check(client, username, parameters.get("SECRET_HASH"))?;
    let subject = pool.subject(client, username)?;
    issue_password_verifier(pool, ctx, client, subject, srp_a, None).map(NextStep::Reply)
}

/// The PASSWORD_VERIFIER challenge, the same for an unknown user. `history` is that of the
/// triggers, if they decide.
pub(crate) fn issue_password_verifier(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    client: &Client,
    subject: Subject,
    srp_a: &str,
    history: Option<Vec<ChallengeResult>>,
) -> Result<Value> {
    pool.attempts.check(&subject, ctx.now)?;
    let (user_id, kept) = match &subject {
        Subject::User(id) => {
            let user = pool.known_user(client, *id)?;
            if user.enabled {
                check_reset_required(user)?;
            }
            (user.username.clone(), user.password.clone())
        }
        Subject::Unknown(_) => (pool.challenge_username(client, &subject)?, None),
    };
    let kept =
        kept.unwrap_or_else(|| Verifier::placeholder(&pool.seal.seed(b"verifier", &user_id)));
    let exchange =
        srp::exchange(&kept, srp_a, ctx.rng).ok_or_else(|| Error::invalid("SRP_A is invalid."))?;
    let goes_on = history.is_some();
    let challenge =
        Challenge::PasswordVerifier { user_id: user_id.clone(), key: exchange.key, history };
    let ticket = pool.sessions.keep(ctx, client, Session { subject, challenge });
    let block = pool.seal.close_bytes(TicketKind::SecretBlock, &client.client_id, &ticket);
    let mut reply = json!({
        "ChallengeName": "PASSWORD_VERIFIER",
        "ChallengeParameters": {
            "SALT": exchange.salt,
            "SECRET_BLOCK": BASE64_STANDARD.encode(block),
            "SRP_B": exchange.srp_b,
            "USERNAME": user_id,
            "USER_ID_FOR_SRP": user_id,
        },
    });
    // Without triggers, the secret block alone identifies the session.
    if let (true, Some(reply)) = (goes_on, reply.as_object_mut()) {
        let session = pool.seal.close(TicketKind::Session, &client.client_id, &ticket);
        reply.insert("Session".to_owned(), json!(session));
    }
    Ok(reply)
}
