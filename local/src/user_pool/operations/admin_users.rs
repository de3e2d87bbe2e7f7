//! Operations of an administrator on one user: AdminCreateUser, AdminConfirmSignUp,
//! AdminSetUserPassword, AdminUpdateUserAttributes, AdminGetUser, AdminDisableUser,
//! AdminEnableUser, AdminDeleteUserAttributes, AdminUserGlobalSignOut, AdminDeleteUser.

use std::time::Duration;

use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::attributes::{self, Contact};
use crate::user_pool::model::context::Context;
use crate::user_pool::model::new_user::{NewUser, TriggerData};
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::state::State;
use crate::user_pool::model::trigger::Trigger;
use crate::user_pool::model::user::{User, UserId, UserStatus};
use crate::user_pool::operations::sign_up::not_confirmable;
use crate::user_pool::operations::{
    code_delivery, descriptions, fields, signed_in_user, user_attributes,
};

/// An AdminCreateUser that passed the checks.
pub(crate) struct PendingUser {
    pub(crate) pool_id: String,
    /// The function behind PreSignUp, if the pool has that trigger.
    pub(crate) function: Option<Trigger>,
    pub(crate) subject: InvitedUser,
    pub(crate) data: TriggerData,
    password: String,
    /// The requested mediums of the invitation; none if it is suppressed.
    invitation: Option<Vec<Contact>>,
}

/// The user whom AdminCreateUser is about.
pub(crate) enum InvitedUser {
    New(Box<NewUser>),
    /// `RESEND`: a user who is there already gets a new password.
    Existing(UserId),
}

/// AdminCreateUser, until PreSignUp is called.
pub(crate) fn check_create_user(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<PendingUser> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let username = request.required(&fields::USERNAME)?;
    let password = request.optional(&fields::TEMPORARY_PASSWORD)?;
    let action = request.optional(&fields::MESSAGE_ACTION)?;
    let mediums = delivery_mediums(request)?;
    request.boolean("ForceAliasCreation")?;
    let attributes = fields::user_attributes(request)?.unwrap_or_default();
    let data = fields::trigger_data(request)?;
    let pool = state.pool(pool_id)?;
    let writes = attributes::check(Actor::Admin, attributes)?;
    let password = match password {
        Some(password) if !password.is_empty() => {
            pool.config.password_policy.check(password)?;
            password.to_owned()
        }
        _ => pool.config.password_policy.generate(ctx.rng),
    };
    let subject = if action == Some("RESEND") {
        let (id, user) = pool.user(username)?;
        if user.status != UserStatus::ForceChangePassword {
            return Err(Error::new(
                Exception::UNSUPPORTED_USER_STATE,
                format!(
                    "Resend not possible. {} status is not FORCE_CHANGE_PASSWORD",
                    user.username
                ),
            ));
        }
        InvitedUser::Existing(id)
    } else {
        let status = UserStatus::ForceChangePassword;
        InvitedUser::New(Box::new(pool.new_user(ctx, username, writes, status)?))
    };
    let invitation = (action != Some("SUPPRESS")).then_some(mediums);
    if let Some(mediums) = &invitation {
        let has = |contact: Contact| match &subject {
            InvitedUser::New(new) => new.has(contact),
            InvitedUser::Existing(id) => {
                pool.users.get(*id).is_some_and(|user| user.contact(contact).is_some())
            }
        };
        for contact in invited_contacts(mediums, has) {
            code_delivery::check_medium(&pool.config, contact)?;
        }
    }
    Ok(PendingUser {
        pool_id: pool.config.id.clone(),
        function: pool.config.function(Trigger::PreSignUp),
        subject,
        data,
        password,
        invitation,
    })
}

/// AdminCreateUser, after PreSignUp: creates the user and sends the invitation.
pub(crate) fn complete_create_user(
    state: &mut State,
    ctx: &mut Context<'_>,
    pending: PendingUser,
) -> Result<Value> {
    let pool = state.pool(&pending.pool_id)?;
    let id = match pending.subject {
        InvitedUser::New(new) => pool.add_user(ctx, *new)?,
        InvitedUser::Existing(id) => id,
    };
    let (password, until) = (pending.password, temporary_password_expiry(pool, ctx));
    let user = pool.users.existing_mut(id)?;
    user.set_password(&pool.config, &password, UserStatus::ForceChangePassword, Some(until), ctx);
    if let Some(mediums) = pending.invitation {
        send_invitation(ctx, user, &mediums, &password);
    }
    Ok(json!({ "User": descriptions::describe_user(user, "Attributes", None) }))
}

fn delivery_mediums(request: &Request) -> Result<Vec<Contact>> {
    let names = request.strings(&fields::DESIRED_DELIVERY_MEDIUMS, usize::MAX)?.unwrap_or_default();
    let named = |name| Contact::ALL.into_iter().find(move |contact| contact.medium_name() == name);
    Ok(names.into_iter().filter_map(named).collect())
}

/// The contacts that get the temporary password: by the requested mediums, or else the phone number, or
/// the email address of a user without one.
fn invited_contacts(mediums: &[Contact], has: impl Fn(Contact) -> bool) -> Vec<Contact> {
    if mediums.is_empty() {
        Contact::ALL.into_iter().find(|contact| has(*contact)).into_iter().collect()
    } else {
        mediums.iter().copied().filter(|contact| has(*contact)).collect()
    }
}

/// Sends the temporary password.
fn send_invitation(ctx: &Context<'_>, user: &User, mediums: &[Contact], password: &str) {
    let name =
        user.signed_up_with.and_then(|contact| user.contact(contact)).unwrap_or(&user.username);
    let body = format!("Your username is {name} and temporary password is {password}");
    for contact in invited_contacts(mediums, |contact| user.contact(contact).is_some()) {
        if let Some(to) = user.contact(contact) {
            code_delivery::send_message(ctx, contact, to, "Your temporary password", body.clone());
        }
    }
}

fn temporary_password_expiry(pool: &Pool, ctx: &Context<'_>) -> Duration {
    let days = pool.config.password_policy.temporary_password_validity_days;
    ctx.now + Duration::from_secs(u64::from(days) * 86_400)
}

pub(crate) fn requested_user<'a>(
    state: &'a mut State,
    request: &Request,
) -> Result<(&'a mut Pool, UserId)> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let username = request.required(&fields::USERNAME)?;
    let pool = state.pool(pool_id)?;
    let (id, _) = pool.user(username)?;
    Ok((pool, id))
}

/// AdminConfirmSignUp. It confirms the user, and verifies no contact.
pub(crate) fn confirm_sign_up(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    request.map("ClientMetadata")?;
    let (pool, id) = requested_user(state, request)?;
    let user = pool.users.existing_mut(id)?;
    if user.status != UserStatus::Unconfirmed {
        return Err(not_confirmable(user.status));
    }
    user.status = UserStatus::Confirmed;
    user.sign_up_code = None;
    user.modified = ctx.now;
    Ok(json!({}))
}

/// AdminSetUserPassword.
pub(crate) fn set_user_password(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    request.required(&fields::USER_POOL_ID)?;
    request.required(&fields::USERNAME)?;
    let password = request.required(&fields::PASSWORD)?;
    let permanent = request.boolean("Permanent")?.unwrap_or_default();
    let (pool, id) = requested_user(state, request)?;
    pool.config.password_policy.check(password)?;
    let (status, until) = if permanent {
        (UserStatus::Confirmed, None)
    } else {
        let until = temporary_password_expiry(pool, ctx);
        (UserStatus::ForceChangePassword, Some(until))
    };
    let user = pool.users.existing_mut(id)?;
    user.set_password(&pool.config, password, status, until, ctx);
    user.sign_up_code = None;
    Ok(json!({}))
}

/// AdminUpdateUserAttributes.
pub(crate) fn update_user_attributes(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    request.required(&fields::USER_POOL_ID)?;
    request.required(&fields::USERNAME)?;
    let attributes = fields::required_user_attributes(request)?;
    request.map("ClientMetadata")?;
    let (pool, id) = requested_user(state, request)?;
    user_attributes::update_attributes(pool, ctx, id, Actor::Admin, attributes)?;
    Ok(json!({}))
}

/// AdminGetUser.
pub(crate) fn get_user(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let (pool, id) = requested_user(state, request)?;
    let user = pool.users.existing(id)?;
    Ok(descriptions::describe_user(user, "UserAttributes", None))
}

/// AdminDisableUser.
pub(crate) fn disable_user(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    set_enabled(state, ctx, request, false)
}

/// AdminEnableUser.
pub(crate) fn enable_user(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    set_enabled(state, ctx, request, true)
}

fn set_enabled(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
    enabled: bool,
) -> Result<Value> {
    let (pool, id) = requested_user(state, request)?;
    let user = pool.users.existing_mut(id)?;
    user.enabled = enabled;
    user.modified = ctx.now;
    Ok(json!({}))
}

/// AdminDeleteUser.
pub(crate) fn delete_user(
    state: &mut State,
    _: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let (pool, id) = requested_user(state, request)?;
    pool.users.remove(id);
    Ok(json!({}))
}

/// AdminDeleteUserAttributes.
pub(crate) fn delete_user_attributes(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    request.required(&fields::USER_POOL_ID)?;
    request.required(&fields::USERNAME)?;
    let names = request.required_strings(&fields::USER_ATTRIBUTE_NAMES)?;
    let (pool, id) = requested_user(state, request)?;
    user_attributes::delete_attributes(pool, ctx, id, Actor::Admin, names)
}

/// AdminUserGlobalSignOut.
pub(crate) fn global_sign_out(
    state: &mut State,
    ctx: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let (pool, id) = requested_user(state, request)?;
    signed_in_user::global_sign_out(pool, ctx, id, request)
}
