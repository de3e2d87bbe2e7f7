//! What can be called: [`IdentityPools`] takes an operation's name and its JSON body and returns
//! what Cognito would.

use std::sync::{Arc, Mutex, PoisonError};

use rand::CryptoRng;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::identity_pool::context::Context;
use crate::identity_pool::logins::{self, VerifiedLogin};
use crate::identity_pool::provider::Provider;
use crate::identity_pool::state::State;
use crate::identity_pool::{fields, identities, pool_operations, role_operations};
use crate::protocol::credentials::Vault;
use crate::protocol::error::{Error, Result};
use crate::protocol::http_reply::HttpReply;
use crate::protocol::json_request::Request;
use crate::protocol::jwt::{self, InvalidToken};
use crate::protocol::signing_key::SigningKey;
use crate::protocol::web_identity::{VerifyWebIdentity, WebIdentity};
use crate::user_pool::UserPools;

/// What every target starts with.
pub const TARGET_PREFIX: &str = "AWSCognitoIdentityService.";
/// Where the issuer of the OpenID tokens lives, below the address of `local`.
pub const ISSUER_PATH: &str = "/cognito-identity";

struct Inner {
    state: State,
    rng: Box<dyn CryptoRng + Send>,
}

struct Shared {
    inner: Mutex<Inner>,
    clock: Clock,
    pools: UserPools,
    vault: Vault,
    issuer: String,
    key: SigningKey,
}

/// All identity pools. Clones share them.
#[derive(Clone)]
pub struct IdentityPools(Arc<Shared>);

impl IdentityPools {
    /// No pools yet. They will trust `pools`, issue credentials of `vault`, and sign with `key` as
    /// an issuer below `base`.
    #[must_use]
    pub fn new(
        base: &str,
        key: SigningKey,
        pools: UserPools,
        vault: Vault,
        clock: Clock,
        rng: impl CryptoRng + Send + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            inner: Mutex::new(Inner { state: State::default(), rng: Box::new(rng) }),
            clock,
            pools,
            vault,
            issuer: format!("{}{ISSUER_PATH}", base.trim_end_matches('/')),
            key,
        }))
    }

    /// Runs `operation` alone. It must not wait for anything.
    fn locked<T>(&self, operation: impl FnOnce(&mut State, &mut Context<'_>) -> T) -> T {
        let now = self.0.clock.now();
        let mut inner = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { state, rng } = &mut *inner;
        operation(state, &mut Context { now, rng: rng.as_mut() })
    }

    /// Answers one call. `target` is the value of `X-Amz-Target`.
    #[must_use]
    pub fn call(&self, target: &str, body: &[u8]) -> HttpReply {
        self.run(target, body).into()
    }

    fn run(&self, target: &str, body: &[u8]) -> Result<Value> {
        let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or_default();
        let request = Request::parse(body);
        let simple: Operation = match operation {
            "GetId" => return self.get_id(&request?),
            "GetCredentialsForIdentity" => return self.get_credentials(&request?),
            "GetOpenIdToken" => return self.get_open_id_token(&request?),
            "CreateIdentityPool" => pool_operations::create,
            "UpdateIdentityPool" => pool_operations::update,
            "DescribeIdentityPool" => pool_operations::describe,
            "DeleteIdentityPool" => pool_operations::delete,
            "ListIdentityPools" => pool_operations::list,
            "SetIdentityPoolRoles" => role_operations::set,
            "GetIdentityPoolRoles" => role_operations::get,
            _ => {
                return Err(Error::unknown_operation());
            }
        };
        let request = request?;
        self.locked(|state, ctx| simple(state, ctx, &request))
    }

    fn get_id(&self, request: &Request) -> Result<Value> {
        request.optional(&fields::ACCOUNT_ID)?;
        let pool_id = request.required(&fields::IDENTITY_POOL_ID)?;
        let providers =
            self.locked(|state, _| state.pool(pool_id).map(|pool| pool.config.providers.clone()))?;
        let tokens = self.tokens(request, &providers)?;
        let id = self.locked(|state, ctx| identities::get_id(state, ctx, pool_id, &tokens))?;
        Ok(json!({ "IdentityId": id }))
    }

    fn get_credentials(&self, request: &Request) -> Result<Value> {
        let id = request.required(&fields::IDENTITY_ID)?;
        let custom_role = request.optional(&fields::CUSTOM_ROLE_ARN)?;
        let tokens = self.tokens(request, &self.providers_of(id)?)?;
        self.locked(|state, ctx| {
            identities::credentials(state, ctx, &self.0.vault, id, &tokens, custom_role)
        })
    }

    fn get_open_id_token(&self, request: &Request) -> Result<Value> {
        let id = request.required(&fields::IDENTITY_ID)?;
        let tokens = self.tokens(request, &self.providers_of(id)?)?;
        let (id, unsigned) =
            self.locked(|state, ctx| identities::open_id(state, ctx, &self.0.issuer, id, &tokens))?;
        Ok(json!({ "IdentityId": id, "Token": unsigned.sign(&self.0.key)? }))
    }

    /// The providers that the pool of an identity trusts.
    fn providers_of(&self, id: &str) -> Result<Vec<Provider>> {
        self.locked(|state, _| {
            let pool = state.pool(&state.identity(id)?.pool_id)?;
            Ok(pool.config.providers.clone())
        })
    }

    fn tokens(&self, request: &Request, providers: &[Provider]) -> Result<Vec<VerifiedLogin>> {
        logins::verify(&self.0.pools, providers, &fields::logins(request)?)
    }

    /// The public key of the OpenID tokens.
    #[must_use]
    pub fn jwks(&self) -> Option<Value> {
        Some(json!({ "keys": [self.0.key.jwk()?] }))
    }

    /// What `<issuer>/.well-known/openid-configuration` shows.
    #[must_use]
    pub fn openid_configuration(&self) -> Value {
        let issuer = &self.0.issuer;
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks_uri"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        })
    }
}

impl VerifyWebIdentity for IdentityPools {
    /// An OpenID token of an identity pool, or an ID token of a user pool.
    fn verify_web_identity(&self, token: &str) -> std::result::Result<WebIdentity, InvalidToken> {
        let issuer = jwt::claimed_issuer(token)?;
        let (subject, audience, is_here) = if issuer == self.0.issuer {
            let claims = jwt::verify(token, &self.0.key, self.0.clock.now())?;
            let audience = claims.text("aud")?.to_owned();
            let is_here = self.locked(|state, _| state.pools.contains_key(&audience));
            (claims.text("sub")?.to_owned(), audience, is_here)
        } else {
            let token = self.0.pools.verify_id_token(token)?;
            let is_here = self.0.pools.has_client(&token.pool_id, &token.audience);
            (token.subject, token.audience, is_here)
        };
        if !is_here {
            return Err(InvalidToken::Audience);
        }
        Ok(WebIdentity { issuer, subject, audience })
    }
}

/// An operation that only touches data.
type Operation = fn(&mut State, &mut Context<'_>, &Request) -> Result<Value>;
