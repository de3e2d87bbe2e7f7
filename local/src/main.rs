//! The command `cognito-otp`: options, signals, and what it prints.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local::client::Client;
use local::protocol::arn::REGION;
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, DEFAULT_CLIENT_ID, DEFAULT_POOL_ID, SECRET_CLIENT_ID, SECRET_CLIENT_SECRET,
    SignUpMode,
};
use local::{Config, Local, Source};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A loopback Cognito user pool that runs the functions, for any Cognito client.
///
/// Settings of the functions, such as CODE_LENGTH or MEDIA, are taken from the environment.
#[derive(Parser)]
#[command(name = "cognito-otp", version)]
struct Arguments {
    /// The port to listen on at 127.0.0.1; 0 picks a free one [default: 9500, with demo 0].
    #[arg(long, global = true)]
    port: Option<u16>,

    /// Run the functions in this folder (NAME/bootstrap or NAME) instead of building them.
    #[arg(long, global = true, value_name = "DIR")]
    functions: Option<PathBuf>,

    /// Invoke functions that something else runs, such as `cargo lambda watch` on
    /// http://127.0.0.1:9000.
    #[arg(long, global = true, value_name = "URL", conflicts_with = "functions")]
    lambda_endpoint: Option<String>,

    /// Keep user pools, their app clients, users and keys in this file from run to run.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Play one whole sign-in, step by step, and exit with 0 if all of it held.
    Demo,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, there is nothing left to do.
            let _ = writeln!(io::stderr(), "cognito-otp: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let demo = arguments.command.is_some();
    if demo && arguments.state.is_some() {
        return Err("--state cannot be used with demo".into());
    }
    let port = arguments.port.unwrap_or(if demo { 0 } else { 9500 });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.map_err(|error| {
        format!(
            "cannot listen on {address}: {error}; choose another port with --port, e.g. --port 0"
        )
    })?;
    let source = match (arguments.functions, arguments.lambda_endpoint) {
        (Some(directory), _) => Source::Directory(directory),
        (None, Some(url)) => Source::Endpoint(url),
        (None, None) => Source::Build,
    };
    let mut variables = variables();
    if demo {
        // The demo prints the steps; the functions log only warnings and errors.
        variables.entry("AWS_LAMBDA_LOG_LEVEL".to_owned()).or_insert("WARN".to_owned());
    }
    let sign_up = local::settings::sign_up(&variables);
    let config = Config { source, variables, state: arguments.state, ..Config::default() };
    let mut stop = StopSignals::new()?;
    let local = tokio::select! {
        local = Local::start(listener, config) => local?,
        () = stop.wait() => return Ok(()),
    };
    if demo { run_demo(local, sign_up, stop).await } else { serve(local, stop).await }
}

async fn serve(local: Local, mut stop: StopSignals) -> Result<(), Box<dyn Error>> {
    print_environment(&local.url())?;
    local.serve(async move { stop.wait().await }).await?;
    Ok(())
}

async fn run_demo(
    local: Local,
    sign_up: SignUpMode,
    mut stop: StopSignals,
) -> Result<(), Box<dyn Error>> {
    let client = Client::new(local.url());
    let (end, ended) = oneshot::channel();
    let server = tokio::spawn(local.serve(async move {
        tokio::select! {
            _ = ended => {}
            () = stop.wait() => {}
        }
    }));
    let result = local::demo::demo(&client, sign_up, &mut io::stdout()).await;
    // The server may have ended by itself, on a signal.
    let _ = end.send(());
    server.await??;
    Ok(result?)
}

/// Ctrl-C or SIGTERM.
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Prints the environment of a client, as lines for a shell.
fn print_environment(url: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "# A user pool is ready at {url}; what it sends is shown there.")?;
    writeln!(out, "# In another terminal:")?;
    for (name, value) in [
        ("AWS_ENDPOINT_URL", url),
        // The AWS CLI's version 1 and boto3 read the second of these alone.
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("USER_POOL_ID", DEFAULT_POOL_ID),
        ("CLIENT_ID", DEFAULT_CLIENT_ID),
        // For passwords and SRP without a code; the client before is as the template's.
        ("CLIENT_ID_ANY_FLOW", ANY_FLOW_CLIENT_ID),
    ] {
        writeln!(out, "export {name}={value}")?;
    }
    writeln!(out, "# There is a client with a secret, too:")?;
    writeln!(out, "#   CLIENT_ID={SECRET_CLIENT_ID}")?;
    writeln!(out, "#   CLIENT_SECRET={SECRET_CLIENT_SECRET}")?;
    out.flush()
}

#[expect(clippy::disallowed_methods, reason = "where the functions' settings come from")]
fn variables() -> BTreeMap<String, String> {
    let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(utf8).collect()
}
