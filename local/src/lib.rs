//! A loopback Amazon Cognito user pool for a developer's machine: any Cognito client signs in
//! against it, and the shipped function binaries answer its triggers through the Lambda
//! Runtime API.
//!
//! The rooms, each of which uses only those that its first lines name:
//! - `http`: routes, wire formats, the page;
//! - [`services`]: SNS, SES, STS, and DynamoDB with the ledger's table in memory;
//! - [`user_pool`]: `flow` (signing in, with the triggers), `operations` (what else can be called),
//!   `model` (data and rules);
//! - [`identity_pool`]: AWS credentials for users of the user pool, and for guests;
//! - [`lambda`]: builds, starts and calls the functions;
//! - [`protocol`]: what all services share: request and reply formats, errors, JWT keys, HMACs.
//!
//! Beside them, [`clock`] and [`outbox`] are used by every room; [`Local`] puts the rooms together
//! on a listener that its caller owns, with the functions' [`settings`] and the [`state_file`];
//! [`demo`] is one sign-in, step by step, through a [`client`].
//!
//! Not responsible for: decisions about codes (the functions make them, in `otp` and their own
//! crates), hosted pages, or access from another machine.

pub mod client;
pub mod clock;
pub mod demo;
mod http;
pub mod identity_pool;
pub mod lambda;
pub mod outbox;
pub mod protocol;
pub mod services;
pub mod settings;
pub mod state_file;
pub mod user_pool;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::identity_pool::IdentityPools;
use crate::lambda::{CallLog, Endpoint, Functions, Options, Output, Programs, Progress};
use crate::outbox::Outbox;
use crate::protocol::credentials::Vault;
use crate::protocol::signing_key::SigningKey;
use crate::services::dynamodb::{DynamoDb, DynamoDbError, LEDGER_TABLE};
use crate::services::sts::Sts;
use crate::user_pool::Invoke;
use crate::user_pool::{InitialPools, UserPools};

/// Where the functions come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Built by cargo out of this workspace.
    #[default]
    Build,
    /// Ready in this folder, as `NAME/bootstrap` or `NAME`.
    Directory(PathBuf),
    /// Run by another program, which answers Lambda's `Invoke` at this URL.
    Endpoint(String),
}

/// How to run.
#[derive(Clone)]
pub struct Config {
    /// Where the functions come from.
    pub source: Source,
    /// The variables that may be settings of the functions; see [`settings`].
    pub variables: BTreeMap<String, String>,
    /// Where the functions' output goes.
    pub output: Output,
    /// Where progress of a slow build is reported.
    pub progress: Progress,
    /// The clock of the pools. The functions use the system's.
    pub clock: Clock,
    /// The file that keeps the pools between runs, if any.
    pub state: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: Source::Build,
            variables: BTreeMap::new(),
            output: Output::Stderr,
            progress: Progress::stderr(),
            clock: Clock::system(),
            state: None,
        }
    }
}

/// Why `local` cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener has no address.
    #[error("the listener has no address: {0}")]
    Listener(#[from] io::Error),
    /// Another machine could reach the listener.
    #[error("{0} is not a loopback address; cognito-otp listens on 127.0.0.1 or [::1] only")]
    NotLoopback(SocketAddr),
    /// The functions cannot be built, or were not found.
    #[error(transparent)]
    Functions(#[from] lambda::CompileError),
    /// A function does not start, because of an invalid setting for instance.
    #[error(transparent)]
    Function(#[from] lambda::StartError),
    /// The embedded DynamoDB does not start.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// The state file is invalid.
    #[error(transparent)]
    State(#[from] state_file::StateError),
    /// The address of the functions is invalid.
    #[error(transparent)]
    Endpoint(#[from] lambda::InvalidEndpoint),
}

/// A user pool that serves, until it is dropped.
pub struct Local {
    address: SocketAddr,
    functions: Option<Functions>,
    services: http::Services,
    state: Option<PathBuf>,
    /// The one task that serves, and what ends it.
    server: JoinSet<io::Result<()>>,
    end: oneshot::Sender<()>,
}

impl Local {
    /// Builds and starts the functions, and makes the user pool that answers on `listener`: from
    /// here on, because a function that starts opens its connections.
    ///
    /// # Errors
    /// When `listener` is not on loopback or a function cannot be built or started.
    pub async fn start(listener: TcpListener, config: Config) -> Result<Self, StartError> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let snapshot = config.state.as_deref().map(state_file::load).transpose()?.flatten();
        let url = url(address);
        let calls = CallLog::new(config.clock.clone());
        let (functions, invoke): (_, Arc<dyn Invoke>) = match &config.source {
            Source::Endpoint(url) => {
                (None, Arc::new(Endpoint::new(url, lambda::TRIGGER_TIMEOUT, calls.clone())?))
            }
            Source::Build | Source::Directory(_) => {
                let functions = functions(&config, &url, calls.clone()).await?;
                (Some(functions.clone()), Arc::new(functions))
            }
        };
        let table = config.variables.get("LEDGER_TABLE").filter(|name| !name.is_empty());
        let dynamodb = DynamoDb::new(table.map_or(LEDGER_TABLE, String::as_str))?;
        let outbox = Outbox::default();
        let clock = config.clock;
        let pools = match snapshot {
            Some(snapshot) => {
                let (clock, outbox) = (clock.clone(), outbox.clone());
                UserPools::restored(snapshot, &url, clock, outbox, invoke, generator())
            }
            None => {
                let lifetime = settings::code_lifetime(&config.variables);
                let sign_up = settings::sign_up(&config.variables);
                let initial = InitialPools::new(url.clone(), lifetime, sign_up);
                UserPools::new(initial, clock.clone(), outbox.clone(), invoke, generator())
            }
        };
        let vault = Vault::generate(&mut generator());
        let identities = IdentityPools::new(
            &url,
            SigningKey::new(),
            pools.clone(),
            vault.clone(),
            clock.clone(),
            generator(),
        );
        let sts = Sts::new(Arc::new(identities.clone()), vault, clock.clone(), generator());
        let services = http::Services { pools, identities, sts, dynamodb, outbox, calls, clock };
        let (end, ended) = oneshot::channel();
        let mut server = JoinSet::new();
        let router = http::router(services.clone());
        server.spawn(async move {
            let ended = async move { drop(ended.await) };
            axum::serve(listener, router).with_graceful_shutdown(ended).await
        });
        if let Some(functions) = &functions {
            functions.warm().await?;
        }
        Ok(Self { address, functions, services, state: config.state, server, end })
    }

    /// Where it answers, such as `http://127.0.0.1:9500`.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// The messages sent.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        self.services.outbox.clone()
    }

    /// The functions, if they are processes of ours.
    #[must_use]
    pub fn functions(&self) -> Option<Functions> {
        self.functions.clone()
    }

    /// Serves until `shutdown` ends, then ends the functions.
    ///
    /// # Errors
    /// When the listener fails, or the state file cannot be written at the end.
    pub async fn serve(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let Self { functions, services, state, mut server, end, .. } = self;
        let (stop, stopped) = oneshot::channel();
        let keep = state.map(|path| {
            tokio::spawn(state_file::save_changes(services.pools.clone(), path, stopped))
        });
        let ended = async move {
            shutdown.await;
            if let Some(functions) = functions {
                functions.shutdown().await;
            }
            drop(end);
        };
        tokio::pin!(ended);
        let served = tokio::select! {
            served = server.join_next() => served,
            () = &mut ended => server.join_next().await,
        };
        let served = served.unwrap_or(Ok(Ok(()))).map_err(io::Error::other)?;
        drop(stop);
        if let Some(keep) = keep {
            keep.await.map_err(io::Error::other)??;
        }
        served
    }
}

async fn functions(config: &Config, url: &str, calls: CallLog) -> Result<Functions, StartError> {
    let programs = match &config.source {
        Source::Directory(directory) => Programs::in_directory(directory)?,
        Source::Build | Source::Endpoint(_) => Programs::build(&config.progress).await?,
    };
    let environment = settings::environment(&config.variables, url, &mut generator());
    let options = Options { output: config.output.clone(), calls, ..Options::default() };
    Ok(Functions::new(programs.launches(|_| environment.clone()), options))
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[expect(clippy::disallowed_methods, reason = "where `local` gets its randomness from")]
fn generator() -> StdRng {
    StdRng::from_rng(&mut rand::rng())
}
