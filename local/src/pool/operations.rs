//! The operations of the API model that are implemented, and what answers each.

use serde_json::Value;

use crate::pool::auth::By;
use crate::pool::state::{Pool, State};
use crate::pool::token::Unsigned;
use crate::pool::user::UserId;
use crate::pool::{
    Ctx, account, admin, auth, clients, list_users, pools, recovery, scopes, sign_up,
};
use crate::protocol::error::Result;
use crate::protocol::json_request::Request;

/// An operation that only touches data.
pub(crate) type OnData = fn(&mut State, &mut Ctx<'_>, &Request) -> Result<Value>;
/// An operation that gives tokens.
pub(crate) type OnTokens = fn(&mut State, &mut Ctx<'_>, &Request) -> Result<Unsigned>;
/// An operation of a signed-in user.
pub(crate) type OfUser = fn(&mut Pool, &mut Ctx<'_>, UserId, &Request) -> Result<Value>;

/// How an operation is answered.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    /// Under the lock, all at once.
    Data(OnData),
    /// The same, for the user whose access token the request holds.
    User(OfUser),
    /// The same, and what it gives is signed without the lock.
    Sign(OnTokens),
    /// By starting a sign-in.
    Initiate(By),
    /// By taking a sign-in on.
    Respond(By),
}

use Operation::{Data, Initiate, Respond, Sign, User};

/// Every operation, by name.
pub(crate) const OPERATIONS: &[(&str, Operation)] = &[
    ("AdminConfirmSignUp", Data(admin::confirm_sign_up)),
    ("AdminCreateUser", Data(admin::create_user)),
    ("AdminDeleteUser", Data(admin::delete_user)),
    ("AdminDeleteUserAttributes", Data(admin::delete_user_attributes)),
    ("AdminDisableUser", Data(admin::disable_user)),
    ("AdminEnableUser", Data(admin::enable_user)),
    ("AdminGetUser", Data(admin::get_user)),
    ("AdminInitiateAuth", Initiate(By::Admin)),
    ("AdminResetUserPassword", Data(recovery::reset)),
    ("AdminRespondToAuthChallenge", Respond(By::Admin)),
    ("AdminSetUserPassword", Data(admin::set_user_password)),
    ("AdminUpdateUserAttributes", Data(admin::update_user_attributes)),
    ("AdminUserGlobalSignOut", Data(admin::global_sign_out)),
    ("ChangePassword", User(recovery::change)),
    ("ConfirmForgotPassword", Data(recovery::confirm)),
    ("ConfirmSignUp", Data(sign_up::confirm)),
    ("CreateResourceServer", Data(scopes::create)),
    ("CreateUserPool", Data(pools::create)),
    ("CreateUserPoolClient", Data(clients::create)),
    ("DeleteResourceServer", Data(scopes::delete)),
    ("DeleteUser", User(account::delete_user)),
    ("DeleteUserAttributes", User(account::delete_user_attributes)),
    ("DeleteUserPool", Data(pools::delete)),
    ("DeleteUserPoolClient", Data(clients::delete)),
    ("DescribeResourceServer", Data(scopes::describe)),
    ("DescribeUserPool", Data(pools::describe)),
    ("DescribeUserPoolClient", Data(clients::describe)),
    ("ForgotPassword", Data(recovery::forgot)),
    ("GetTokensFromRefreshToken", Sign(auth::renew)),
    ("GetUser", User(account::get_user)),
    ("GetUserAttributeVerificationCode", User(account::get_attribute_code)),
    ("GlobalSignOut", User(account::global_sign_out)),
    ("InitiateAuth", Initiate(By::Client)),
    ("ListResourceServers", Data(scopes::list)),
    ("ListUserPoolClients", Data(clients::list)),
    ("ListUserPools", Data(pools::list)),
    ("ListUsers", Data(list_users::list_users)),
    ("ResendConfirmationCode", Data(sign_up::resend)),
    ("RespondToAuthChallenge", Respond(By::Client)),
    ("RevokeToken", Data(account::revoke_token)),
    ("SignUp", Data(sign_up::sign_up)),
    ("UpdateResourceServer", Data(scopes::update)),
    ("UpdateUserAttributes", User(account::update_user_attributes)),
    ("UpdateUserPool", Data(pools::update)),
    ("UpdateUserPoolClient", Data(clients::update)),
    ("VerifyUserAttribute", User(account::verify_attribute)),
];

/// Whether nothing that survives a restart can come of it.
pub(crate) fn only_reads(name: &str) -> bool {
    name.starts_with("Describe")
        || name.starts_with("List")
        || matches!(name, "AdminGetUser" | "GetUser")
}

/// The operation of that name.
pub(crate) fn named(name: &str) -> Option<Operation> {
    let at = OPERATIONS.binary_search_by_key(&name, |(name, _)| name).ok()?;
    OPERATIONS.get(at).map(|(_, operation)| *operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_are_in_order() {
        assert!(OPERATIONS.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
