//! The implemented operations of the API model, and the function for each.

use serde_json::Value;

use crate::protocol::error::Result;
use crate::protocol::json_request::Request;
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::state::State;
use crate::user_pool::model::tokens::UnsignedTokens;
use crate::user_pool::model::user::UserId;
use crate::user_pool::operations::{
    admin_users, app_clients, list_users, passwords, resource_servers, sign_up, signed_in_user,
    tokens, user_attributes, user_pools,
};

/// An operation that only touches data.
pub(crate) type DataOperation = fn(&mut State, &mut Context<'_>, &Request) -> Result<Value>;
/// An operation that returns tokens.
pub(crate) type TokenOperation =
    fn(&mut State, &mut Context<'_>, &Request) -> Result<UnsignedTokens>;
/// An operation of a signed-in user.
pub(crate) type UserOperation = fn(&mut Pool, &mut Context<'_>, UserId, &Request) -> Result<Value>;

/// How an operation runs.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    /// Under the lock, all at once.
    Data(DataOperation),
    /// The same, for the user whose access token the request holds.
    User(UserOperation),
    /// The same, and the tokens are signed without the lock.
    Sign(TokenOperation),
    /// By starting a sign-in.
    Initiate(Actor),
    /// By continuing a sign-in.
    Respond(Actor),
    /// By creating a user, of whom PreSignUp is asked first.
    Create(Actor),
}

use Operation::{Create, Data, Initiate, Respond, Sign, User};

/// Every operation, by name.
pub(crate) const OPERATIONS: &[(&str, Operation)] = &[
    ("AdminConfirmSignUp", Data(admin_users::confirm_sign_up)),
    ("AdminCreateUser", Create(Actor::Admin)),
    ("AdminDeleteUser", Data(admin_users::delete_user)),
    ("AdminDeleteUserAttributes", Data(admin_users::delete_user_attributes)),
    ("AdminDisableUser", Data(admin_users::disable_user)),
    ("AdminEnableUser", Data(admin_users::enable_user)),
    ("AdminGetUser", Data(admin_users::get_user)),
    ("AdminInitiateAuth", Initiate(Actor::Admin)),
    ("AdminResetUserPassword", Data(passwords::admin_reset_user_password)),
    ("AdminRespondToAuthChallenge", Respond(Actor::Admin)),
    ("AdminSetUserPassword", Data(admin_users::set_user_password)),
    ("AdminUpdateUserAttributes", Data(admin_users::update_user_attributes)),
    ("AdminUserGlobalSignOut", Data(admin_users::global_sign_out)),
    ("ChangePassword", User(passwords::change_password)),
    ("ConfirmForgotPassword", Data(passwords::confirm_forgot_password)),
    ("ConfirmSignUp", Data(sign_up::confirm_sign_up)),
    ("CreateResourceServer", Data(resource_servers::create)),
    ("CreateUserPool", Data(user_pools::create)),
    ("CreateUserPoolClient", Data(app_clients::create)),
    ("DeleteResourceServer", Data(resource_servers::delete)),
    ("DeleteUser", User(signed_in_user::delete_user)),
    ("DeleteUserAttributes", User(user_attributes::delete_user_attributes)),
    ("DeleteUserPool", Data(user_pools::delete)),
    ("DeleteUserPoolClient", Data(app_clients::delete)),
    ("DescribeResourceServer", Data(resource_servers::describe)),
    ("DescribeUserPool", Data(user_pools::describe)),
    ("DescribeUserPoolClient", Data(app_clients::describe)),
    ("ForgotPassword", Data(passwords::forgot_password)),
    ("GetTokensFromRefreshToken", Sign(tokens::get_tokens_from_refresh_token)),
    ("GetUser", User(signed_in_user::get_user)),
    (
        "GetUserAttributeVerificationCode",
        User(user_attributes::get_user_attribute_verification_code),
    ),
    ("GlobalSignOut", User(signed_in_user::global_sign_out)),
    ("InitiateAuth", Initiate(Actor::Client)),
    ("ListResourceServers", Data(resource_servers::list)),
    ("ListUserPoolClients", Data(app_clients::list)),
    ("ListUserPools", Data(user_pools::list)),
    ("ListUsers", Data(list_users::list_users)),
    ("ResendConfirmationCode", Data(sign_up::resend_confirmation_code)),
    ("RespondToAuthChallenge", Respond(Actor::Client)),
    ("RevokeToken", Data(tokens::revoke_token)),
    ("SignUp", Create(Actor::Client)),
    ("UpdateResourceServer", Data(resource_servers::update)),
    ("UpdateUserAttributes", User(user_attributes::update_user_attributes)),
    ("UpdateUserPool", Data(user_pools::update)),
    ("UpdateUserPoolClient", Data(app_clients::update)),
    ("VerifyUserAttribute", User(user_attributes::verify_user_attribute)),
];

/// Whether it changes nothing that survives a restart.
pub(crate) fn is_read_only(name: &str) -> bool {
    name.starts_with("Describe")
        || name.starts_with("List")
        || matches!(name, "AdminGetUser" | "GetUser")
}

/// The operation of that name.
pub(crate) fn find_operation(name: &str) -> Option<Operation> {
    let at = OPERATIONS.binary_search_by_key(&name, |(name, _)| name).ok()?;
    OPERATIONS.get(at).map(|(_, operation)| *operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_sorted_by_name() {
        assert!(OPERATIONS.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
