//! A loopback Amazon Cognito user pool for a developer's machine: any Cognito client signs in
//! against it, and the three shipped function binaries answer its triggers through the Lambda
//! Runtime API.
//!
//! The map, from the inside out:
//! - [`pool`]: the user pool as plain data, its operations and its rules;
//! - [`identity`]: identity pools, which trust it; [`sts`] trusts them; both give [`credentials`];
//! - [`lambda`]: builds, runs and invokes the functions;
//! - [`dynamodb`]: the ledger's table, in memory;
//! - [`outbox`]: what was sent, instead of sending it; [`sns`] and [`ses`] put it there;
//! - [`jwt`], [`json`], [`form`] and [`xml`]: what several services share;
//! - [`state_file`]: the pools between two runs;
//! - `server`: HTTP around all of these; [`settings`]: what the functions are told;
//! - [`Local`]: everything together, on a listener that its caller owns;
//! - [`demo`]: one whole sign-in, told step by step.
//!
//! Not responsible for: deciding anything about codes (the functions do, in `otp` and the three
//! trigger crates), hosted pages, or being reachable from another machine.

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
    /// Run by something else, which answers Lambda's `Invoke` at this URL.
    Endpoint(String),
}

/// How to run.
#[derive(Clone)]
pub struct Config {
    /// Where the functions come from.
    pub source: Source,
    /// The variables among which the functions' settings are; see [`settings`].
    pub variables: BTreeMap<String, String>,
    /// Where the functions' own lines go.
    pub output: Output,
    /// Where a slow build says that it goes on.
    pub progress: Progress,
    /// The time of day, for the pool. The functions have the system's.
    pub clock: Clock,
    /// The file that keeps the pools between runs, if they are to be kept.
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
    /// The listener is of no use.
    #[error("the listener has no address: {0}")]
    Listener(#[from] io::Error),
    /// Another machine could reach the listener.
    #[error("{0} is not a loopback address; cognito-otp listens on 127.0.0.1 or [::1] only")]
    NotLoopback(SocketAddr),
    /// There are no functions to run.
    #[error(transparent)]
    Functions(#[from] lambda::CompileError),
    /// A function does not start: one of its settings is refused, for instance.
    #[error(transparent)]
    Function(#[from] lambda::StartError),
    /// The ledger has no database.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// The state file is of no use.
    #[error(transparent)]
    State(#[from] state_file::StateError),
    /// The functions' address is none.
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
                let initial = InitialPools::new(url.clone());
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

    /// What it has sent.
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
