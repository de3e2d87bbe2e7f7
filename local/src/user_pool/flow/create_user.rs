//! SignUp and AdminCreateUser: the checks, PreSignUp, and then the user. While PreSignUp is called, no
//! lock is held and no user has been created.

use bytes::Bytes;
use serde_json::Value;

use crate::protocol::error::Result;
use crate::protocol::json_request::Request;
use crate::user_pool::flow::call_trigger::call_trigger;
use crate::user_pool::flow::pre_sign_up::{self, PreSignUpResponse};
use crate::user_pool::flow::shared::Shared;
use crate::user_pool::flow::trigger_events::Caller;
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::new_user::Confirmation;
use crate::user_pool::model::trigger::Trigger;
use crate::user_pool::operations::admin_users::{self, InvitedUser};
use crate::user_pool::operations::sign_up;

/// SignUp or AdminCreateUser.
pub(crate) async fn create_user(shared: &Shared, actor: Actor, request: &Request) -> Result<Value> {
    match actor {
        Actor::Client => sign_up(shared, request).await,
        Actor::Admin => admin_create_user(shared, request).await,
    }
}

async fn sign_up(shared: &Shared, request: &Request) -> Result<Value> {
    let pending = shared.locked(|state, ctx| sign_up::check_sign_up(state, ctx, request))?;
    let confirmation = match pending.function {
        Some(function) => {
            let new = &pending.new;
            let caller = Caller {
                pool_id: &pending.pool_id,
                client_id: &pending.client_id,
                username: &new.user.username,
            };
            let event = pre_sign_up::event("PreSignUp_SignUp", &caller, new, &pending.data);
            call(shared, function, event).await?.confirmation(new)?
        }
        None => Confirmation::default(),
    };
    shared.locked(|state, ctx| sign_up::complete_sign_up(state, ctx, pending, &confirmation))
}

async fn admin_create_user(shared: &Shared, request: &Request) -> Result<Value> {
    /// What stands for the app client of a request that has none.
    const NO_CLIENT: &str = "CLIENT_ID_NOT_APPLICABLE";
    let pending =
        shared.locked(|state, ctx| admin_users::check_create_user(state, ctx, request))?;
    if let (Some(function), InvitedUser::New(new)) = (pending.function, &pending.subject) {
        let caller = Caller {
            pool_id: &pending.pool_id,
            client_id: NO_CLIENT,
            username: &new.user.username,
        };
        let event = pre_sign_up::event("PreSignUp_AdminCreateUser", &caller, new, &pending.data);
        // It must be a response of PreSignUp, and its flags are ignored.
        call(shared, function, event).await?;
    }
    shared.locked(|state, ctx| admin_users::complete_create_user(state, ctx, pending))
}

async fn call(shared: &Shared, function: Trigger, event: Bytes) -> Result<PreSignUpResponse> {
    let functions = shared.functions.as_ref();
    let output = call_trigger(functions, Trigger::PreSignUp, function, event).await?;
    PreSignUpResponse::read(&output)
}
