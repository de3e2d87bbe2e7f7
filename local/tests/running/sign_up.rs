//! The demo against functions that answer over HTTP: a new user gets one message, and the function that
//! verifies the answer marks the user by calling `local` back, which waits for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use local::client::Client;
use local::demo;
use local::lambda::Progress;
use local::outbox::{Medium, Message, Outbox};
use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID, SignUpMode};
use local::{Config, Local, Source};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;

const CODE: &str = "246810";
/// What the function sets.
const PASSWORD: &str = "Passw0rd!";
/// What the whole demo may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The `local` that calls the functions, known once it has started.
#[derive(Clone, Default)]
struct Caller(Arc<OnceLock<(Outbox, Client)>>);

/// Functions as with `SIGN_UP=code`.
async fn function(
    State(caller): State<Caller>,
    Path(name): Path<String>,
    Json(mut event): Json<Value>,
) -> Json<Value> {
    let (outbox, client) = caller.0.get().unwrap();
    let request = &event["request"];
    let session = request["session"].as_array();
    let attribute = |name: &str| request["userAttributes"][name].as_str().unwrap().to_owned();
    event["response"] = match name.as_str() {
        "pre-sign-up" => {
            json!({ "autoConfirmUser": true, "autoVerifyEmail": false, "autoVerifyPhone": false })
        }
        "define-auth-challenge" => {
            let right = session.unwrap().last().is_some_and(|it| it["challengeResult"] == true);
            json!({ "challengeName": "CUSTOM_CHALLENGE", "issueTokens": right })
        }
        "create-auth-challenge" => {
            let sent = session.unwrap().len();
            if sent == 0 {
                outbox.push(Message {
                    medium: Medium::Sms,
                    to: attribute("phone_number"),
                    subject: None,
                    body: format!("{CODE} is your sign-in code."),
                    html: None,
                    sent_at: 0.0,
                });
            }
            json!({
                "publicChallengeParameters": {
                    "CODE_LENGTH": "6",
                    "CODE_DELIVERY_DESTINATION": "+*******5678",
                    "ATTEMPTS_LEFT": (3 - sent).to_string(),
                },
                "privateChallengeParameters": { "code": CODE },
            })
        }
        _ => {
            let right = request["challengeAnswer"] == CODE;
            if right {
                mark(client, &attribute("sub"), &attribute("phone_number")).await;
            }
            json!({ "answerCorrect": right })
        }
    };
    Json(event)
}

async fn mark(client: &Client, sub: &str, phone_number: &str) {
    let of = json!({ "UserPoolId": DEFAULT_POOL_ID, "Username": sub });
    let mut password = of.clone();
    password["Password"] = json!(PASSWORD);
    password["Permanent"] = json!(true);
    let mut update = of.clone();
    update["UserAttributes"] = json!([
        { "Name": "phone_number", "Value": phone_number },
        { "Name": "phone_number_verified", "Value": "true" },
    ]);
    for (operation, body) in [
        ("AdminGetUser", of),
        ("AdminSetUserPassword", password),
        ("AdminUpdateUserAttributes", update),
    ] {
        client.call(operation, &body).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_of_a_new_user_takes_one_message() {
    let functions = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", functions.local_addr().unwrap());
    let caller = Caller::default();
    let path = "/2015-03-31/functions/{name}/invocations";
    let router = Router::new().route(path, post(function)).with_state(caller.clone());
    tokio::spawn(async move { axum::serve(functions, router).await });
    let config =
        Config { source: Source::Endpoint(url), progress: Progress::quiet(), ..Config::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = Local::start(listener, config).await.unwrap();
    let (url, outbox) = (local.url(), local.outbox());
    assert!(caller.0.set((outbox.clone(), Client::new(url.clone()))).is_ok());
    tokio::spawn(local.serve(std::future::pending()));
    let client = Client::new(url);
    let mut out = Vec::new();
    let played = timeout(LIMIT, demo::demo(&client, SignUpMode::Code, &mut out)).await;
    let text = String::from_utf8(out).unwrap();
    played.expect("in time").unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(text.contains("phone_number_verified = true"), "{text}");
    assert!(text.ends_with("Signed up and in with one SMS, and without a password.\n"), "{text}");
    let messages = outbox.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let users = json!({ "UserPoolId": DEFAULT_POOL_ID });
    let users = client.call("ListUsers", &users).await.unwrap();
    assert_eq!(users["Users"].as_array().unwrap().len(), 1);
    // The password is no longer the one of the sign-up.
    let parameters = json!({ "USERNAME": users["Users"][0]["Username"], "PASSWORD": PASSWORD });
    let body = json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": parameters,
    });
    let reply = client.call("InitiateAuth", &body).await.unwrap();
    assert!(reply["AuthenticationResult"]["AccessToken"].is_string());
}
