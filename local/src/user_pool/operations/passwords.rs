//! ForgotPassword, ConfirmForgotPassword, AdminResetUserPassword,
//! ChangePassword.

use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::state::State;
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::user::{User, UserId, UserStatus};
use crate::user_pool::model::{confirmation_code, secret_hash};
use crate::user_pool::operations::{admin_users, code_delivery, fields, sign_up};

/// ForgotPassword.
pub(crate) fn forgot_password(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let client_id = request.required(&fields::CLIENT_ID)?;
    let username = request.required(&fields::USERNAME)?;
    let hash = request.optional(&fields::SECRET_HASH)?;
    request.map("ClientMetadata")?;
    let (pool, client) = state.client(client_id)?;
    secret_hash::check(&client, username, hash)?;
    // Of the pool, whoever is named: it tells nothing of the user.
    let contacts = recovery_contacts(pool)?;
    let Some(id) = pool.find(username) else {
        return if client.hides_unknown_users() {
            sign_up::placeholder_details(pool, username, &contacts)
        } else {
            Err(unknown_user())
        };
    };
    let contact = send_code(pool, ctx, id, &contacts)?;
    let user = pool.users.get(id).ok_or_else(unknown_user)?;
    let to = user.contact(contact).unwrap_or_default();
    Ok(json!({ "CodeDeliveryDetails": code_delivery::delivery_details(contact, to) }))
}

fn unknown_user() -> Error {
    Error::new(Exception::USER_NOT_FOUND, "Username/client id combination not found.")
}

/// The contacts that a code for a new password may go to, the preferred first.
fn recovery_contacts(pool: &Pool) -> Result<Vec<Contact>> {
    let contacts = pool.config.account_recovery.contacts();
    contacts.ok_or_else(|| Error::not_authorized("Contact administrator to reset password."))
}

/// Sends a code for a new password to the first of `contacts` that is verified.
fn send_code(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    contacts: &[Contact],
) -> Result<Contact> {
    let user = pool.users.get_mut(id).ok_or_else(unknown_user)?;
    if !user.enabled {
        return Err(Error::user_disabled());
    }
    if user.status == UserStatus::ForceChangePassword {
        return Err(Error::not_authorized("User password cannot be reset in the current state."));
    }
    let reachable = contacts.iter().copied().find(|contact| user.is_verified(*contact));
    if let Some(contact) = reachable {
        code_delivery::check_medium(&pool.config, contact)?;
    }
    let sent = reachable.and_then(|contact| code_delivery::send_code(ctx, user, contact));
    let contact = sent.as_ref().map(|sent| sent.contact).ok_or_else(|| {
        Error::invalid(
            "Cannot reset password for the user as there is no registered/verified email or \
             phone_number",
        )
    })?;
    user.reset_code = sent;
    Ok(contact)
}

/// ConfirmForgotPassword.
pub(crate) fn confirm_forgot_password(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let client_id = request.required(&fields::CLIENT_ID)?;
    let username = request.required(&fields::USERNAME)?;
    let answer = request.required(&fields::CONFIRMATION_CODE)?;
    let password = request.required(&fields::PASSWORD)?;
    let hash = request.optional(&fields::SECRET_HASH)?;
    request.map("ClientMetadata")?;
    let (pool, client) = state.client(client_id)?;
    secret_hash::check(&client, username, hash)?;
    pool.config.password_policy.check(password)?;
    let Some(id) = pool.find(username) else {
        return Err(if client.hides_unknown_users() {
            confirmation_code::expired()
        } else {
            unknown_user()
        });
    };
    let user = pool.users.get_mut(id).ok_or_else(unknown_user)?;
    if !user.enabled {
        return Err(Error::user_disabled());
    }
    let sent = user.reset_code.as_mut().ok_or_else(confirmation_code::expired)?;
    sent.check(answer, ctx.now)?;
    // A code for a new password does not confirm a user who signed up.
    let status = match user.status {
        UserStatus::Unconfirmed => UserStatus::Unconfirmed,
        _ => UserStatus::Confirmed,
    };
    user.set_password(&pool.config, password, status, None, ctx);
    pool.attempts.record(&Subject::User(id), true, ctx.now);
    Ok(json!({}))
}

/// AdminResetUserPassword. The old password is refused from now on.
pub(crate) fn admin_reset_user_password(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    request.map("ClientMetadata")?;
    let (pool, id) = admin_users::requested_user(state, request)?;
    let contacts = recovery_contacts(pool)?;
    let user: Option<&User> = pool.users.get(id);
    if !user.is_some_and(|user| {
        matches!(user.status, UserStatus::Confirmed | UserStatus::ResetRequired)
    }) {
        return Err(Error::not_authorized("User password cannot be reset in the current state."));
    }
    send_code(pool, ctx, id, &contacts)?;
    let user = pool.users.existing_mut(id)?;
    user.status = UserStatus::ResetRequired;
    user.modified = ctx.now;
    Ok(json!({}))
}

/// ChangePassword.
pub(crate) fn change_password(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    let previous = request.optional(&fields::PREVIOUS_PASSWORD)?;
    let proposed = request.required(&fields::PROPOSED_PASSWORD)?;
    let subject = Subject::User(id);
    pool.attempts.check(&subject, ctx.now).map_err(|_| {
        Error::new(Exception::LIMIT_EXCEEDED, "Attempt limit exceeded, please try after some time.")
    })?;
    let user = pool.users.existing(id)?;
    // A user without a password may set one.
    let right = match previous {
        Some(previous) => user.has_password(&pool.config, previous),
        None => user.password.is_none(),
    };
    pool.attempts.record(&subject, right, ctx.now);
    if !right {
        return Err(Error::incorrect());
    }
    pool.config.password_policy.check(proposed)?;
    let user = pool.users.existing_mut(id)?;
    user.set_password(&pool.config, proposed, user.status, None, ctx);
    Ok(json!({}))
}
