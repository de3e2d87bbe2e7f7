//! UpdateUserAttributes, DeleteUserAttributes, GetUserAttributeVerificationCode,
//! VerifyUserAttribute, and what an administrator's operations share with them.

use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::attributes::{self, AttributeList, Contact};
use crate::user_pool::model::confirmation_code;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::{Pool, check_verified_flags, contact_exists};
use crate::user_pool::model::user::{User, UserId};
use crate::user_pool::operations::{code_delivery, fields};

/// UpdateUserAttributes.
pub(crate) fn update_user_attributes(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    let attributes = fields::required_user_attributes(request)?;
    request.map("ClientMetadata")?;
    let details = update_attributes(pool, ctx, id, Actor::Client, attributes)?;
    Ok(json!({ "CodeDeliveryDetailsList": details }))
}

/// Writes attributes and sends a code to each contact that changed, where the pool verifies it.
/// Returns where the codes were sent.
pub(crate) fn update_attributes(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    writer: Actor,
    attributes: AttributeList,
) -> Result<Vec<Value>> {
    let writes = attributes::check(writer, attributes)?;
    check_verified_flags(pool.users.get(id), &writes)?;
    if let Some(contact) = pool.conflicting_contact(Some(id), &writes) {
        return Err(contact_exists(Exception::ALIAS_EXISTS, contact));
    }
    let mut details = Vec::new();
    for contact in pool.users.update(id, &writes, ctx.now) {
        if !pool.config.verifies(contact) {
            continue;
        }
        let user = pool.users.existing_mut(id)?;
        if let Some(sent) = code_delivery::send_code(ctx, user, contact) {
            let to = user.contact(contact).unwrap_or_default();
            details.push(code_delivery::delivery_details(contact, to));
            user.attribute_codes.insert(contact, sent);
        }
    }
    Ok(details)
}

/// DeleteUserAttributes.
pub(crate) fn delete_user_attributes(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    let names = request.required_strings(&fields::USER_ATTRIBUTE_NAMES)?;
    delete_attributes(pool, ctx, id, Actor::Client, names)
}

/// Deletes attributes, but not the one that the user signs in with.
pub(crate) fn delete_attributes(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    writer: Actor,
    names: Vec<&str>,
) -> Result<Value> {
    let user = pool.users.existing(id)?;
    let held = user.signed_up_with.map(Contact::name);
    if let Some(name) = held.filter(|held| names.contains(held)) {
        return Err(Error::invalid(format!("Cannot delete the attribute {name}.")));
    }
    let empty = names.into_iter().map(|name| (name.to_owned(), None)).collect();
    let writes = attributes::check(writer, empty)?;
    pool.users.update(id, &writes, ctx.now);
    Ok(json!({}))
}

/// The contact that `AttributeName` names, which the user has.
fn contact(request: &Request, user: &User) -> Result<(Contact, String)> {
    let name = request.required(&fields::ATTRIBUTE_NAME)?;
    let contact = Contact::named(name)
        .ok_or_else(|| Error::invalid(format!("Attribute {name} cannot be verified.")))?;
    let to = user.contact(contact);
    let to = to.ok_or_else(|| Error::invalid(format!("User has no attribute {name}.")))?;
    Ok((contact, to.to_owned()))
}

/// GetUserAttributeVerificationCode. The user asks for the code, so the attribute need not be one that
/// is verified automatically.
pub(crate) fn get_user_attribute_verification_code(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    request.map("ClientMetadata")?;
    let user = pool.users.existing_mut(id)?;
    let (contact, to) = contact(request, user)?;
    code_delivery::check_medium(&pool.config, contact)?;
    if let Some(sent) = code_delivery::send_code(ctx, user, contact) {
        user.attribute_codes.insert(contact, sent);
    }
    Ok(json!({ "CodeDeliveryDetails": code_delivery::delivery_details(contact, &to) }))
}

/// VerifyUserAttribute.
pub(crate) fn verify_user_attribute(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    request.required(&fields::ATTRIBUTE_NAME)?;
    let answer = request.required(&fields::CODE)?;
    let user = pool.users.existing_mut(id)?;
    let (contact, _) = contact(request, user)?;
    let sent = user.attribute_codes.get_mut(&contact).ok_or_else(confirmation_code::expired)?;
    sent.check(answer, ctx.now)?;
    let verified = [(contact.verified_name().to_owned(), "true".to_owned())];
    if pool.conflicting_contact(Some(id), &verified).is_some() {
        return Err(contact_exists(Exception::ALIAS_EXISTS, contact));
    }
    pool.users.update(id, &verified, ctx.now);
    if let Some(user) = pool.users.get_mut(id) {
        user.attribute_codes.remove(&contact);
    }
    Ok(json!({}))
}
