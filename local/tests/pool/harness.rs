//! A pool to test: scripted functions that note every event, a clock that moves only when told to,
//! and a seeded generator.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use local::clock::Clock;
use local::lambda::{Invoke, InvokeError, Trigger};
use local::outbox::{Message, Outbox};
use local::protocol::http_reply::HttpReply;
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, AccountRecovery, Client, DEFAULT_POOL_ID, InitialPools,
    PreventUserExistenceErrors, SignUpMode, SigningKey, UserPools,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use test_support::clock::ManualClock;

use crate::declared::MODEL;

pub(crate) const PHONE: &str = "+819012345678";
pub(crate) const EMAIL: &str = "maya@example.com";
pub(crate) const PASSWORD: &str = "Passw0rd!";
pub(crate) const ISSUER_BASE: &str = "http://127.0.0.1:9500";
/// The answer that the scripted functions take for right.
pub(crate) const ANSWER: &str = "246810";
/// A client that is told of unknown users.
pub(crate) const LEGACY_CLIENT_ID: &str = "legacyclient0000000000000";
/// Sessions of the default pool's clients live for three minutes, the minimum.
const CODE_LIFETIME: Duration = Duration::from_secs(60);
/// 2033-05-18T03:33:20Z.
pub(crate) const START: Duration = Duration::from_secs(2_000_000_000);

/// One key for all tests: making one takes a while.
static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::new);

pub(crate) type Output = Result<Bytes, InvokeError>;
type Script = Box<dyn FnMut(Trigger, &Value) -> Option<Output> + Send>;
type Work = Box<dyn Fn(Trigger) -> BoxFuture<'static, ()> + Send>;

/// Functions that play a plain sign-in, three answers at most, unless a script says otherwise.
#[derive(Default)]
pub(crate) struct Functions {
    script: Mutex<Option<Script>>,
    /// What a function does before it answers.
    work: Mutex<Option<Work>>,
    events: Mutex<Vec<(Trigger, Value)>>,
}

/// The event with `response` filled in, as a function gives it back.
pub(crate) fn respond(event: &Value, response: &Value) -> Output {
    let mut event = event.clone();
    event["response"] = response.clone();
    Ok(event.to_string().into())
}

fn plain(trigger: Trigger, event: &Value) -> Output {
    let response = match trigger {
        Trigger::DefineAuthChallenge => {
            let session = event["request"]["session"].as_array().unwrap();
            let right = session.last().is_some_and(|entry| entry["challengeResult"] == true);
            json!({
                "challengeName": "CUSTOM_CHALLENGE",
                "issueTokens": right,
                "failAuthentication": !right && session.len() >= 3,
            })
        }
        Trigger::CreateAuthChallenge => json!({
            "publicChallengeParameters": { "CODE_LENGTH": "6" },
            "privateChallengeParameters": { "nonce": ANSWER },
            "challengeMetadata": "v1.record",
        }),
        Trigger::VerifyAuthChallengeResponse => {
            let request = &event["request"];
            json!({
                "answerCorrect":
                    request["challengeAnswer"] == request["privateChallengeParameters"]["nonce"],
            })
        }
        // As it came: nothing is confirmed or verified.
        Trigger::PreSignUp => event["response"].clone(),
    };
    respond(event, &response)
}

impl Invoke for Functions {
    fn invoke(&self, trigger: Trigger, event: Bytes) -> BoxFuture<'_, Output> {
        let event: Value = serde_json::from_slice(&event).unwrap();
        self.events.lock().unwrap().push((trigger, event.clone()));
        let scripted = match self.script.lock().unwrap().as_mut() {
            Some(script) => script(trigger, &event),
            None => None,
        };
        let output = scripted.unwrap_or_else(|| plain(trigger, &event));
        let work = self.work.lock().unwrap().as_ref().map(|work| work(trigger));
        Box::pin(async move {
            if let Some(work) = work {
                work.await;
            }
            output
        })
    }
}

/// An exception as a client reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exception: String,
    pub(crate) message: String,
}

pub(crate) fn failure(exception: &str, message: &str) -> Failure {
    Failure { exception: format!("{exception}Exception"), message: message.to_owned() }
}

pub(crate) fn incorrect() -> Failure {
    failure("NotAuthorized", "Incorrect username or password.")
}

/// What holds of every reply: JSON, an error told twice in the same way, and only one that the API
/// model declares for the operation.
pub(crate) fn check_reply(operation: &str, reply: &HttpReply) -> Value {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(body.is_object());
    let Some(exception) = reply.error_type else {
        assert_eq!(reply.status, 200);
        return body;
    };
    assert_eq!(reply.status, 400);
    assert_eq!(body["__type"], exception);
    assert!(body["message"].is_string());
    match MODEL.get(operation) {
        // The JSON protocol's own.
        _ if exception == "SerializationException" => {}
        _ if exception == "UnknownOperationException" => {
            assert!(UserPools::operations().all(|name| name != operation));
        }
        None => panic!("{operation} is unknown"),
        Some(declared) => {
            let declared = declared.errors.iter().any(|name| name == exception);
            assert!(declared, "{operation} does not declare {exception}");
        }
    }
    body
}

pub(crate) struct World {
    pub(crate) pools: UserPools,
    pub(crate) functions: Arc<Functions>,
    outbox: Outbox,
    clock: ManualClock,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world with Cognito's own sign-up, whose settings `change` changed.
    pub(crate) fn with(change: impl FnOnce(&mut InitialPools)) -> Self {
        Self::with_sign_up(SignUpMode::Cognito, change)
    }

    /// A world whose default pool is that of `sign_up`, with settings that `change` changed.
    pub(crate) fn with_sign_up(
        sign_up: SignUpMode,
        change: impl FnOnce(&mut InitialPools),
    ) -> Self {
        let mut settings = InitialPools::new(ISSUER_BASE, CODE_LIFETIME, sign_up);
        let mut legacy = Client::new(LEGACY_CLIENT_ID, "legacy");
        legacy.prevent_user_existence_errors = PreventUserExistenceErrors::Legacy;
        settings.pools[0].clients.push(legacy);
        settings.pools[0].signing_key = KEY.clone();
        change(&mut settings);
        let clock = ManualClock::new(START);
        let read = clock.clone();
        let functions = Arc::new(Functions::default());
        let outbox = Outbox::default();
        Self {
            pools: UserPools::new(
                settings,
                Clock::new(move || read.now()),
                outbox.clone(),
                functions.clone(),
                StdRng::seed_from_u64(1),
            ),
            functions,
            outbox,
            clock,
        }
    }

    /// A world whose users get a new password by themselves, as in a pool without a setting.
    pub(crate) fn with_recovery() -> Self {
        Self::with(|settings| {
            settings.pools[0].config.account_recovery = AccountRecovery::default();
        })
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Lets `script` answer for the functions; where it says nothing they play on as before.
    pub(crate) fn script(
        &self,
        script: impl FnMut(Trigger, &Value) -> Option<Output> + Send + 'static,
    ) {
        *self.functions.script.lock().unwrap() = Some(Box::new(script));
    }

    /// Lets one function give `response`.
    pub(crate) fn script_response(&self, of: Trigger, response: Value) {
        self.script(move |trigger, event| (trigger == of).then(|| respond(event, &response)));
    }

    /// Lets `work` happen while a function is called, before it answers.
    pub(crate) fn while_called(
        &self,
        work: impl Fn(Trigger) -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        *self.functions.work.lock().unwrap() = Some(Box::new(work));
    }

    /// The events since the last look.
    pub(crate) fn events(&self) -> Vec<(Trigger, Value)> {
        std::mem::take(&mut *self.functions.events.lock().unwrap())
    }

    /// The triggers called since the last look.
    pub(crate) fn triggers(&self) -> Vec<Trigger> {
        self.events().into_iter().map(|(trigger, _)| trigger).collect()
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.outbox.messages()
    }

    /// The code or password at the end of the last message.
    pub(crate) fn last_word(&self) -> String {
        let message = self.messages().pop().expect("a message was sent");
        message.body.split(' ').next_back().unwrap().to_owned()
    }

    pub(crate) async fn call(&self, operation: &str, body: &Value) -> Result<Value, Failure> {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let reply = self.pools.call(&target, body.to_string().as_bytes()).await;
        let body = check_reply(operation, &reply);
        let Some(exception) = reply.error_type else {
            return Ok(body);
        };
        Err(Failure {
            exception: exception.to_owned(),
            message: body["message"].as_str().unwrap().to_owned(),
        })
    }

    pub(crate) async fn ok(&self, operation: &str, body: Value) -> Value {
        match self.call(operation, &body).await {
            Ok(reply) => reply,
            Err(failure) => panic!("{operation}: {failure:?}"),
        }
    }

    pub(crate) async fn err(&self, operation: &str, body: Value) -> Failure {
        match self.call(operation, &body).await {
            Ok(_) => panic!("{operation} succeeded"),
            Err(failure) => failure,
        }
    }

    /// A confirmed user with a password; `name` is verified. Gives back the user name.
    pub(crate) async fn user(&self, name: &str) -> String {
        let flag = if name.contains('@') { "email_verified" } else { "phone_number_verified" };
        let made = self
            .ok(
                "AdminCreateUser",
                json!({
                    "UserPoolId": DEFAULT_POOL_ID,
                    "Username": name,
                    "MessageAction": "SUPPRESS",
                    "UserAttributes": [{ "Name": flag, "Value": "true" }],
                }),
            )
            .await;
        self.ok(
            "AdminSetUserPassword",
            json!({
                "UserPoolId": DEFAULT_POOL_ID,
                "Username": name,
                "Password": PASSWORD,
                "Permanent": true,
            }),
        )
        .await;
        made["User"]["Username"].as_str().unwrap().to_owned()
    }

    /// An operation that takes the pool and a user.
    pub(crate) async fn admin(&self, operation: &str, username: &str) -> Value {
        self.ok(operation, pool_and(username)).await
    }

    /// Starts CUSTOM_AUTH and gives back the challenge.
    pub(crate) async fn start(&self, username: &str) -> Value {
        self.ok("InitiateAuth", initiate("CUSTOM_AUTH", json!({ "USERNAME": username }))).await
    }

    /// Signs in by password; gives back `AuthenticationResult`.
    pub(crate) async fn sign_in(&self, username: &str) -> Value {
        let parameters = json!({ "USERNAME": username, "PASSWORD": PASSWORD });
        self.ok("InitiateAuth", initiate("USER_PASSWORD_AUTH", parameters))
            .await["AuthenticationResult"]
            .take()
    }
}

/// A pool's `SmsConfiguration`.
pub(crate) fn sms_configuration() -> Value {
    json!({ "SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "stack" })
}

pub(crate) fn pool_and(username: &str) -> Value {
    json!({ "UserPoolId": DEFAULT_POOL_ID, "Username": username })
}

pub(crate) fn initiate(flow: &str, parameters: Value) -> Value {
    json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "AuthFlow": flow,
        "AuthParameters": parameters,
    })
}

/// A response to the challenge of `reply`.
pub(crate) fn answer(reply: &Value, username: &str, answer: &str) -> Value {
    json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "ChallengeName": "CUSTOM_CHALLENGE",
        "Session": reply["Session"],
        "ChallengeResponses": { "USERNAME": username, "ANSWER": answer },
    })
}

/// The body with one of its fields set.
pub(crate) fn with(mut body: Value, pointer: &str, value: impl Into<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value.into();
    body
}
