//! Where the functions' binaries are: in a folder, or built by cargo.
//!
//! Cargo is asked for their packages alone, so that they are built without the features that
//! the rest of the workspace would add. For release, each by itself, as it is to be shipped:
//! create's features of the HTTP crates would make the others half as large again.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Output as Finished, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::{MissedTickBehavior, interval};

use crate::lambda::process::Launch;
use crate::user_pool::Trigger;

/// A shorter build reports no progress.
const QUIET: Duration = Duration::from_secs(1);

/// How often a longer build reports progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// The functions' executables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs(BTreeMap<Trigger, PathBuf>);

/// Why there are no executables.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompileError {
    /// A folder that should hold them does not.
    #[error("{function} is neither at {} nor at {}", .bootstrap.display(), .bare.display())]
    Missing {
        /// The function's name.
        function: &'static str,
        /// Where `cargo lambda build` puts it.
        bootstrap: PathBuf,
        /// Where else it may be.
        bare: PathBuf,
    },
    /// Cargo cannot be started.
    #[error(
        "cannot run {cargo}: {reason}; install Rust from https://rustup.rs, or point to built \
         functions with --functions DIR"
    )]
    NoCargo {
        /// The command.
        cargo: String,
        /// The system's reason.
        reason: String,
    },
    /// Cargo failed, with this output.
    #[error("building the functions failed:\n{0}")]
    Failed(String),
    /// Cargo succeeded, but named no executable of this function.
    #[error("cargo built no executable for {0}")]
    NotBuilt(&'static str),
}

/// Receives a line now and then while a build takes long.
#[derive(Clone)]
pub struct Progress(Option<Arc<LineReceiver>>);

type LineReceiver = dyn Fn(&str) + Send + Sync;

impl Progress {
    /// Reports nothing.
    #[must_use]
    pub fn quiet() -> Self {
        Self(None)
    }

    /// Writes to our standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::new(|line| {
            // Nobody may be reading any more; the build goes on.
            drop(writeln!(io::stderr().lock(), "{line}"));
        })
    }

    /// Calls `tell` with each line of progress.
    #[must_use]
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    fn tell(&self, line: &str) {
        if let Some(tell) = &self.0 {
            tell(line);
        }
    }
}

impl Programs {
    /// Those in `directory`, as `NAME/bootstrap` (what `cargo lambda build` makes) or `NAME`.
    ///
    /// # Errors
    /// When one is missing.
    pub fn in_directory(directory: &Path) -> Result<Self, CompileError> {
        Self::for_each_trigger(|trigger| {
            let bare = directory.join(trigger.function());
            let bootstrap = bare.join("bootstrap");
            if bootstrap.is_file() {
                Ok(bootstrap)
            } else if bare.is_file() {
                Ok(bare)
            } else {
                Err(CompileError::Missing { function: trigger.function(), bootstrap, bare })
            }
        })
    }

    /// Builds them with cargo, in the profile that we were built with. It happens once in a
    /// process, however many ask.
    ///
    /// # Errors
    /// When cargo is missing or fails.
    pub async fn build(progress: &Progress) -> Result<Self, CompileError> {
        static BUILT: OnceCell<Programs> = OnceCell::const_new();
        let built = BUILT.get_or_try_init(|| async {
            let mut messages = Vec::new();
            for command in build_commands(&cargo(), !cfg!(debug_assertions)) {
                messages.extend(run_cargo(command, progress).await?);
            }
            Self::from_messages(&messages)
        });
        built.await.cloned()
    }

    /// The executable of the function behind `trigger`.
    #[must_use]
    pub fn path(&self, trigger: Trigger) -> Option<&Path> {
        self.0.get(&trigger).map(PathBuf::as_path)
    }

    /// How to start each, with the variables that `environment` gives for it.
    #[must_use]
    pub fn launches(
        &self,
        environment: impl Fn(Trigger) -> BTreeMap<String, String>,
    ) -> BTreeMap<Trigger, Launch> {
        let launches = self.0.iter().map(|(&trigger, program)| {
            let launch = Launch::new(trigger.function(), program, environment(trigger));
            (trigger, launch)
        });
        launches.collect()
    }

    fn for_each_trigger(
        find: impl Fn(Trigger) -> Result<PathBuf, CompileError>,
    ) -> Result<Self, CompileError> {
        let found = Trigger::ALL.into_iter().map(|trigger| Ok((trigger, find(trigger)?)));
        found.collect::<Result<_, _>>().map(Self)
    }

    /// Reads the executables' paths from cargo's messages, one JSON object a line.
    fn from_messages(messages: &[u8]) -> Result<Self, CompileError> {
        let built: BTreeMap<String, PathBuf> = messages
            .split(|&byte| byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Artifact>(line).ok())
            .filter_map(|artifact| Some((artifact.target.name, artifact.executable?)))
            .collect();
        Self::for_each_trigger(|trigger| {
            let path = built.get(trigger.function()).cloned();
            path.ok_or(CompileError::NotBuilt(trigger.function()))
        })
    }
}

/// What we read of a `compiler-artifact` message.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Runs the build and returns cargo's messages.
async fn run_cargo(mut command: Command, progress: &Progress) -> Result<Vec<u8>, CompileError> {
    let cargo = command.as_std().get_program().to_string_lossy().into_owned();
    let no_cargo = |error: io::Error| CompileError::NoCargo {
        cargo: cargo.clone(),
        reason: error.to_string(),
    };
    let build = command.spawn().map_err(no_cargo)?.wait_with_output();
    let Finished { status, stdout, stderr } =
        with_progress(build, progress).await.map_err(no_cargo)?;
    if status.success() {
        Ok(stdout)
    } else {
        let said = String::from_utf8_lossy(&stderr).trim().to_owned();
        Err(CompileError::Failed(said))
    }
}

/// One for all of them, or one for each that is shipped.
fn build_commands(cargo: &OsStr, release: bool) -> Vec<Command> {
    let together = if release { 1 } else { Trigger::ALL.len() };
    Trigger::ALL.chunks(together).map(|triggers| build_command(cargo, triggers, release)).collect()
}

fn build_command(cargo: &OsStr, triggers: &[Trigger], release: bool) -> Command {
    let mut command = Command::new(cargo);
    command.arg("build").arg("--message-format=json-render-diagnostics");
    for trigger in triggers {
        command.args(["--package", trigger.function()]);
    }
    if release {
        command.arg("--release");
    }
    if let Some(workspace) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() {
        command.current_dir(workspace);
    }
    for variable in cargo_variables() {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Waits for `build`, and reports progress when that takes long.
async fn with_progress<T>(build: impl Future<Output = T>, progress: &Progress) -> T {
    tokio::pin!(build);
    if let Ok(finished) = tokio::time::timeout(QUIET, &mut build).await {
        return finished;
    }
    progress.tell("building the functions (the first time: about two minutes)");
    let mut waited = QUIET;
    let mut ticks = interval(PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            biased;
            finished = &mut build => return finished,
            _ = ticks.tick() => {
                waited += PROGRESS_EVERY;
                let seconds = waited.as_secs();
                progress.tell(&format!("building the functions … {seconds} s"));
            }
        }
    }
}

/// The cargo that runs us, if one does.
#[expect(
    clippy::disallowed_methods,
    reason = "which cargo to run is no setting of ours; cargo itself says it this way"
)]
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The variables that cargo adds when it runs a program or a test. Build scripts that look at
/// them would see ours instead of none, and so make cargo build their crates again.
#[expect(clippy::disallowed_methods, reason = "what cargo adds is only to be seen here")]
fn cargo_variables() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(is_cargo_variable)
}

fn is_cargo_variable(name: &OsString) -> bool {
    const EXACT: [&str; 8] = [
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    const PREFIXES: [&str; 2] = ["CARGO_BIN_EXE_", "CARGO_PKG_"];
    let name = name.as_os_str();
    EXACT.iter().any(|exact| name == OsStr::new(exact))
        || PREFIXES.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn executables_are_found_in_cargo_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"otp"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"define-auth-challenge"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"define-auth-challenge"},"executable":"/t/define-auth-challenge"}
{"reason":"compiler-artifact","target":{"name":"create-auth-challenge"},"executable":"/t/create-auth-challenge"}
{"reason":"compiler-artifact","target":{"name":"verify-auth-challenge"},"executable":"/t/verify-auth-challenge"}
{"reason":"compiler-artifact","target":{"name":"pre-sign-up"},"executable":"/t/pre-sign-up"}
{"reason":"build-finished","success":true}
"#;
        let programs = Programs::from_messages(messages).unwrap();
        for trigger in Trigger::ALL {
            let expected = Path::new("/t").join(trigger.function());
            assert_eq!(programs.path(trigger), Some(expected.as_path()));
        }
        let error = Programs::from_messages(b"").unwrap_err();
        assert!(matches!(error, CompileError::NotBuilt("define-auth-challenge")));
    }

    #[test]
    fn function_directory_is_accepted_in_both_layouts() {
        let folder = std::env::temp_dir().join(format!("functions-{}", std::process::id()));
        fs::create_dir_all(folder.join("create-auth-challenge")).unwrap();
        fs::write(folder.join("create-auth-challenge/bootstrap"), "").unwrap();
        fs::write(folder.join("define-auth-challenge"), "").unwrap();
        let error = Programs::in_directory(&folder).unwrap_err().to_string();
        assert!(error.starts_with("verify-auth-challenge is neither at "), "{error}");

        fs::write(folder.join("verify-auth-challenge"), "").unwrap();
        let error = Programs::in_directory(&folder).unwrap_err().to_string();
        assert!(error.starts_with("pre-sign-up is neither at "), "{error}");

        fs::write(folder.join("pre-sign-up"), "").unwrap();
        let programs = Programs::in_directory(&folder).unwrap();
        let create = folder.join("create-auth-challenge/bootstrap");
        assert_eq!(programs.path(Trigger::CreateAuthChallenge), Some(create.as_path()));
        fs::remove_dir_all(&folder).unwrap();
    }

    /// Builds with `cargo`.
    async fn build(cargo: &str) -> Result<Vec<u8>, CompileError> {
        let command = build_command(cargo.as_ref(), &Trigger::ALL, false);
        run_cargo(command, &Progress::quiet()).await
    }

    #[tokio::test]
    async fn missing_cargo_is_reported() {
        let error = build("no-such-cargo").await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("cannot run no-such-cargo: "), "{error}");
        assert!(error.contains("--functions DIR"), "{error}");
    }

    #[test]
    fn only_the_function_packages_are_built() {
        let asked = |release| -> Vec<String> {
            let commands = build_commands("cargo".as_ref(), release);
            // Set while this test runs, because cargo runs it.
            let removed = (OsStr::new("CARGO_PKG_NAME"), None);
            for command in &commands {
                assert!(command.as_std().get_envs().any(|each| each == removed));
            }
            let arguments = commands.iter().map(|command| {
                let arguments: Vec<_> = command.as_std().get_args().collect();
                arguments.join(OsStr::new(" ")).into_string().unwrap()
            });
            arguments.collect()
        };
        let start = "build --message-format=json-render-diagnostics";
        assert_eq!(
            asked(false),
            [format!(
                "{start} --package define-auth-challenge --package create-auth-challenge \
                 --package verify-auth-challenge --package pre-sign-up"
            )]
        );
        let alone =
            |trigger: Trigger| format!("{start} --package {} --release", trigger.function());
        assert_eq!(asked(true), Trigger::ALL.map(alone));
    }

    #[tokio::test]
    async fn failed_build_output_is_shown() {
        // A program that fails with a complaint about its first argument, `build`.
        let error = build("ls").await;
        let error = error.unwrap_err().to_string();
        let (first, said) = error.split_once('\n').unwrap();
        assert_eq!(first, "building the functions failed:");
        assert!(said.starts_with("ls: "), "{said}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_long_build_reports_progress() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&lines);
        let progress = Progress::new(move |line| told.lock().unwrap().push(line.to_owned()));

        with_progress(tokio::time::sleep(QUIET / 2), &progress).await;
        assert!(lines.lock().unwrap().is_empty());

        with_progress(tokio::time::sleep(QUIET + PROGRESS_EVERY * 5 / 2), &progress).await;
        assert_eq!(
            *lines.lock().unwrap(),
            [
                "building the functions (the first time: about two minutes)",
                "building the functions … 11 s",
                "building the functions … 21 s",
            ]
        );
    }

    #[test]
    fn only_variables_set_by_cargo_are_removed() {
        let theirs = ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_BIN_EXE_cognito-otp"];
        let users = ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTFLAGS", "PATH"];
        assert!(theirs.iter().all(|name| is_cargo_variable(&name.into())));
        assert!(!users.iter().any(|name| is_cargo_variable(&name.into())));
    }
}
