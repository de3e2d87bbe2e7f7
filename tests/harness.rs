//! Starts a `local` for each test, and sees that it and its functions live and end as they should.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Region};
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata;
use aws_sdk_cognitoidentityprovider::error::SdkError;
use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::operation::respond_to_auth_challenge::RespondToAuthChallengeOutput;
use aws_sdk_cognitoidentityprovider::operation::sign_up::SignUpOutput;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, AuthFlowType, ChallengeNameType};
use local::lambda::{Capture, Functions, Outcome, Output, Progress, Trigger};
use local::outbox::{Message, Outbox};
use local::user_pool::DEFAULT_CLIENT_ID;
use local::{Config, Local};
use test_support::wait::until;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::inbox;
use crate::ledger_table::LedgerTable;

/// How long building and starting the functions may take, on a slow machine and from clean.
const START_LIMIT: Duration = Duration::from_secs(20 * 60);

/// How long a test may take once they run.
const TEST_LIMIT: Duration = Duration::from_secs(120);

/// How long everything may take to end.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A password that keeps the policy, for operations that demand one.
pub(crate) const PASSWORD: &str = "Unused-and-forgotten-1";

/// What a test has.
pub(crate) struct Context {
    pub(crate) url: String,
    pub(crate) cognito: Client,
    pub(crate) outbox: Outbox,
    pub(crate) functions: Functions,
    pub(crate) output: Capture,
    pub(crate) ledger: Option<LedgerTable>,
}

/// What a test starts with: the functions' settings, and where they find SNS and SES if not in
/// `local`.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) senders: Option<String>,
    /// Where verify finds the user pool, if not in `local`.
    pub(crate) users: Option<String>,
    /// The test kills functions; otherwise one that dies fails it.
    pub(crate) functions_may_exit: bool,
}

impl Setup {
    pub(crate) fn with(settings: &[(&'static str, &str)]) -> Self {
        let own = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
        Self { settings: settings.iter().map(own).collect(), ..Self::default() }
    }
}

/// Runs `test` against a `local` of its own.
pub(crate) async fn run_test(setup: Setup, test: impl AsyncFnOnce(&Context)) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let output = Capture::default();
    let Setup { settings, senders, users, functions_may_exit } = setup;
    // Only the tests of the ledger have to do with its limits.
    let mut variables = BTreeMap::from([("ISSUE_LIMITS", "100/1s".to_owned())]);
    for name in ["AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT_URL_SESV2"] {
        variables.extend(senders.iter().map(|url| (name, url.clone())));
    }
    variables.extend(users.map(|url| ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", url)));
    variables.extend(settings);
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ledger = LedgerTable::for_test(&url, &mut variables).await;
    let config = Config {
        variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        output: Output::Capture(output.clone()),
        progress: Progress::quiet(),
        ..Config::default()
    };
    let start = timeout(START_LIMIT, Local::start(listener, config));
    let local = start.await.expect("the functions start in time").unwrap();
    let context = Context {
        url: local.url(),
        cognito: client(&local.url()),
        outbox: local.outbox(),
        functions: local.functions().unwrap(),
        output,
        ledger,
    };
    let (end, ended) = oneshot::channel::<()>();
    let mut server = tokio::spawn(local.serve(async move { drop(ended.await) }));
    tokio::select! {
        ended = &mut server => panic!("local ended before the test did: {ended:?}"),
        done = timeout(TEST_LIMIT, test(&context)) => done.expect("the test ends in time"),
    }
    if let Some(ledger) = &context.ledger {
        ledger.assert_used().await;
    }
    let calls = context.functions.calls().calls();
    let died = calls.iter().any(|call| call.outcome == Outcome::Died);
    assert!(functions_may_exit || !died, "a function died");
    // Once `local` has ended it knows of none of them.
    let mut pids = Trigger::ALL.map(|trigger| context.functions.pids(trigger)).concat();
    pids.extend(calls.iter().filter_map(|call| call.pid));
    end.send(()).unwrap();
    timeout(END_LIMIT, server).await.expect("local ends in time").unwrap().unwrap();
    until(END_LIMIT, "the functions are gone", || !pids.iter().any(|pid| exists(*pid))).await;
    assert_started(&context.output, functions_may_exit);
}

/// Fails if `local` wrote that a function could not start or, unless it may, that one ended: also
/// between two calls, where no call tells of it.
fn assert_started(output: &Capture, may_end: bool) {
    let output = output.bytes();
    let text = String::from_utf8_lossy(&output);
    let failure = if may_end { "Runtime.InvalidEntrypoint: " } else { "Runtime." };
    let failed: Vec<&str> = text.lines().filter(|line| line.starts_with(failure)).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

/// The time of day, in Unix seconds: the functions have no other.
#[expect(clippy::disallowed_methods, reason = "the functions read the system's clock")]
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Whether there is a process `pid`, a dead one that nobody has waited for included.
pub(crate) fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn client(url: &str) -> Client {
    let config = aws_sdk_cognitoidentityprovider::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// The exception's name and message in a call's error.
pub(crate) fn refused<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> (String, String)
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    let text = |text: Option<&str>| text.unwrap_or("none").to_owned();
    (text(error.code()), text(error.message()))
}

pub(crate) fn not_authorized(message: &str) -> (String, String) {
    ("NotAuthorizedException".to_owned(), message.to_owned())
}

/// A challenge that waits for an answer.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) session: String,
    pub(crate) parameters: HashMap<String, String>,
}

impl Challenge {
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map(String::as_str).unwrap_or_else(|| panic!("no {name}"))
    }
}

/// What a response to a challenge came to.
#[derive(Debug)]
pub(crate) enum Reply {
    Challenge(Challenge),
    Tokens { access_token: String, id_token: String },
}

impl Reply {
    pub(crate) fn challenge(self) -> Challenge {
        match self {
            Self::Challenge(challenge) => challenge,
            Self::Tokens { .. } => panic!("tokens in place of a challenge"),
        }
    }

    pub(crate) fn access_token(self) -> String {
        match self {
            Self::Tokens { access_token, .. } => access_token,
            Self::Challenge(_) => panic!("a challenge in place of tokens"),
        }
    }
}

pub(crate) type Refused = (String, String);

impl Context {
    /// Everything sent so far.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.outbox.messages()
    }

    /// Signs `name` (a phone number or an email address) up. Nothing is sent, nothing verified.
    pub(crate) async fn sign_up(&self, name: &str) {
        let before = self.messages().len();
        let output = self.try_sign_up(name).await.unwrap();
        assert!(output.user_confirmed && output.code_delivery_details.is_none());
        assert_eq!(self.messages().len(), before, "signing up sends nothing");
    }

    /// Asks to sign `name` up.
    pub(crate) async fn try_sign_up(&self, name: &str) -> Result<SignUpOutput, Refused> {
        let sign_up = self.cognito.sign_up().client_id(DEFAULT_CLIENT_ID).username(name);
        sign_up.password(PASSWORD).send().await.map_err(refused)
    }

    /// Creates a confirmed user with these attributes as an administrator does; nothing is sent.
    pub(crate) async fn create_user(&self, name: &str, attributes: &[(&str, &str)]) {
        let mut create = self
            .cognito
            .admin_create_user()
            .user_pool_id(local::user_pool::DEFAULT_POOL_ID)
            .username(name)
            .message_action("SUPPRESS".into());
        for (name, value) in attributes {
            let attribute = AttributeType::builder().name(*name).value(*value).build().unwrap();
            create = create.user_attributes(attribute);
        }
        create.send().await.unwrap();
    }

    /// Starts a sign-in of `name`.
    pub(crate) async fn start(&self, name: &str) -> Result<Challenge, Refused> {
        let request = self.cognito.initiate_auth().auth_flow(AuthFlowType::CustomAuth);
        let request = request.client_id(DEFAULT_CLIENT_ID).auth_parameters("USERNAME", name);
        let output = request.send().await.map_err(refused)?;
        let InitiateAuthOutput { challenge_name, session, challenge_parameters, .. } = output;
        assert_eq!(challenge_name, Some(ChallengeNameType::CustomChallenge));
        assert!(output.authentication_result.is_none());
        let parameters = challenge_parameters.unwrap_or_default();
        Ok(Challenge { session: session.unwrap(), parameters })
    }

    /// Starts a sign-in and reads the one message that it sends.
    pub(crate) async fn start_and_read(&self, name: &str) -> (Challenge, String) {
        let before = self.messages().len();
        let challenge = self.start(name).await.unwrap();
        let messages = self.messages();
        assert_eq!(messages.len(), before + 1);
        let message = messages.last().unwrap();
        assert_eq!(message.to, name);
        (challenge, inbox::code(message))
    }

    /// Answers `challenge`.
    pub(crate) async fn answer(
        &self,
        challenge: &Challenge,
        answer: &str,
    ) -> Result<Reply, Refused> {
        self.respond(challenge, challenge.parameter("USERNAME"), answer, &[]).await
    }

    /// Answers `challenge` as `name` with `metadata`.
    pub(crate) async fn respond(
        &self,
        challenge: &Challenge,
        name: &str,
        answer: &str,
        metadata: &[(&str, &str)],
    ) -> Result<Reply, Refused> {
        let mut request = self
            .cognito
            .respond_to_auth_challenge()
            .client_id(DEFAULT_CLIENT_ID)
            .challenge_name(ChallengeNameType::CustomChallenge)
            .session(&challenge.session)
            .challenge_responses("USERNAME", name)
            .challenge_responses("ANSWER", answer);
        for (name, value) in metadata {
            request = request.client_metadata(*name, *value);
        }
        let output = request.send().await.map_err(refused)?;
        let RespondToAuthChallengeOutput {
            session,
            challenge_parameters,
            authentication_result,
            ..
        } = output;
        Ok(match authentication_result {
            Some(tokens) => {
                assert!(session.is_none());
                let (access_token, id_token) = (tokens.access_token, tokens.id_token);
                Reply::Tokens { access_token: access_token.unwrap(), id_token: id_token.unwrap() }
            }
            None => Reply::Challenge(Challenge {
                session: session.unwrap(),
                parameters: challenge_parameters.unwrap_or_default(),
            }),
        })
    }

    /// The attributes of the user whose token it is.
    pub(crate) async fn who(&self, access_token: &str) -> HashMap<String, String> {
        let output = self.cognito.get_user().access_token(access_token).send().await.unwrap();
        let attributes = output.user_attributes.into_iter();
        attributes.map(|a| (a.name, a.value.unwrap_or_default())).collect()
    }
}
