//! Node.js, if it is there: installs what `node/package-lock.json` says, under cargo's target folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use local::lambda::{Launch, Trigger};
use tokio::process::Command;
use tokio::time::timeout;

use crate::subject::workspace;
use crate::{BUILD_LIMIT, BenchError, CALL_LIMIT};

/// What is copied next to the packages.
const FILES: [&str; 8] = [
    ".npmrc",
    "package.json",
    "package-lock.json",
    "code.mjs",
    "define.mjs",
    "create.mjs",
    "verify.mjs",
    "runtime.mjs",
];

/// Node.js, ready to run the triggers.
pub(crate) struct Node {
    folder: PathBuf,
    executable: PathBuf,
    /// `v20.20.2`, for instance.
    pub(crate) version: String,
    /// AWS's Runtime Interface Client, or ours.
    pub(crate) runtime: &'static str,
    script: PathBuf,
}

impl Node {
    /// Finds Node.js and installs the packages under `target`; none where there is no Node.js.
    pub(crate) async fn find(target: &std::path::Path) -> Result<Option<Self>, BenchError> {
        let mut ask = Command::new("node");
        ask.args(["-p", "process.version + ' ' + process.execPath"]).kill_on_drop(true);
        let Ok(output) = timeout(CALL_LIMIT, ask.output()).await? else { return Ok(None) };
        let output = String::from_utf8(output.stdout)?;
        let (version, executable) =
            output.trim().split_once(' ').ok_or("node printed no version")?;

        let folder = target.join("bench-node");
        fs::create_dir_all(&folder)?;
        let stamp = folder.join("installed");
        let lock = fs::read(workspace().join("bench/node/package-lock.json"))?;
        for file in FILES {
            fs::copy(workspace().join("bench/node").join(file), folder.join(file))?;
        }
        if fs::read(&stamp).ok().as_ref() != Some(&lock) {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder);
            npm.stdout(Stdio::null()).kill_on_drop(true);
            if !timeout(BUILD_LIMIT, npm.status()).await??.success() {
                return Err("npm ci failed for the Node.js triggers".into());
            }
            fs::write(&stamp, lock)?;
        }
        // An optional dependency, because its native part needs cmake and more to build.
        let client = folder.join("node_modules/aws-lambda-ric");
        let (runtime, script) = if client.join("dist/rapid-client.node").exists() {
            ("AWS's Runtime Interface Client", client.join("bin/index.mjs"))
        } else {
            (
                "own Runtime API loop (AWS's Runtime Interface Client did not install)",
                folder.join("runtime.mjs"),
            )
        };
        let (version, executable) = (version.to_owned(), executable.into());
        Ok(Some(Self { folder, executable, version, runtime, script }))
    }

    /// How to start the trigger; none if it is not one of the custom challenge.
    pub(crate) fn launch(
        &self,
        trigger: Trigger,
        environment: BTreeMap<String, String>,
    ) -> Option<Launch> {
        let name = trigger.function().strip_suffix("-auth-challenge")?;
        let handler = self.folder.join(format!("{name}.handler"));
        let mut launch = Launch::new(trigger.function(), &self.executable, environment);
        launch.args = vec![self.script.clone().into(), handler.into()];
        Some(launch)
    }
}
