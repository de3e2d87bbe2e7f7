//! What is measured: the floor, the three functions and their likes on Node.js; what each is asked,
//! and what its answer must be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use local::lambda::{Launch, Programs, Progress, Trigger};
use serde_json::{Value, json};
use test_support::fixtures::{self, CODE_KEY};
use tokio::process::Command;
use tokio::time::timeout;

use crate::cloud::{Cloud, Done};
use crate::node::Node;
use crate::{BUILD_LIMIT, Failure};

/// On what a subject runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A function that does nothing.
    Floor,
    /// One of ours.
    Rust,
    /// One of ours, in another build.
    Before,
    /// The same work on Node.js.
    Node,
}

/// What is measured.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// None for the floor.
    pub(crate) trigger: Option<Trigger>,
    pub(crate) launch: Launch,
    event: Value,
}

impl Subject {
    /// What it is called in the tables.
    pub(crate) fn name(&self) -> String {
        let name = self
            .trigger
            .map_or("floor", |trigger| trigger.function().split('-').next().unwrap_or_default());
        let on = match self.kind {
            Kind::Floor | Kind::Rust => "",
            Kind::Before => " (before)",
            Kind::Node => " (Node)",
        };
        format!("{name}{on}")
    }

    /// Whether it is the floor, or of the trigger that is called `name` here.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        self.kind == Kind::Floor || self.name().split(' ').next() == Some(name)
    }

    /// The `number`th event. Create gets another user's each time: a first sign-in.
    pub(crate) fn event(&self, number: usize) -> Bytes {
        let mut event = self.event.clone();
        if let Some(phone) = event.pointer_mut("/request/userAttributes/phone_number") {
            *phone = json!(format!("+81901{number:07}"));
        }
        Bytes::from(event.to_string())
    }

    /// Whether `answer` is right, and `done` what it takes.
    pub(crate) fn check(&self, answer: &[u8], done: Done) -> Result<(), Failure> {
        let answer: Value = serde_json::from_slice(answer)?;
        let get = |name| answer.pointer("/response").and_then(|response| response.pointer(name));
        let (right, expected) = match self.trigger {
            None => (get("/challengeName") == Some(&Value::Null), Done::default()),
            Some(Trigger::DefineAuthChallenge) => {
                (get("/challengeName") == Some(&json!("CUSTOM_CHALLENGE")), Done::default())
            }
            Some(Trigger::VerifyAuthChallengeResponse) => {
                (get("/answerCorrect") == Some(&json!(true)), Done::default())
            }
            Some(Trigger::CreateAuthChallenge) => {
                let nonce = get("/privateChallengeParameters/nonce").and_then(Value::as_str);
                // An earlier build may read more often.
                let gets = if self.kind == Kind::Before { done.gets } else { 1 };
                let expected = Done { gets, puts: 2, sent: 1, other: 0 };
                (nonce.is_some_and(|nonce| nonce.len() == 22), expected)
            }
        };
        if right && expected == (Done { other: 0, ..done }) {
            return Ok(());
        }
        Err(format!("{} answered wrongly, or did {done:?}", self.name()).into())
    }

    /// The size of the program in bytes, and that of a ZIP file with it. Node.js and the AWS SDK are
    /// there on Lambda, so there is nothing to compare.
    pub(crate) fn sizes(&self) -> Result<Option<(usize, usize)>, Failure> {
        if self.kind == Kind::Node {
            return Ok(None);
        }
        /// The headers of a ZIP file with one entry, `bootstrap`.
        const HEADERS: usize = 30 + 46 + 22 + 2 * "bootstrap".len();
        let program = fs::read(&self.launch.program)?;
        let deflated = miniz_oxide::deflate::compress_to_vec(&program, 9).len();
        Ok(Some((program.len(), deflated + HEADERS)))
    }
}

/// All of them, built; and those in `before`.
pub(crate) async fn all(
    cloud: &Cloud,
    node: Option<&Node>,
    before: Option<&Path>,
) -> Result<Vec<Subject>, Failure> {
    let programs = timeout(BUILD_LIMIT, Programs::build(&Progress::stderr())).await??;
    let settings = [
        ("CODE_KEY", CODE_KEY.to_owned()),
        ("EMAIL_FROM", "sign-in@example.com".to_owned()),
        ("LEDGER_TABLE", "ledger".to_owned()),
        ("SMS_COUNTRIES", "*".to_owned()),
    ];
    let environment: BTreeMap<String, String> = settings
        .into_iter()
        .chain(cloud.environment())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let mut subjects = vec![Subject {
        kind: Kind::Floor,
        trigger: None,
        launch: Launch::new("floor", floor().await?, BTreeMap::new()),
        // As much to carry as define has.
        event: event(Trigger::DefineAuthChallenge),
    }];
    let launches = |programs: Programs| programs.launches(|_| environment.clone());
    let mut before = before.map(Programs::in_directory).transpose()?.map(launches);
    let mut now = launches(programs);
    for trigger in Trigger::ALL {
        let all = [
            (Kind::Before, before.as_mut().and_then(|before| before.remove(&trigger))),
            (Kind::Rust, now.remove(&trigger)),
            (Kind::Node, node.map(|node| node.launch(trigger, environment.clone()))),
        ];
        for (kind, launch) in all {
            let Some(launch) = launch else { continue };
            subjects.push(Subject { kind, trigger: Some(trigger), launch, event: event(trigger) });
        }
    }
    Ok(subjects)
}

/// The event of a sign-in's first round, or the right answer to it.
fn event(trigger: Trigger) -> Value {
    fixtures::event(match trigger {
        Trigger::DefineAuthChallenge => "define-first-round",
        Trigger::CreateAuthChallenge => "create-first-round",
        Trigger::VerifyAuthChallengeResponse => "verify-right-answer",
    })
}

/// The workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Builds the floor, by itself as the functions are, and says where it is.
async fn floor() -> Result<PathBuf, Failure> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", "bench", "--bin", "floor"]);
    cargo.args(["--message-format=json-render-diagnostics"]);
    cargo.current_dir(workspace()).kill_on_drop(true);
    let built = timeout(BUILD_LIMIT, cargo.output()).await??;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned().into());
    }
    let messages = String::from_utf8(built.stdout)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables =
        messages.filter_map(|message| Some(message.get("executable")?.as_str()?.into()));
    executables.next().ok_or_else(|| "cargo built no floor".into())
}
