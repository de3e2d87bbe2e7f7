//! The OpenID tokens of identities: their claims.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::identity_pool::logins::VerifiedLogin;
use crate::protocol::error::Result;
use crate::protocol::signing_key::SigningKey;

/// The lifetime of such a token.
const VALIDITY_SECONDS: u64 = 600;

/// A token that is not signed yet: signing is slow, and happens without the lock.
pub(crate) struct UnsignedToken(Map<String, Value>);

impl UnsignedToken {
    pub(crate) fn sign(&self, key: &SigningKey) -> Result<String> {
        key.sign(&self.0)
    }
}

/// The token of an identity.
pub(crate) fn claims(
    issuer: &str,
    pool_id: &str,
    identity_id: &str,
    tokens: &[VerifiedLogin],
    now: Duration,
) -> UnsignedToken {
    // How the user signed in: the providers, and the user's name there.
    let methods: Vec<String> = if tokens.is_empty() {
        vec!["unauthenticated".to_owned()]
    } else {
        let of = |token: &VerifiedLogin| {
            let provider = &token.login.provider;
            [provider.clone(), format!("{provider}:CognitoSignIn:{}", token.login.subject)]
        };
        std::iter::once("authenticated".to_owned()).chain(tokens.iter().flat_map(of)).collect()
    };
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", json!(issuer));
    set("sub", json!(identity_id));
    set("aud", json!(pool_id));
    set("amr", json!(methods));
    set("iat", json!(now.as_secs()));
    set("exp", json!(now.as_secs() + VALIDITY_SECONDS));
    UnsignedToken(claims)
}
