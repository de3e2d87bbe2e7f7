//! What can be called: [`UserPools`] takes an operation's name and its JSON body and returns what
//! Cognito would.

use std::sync::Arc;

use rand::CryptoRng;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::outbox::Outbox;
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::http_reply::HttpReply;
use crate::protocol::json_request::Request;
use crate::protocol::signing_key::SigningKey;
use crate::user_pool::flow::create_user;
use crate::user_pool::flow::invoke::Invoke;
use crate::user_pool::flow::shared::Shared;
use crate::user_pool::flow::sign_in;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::initial_pools::InitialPools;
use crate::user_pool::model::snapshot::Snapshot;
use crate::user_pool::model::state::State;
use crate::user_pool::model::tokens;
use crate::user_pool::operations::fields;
use crate::user_pool::operations::table::{self, Operation, UserOperation};

/// What every target starts with.
const TARGET_PREFIX: &str = "AWSCognitoIdentityProviderService.";

/// How many things are held, to see that memory stays flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Users.
    pub users: usize,
    /// Sign-ins that wait for an answer.
    pub sessions: usize,
}

/// All user pools. Clones share them.
#[derive(Clone)]
pub struct UserPools(Arc<Shared>);

impl UserPools {
    /// The pools of a first start. Their keys are made in the background.
    #[must_use]
    pub fn new(
        initial: InitialPools,
        clock: Clock,
        outbox: Outbox,
        functions: Arc<dyn Invoke>,
        rng: impl CryptoRng + Send + 'static,
    ) -> Self {
        let mut rng: Box<dyn CryptoRng + Send> = Box::new(rng);
        let mut ctx = Context { now: clock.now(), rng: rng.as_mut(), outbox: &outbox };
        let state = State::new(initial, &mut ctx);
        Self::with_state(state, clock, outbox, functions, rng)
    }

    /// The pools of `snapshot`, with issuers that start with `issuer_base`.
    #[must_use]
    pub fn restored(
        snapshot: Snapshot,
        issuer_base: &str,
        clock: Clock,
        outbox: Outbox,
        functions: Arc<dyn Invoke>,
        rng: impl CryptoRng + Send + 'static,
    ) -> Self {
        Self::with_state(snapshot.restore(issuer_base), clock, outbox, functions, Box::new(rng))
    }

    fn with_state(
        state: State,
        clock: Clock,
        outbox: Outbox,
        functions: Arc<dyn Invoke>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Self {
        let keys: Vec<SigningKey> = state.pools.values().map(|pool| pool.key.clone()).collect();
        std::thread::spawn(move || keys.iter().for_each(SigningKey::prepare));
        Self(Arc::new(Shared::new(state, clock, outbox, functions, rng)))
    }

    /// Runs `operation` alone. It must not wait for anything.
    pub(super) fn locked<T>(&self, operation: impl FnOnce(&mut State, &mut Context<'_>) -> T) -> T {
        self.0.locked(operation)
    }

    /// Answers one call. `target` is the value of `X-Amz-Target`, empty if there was none.
    pub async fn call(&self, target: &str, body: &[u8]) -> HttpReply {
        self.run(target, body).await.into()
    }

    async fn run(&self, target: &str, body: &[u8]) -> Result<Value> {
        let name = target
            .strip_prefix(TARGET_PREFIX)
            .ok_or_else(|| Error::serialization("The target is missing or of another service"))?;
        let request = Request::parse(body);
        let shared = self.0.as_ref();
        let operation = table::find_operation(name).ok_or_else(Error::unknown_operation)?;
        let request = request?;
        let answered = self.answer(name, operation, &request).await;
        // After the change, so that whoever saves on seeing the count saves it too.
        if !table::is_read_only(name) {
            shared.note_change();
        }
        answered
    }

    async fn answer(&self, name: &str, operation: Operation, request: &Request) -> Result<Value> {
        let shared = self.0.as_ref();
        match operation {
            Operation::Data(run) => shared.locked(|state, ctx| run(state, ctx, request)),
            Operation::User(run) => {
                self.signed_in(request, run).map_err(|error| match error.exception {
                    // It does not declare UserNotFoundException.
                    Exception::USER_NOT_FOUND if name == "GlobalSignOut" => tokens::token_revoked(),
                    _ => error,
                })
            }
            Operation::Sign(run) => {
                shared.locked(|state, ctx| run(state, ctx, request))?.into_refresh_reply()
            }
            Operation::Initiate(actor) => sign_in::initiate_auth(shared, actor, request).await,
            Operation::Respond(actor) => {
                sign_in::respond_to_auth_challenge(shared, actor, request).await
            }
            Operation::Create(actor) => create_user::create_user(shared, actor, request).await,
        }
    }

    /// The names of the operations that are implemented.
    pub fn operations() -> impl Iterator<Item = &'static str> {
        table::OPERATIONS.iter().map(|(name, _)| *name)
    }

    /// Runs an operation of the user whose access token the request holds.
    fn signed_in(&self, request: &Request, operation: UserOperation) -> Result<Value> {
        let text = request.required(&fields::ACCESS_TOKEN)?;
        let signer = self.0.locked(|state, _| tokens::issuer_of(state, text))?;
        let signed = signer.verify(text)?;
        self.0.locked(|state, ctx| {
            let pool = state.pool(&signed.pool_id)?;
            let id = signed.user(pool, ctx.now)?;
            operation(pool, ctx, id, request)
        })
    }

    /// The pool's public keys, as `<issuer>/.well-known/jwks.json` shows them.
    #[must_use]
    pub fn jwks(&self, pool_id: &str) -> Option<Value> {
        let key =
            self.0.locked(|state, _| state.pools.get(pool_id).map(|pool| pool.key.clone()))?;
        Some(json!({ "keys": [key.jwk()?] }))
    }

    /// What `<issuer>/.well-known/openid-configuration` shows.
    #[must_use]
    pub fn openid_configuration(&self, pool_id: &str) -> Option<Value> {
        let issuer =
            self.0.locked(|state, _| state.pools.get(pool_id).map(|pool| pool.issuer.clone()))?;
        Some(json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
        }))
    }

    /// How many calls so far may have changed something that survives.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.0.changes()
    }

    /// What survives a restart, as of now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.locked(|state, _| Snapshot::from(&*state))
    }

    /// How many users and waiting sign-ins a pool has.
    #[must_use]
    pub fn counts(&self, pool_id: &str) -> Option<Counts> {
        self.0.locked(|state, _| {
            state
                .pools
                .get(pool_id)
                .map(|pool| Counts { users: pool.users.len(), sessions: pool.sessions.len() })
        })
    }
}
