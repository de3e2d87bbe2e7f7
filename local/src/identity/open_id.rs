//! The OpenID tokens of identities: what they say and who may trust them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::identity::login::Verified;
use crate::protocol::error::Result;
use crate::protocol::signing_key::SigningKey;

/// How long such a token is good, in seconds.
const VALIDITY_SECONDS: u64 = 600;

/// A token that is decided on but not yet signed: that is slow, and happens without the lock.
pub(crate) struct Unsigned(Map<String, Value>);

impl Unsigned {
    pub(crate) fn sign(&self, key: &SigningKey) -> Result<String> {
        Ok(key.sign(&self.0)?)
    }
}

/// What the token of an identity says.
pub(crate) fn claims(
    issuer: &str,
    pool_id: &str,
    identity_id: &str,
    tokens: &[Verified],
    now: Duration,
) -> Unsigned {
    // How someone signed in: with which providers, and as whom there.
    let methods: Vec<String> = if tokens.is_empty() {
        vec!["unauthenticated".to_owned()]
    } else {
        let of = |token: &Verified| {
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
    Unsigned(claims)
}
