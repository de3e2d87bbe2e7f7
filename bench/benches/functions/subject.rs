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

use crate::mock_aws::{CallCounts, MockAws};
use crate::node::Node;
use crate::{BUILD_LIMIT, BenchError};

/// On what a subject runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// A function that does nothing.
    Floor,
    /// One of ours.
    Rust,
    /// One of ours, in another build.
    PreviousBuild,
    /// The same work on Node.js.
    Node,
}

/// The answers that verify is asked to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It calls nothing.
    Wrong,
    /// It uses the code up in DynamoDB.
    Right,
}

/// What is measured.
pub(crate) struct Subject {
    pub(crate) kind: Implementation,
    /// None for the floor.
    pub(crate) trigger: Option<Trigger>,
    /// What it is asked, if the trigger is measured with more than one event.
    pub(crate) case: Option<Answer>,
    pub(crate) launch: Launch,
    event: Value,
}

impl Subject {
    /// What it is called in the tables.
    pub(crate) fn name(&self) -> String {
        let name = self
            .trigger
            .map_or("floor", |trigger| trigger.function().split('-').next().unwrap_or_default());
        let case = self.case.map(|case| match case {
            Answer::Wrong => "wrong",
            Answer::Right => "right",
        });
        let implementation = match self.kind {
            Implementation::Floor | Implementation::Rust => None,
            Implementation::PreviousBuild => Some("before"),
            Implementation::Node => Some("Node"),
        };
        match [case, implementation] {
            [None, None] => name.to_owned(),
            [Some(case), Some(implementation)] => format!("{name} ({case}, {implementation})"),
            [Some(one), None] | [None, Some(one)] => format!("{name} ({one})"),
        }
    }

    /// Whether it is the floor, or of the trigger that is called `name` here.
    pub(crate) fn belongs_to(&self, name: &str) -> bool {
        self.kind == Implementation::Floor || self.name().split(' ').next() == Some(name)
    }

    /// The `number`th event. Create gets another user's each time: a first sign-in. The other events
    /// are always the same; the parameters of verify's are sealed for their user.
    pub(crate) fn event(&self, number: usize) -> Bytes {
        let mut event = self.event.clone();
        if self.trigger == Some(Trigger::CreateAuthChallenge)
            && let Some(attributes) = event.pointer_mut("/request/userAttributes")
            && let Some(attributes) = attributes.as_object_mut()
        {
            let sub = format!("{number:08}-0a63-4a0e-9c6e-2f1d3b7a8c90");
            attributes.insert("sub".to_owned(), json!(sub));
            attributes.insert("phone_number".to_owned(), json!(format!("+81901{number:07}")));
        }
        Bytes::from(event.to_string())
    }

    /// Whether `answer` is right, and `counts` what it takes.
    pub(crate) fn verify_response(
        &self,
        answer: &[u8],
        counts: CallCounts,
    ) -> Result<(), BenchError> {
        let answer: Value = serde_json::from_slice(answer)?;
        let get = |name| answer.pointer("/response").and_then(|response| response.pointer(name));
        let (right, expected) = match self.trigger {
            None => (get("/challengeName") == Some(&Value::Null), CallCounts::default()),
            Some(Trigger::DefineAuthChallenge) => {
                (get("/challengeName") == Some(&json!("CUSTOM_CHALLENGE")), CallCounts::default())
            }
            Some(Trigger::VerifyAuthChallengeResponse) => {
                let is_right = self.case == Some(Answer::Right);
                // An earlier build may use nothing up.
                let updates = match self.kind {
                    Implementation::PreviousBuild => counts.updates,
                    _ => u64::from(is_right),
                };
                let expected = CallCounts { updates, ..CallCounts::default() };
                (get("/answerCorrect") == Some(&json!(is_right)), expected)
            }
            Some(Trigger::CreateAuthChallenge) => {
                let nonce = get("/privateChallengeParameters/nonce").and_then(Value::as_str);
                // An earlier build may read more often.
                let gets = if self.kind == Implementation::PreviousBuild { counts.gets } else { 1 };
                let expected = CallCounts { gets, puts: 2, sent: 1, ..CallCounts::default() };
                (nonce.is_some_and(|nonce| nonce.len() == 22), expected)
            }
            Some(Trigger::PreSignUp) => {
                let is_decided = get("/autoConfirmUser").is_some_and(Value::is_boolean);
                (is_decided, CallCounts::default())
            }
        };
        if right && expected == (CallCounts { other: 0, ..counts }) {
            return Ok(());
        }
        Err(format!(
            "{} returned an unexpected response or made unexpected calls: {counts:?}",
            self.name()
        )
        .into())
    }

    /// The size of the program in bytes, and that of a ZIP file with it. Node.js and the AWS SDK are
    /// there on Lambda, so there is nothing to compare.
    pub(crate) fn sizes(&self) -> Result<Option<(usize, usize)>, BenchError> {
        if self.kind == Implementation::Node {
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
pub(crate) async fn build_all(
    mock: &MockAws,
    node: Option<&Node>,
    before: Option<&Path>,
) -> Result<Vec<Subject>, BenchError> {
    let programs = timeout(BUILD_LIMIT, Programs::build(&Progress::stderr())).await??;
    let settings = [
        ("CODE_KEY", CODE_KEY.to_owned()),
        ("EMAIL_FROM", "sign-in@example.com".to_owned()),
        ("LEDGER_KEY", "another example key of some 40 different bytes".to_owned()),
        ("LEDGER_TABLE", "ledger".to_owned()),
        ("SMS_COUNTRIES", "*".to_owned()),
    ];
    let environment: BTreeMap<String, String> = settings
        .into_iter()
        .chain(mock.environment())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let mut subjects = vec![Subject {
        kind: Implementation::Floor,
        trigger: None,
        case: None,
        launch: Launch::new("floor", floor().await?, BTreeMap::new()),
        // As much to carry as define has.
        event: fixtures::event("define-first-round"),
    }];
    let launches = |programs: Programs| programs.launches(|_| environment.clone());
    let mut before = before.map(Programs::in_directory).transpose()?.map(launches);
    let mut now = launches(programs);
    for trigger in Trigger::ALL {
        let all = [
            (
                Implementation::PreviousBuild,
                before.as_mut().and_then(|before| before.remove(&trigger)),
            ),
            (Implementation::Rust, now.remove(&trigger)),
            (Implementation::Node, node.map(|node| node.launch(trigger, environment.clone()))),
        ];
        for (kind, launch) in all {
            let Some(launch) = launch else { continue };
            for (case, event) in events(trigger) {
                let (launch, event) = (launch.clone(), fixtures::event(event));
                subjects.push(Subject { kind, trigger: Some(trigger), case, launch, event });
            }
        }
    }
    Ok(subjects)
}

/// The event of a sign-in's first round, or the answers to it.
fn events(trigger: Trigger) -> Vec<(Option<Answer>, &'static str)> {
    match trigger {
        Trigger::DefineAuthChallenge => vec![(None, "define-first-round")],
        Trigger::CreateAuthChallenge => vec![(None, "create-first-round")],
        Trigger::VerifyAuthChallengeResponse => vec![
            (Some(Answer::Wrong), "verify-wrong-answer"),
            (Some(Answer::Right), "verify-right-answer"),
        ],
        // It takes no part in a sign-in.
        Trigger::PreSignUp => Vec::new(),
    }
}

/// The workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Builds the floor, by itself as the functions are, and says where it is.
async fn floor() -> Result<PathBuf, BenchError> {
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
    executables.next().ok_or_else(|| "cargo built no floor binary".into())
}
