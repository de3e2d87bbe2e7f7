//! What a signed-in user does: GetUser, UpdateUserAttributes, DeleteUserAttributes,
//! GetUserAttributeVerificationCode, VerifyUserAttribute, DeleteUser, GlobalSignOut, RevokeToken.

use serde_json::{Value, json};

use crate::pool::attribute::{AttributeList, Contact, Writer};
use crate::pool::state::{Pool, State, already_exists, require_contacts};
use crate::pool::ticket::Kind;
use crate::pool::user::{User, UserId};
use crate::pool::{Ctx, attribute, code, fields};
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;

/// GetUser.
pub(crate) fn get_user(pool: &mut Pool, _: &mut Ctx<'_>, id: UserId, _: &Request) -> Result<Value> {
    let user = pool.users.get(id).ok_or_else(Error::user_not_found)?;
    Ok(json!({ "Username": user.username, "UserAttributes": user.attribute_list(None) }))
}

/// UpdateUserAttributes.
pub(crate) fn update_user_attributes(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    let attributes = fields::required_user_attributes(request)?;
    request.map("ClientMetadata")?;
    let details = update_attributes(pool, ctx, id, Writer::Client, attributes)?;
    Ok(json!({ "CodeDeliveryDetailsList": details }))
}

/// Writes attributes and sends a code to each contact that changed, where the pool verifies it.
/// Gives back where the codes went.
pub(crate) fn update_attributes(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    id: UserId,
    writer: Writer,
    attributes: AttributeList,
) -> Result<Vec<Value>> {
    let writes = attribute::check(writer, attributes)?;
    require_contacts(pool.users.get(id), &writes)?;
    if let Some(contact) = pool.conflict(Some(id), &writes) {
        return Err(already_exists(Exception::ALIAS_EXISTS, contact));
    }
    let mut details = Vec::new();
    for contact in pool.users.update(id, &writes, ctx.now) {
        if !pool.config.auto_verified_attributes.contains(&contact) {
            continue;
        }
        let user = pool.users.get_mut(id).ok_or_else(Error::user_not_found)?;
        if let Some(sent) = code::send(ctx, user, contact) {
            let to = user.contact(contact).unwrap_or_default();
            details.push(code::delivery_details(contact, to));
            user.attribute_codes.insert(contact, sent);
        }
    }
    Ok(details)
}

/// DeleteUserAttributes.
pub(crate) fn delete_user_attributes(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    let names = request.required_texts(&fields::USER_ATTRIBUTE_NAMES)?;
    delete_attributes(pool, ctx, id, Writer::Client, names)
}

/// Deletes attributes. The one that is the user's name stays.
pub(crate) fn delete_attributes(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    id: UserId,
    writer: Writer,
    names: Vec<&str>,
) -> Result<Value> {
    let user = pool.users.get(id).ok_or_else(Error::user_not_found)?;
    let held = user.signed_up_with.map(Contact::name);
    if let Some(name) = held.filter(|held| names.contains(held)) {
        return Err(Error::invalid(format!("Cannot delete the attribute {name}.")));
    }
    let empty = names.into_iter().map(|name| (name.to_owned(), None)).collect();
    let writes = attribute::check(writer, empty)?;
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

/// GetUserAttributeVerificationCode.
pub(crate) fn get_attribute_code(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    request.map("ClientMetadata")?;
    let user = pool.users.get_mut(id).ok_or_else(Error::user_not_found)?;
    let (contact, to) = contact(request, user)?;
    if let Some(sent) = code::send(ctx, user, contact) {
        user.attribute_codes.insert(contact, sent);
    }
    Ok(json!({ "CodeDeliveryDetails": code::delivery_details(contact, &to) }))
}

/// VerifyUserAttribute.
pub(crate) fn verify_attribute(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    id: UserId,
    request: &Request,
) -> Result<Value> {
    request.required(&fields::ATTRIBUTE_NAME)?;
    let answer = request.required(&fields::CODE)?;
    let user = pool.users.get_mut(id).ok_or_else(Error::user_not_found)?;
    let (contact, _) = contact(request, user)?;
    let sent = user.attribute_codes.get_mut(&contact).ok_or_else(code::expired)?;
    sent.try_with(answer, ctx.now)?;
    let verified = [(contact.verified_name().to_owned(), "true".to_owned())];
    if pool.conflict(Some(id), &verified).is_some() {
        return Err(already_exists(Exception::ALIAS_EXISTS, contact));
    }
    pool.users.update(id, &verified, ctx.now);
    if let Some(user) = pool.users.get_mut(id) {
        user.attribute_codes.remove(&contact);
    }
    Ok(json!({}))
}

/// DeleteUser.
pub(crate) fn delete_user(
    pool: &mut Pool,
    _: &mut Ctx<'_>,
    id: UserId,
    _: &Request,
) -> Result<Value> {
    pool.users.remove(id);
    Ok(json!({}))
}

/// GlobalSignOut.
pub(crate) fn global_sign_out(
    pool: &mut Pool,
    ctx: &mut Ctx<'_>,
    id: UserId,
    _: &Request,
) -> Result<Value> {
    let user = pool.users.get_mut(id).ok_or_else(Error::internal)?;
    user.sign_out(ctx.now);
    Ok(json!({}))
}

/// RevokeToken. It declares none of the usual errors: an unknown client or a wrong secret is
/// `UnauthorizedException`.
pub(crate) fn revoke_token(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let token = request.required(&fields::TOKEN)?;
    let client_id = request.required(&fields::CLIENT_ID)?;
    let secret = request.optional(&fields::CLIENT_SECRET)?;
    let unauthorized = || Error::new(Exception::UNAUTHORIZED, "Invalid client.");
    let (pool, client) = state.client(client_id).map_err(|_| unauthorized())?;
    if !client.knows_secret(secret) {
        return Err(unauthorized());
    }
    if !client.enable_token_revocation {
        return Err(Error::new(
            Exception::UNSUPPORTED_OPERATION,
            "Token revocation is not enabled for this client.",
        ));
    }
    if token.split('.').count() == 3 {
        return Err(Error::new(Exception::UNSUPPORTED_TOKEN_TYPE, "Unsupported token type"));
    }
    let mine = pool.seal.open(Kind::RefreshToken, client_id, token);
    let Some(ticket) = mine else {
        let others = pool
            .clients
            .keys()
            .any(|other| pool.seal.open(Kind::RefreshToken, other, token).is_some());
        // As RFC 7009 has it: another client's token is refused, and one that is no token at all
        // needs no revoking.
        return if others { Err(unauthorized()) } else { Ok(json!({})) };
    };
    let user = pool.users.by_sub(ticket.sub()).and_then(|id| pool.users.get_mut(id));
    if let Some(user) = user {
        user.grants.remove(&ticket.id());
    }
    Ok(json!({}))
}
