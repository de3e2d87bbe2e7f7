//! SignUp, ConfirmSignUp, ResendConfirmationCode. SignUp is in two steps, before and after PreSignUp.

use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::attributes::{self, Contact};
use crate::user_pool::model::context::Context;
use crate::user_pool::model::new_user::{Confirmation, NewUser, TriggerData};
use crate::user_pool::model::pool::{Pool, contact_exists};
use crate::user_pool::model::state::State;
use crate::user_pool::model::trigger::Trigger;
use crate::user_pool::model::user::UserStatus;
use crate::user_pool::model::{confirmation_code, secret_hash};
use crate::user_pool::operations::{code_delivery, fields};

/// A sign-up that passed the checks.
pub(crate) struct PendingSignUp {
    pub(crate) pool_id: String,
    pub(crate) client_id: String,
    /// The function behind PreSignUp, if the pool has that trigger.
    pub(crate) function: Option<Trigger>,
    pub(crate) new: NewUser,
    pub(crate) data: TriggerData,
    password: String,
}

/// SignUp, until PreSignUp is called: everything that needs no trigger is checked.
pub(crate) fn check_sign_up(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<PendingSignUp> {
    let client_id = request.required(&fields::CLIENT_ID)?;
    let username = request.required(&fields::USERNAME)?;
    let password = request.required(&fields::PASSWORD)?;
    let hash = request.optional(&fields::SECRET_HASH)?;
    let attributes = fields::user_attributes(request)?.unwrap_or_default();
    let data = fields::trigger_data(request)?;
    let (pool, client) = state.client(client_id)?;
    secret_hash::check(&client, username, hash)?;
    if pool.config.admin_create_user_only {
        return Err(Error::not_authorized("SignUp is not permitted for this user pool"));
    }
    let writes = attributes::check(Actor::Client, attributes)?;
    pool.config.password_policy.check(password)?;
    Ok(PendingSignUp {
        pool_id: pool.config.id.clone(),
        client_id: client.client_id.clone(),
        function: pool.config.function(Trigger::PreSignUp),
        new: pool.new_user(ctx, username, writes, UserStatus::Unconfirmed)?,
        data,
        password: password.to_owned(),
    })
}

/// SignUp, after PreSignUp: creates the user, and sends a code to one who is not confirmed.
pub(crate) fn complete_sign_up(
    state: &mut State,
    ctx: &mut Context<'_>,
    pending: PendingSignUp,
    confirmation: &Confirmation,
) -> Result<Value> {
    let pool = state.pool(&pending.pool_id)?;
    let id = pool.add_user(ctx, pending.new)?;
    for contact in &confirmation.verified {
        pool.verify_contact(id, *contact, ctx.now);
    }
    let user = pool.users.get(id).ok_or_else(Error::internal)?;
    let unconfirmed = Some(user).filter(|_| !confirmation.confirmed);
    let sent = unconfirmed
        .and_then(|user| pool.auto_verified_contact(user))
        .and_then(|contact| code_delivery::send_code(ctx, user, contact));
    let mut reply =
        json!({ "UserConfirmed": confirmation.confirmed, "UserSub": user.sub.to_string() });
    if let Some(sent) = &sent {
        insert_delivery_details(&mut reply, sent.contact, user.contact(sent.contact));
    }
    let status =
        if confirmation.confirmed { UserStatus::Confirmed } else { UserStatus::Unconfirmed };
    let user = pool.users.get_mut(id).ok_or_else(Error::internal)?;
    user.set_password(&pool.config, &pending.password, status, None, ctx);
    user.sign_up_code = sent;
    Ok(reply)
}

fn insert_delivery_details(reply: &mut Value, contact: Contact, to: Option<&str>) {
    if let (Some(reply), Some(to)) = (reply.as_object_mut(), to) {
        let details = code_delivery::delivery_details(contact, to);
        reply.insert("CodeDeliveryDetails".to_owned(), details);
    }
}

/// The reply for an unknown user: a plausible destination of `contacts`, and nothing sent. Where a
/// message of that medium would be refused, so is this.
pub(crate) fn placeholder_details(
    pool: &Pool,
    username: &str,
    contacts: &[Contact],
) -> Result<Value> {
    let id = pool.seal.placeholder_id(username);
    let typed = Contact::detect(username).filter(|contact| contacts.contains(contact));
    let (contact, to) = match typed {
        Some(contact) => (contact, username.to_owned()),
        None if contacts.contains(&Contact::Email) => (Contact::Email, format!("{id}@{id}")),
        None => (Contact::PhoneNumber, format!("+1{:010}", id.as_u128() % 10_000_000_000)),
    };
    code_delivery::check_medium(&pool.config, contact)?;
    let mut reply = json!({});
    insert_delivery_details(&mut reply, contact, Some(&to));
    Ok(reply)
}

/// ConfirmSignUp.
pub(crate) fn confirm_sign_up(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let client_id = request.required(&fields::CLIENT_ID)?;
    let username = request.required(&fields::USERNAME)?;
    let answer = request.required(&fields::CONFIRMATION_CODE)?;
    let hash = request.optional(&fields::SECRET_HASH)?;
    let force = request.boolean("ForceAliasCreation")?.unwrap_or_default();
    let (pool, client) = state.client(client_id)?;
    secret_hash::check(&client, username, hash)?;
    let Some(id) = pool.find(username) else {
        return Err(if client.hides_unknown_users() {
            confirmation_code::expired()
        } else {
            Error::user_not_found()
        });
    };
    let user = pool.users.get_mut(id).ok_or_else(Error::internal)?;
    if user.status != UserStatus::Unconfirmed {
        return Err(not_confirmable(user.status));
    }
    let sent = user.sign_up_code.as_mut().ok_or_else(confirmation_code::expired)?;
    sent.check(answer, ctx.now)?;
    let contact = sent.contact;
    let verified = [(contact.verified_name().to_owned(), "true".to_owned())];
    if !force && pool.conflicting_contact(Some(id), &verified).is_some() {
        return Err(contact_exists(Exception::ALIAS_EXISTS, contact));
    }
    pool.verify_contact(id, contact, ctx.now);
    let user = pool.users.get_mut(id).ok_or_else(Error::internal)?;
    user.status = UserStatus::Confirmed;
    user.sign_up_code = None;
    Ok(json!({}))
}

/// The error for a user who needs no confirmation.
pub(crate) fn not_confirmable(status: UserStatus) -> Error {
    Error::not_authorized(format!("User cannot be confirmed. Current status is {}", status.name()))
}

/// ResendConfirmationCode.
pub(crate) fn resend_confirmation_code(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let client_id = request.required(&fields::CLIENT_ID)?;
    let username = request.required(&fields::USERNAME)?;
    let hash = request.optional(&fields::SECRET_HASH)?;
    let (pool, client) = state.client(client_id)?;
    secret_hash::check(&client, username, hash)?;
    let verifies = |contact: &Contact| pool.config.verifies(*contact);
    let contacts: Vec<Contact> = Contact::ALL.into_iter().filter(verifies).collect();
    if contacts.is_empty() {
        // The same for every name, so that it reveals nothing about a user.
        return Err(not_verified_automatically());
    }
    let Some(id) = pool.find(username) else {
        return if client.hides_unknown_users() {
            placeholder_details(pool, username, &contacts)
        } else {
            Err(Error::user_not_found())
        };
    };
    let user = pool.users.get(id).ok_or_else(Error::internal)?;
    if user.status != UserStatus::Unconfirmed {
        return Err(Error::invalid("User is already confirmed."));
    }
    let sent = pool
        .auto_verified_contact(user)
        .and_then(|contact| code_delivery::send_code(ctx, user, contact))
        .ok_or_else(not_verified_automatically)?;
    let mut reply = json!({});
    insert_delivery_details(&mut reply, sent.contact, user.contact(sent.contact));
    let user = pool.users.get_mut(id).ok_or_else(Error::internal)?;
    user.sign_up_code = Some(sent);
    Ok(reply)
}

/// The error for a code that the pool does not send by itself.
fn not_verified_automatically() -> Error {
    Error::invalid("Cannot resend codes. Auto verification not turned on.")
}
