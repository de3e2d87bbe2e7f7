//! The app client that a request names, with its pool.

use std::sync::Arc;

use crate::protocol::error::Result;
use crate::protocol::json_request::Request;
use crate::user_pool::model::actor::Actor;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::state::State;
use crate::user_pool::operations::fields;

/// The client of a request, in the pool that an administrator names besides.
pub(crate) fn requested_client<'a>(
    state: &'a mut State,
    actor: Actor,
    request: &Request,
) -> Result<(&'a mut Pool, Arc<Client>)> {
    let client_id = request.required(&fields::CLIENT_ID)?;
    match actor {
        Actor::Client => state.client(client_id),
        Actor::Admin => {
            let pool = state.pool(request.required(&fields::USER_POOL_ID)?)?;
            let client = pool.client(client_id)?;
            Ok((pool, client))
        }
    }
}
