//! `local` over HTTP: bytes that are no requests, bodies that are too large or too deep, and many
//! clients at once.

use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::Path;
use axum::routing::post;
use axum::{Json, Router};
use local::client::{Client, ClientError};
use local::lambda::{Progress, Trigger};
use local::user_pool::{DEFAULT_CLIENT_ID, DEFAULT_POOL_ID};
use local::{Config, Local, Source};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const PASSWORD: &str = "Passw0rd!";
const SECRET_NUMBER: &str = "+819011112222";
/// What `local` may take for an answer, whatever it was sent.
const LIMIT: Duration = Duration::from_secs(30);

/// The functions behind one address. The code is told to the client, and holds the user's
/// name: an answer of one user's is never right for another.
async fn function(Path(name): Path<String>, Json(mut event): Json<Value>) -> Json<Value> {
    let request = &event["request"];
    let code = format!("code-of-{}", event["userName"].as_str().unwrap());
    event["response"] = if name == Trigger::DefineAuthChallenge.function() {
        let session = request["session"].as_array().unwrap();
        let right = session.last().is_some_and(|entry| entry["challengeResult"] == true);
        json!({ "challengeName": "CUSTOM_CHALLENGE", "issueTokens": right })
    } else if name == Trigger::CreateAuthChallenge.function() {
        json!({
            "publicChallengeParameters": { "CODE": code },
            "privateChallengeParameters": { "code": code },
        })
    } else if name == Trigger::VerifyAuthChallengeResponse.function() {
        let expected = &request["privateChallengeParameters"]["code"];
        json!({ "answerCorrect": *expected == code && request["challengeAnswer"] == code })
    } else {
        json!({ "autoConfirmUser": true })
    };
    Json(event)
}

/// A `local` with such functions; its address.
async fn start() -> String {
    let functions = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", functions.local_addr().unwrap());
    let path = "/2015-03-31/functions/{name}/invocations";
    let router = Router::new().route(path, post(function));
    tokio::spawn(async move { axum::serve(functions, router).await });
    let config =
        Config { source: Source::Endpoint(url), progress: Progress::quiet(), ..Config::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = Local::start(listener, config).await.unwrap();
    let url = local.url();
    tokio::spawn(local.serve(std::future::pending()));
    url
}

async fn call(client: &Client, operation: &str, body: Value) -> Value {
    client.call(operation, &body).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

/// Creates a user; gives back the user name.
async fn create_user(client: &Client, phone: &str) -> String {
    let body = json!({
        "UserPoolId": DEFAULT_POOL_ID,
        "Username": phone,
        "MessageAction": "SUPPRESS",
        "UserAttributes": [{ "Name": "phone_number_verified", "Value": "true" }],
    });
    let made = call(client, "AdminCreateUser", body).await;
    made["User"]["Username"].as_str().unwrap().to_owned()
}

async fn start_sign_in(client: &Client, phone: &str) -> Value {
    let body = json!({
        "ClientId": DEFAULT_CLIENT_ID,
        "AuthFlow": "CUSTOM_AUTH",
        "AuthParameters": { "USERNAME": phone },
    });
    call(client, "InitiateAuth", body).await
}

fn answer(challenge: &Value, username: &str, code: &str) -> Value {
    json!({
        "ClientId": DEFAULT_CLIENT_ID,
        "ChallengeName": "CUSTOM_CHALLENGE",
        "Session": challenge["Session"],
        "ChallengeResponses": { "USERNAME": username, "ANSWER": code },
    })
}

/// One whole sign-in; gives back the access token.
async fn sign_in(client: &Client, phone: &str) -> Value {
    let challenge = start_sign_in(client, phone).await;
    let code = challenge["ChallengeParameters"]["CODE"].as_str().unwrap();
    let mut reply = call(client, "RespondToAuthChallenge", answer(&challenge, phone, code)).await;
    reply["AuthenticationResult"]["AccessToken"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_of_an_existing_user_is_not_an_error() {
    let client = Client::new(start().await);
    let sign_up = async |name: &str| client.sign_up_if_new(DEFAULT_CLIENT_ID, name).await;
    let reply = sign_up(SECRET_NUMBER).await.unwrap().unwrap();
    assert_eq!(reply["UserConfirmed"], true);
    // The second sign-up changes nothing, and both sign in.
    assert_eq!(sign_up(SECRET_NUMBER).await.unwrap(), None);
    let of = json!({ "UserPoolId": DEFAULT_POOL_ID, "Username": SECRET_NUMBER });
    assert_eq!(call(&client, "AdminGetUser", of).await["Username"], reply["UserSub"]);
    assert!(sign_in(&client, SECRET_NUMBER).await.is_string());
    let Err(ClientError::Refused { exception, .. }) = sign_up("nobody").await else {
        panic!("not a phone number and not an email address");
    };
    assert_eq!(exception, "InvalidParameterException");
    assert_eq!(client.get("/_local/outbox").await.unwrap(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_concurrent_clients_sign_in_as_themselves() {
    const CLIENTS: usize = 200;
    let url = start().await;
    let phones: Vec<String> = (0..CLIENTS).map(|n| format!("+8190{n:08}")).collect();
    let admin = Client::new(url.clone());
    for phone in &phones {
        create_user(&admin, phone).await;
    }
    let together = Arc::new(Barrier::new(CLIENTS));
    let mut tasks = JoinSet::new();
    for (n, phone) in phones.iter().cloned().enumerate() {
        let (url, together) = (url.clone(), Arc::clone(&together));
        let neighbour = phones[(n + 1) % CLIENTS].clone();
        tasks.spawn(async move {
            let client = Client::new(url);
            together.wait().await;
            let challenge = start_sign_in(&client, &phone).await;
            let code = challenge["ChallengeParameters"]["CODE"].as_str().unwrap();
            // Another user's name with this session, while that user signs in.
            let crossed =
                client.call("RespondToAuthChallenge", &answer(&challenge, &neighbour, code)).await;
            let Err(ClientError::Refused { message, .. }) = crossed else {
                panic!("signed in as another: {crossed:?}");
            };
            assert_eq!(message, "Invalid session for the user.");
            let body = answer(&challenge, &phone, code);
            let reply = call(&client, "RespondToAuthChallenge", body).await;
            let token = &reply["AuthenticationResult"]["AccessToken"];
            let user = call(&client, "GetUser", json!({ "AccessToken": token })).await;
            let own = json!({ "Name": "phone_number", "Value": phone });
            assert!(user["UserAttributes"].as_array().unwrap().contains(&own));
        });
    }
    let mut done = 0;
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
        done += 1;
    }
    assert_eq!(done, CLIENTS);
}

/// The resident memory of this process, clients and functions included, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A measurement: `cargo test -p local --test running -- --ignored --nocapture memory`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn memory_stays_flat_over_ten_thousand_sign_ins() {
    let url = start().await;
    let client = Client::new(url);
    let idle = resident();
    println!("idle: {idle} KiB");
    let phones: Vec<String> = (0..100).map(|n| format!("+8190{n:08}")).collect();
    for phone in &phones {
        create_user(&client, phone).await;
    }
    let mut first = 0;
    for n in 1..=10_000 {
        sign_in(&client, &phones[n % phones.len()]).await;
        if n % 1_000 == 0 {
            println!("{n} sign-ins: {} KiB", resident());
        }
        if n == 1_000 {
            first = resident();
        }
    }
    let last = resident();
    // What stays by design is one refreshable grant for each sign-in, some hundred bytes.
    assert!(last < first + 16 * 1_024, "{first} KiB after 1,000, {last} KiB after 10,000");
}

/// One `local` for all fuzzing, with a user whom no reply may name.
struct Fuzzed {
    runtime: Runtime,
    address: String,
    username: String,
}

static FUZZED: LazyLock<Fuzzed> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (address, username) = runtime.block_on(async {
        let url = start().await;
        let client = Client::new(url.clone());
        let username = create_user(&client, SECRET_NUMBER).await;
        (url.trim_start_matches("http://").to_owned(), username)
    });
    Fuzzed { runtime, address, username }
});

impl Fuzzed {
    /// Sends bytes as they are; all that comes back until the connection ends. `shut` says that
    /// nothing more will be sent.
    fn send(&self, bytes: &[u8], shut: bool) -> Vec<u8> {
        self.runtime.block_on(async {
            let exchange = async {
                let mut stream = TcpStream::connect(&self.address).await.unwrap();
                // It may have its answer before it has read everything.
                let _ = stream.write_all(bytes).await;
                if shut {
                    let _ = stream.shutdown().await;
                }
                let mut reply = Vec::new();
                let _ = stream.read_to_end(&mut reply).await;
                reply
            };
            tokio::time::timeout(LIMIT, exchange).await.expect("an answer, or an end")
        })
    }

    /// Sends a request; the status and the body of the reply.
    fn post(&self, target: &str, body: &[u8]) -> (u16, Value) {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nx-amz-target: {target}\r\n\
             content-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let reply = self.send(&[head.as_bytes(), body].concat(), false);
        let reply = String::from_utf8(reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{reply:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        // Some clients read the one, some the other.
        let header = head.lines().find_map(|line| line.strip_prefix("x-amzn-errortype: "));
        assert_eq!(header, body.get("__type").and_then(Value::as_str));
        (status, body)
    }

    fn lives(&self) {
        let (status, reply) = self.post(
            "AWSCognitoIdentityProviderService.DescribeUserPool",
            json!({ "UserPoolId": DEFAULT_POOL_ID }).to_string().as_bytes(),
        );
        assert_eq!((status, &reply["UserPool"]["Id"]), (200, &json!(DEFAULT_POOL_ID)));
    }

    fn names_nobody(&self, reply: &str) {
        assert!(!reply.contains(SECRET_NUMBER) && !reply.contains(&self.username), "{reply}");
    }
}

#[test]
fn body_over_the_size_limit_is_refused() {
    for size in [1024 * 1024 + 1, 3 * 1024 * 1024] {
        let (status, reply) =
            FUZZED.post("AWSCognitoIdentityProviderService.GetUser", &vec![b' '; size]);
        assert_eq!(status, 413);
        assert_eq!(
            reply,
            json!({
                "__type": "RequestEntityTooLargeException",
                "message": "The request is larger than 1048576 bytes",
            })
        );
    }
    let (status, reply) =
        FUZZED.post("AWSCognitoIdentityProviderService.GetUser", &vec![b' '; 1024 * 1024]);
    assert_eq!((status, &reply["__type"]), (400, &json!("SerializationException")));
}

#[test]
fn deeply_nested_body_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [200, 100_000] {
            let middle = if open == "[" { "" } else { "1" };
            let body = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            let target = "AWSCognitoIdentityProviderService.SignUp";
            let (status, reply) = FUZZED.post(target, body.as_bytes());
            assert_eq!((status, &reply["__type"]), (400, &json!("SerializationException")));
        }
    }
    FUZZED.lives();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_bytes_reveal_no_user_and_leave_the_server_running(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let reply = FUZZED.send(&bytes, true);
        FUZZED.names_nobody(&String::from_utf8_lossy(&reply));
        FUZZED.lives();
    }

    #[test]
    fn arbitrary_target_and_body_get_an_error(
        target in "[ -~]{0,60}",
        body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        for target in [target.as_str(), "AWSCognitoIdentityProviderService.InitiateAuth"] {
            let (status, reply) = FUZZED.post(target, &body);
            prop_assert_eq!(status, 400);
            prop_assert!(reply["__type"].is_string());
            FUZZED.names_nobody(&reply.to_string());
        }
    }

    #[test]
    fn unsigned_operations_reveal_no_other_user(
        operation in prop::sample::select(vec![
            "SignUp", "ConfirmSignUp", "ResendConfirmationCode", "ForgotPassword",
            "ConfirmForgotPassword", "GetUser", "RevokeToken", "RespondToAuthChallenge",
            "GlobalSignOut", "VerifyUserAttribute",
        ]),
        text in ".{0,60}",
    ) {
        let body = json!({
            "ClientId": DEFAULT_CLIENT_ID,
            "Username": "+819033334444",
            "Password": PASSWORD,
            "ConfirmationCode": text,
            "AccessToken": text,
            "Token": text,
            "Session": text,
            "AttributeName": text,
            "Code": text,
            "ChallengeName": "CUSTOM_CHALLENGE",
            "ChallengeResponses": { "USERNAME": text, "ANSWER": text },
        });
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let (status, reply) = FUZZED.post(&target, body.to_string().as_bytes());
        prop_assert!(status == 200 || status == 400);
        FUZZED.names_nobody(&reply.to_string());
    }
}
