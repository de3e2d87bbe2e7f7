//! One execution environment ("instance"): a function's process and the Runtime API it talks to.
//!
//! A process ends with its instance. If `local` itself is killed, the connection to the Runtime
//! API breaks, and `lambda_runtime` exits when it cannot ask for the next event or hand in an
//! answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::lambda::output::{Output, StartUpOutput, forward};
use crate::lambda::runtime_api::RuntimeApi;
use crate::user_pool::InvokeError;

/// How long a killed process may take to go, and its last lines to arrive.
const END_LIMIT: Duration = Duration::from_secs(2);

/// What Lambda calls a function that ended without an answer.
const EXIT_ERROR: &str = "Runtime.ExitError";

/// How to start a function.
#[derive(Clone)]
pub struct Launch {
    /// The function's name.
    pub name: String,
    /// Its executable.
    pub program: PathBuf,
    /// Its arguments; Lambda passes none.
    pub args: Vec<OsString>,
    /// Its own variables, beside those that Lambda sets (and over them, where both do). It gets
    /// nothing else of our environment.
    pub environment: BTreeMap<String, String>,
}

impl Launch {
    /// `program` as the function `name`.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        program: impl Into<PathBuf>,
        environment: BTreeMap<String, String>,
    ) -> Self {
        Self { name: name.into(), program: program.into(), args: Vec::new(), environment }
    }
}

/// Why an invocation gave no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The function answered with an error. The instance can go on.
    Function(InvokeError),
    /// The process ended; the instance is of no more use.
    Exited {
        /// Lambda's error.
        error: InvokeError,
        /// Whether the function had taken the event. If not, another instance may.
        taken: bool,
    },
}

/// A function's process. It handles one invocation at a time, and dropping it kills it.
pub struct Instance {
    child: Child,
    pid: u32,
    api: RuntimeApi,
    start_up: StartUpOutput,
    readers: [JoinHandle<()>; 2],
}

impl Instance {
    /// Starts the process. It is not [`ready`](Self::ready) yet.
    ///
    /// # Errors
    /// When the program cannot be started: Lambda's `Runtime.InvalidEntrypoint`.
    pub async fn start(launch: &Launch, output: &Output) -> Result<Self, InvokeError> {
        Self::start_with(launch, output, StartUpOutput::default()).await
    }

    /// The same, with its output held back until [`release_output`](Self::release_output).
    pub(super) async fn start_held(launch: &Launch, output: &Output) -> Result<Self, InvokeError> {
        Self::start_with(launch, output, StartUpOutput::held()).await
    }

    async fn start_with(
        launch: &Launch,
        output: &Output,
        start_up: StartUpOutput,
    ) -> Result<Self, InvokeError> {
        Self::spawn(launch, output, start_up).await.map_err(|error| InvokeError::Function {
            error_type: "Runtime.InvalidEntrypoint".to_owned(),
            message: format!("Error: cannot start {}: {error}", launch.program.display()),
        })
    }

    async fn spawn(launch: &Launch, output: &Output, start_up: StartUpOutput) -> io::Result<Self> {
        let program = launch.program.canonicalize()?;
        let api = RuntimeApi::serve(&launch.name).await?;
        let mut command = Command::new(&program);
        command.args(&launch.args).env_clear();
        command.envs(lambda_environment(&launch.name));
        command.env("AWS_LAMBDA_RUNTIME_API", api.address().to_string());
        if let Some(directory) = program.parent() {
            command.current_dir(directory);
            command.env("LAMBDA_TASK_ROOT", directory);
        }
        command.envs(&launch.environment);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C in a terminal is for us, not for a function in the middle of a call.
        #[cfg(unix)]
        command.process_group(0);

        let mut child = command.spawn()?;
        let (Some(pid), Some(stdout), Some(stderr)) =
            (child.id(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the process has no output"));
        };
        let name: Arc<str> = launch.name.as_str().into();
        let readers = [
            forward(Arc::clone(&name), stdout, output.clone(), start_up.clone()),
            forward(name, stderr, output.clone(), start_up.clone()),
        ];
        Ok(Self { child, pid, api, start_up, readers })
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the function asks for its first event, which ends its initialisation.
    ///
    /// # Errors
    /// When the process ends before.
    pub async fn ready(&mut self) -> Result<(), InvokeError> {
        tokio::select! {
            biased;
            () = self.api.asked() => Ok(()),
            status = self.child.wait() => Err(self.exit_error(None, status)),
        }
    }

    /// Hands `event` to the function and waits for its answer, however long that takes: `limit` is
    /// only passed to the function as its deadline. A caller that gives up must not use the
    /// instance again.
    ///
    /// # Errors
    /// When the function answers with an error, or its process ends.
    pub async fn invoke(&mut self, event: Bytes, limit: Duration) -> Result<Bytes, Failure> {
        let (id, mut answer) = self.api.invoke(event, limit);
        let status = tokio::select! {
            biased;
            Ok(reply) = &mut answer => return reply.map_err(Failure::Function),
            status = self.child.wait() => status,
        };
        // A function may answer and end in one breath: the answer counts.
        if let Ok(reply) = answer.try_recv() {
            return reply.map_err(Failure::Function);
        }
        Err(Failure::Exited {
            taken: self.api.has_taken(&id),
            error: self.exit_error(Some(&id), status),
        })
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What the process wrote first, up to a few thousand characters: when it did not start, the
    /// reason.
    #[must_use]
    pub fn start_up_output(&self) -> String {
        self.start_up.text()
    }

    /// Passes on the output that was held back.
    pub(super) fn release_output(&self, launch: &Launch, output: &Output) {
        self.start_up.release(&launch.name, output);
    }

    /// Kills the process and waits until it is gone and its last line has been passed on.
    pub async fn end(&mut self) {
        // It fails only when the process has ended already.
        drop(self.child.start_kill());
        drop(timeout(END_LIMIT, self.child.wait()).await);
        for reader in &mut self.readers {
            // A process that the function started may hold its output open.
            if !reader.is_finished() {
                drop(timeout(END_LIMIT, reader).await);
            }
        }
    }

    fn exit_error(&self, id: Option<&str>, status: io::Result<ExitStatus>) -> InvokeError {
        if let Some(error) = self.api.init_error() {
            return error;
        }
        let request = id.map(|id| format!("RequestId: {id} ")).unwrap_or_default();
        InvokeError::Function {
            error_type: EXIT_ERROR.to_owned(),
            message: format!("{request}Error: Runtime exited {}", exit_description(status)),
        }
    }
}

fn exit_description(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) if status.success() => "without providing a reason".to_owned(),
        Ok(status) => match status.code() {
            Some(code) => format!("with error: exit status {code}"),
            None => format!("with error: signal: {}", signal_name(status)),
        },
        Err(error) => format!("with error: {error}"),
    }
}

/// A signal as Lambda's supervisor, a Go program, names it.
#[cfg(unix)]
fn signal_name(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(2) => "interrupt".to_owned(),
        Some(4) => "illegal instruction".to_owned(),
        Some(6) => "aborted".to_owned(),
        Some(8) => "floating point exception".to_owned(),
        Some(9) => "killed".to_owned(),
        Some(11) => "segmentation fault".to_owned(),
        Some(15) => "terminated".to_owned(),
        Some(other) => format!("signal {other}"),
        None => "unknown".to_owned(),
    }
}

#[cfg(not(unix))]
fn signal_name(status: ExitStatus) -> String {
    status.to_string()
}

/// The variables that Lambda sets for a function on an OS-only runtime.
fn lambda_environment(function: &str) -> [(&'static str, String); 18] {
    [
        ("_HANDLER", "bootstrap".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}")),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}
