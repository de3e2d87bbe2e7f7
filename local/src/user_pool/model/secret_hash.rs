//! `SECRET_HASH`: how a client that has a secret proves it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::protocol::error::{Error, Result};
use crate::protocol::hmac;
use crate::user_pool::model::app_client::Client;

/// The hash of a user name for a client: base64(HMAC-SHA256(client secret, user name + client id)).
#[must_use]
pub fn secret_hash(client_secret: &str, username: &str, client_id: &str) -> String {
    BASE64_STANDARD
        .encode(hmac::mac(client_secret.as_bytes(), &[username.as_bytes(), client_id.as_bytes()]))
}

/// Checks the caller's knowledge of the client's secret. `username` is the name that the hash was
/// made of: as the caller sent it, or on a refresh the user's own.
pub(crate) fn check(client: &Client, username: &str, received: Option<&str>) -> Result<()> {
    let id = &client.client_id;
    match (&client.client_secret, received) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(Error::not_authorized(format!(
            "Client {id} is configured with secret but SECRET_HASH was not received"
        ))),
        (None, Some(_)) => Err(Error::not_authorized(format!(
            "Client {id} is not configured for secret but secret hash was received"
        ))),
        (Some(secret), Some(received)) => {
            let expected = secret_hash(secret, username, id);
            if hmac::constant_time_eq(expected.as_bytes(), received.as_bytes()) {
                Ok(())
            } else {
                Err(Error::not_authorized(format!("Unable to verify secret hash for client {id}")))
            }
        }
    }
}
