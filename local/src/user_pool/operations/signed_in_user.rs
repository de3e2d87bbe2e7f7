//! GetUser, DeleteUser, GlobalSignOut: operations of a signed-in user on the whole account.

use serde_json::{Value, json};

use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::user::UserId;

/// GetUser.
pub(crate) fn get_user(
    pool: &mut Pool,
    _: &mut Context<'_>,
    id: UserId,
    _: &Request,
) -> Result<Value> {
    let user = pool.users.existing(id)?;
    Ok(json!({ "Username": user.username, "UserAttributes": user.attribute_list(None) }))
}

/// DeleteUser.
pub(crate) fn delete_user(
    pool: &mut Pool,
    _: &mut Context<'_>,
    id: UserId,
    _: &Request,
) -> Result<Value> {
    pool.users.remove(id);
    Ok(json!({}))
}

/// GlobalSignOut.
pub(crate) fn global_sign_out(
    pool: &mut Pool,
    ctx: &mut Context<'_>,
    id: UserId,
    _: &Request,
) -> Result<Value> {
    let user = pool.users.get_mut(id).ok_or_else(Error::internal)?;
    user.sign_out(ctx.now);
    Ok(json!({}))
}
