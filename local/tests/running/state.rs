//! `--state FILE`: what survives a restart, and what becomes of a file that is none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::client::Client;
use local::lambda::Progress;
use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID};
use local::{Config, Local, Source};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const PHONE: &str = "+819012345678";
const PASSWORD: &str = "Passw0rd!";

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(state: PathBuf) -> Config {
    Config {
        // Nothing here reaches a function, not even when a user is created.
        source: Source::Endpoint("http://127.0.0.1:1".to_owned()),
        variables: [("SIGN_UP".to_owned(), "cognito".to_owned())].into(),
        progress: Progress::quiet(),
        state: Some(state),
        ..Config::default()
    }
}

/// Runs `test` against a `local` on `listener`, which then ends as on Ctrl-C.
async fn run(listener: TcpListener, state: PathBuf, test: impl AsyncFnOnce(&Client)) {
    let local = Local::start(listener, config(state)).await.unwrap();
    let client = Client::new(local.url());
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(local.serve(async move { drop(ended.await) }));
    test(&client).await;
    end.send(()).unwrap();
    server.await.unwrap().unwrap();
}

async fn call(client: &Client, operation: &str, body: Value) -> Value {
    client.call(operation, &body).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

fn by_password() -> Value {
    json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": PHONE, "PASSWORD": PASSWORD },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn users_clients_tokens_and_keys_survive_a_restart() {
    let folder = Folder::new("survive");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut before = Vec::new();
    run(listener, folder.file(), async |client| {
        let user = json!({
            "UserPoolId": DEFAULT_POOL_ID,
            "Username": PHONE,
            "Password": PASSWORD,
            "Permanent": true,
        });
        call(client, "AdminCreateUser", user.clone()).await;
        call(client, "AdminSetUserPassword", user).await;
        let made = json!({ "UserPoolId": DEFAULT_POOL_ID, "ClientName": "kept" });
        let made = call(client, "CreateUserPoolClient", made).await;
        let result = call(client, "InitiateAuth", by_password()).await;
        let keys = client.get(&format!("/{DEFAULT_POOL_ID}/.well-known/jwks.json")).await.unwrap();
        before.extend([made["UserPoolClient"].clone(), result["AuthenticationResult"].clone()]);
        before.push(keys);
    })
    .await;
    let [made, tokens, keys] = &before[..] else { panic!("three things") };
    let file = folder.file();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(&file).unwrap().contains(PASSWORD));
    let listener = TcpListener::bind(address).await.unwrap();
    run(listener, file, async |client| {
        let now = client.get(&format!("/{DEFAULT_POOL_ID}/.well-known/jwks.json")).await.unwrap();
        assert_eq!(&now, keys);
        let of = json!({ "UserPoolId": DEFAULT_POOL_ID, "ClientId": made["ClientId"] });
        let described = call(client, "DescribeUserPoolClient", of).await;
        assert_eq!(&described["UserPoolClient"], made);
        let user = call(client, "GetUser", json!({ "AccessToken": tokens["AccessToken"] })).await;
        let phone = json!({ "Name": "phone_number", "Value": PHONE });
        assert!(user["UserAttributes"].as_array().unwrap().contains(&phone));
        let refresh = json!({
            "ClientId": ANY_FLOW_CLIENT_ID,
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": { "REFRESH_TOKEN": tokens["RefreshToken"] },
        });
        call(client, "InitiateAuth", refresh).await;
        call(client, "InitiateAuth", by_password()).await;
    })
    .await;
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_changes_are_written_while_running() {
    let folder = Folder::new("while-it-runs");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    run(listener, folder.file(), async |client| {
        let user = json!({ "UserPoolId": DEFAULT_POOL_ID, "Username": PHONE });
        call(client, "AdminCreateUser", user).await;
        for _ in 0..200 {
            let text = fs::read_to_string(folder.file()).unwrap_or_default();
            if text.contains(PHONE) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never written");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn state_file_from_before_sms_configuration_counted_keeps_sending_sms() {
    let folder = Folder::new("before-sms");
    let start = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let of = json!({ "UserPoolId": DEFAULT_POOL_ID });
    run(start().await, folder.file(), async |_| {}).await;
    let text = fs::read_to_string(folder.file()).unwrap();
    let mut state: Value = serde_json::from_str(&text).unwrap();
    let config = state["state"]["pools"][0]["config"].as_object_mut().unwrap();
    assert!(config.remove("sms_configuration").is_some());
    fs::write(folder.file(), state.to_string()).unwrap();
    run(start().await, folder.file(), async |client| {
        let described = call(client, "DescribeUserPool", of).await;
        assert!(described["UserPool"]["SmsConfiguration"]["SnsCallerArn"].is_string());
        let user =
            json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": PHONE, "Password": PASSWORD });
        let reply = call(client, "SignUp", user).await;
        assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "SMS");
        let outbox = client.get("/_local/outbox").await.unwrap();
        assert_eq!(outbox.as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn saved_pool_keeps_its_sign_up_whatever_the_variables_say() {
    let folder = Folder::new("sign-up");
    let mut config = config(folder.file());
    let mut described = Vec::new();
    for sign_up in ["closed", "code"] {
        config.variables.insert("SIGN_UP".to_owned(), sign_up.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = Local::start(listener, config.clone()).await.unwrap();
        let client = Client::new(local.url());
        let (end, ended) = oneshot::channel::<()>();
        let server = tokio::spawn(local.serve(async move { drop(ended.await) }));
        let of = json!({ "UserPoolId": DEFAULT_POOL_ID });
        described.push(call(&client, "DescribeUserPool", of).await["UserPool"].take());
        end.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
    assert_eq!(described[0]["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], true);
    assert_eq!(described[0], described[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_state_file_is_refused_and_left_unchanged() {
    let folder = Folder::new("refused");
    let file = folder.file();
    for (text, expected) in [
        ("", "is damaged"),
        ("{", "is damaged"),
        ("not a state", "is damaged"),
        ("{\"version\":2}", "is damaged"),
        ("{\"version\":2,\"state\":{\"pools\":[{}]}}", "is damaged"),
        ("{\"version\":1,\"state\":{}}", "has version 1 and this is version 2"),
    ] {
        fs::write(&file, text).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let Err(error) = Local::start(listener, config(file.clone())).await else {
            panic!("{text} was taken");
        };
        let message = error.to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains(&file.display().to_string()), "{message}");
        assert!(message.contains("it was left as it is"), "{message}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}
