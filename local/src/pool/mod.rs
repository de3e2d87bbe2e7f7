//! The user pool: its data, its operations, its rules.
//!
//! [`UserPools`] takes an operation's name and its JSON body and gives back what Cognito would. The
//! map:
//! - `operations` is what can be called; `wire` reads requests and holds their `fields` to the API
//!   model; `error` is what can go wrong;
//! - `state` is all data, one lock around it: `config` and `client` what is set, `user` and `users`
//!   who there is, `session` who is signing in;
//! - `pools`, `clients` and `scopes` set things up, and `describe` shows them; `sign_up`, `admin`,
//!   `list_users`, `account` and `recovery` are about users: small functions that run under the lock;
//! - `auth` starts sign-ins and `respond` takes them on: `password_auth` with a password, sent or
//!   proved by `srp`; `flow` plays CUSTOM_AUTH with the triggers, whose shapes are in `event`, and is
//!   the only part that waits: it takes what it needs, gives the lock back, calls, and locks again
//!   to commit;
//! - `token` makes and checks JWTs, `id_token` checks one for others; `ticket` the opaque strings; `password`, `attempts`, `code`,
//!   `attribute`, `page`, `snapshot`, `secret_hash` and `mac` are what their names say.

mod account;
mod admin;
mod attempts;
mod attribute;
mod auth;
mod client;
mod clients;
mod code;
mod config;
mod describe;
mod error;
mod event;
mod fields;
mod flow;
mod id_token;
mod list_users;
mod operations;
mod page;
mod parameters;
mod password;
mod password_auth;
mod pools;
mod recovery;
mod respond;
mod scopes;
mod secret_hash;
mod session;
mod sign_up;
mod snapshot;
mod srp;
mod state;
mod ticket;
mod token;
mod user;
mod users;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::CryptoRng;
use serde_json::{Value, json};

pub use crate::pool::attribute::Contact;
pub use crate::pool::client::{AuthFlow, Client, PreventUserExistenceErrors, TimeUnit, Validity};
pub use crate::pool::config::{
    DEFAULT_CLIENT_ID, DEFAULT_POOL_ID, PoolConfig, PoolSettings, SECRET_CLIENT_ID,
    SECRET_CLIENT_SECRET, Settings, UserNames,
};
pub use crate::pool::id_token::IdToken;
pub use crate::pool::password::PasswordPolicy;
pub use crate::pool::secret_hash::secret_hash;
pub use crate::pool::snapshot::Snapshot;
pub use crate::protocol::signing_key::SigningKey;

use crate::clock::Clock;
use crate::lambda::Invoke;
use crate::outbox::Outbox;
use crate::pool::operations::{OfUser, Operation};
use crate::pool::state::State;
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::http_reply::HttpReply;
use crate::protocol::json_request::Request;

/// What every target starts with.
const TARGET_PREFIX: &str = "AWSCognitoIdentityProviderService.";

/// What an operation may use besides the data.
pub(crate) struct Ctx<'a> {
    pub(crate) now: Duration,
    pub(crate) rng: &'a mut dyn CryptoRng,
    pub(crate) outbox: &'a Outbox,
}

/// What is behind the lock.
struct Inner {
    state: State,
    rng: Box<dyn CryptoRng + Send>,
}

pub(crate) struct Shared {
    inner: Mutex<Inner>,
    clock: Clock,
    outbox: Outbox,
    /// Counts calls that may have changed something.
    changes: AtomicU64,
    pub(crate) functions: Arc<dyn Invoke>,
}

impl Shared {
    /// Runs `operation` alone. It must not wait for anything.
    pub(crate) fn locked<T>(&self, operation: impl FnOnce(&mut State, &mut Ctx<'_>) -> T) -> T {
        let now = self.clock.now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { state, rng } = &mut *inner;
        let mut ctx = Ctx { now, rng: rng.as_mut(), outbox: &self.outbox };
        operation(state, &mut ctx)
    }
}

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
    /// The pools of `settings`. Their keys are made in the background.
    #[must_use]
    pub fn new(
        settings: Settings,
        clock: Clock,
        outbox: Outbox,
        functions: Arc<dyn Invoke>,
        rng: impl CryptoRng + Send + 'static,
    ) -> Self {
        let mut rng: Box<dyn CryptoRng + Send> = Box::new(rng);
        let mut ctx = Ctx { now: clock.now(), rng: rng.as_mut(), outbox: &outbox };
        let state = State::new(settings, &mut ctx);
        let keys: Vec<SigningKey> = state.pools.values().map(|pool| pool.key.clone()).collect();
        std::thread::spawn(move || keys.iter().for_each(SigningKey::prepare));
        let inner = Mutex::new(Inner { state, rng });
        Self(Arc::new(Shared { inner, clock, outbox, functions, changes: AtomicU64::new(0) }))
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
        let operation = operations::named(name).ok_or_else(|| Error::unknown_operation())?;
        let request = request?;
        let answered = self.answer(name, operation, &request).await;
        // After the change, so that whoever saves on seeing the count saves it too.
        if !operations::only_reads(name) {
            shared.changes.fetch_add(1, Ordering::SeqCst);
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
                    Exception::USER_NOT_FOUND if name == "GlobalSignOut" => token::revoked(),
                    _ => error,
                })
            }
            Operation::Sign(run) => shared.locked(|state, ctx| run(state, ctx, request))?.renewed(),
            Operation::Initiate(by) => auth::initiate(shared, by, request).await,
            Operation::Respond(by) => respond::respond(shared, by, request).await,
        }
    }

    /// The names of the operations that are implemented.
    pub fn operations() -> impl Iterator<Item = &'static str> {
        operations::OPERATIONS.iter().map(|(name, _)| *name)
    }

    /// Runs an operation of the user whose access token the request holds.
    fn signed_in(&self, request: &Request, operation: OfUser) -> Result<Value> {
        let text = request.required(&fields::ACCESS_TOKEN)?;
        let signer = self.0.locked(|state, _| token::signer(state, text))?;
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
        self.0.changes.load(Ordering::SeqCst)
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
