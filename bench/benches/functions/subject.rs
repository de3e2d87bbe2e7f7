//! What is measured: the floor, the four functions and their likes on Node.js, which has no pre-sign-up;
//! what each is asked, and what its answer must be.

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

/// What a function is asked that is measured with more than one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Verify: an answer that calls nothing.
    Wrong,
    /// Verify: an answer that uses the code up in DynamoDB.
    Right,
    /// The same, where `SIGN_UP` is not `code`.
    RightOfOthers,
    /// Create: the code goes to a contact that is not verified, and whether one ever was is read, too.
    /// Verify: a right answer proves the contact, which is marked in the user pool and noted in DynamoDB.
    NewUser,
}

impl Case {
    /// What it is called in the tables.
    fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Right => "right",
            Self::RightOfOthers => "right, SIGN_UP=cognito",
            Self::NewUser => "new user",
        }
    }
}

/// A question to a function.
struct Question {
    case: Option<Case>,
    /// The name of its event.
    event: &'static str,
    /// The function's `SIGN_UP`.
    sign_up: &'static str,
}

impl Question {
    /// Do the functions before `SIGN_UP` and those on Node.js know it?
    fn is_old(&self) -> bool {
        !matches!(self.case, Some(Case::NewUser | Case::RightOfOthers))
    }
}

/// What is measured.
pub(crate) struct Subject {
    pub(crate) kind: Implementation,
    /// None for the floor.
    pub(crate) trigger: Option<Trigger>,
    /// What it is asked, if the trigger is measured with more than one event.
    pub(crate) case: Option<Case>,
    pub(crate) launch: Launch,
    event: Value,
}

impl Subject {
    /// What it is called in the tables.
    pub(crate) fn name(&self) -> String {
        let name = self.trigger.map_or("floor", |trigger| {
            let function = trigger.function();
            function.strip_suffix("-auth-challenge").unwrap_or(function)
        });
        let case = self.case.map(Case::name);
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
                let is_right = self.case != Some(Case::Wrong);
                // An earlier build may use nothing up, and earn nothing. The events' message was an
                // email, which is counted in one item.
                let updates = match self.kind {
                    Implementation::PreviousBuild => counts.updates,
                    // It guards no spend.
                    Implementation::Node => u64::from(is_right),
                    _ if is_right => 2,
                    _ => 0,
                };
                let (users, puts) = if self.case == Some(Case::NewUser) { (3, 1) } else { (0, 0) };
                let expected = CallCounts { updates, users, puts, ..CallCounts::default() };
                (get("/answerCorrect") == Some(&json!(is_right)), expected)
            }
            Some(Trigger::CreateAuthChallenge) => {
                let nonce = get("/privateChallengeParameters/nonce").and_then(Value::as_str);
                // An earlier build may read more often, and guard nothing. Account, destination and
                // seven items of the spend guard are read, three of these updated.
                let (gets, keys, updates) = match (self.kind, self.case) {
                    (Implementation::PreviousBuild, _) => {
                        (counts.gets, counts.keys, counts.updates)
                    }
                    // It guards no spend.
                    (Implementation::Node, _) => (1, 2, 0),
                    (_, Some(Case::NewUser)) => (1, 10, 3),
                    _ => (1, 9, 3),
                };
                let base = CallCounts { puts: 2, sent: 1, ..CallCounts::default() };
                let expected = CallCounts { gets, keys, updates, ..base };
                (nonce.is_some_and(|nonce| nonce.len() == 22), expected)
            }
            Some(Trigger::PreSignUp) => {
                (get("/autoConfirmUser") == Some(&json!(true)), CallCounts::default())
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
    let program = |trigger| programs.path(trigger).map(Path::to_owned);
    for trigger in Trigger::ALL {
        let previous = before.and_then(|folder| find_program(folder, trigger));
        let launch = |path| Launch::new(trigger.function(), path, environment.clone());
        let all = [
            (Implementation::PreviousBuild, previous.map(launch)),
            (Implementation::Rust, program(trigger).map(launch)),
            (Implementation::Node, node.and_then(|node| node.launch(trigger, environment.clone()))),
        ];
        for (kind, launch) in all {
            let Some(launch) = launch else { continue };
            let is_asked = |question: &Question| kind == Implementation::Rust || question.is_old();
            for question in questions(trigger).into_iter().filter(is_asked) {
                let folder = before.filter(|_| kind == Implementation::PreviousBuild);
                let event = event(folder, question.event)?;
                let mut launch = launch.clone();
                launch.environment.insert("SIGN_UP".to_owned(), question.sign_up.to_owned());
                let case = question.case;
                subjects.push(Subject { kind, trigger: Some(trigger), case, launch, event });
            }
        }
    }
    if let Some(folder) = before
        && subjects.iter().all(|subject| subject.kind != Implementation::PreviousBuild)
    {
        return Err(format!("no function in {}", folder.display()).into());
    }
    Ok(subjects)
}

/// The function of `trigger` in `folder`, as cargo or `cargo lambda build` puts it there. An earlier
/// build may not have it.
fn find_program(folder: &Path, trigger: Trigger) -> Option<PathBuf> {
    let bare = folder.join(trigger.function());
    [bare.join("bootstrap"), bare].into_iter().find(|path| path.is_file())
}

/// The event `name`: of the build in `before`, if there is one and it brought events of its own, as for
/// another form of the private parameters.
fn event(before: Option<&Path>, name: &str) -> Result<Value, BenchError> {
    let own = before.map(|folder| folder.join("events").join(name).with_extension("json"));
    match own.filter(|path| path.is_file()) {
        Some(path) => Ok(serde_json::from_slice(&fs::read(path)?)?),
        None => Ok(fixtures::event(name)),
    }
}

/// The events of a sign-up, of a sign-in's first round, and the answers to it.
fn questions(trigger: Trigger) -> Vec<Question> {
    let question = |case, event, sign_up| Question { case, event, sign_up };
    match trigger {
        Trigger::DefineAuthChallenge => vec![question(None, "define-first-round", "code")],
        Trigger::CreateAuthChallenge => vec![
            question(None, "create-first-round", "cognito"),
            question(Some(Case::NewUser), "create-new-user", "code"),
        ],
        Trigger::VerifyAuthChallengeResponse => vec![
            question(Some(Case::Wrong), "verify-wrong-answer", "code"),
            question(Some(Case::Right), "verify-right-answer", "code"),
            question(Some(Case::RightOfOthers), "verify-right-answer", "cognito"),
            question(Some(Case::NewUser), "verify-new-user", "code"),
        ],
        Trigger::PreSignUp => vec![question(None, "pre-sign-up-phone-number", "code")],
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
