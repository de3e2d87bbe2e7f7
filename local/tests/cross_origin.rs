//! What a page in a browser may do: call the services if it is from this machine, and never read what
//! was sent.
#![cfg(test)]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::user_pool::{DEFAULT_CLIENT_ID, DEFAULT_POOL_ID};
use local::{Config, Local, Source};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const TEST_LIMIT: Duration = Duration::from_secs(60);

const HERE: &str = "http://localhost:3000";
const ELSEWHERE: &str = "https://evil.example";
const PHONE: &str = "+819012345678";

/// A `local` without functions: no request here reaches one.
struct Running {
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    end: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let source = Source::Endpoint("http://127.0.0.1:1".to_owned());
        // With Cognito's own sign-up, which calls none.
        let variables = [("SIGN_UP".to_owned(), "cognito".to_owned())].into();
        let config = Config { source, variables, ..Config::default() };
        let local = Local::start(listener, config).await.unwrap();
        let url = local.url();
        let (end, ended) = oneshot::channel::<()>();
        let server = tokio::spawn(local.serve(async move { drop(ended.await) }));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { url, client, end, server }
    }

    /// Sends a request, whose URI is a path; the reply.
    async fn send(&self, mut request: Request<Full<Bytes>>) -> (StatusCode, HeaderMap, Bytes) {
        *request.uri_mut() = format!("{}{}", self.url, request.uri().path()).parse().unwrap();
        let reply = timeout(TEST_LIMIT, self.client.request(request)).await.expect("an answer");
        let (head, body) = reply.unwrap().into_parts();
        (head.status, head.headers, body.collect().await.unwrap().to_bytes())
    }

    async fn outbox(&self) -> Vec<Value> {
        let request = Request::get("/_local/outbox").body(Full::default()).unwrap();
        serde_json::from_slice(&self.send(request).await.2).unwrap()
    }

    /// An operation of the user pool, as a program calls it.
    async fn call(&self, operation: &str, body: Value) -> Value {
        let request = Request::post("/").header("x-amz-target", target(operation));
        let (status, _, body) =
            self.send(request.body(Full::from(body.to_string())).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{operation}");
        serde_json::from_slice(&body).unwrap()
    }

    async fn end(self) {
        drop(self.client);
        self.end.send(()).unwrap();
        timeout(TEST_LIMIT, self.server).await.expect("an end").unwrap().unwrap();
    }
}

fn target(operation: &str) -> String {
    format!("AWSCognitoIdentityProviderService.{operation}")
}

/// What the browser is told, for each of some requests.
async fn answers(requests: Vec<Request<Full<Bytes>>>) -> Vec<HeaderMap> {
    let local = Running::start().await;
    let mut answers = Vec::new();
    for request in requests {
        answers.push(local.send(request).await.1);
    }
    local.end().await;
    answers
}

/// What a browser asks before it sends what a form could not.
fn preflight(path: &str, origin: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::OPTIONS)
        .uri(path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-amz-target,x-amz-user-agent")
        .body(Full::default())
        .unwrap()
}

fn send(method: Method, path: &str, origin: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("origin", origin)
        .header("x-amz-target", "AWSCognitoIdentityProviderService.SignUp")
        .body(Full::from("{}"))
        .unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn loopback_origin_may_call_the_services() {
    let keys = "/us-east-1_LocalPool/.well-known/jwks.json";
    let requests =
        vec![preflight("/", HERE), send(Method::POST, "/", HERE), send(Method::GET, keys, HERE)];
    let answers = answers(requests).await;
    let [before, call, keys] = answers.as_slice() else { unreachable!("three requests") };
    for answer in [before, call, keys] {
        assert_eq!(header(answer, "access-control-allow-origin"), Some(HERE));
        // Another origin's page must not be given this one's answer out of a cache.
        assert!(header(answer, "vary").is_some_and(|vary| vary.contains("origin")));
    }
    let allowed = header(before, "access-control-allow-headers");
    assert_eq!(allowed, Some("content-type,x-amz-target,x-amz-user-agent"));
    assert!(header(before, "access-control-allow-methods").unwrap().contains("POST"));
    let exposed = header(call, "access-control-expose-headers").unwrap();
    for name in ["x-amzn-errortype", "x-amzn-requestid"] {
        assert!(exposed.contains(name) && call.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn foreign_origin_is_not_allowed() {
    let requests = vec![preflight("/", ELSEWHERE), send(Method::POST, "/", ELSEWHERE)];
    for answer in answers(requests).await {
        assert_eq!(header(&answer, "access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn no_origin_may_read_the_outbox() {
    let paths = ["/_local/outbox", "/_local/triggers", "/_local/none"];
    let requests = paths.into_iter().flat_map(|path| {
        [HERE, ELSEWHERE]
            .into_iter()
            .flat_map(move |origin| [preflight(path, origin), send(Method::GET, path, origin)])
    });
    for answer in answers(requests.collect()).await {
        assert!(!answer.keys().any(|name| name.as_str().starts_with("access-control-")));
    }
}

/// What a page can send without asking first (a form, `text/plain`) and what it cannot, to everything
/// that changes something.
fn state_changes() -> Vec<(&'static str, &'static str, Option<String>, String)> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let sms = |kind| {
        let text = "000000 is your sign-in code.";
        let fields = [
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("PhoneNumber", PHONE),
            ("Message", text),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        ("/", kind, None, body)
    };
    let email = json!({
        "FromEmailAddress": "a@example.com",
        "Destination": { "ToAddresses": ["maya@example.com"] },
        "Content": {
            "Simple": {
                "Subject": { "Data": "Sign in" },
                "Body": { "Html": { "Data": "<h1>Sign in</h1>" } },
            },
        },
    });
    let sign_up =
        json!({ "ClientId": DEFAULT_CLIENT_ID, "Username": PHONE, "Password": "Passw0rd!" });
    let create = json!({ "UserPoolId": DEFAULT_POOL_ID, "Username": PHONE });
    let item = json!({ "TableName": "local-ledger", "Item": { "key": { "S": "account#1" } } });
    let identity = json!({ "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": true });
    let dynamodb = Some("DynamoDB_20120810.PutItem".to_owned());
    let identities = Some("AWSCognitoIdentityService.CreateIdentityPool".to_owned());
    vec![
        sms(FORM),
        sms("application/x-www-form-urlencoded; charset=utf-8"),
        ("/v2/email/outbound-emails", "text/plain", None, email.to_string()),
        ("/v2/email/outbound-emails", "application/json", None, email.to_string()),
        ("/", "text/plain", Some(target("SignUp")), sign_up.to_string()),
        ("/", "application/x-amz-json-1.1", Some(target("AdminCreateUser")), create.to_string()),
        ("/", "application/x-amz-json-1.0", dynamodb, item.to_string()),
        ("/", "application/x-amz-json-1.1", identities, identity.to_string()),
    ]
}

/// Sends each with these headers; the statuses.
async fn send_all(local: &Running, headers: &[(&str, &str)]) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    for (path, kind, target, body) in state_changes() {
        let mut request = Request::post(path).header("content-type", kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let (status, answered, body) = local.send(request.body(Full::from(body)).unwrap()).await;
        if status == StatusCode::FORBIDDEN {
            assert_eq!(header(&answered, "access-control-allow-origin"), None);
            assert!(body.starts_with(b"{\"message\":\"Forbidden."), "{body:?}");
        }
        statuses.push(status);
    }
    statuses
}

async fn users(local: &Running) -> usize {
    let reply = local.call("ListUsers", json!({ "UserPoolId": DEFAULT_POOL_ID })).await;
    reply["Users"].as_array().unwrap().len()
}

async fn items(local: &Running) -> Value {
    let request = Request::post("/").header("x-amz-target", "DynamoDB_20120810.Scan");
    let body = Full::from(json!({ "TableName": "local-ledger" }).to_string());
    let (_, _, body) = local.send(request.body(body).unwrap()).await;
    serde_json::from_slice::<Value>(&body).unwrap()["Count"].take()
}

#[tokio::test]
async fn foreign_page_changes_nothing() {
    let local = Running::start().await;
    let port = local.url.rsplit(':').next().unwrap();
    let rebound = format!("evil.example:{port}");
    for headers in [
        &[("origin", ELSEWHERE)][..],
        &[("origin", "null")],
        &[("origin", "http://localhost.evil.example:3000")],
        &[("host", rebound.as_str())],
        &[("host", rebound.as_str()), ("origin", HERE)],
    ] {
        let statuses = send_all(&local, headers).await;
        assert!(statuses.iter().all(|status| *status == StatusCode::FORBIDDEN), "{statuses:?}");
    }
    assert_eq!(local.outbox().await, [] as [Value; 0], "a message was sent");
    assert_eq!(users(&local).await, 0);
    assert_eq!(items(&local).await, 0, "the ledger was written");
    local.end().await;
}

#[tokio::test]
async fn foreign_page_reads_nothing() {
    let local = Running::start().await;
    local
        .call(
            "SignUp",
            json!({
                "ClientId": DEFAULT_CLIENT_ID, "Username": PHONE, "Password": "Passw0rd!",
            }),
        )
        .await;
    let sent = local.outbox().await;
    for path in ["/_local/outbox", "/_local/triggers", "/"] {
        let request = send(Method::GET, path, ELSEWHERE);
        let (status, headers, _) = local.send(request).await;
        assert_eq!(status, StatusCode::OK);
        // The browser has the answer, and without this keeps it from the page.
        assert_eq!(header(&headers, "access-control-allow-origin"), None);
        let request = Request::get(path).header("host", "evil.example");
        let (status, _, body) = local.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(!String::from_utf8_lossy(&body).contains(PHONE));
    }
    assert_eq!(local.outbox().await, sent);
    local.end().await;
}

#[tokio::test]
async fn program_and_page_of_this_machine_may_change_things() {
    for headers in [&[][..], &[("origin", HERE)], &[("origin", "http://[::1]:5173")]] {
        let local = Running::start().await;
        let statuses = send_all(&local, headers).await;
        assert!(statuses.iter().all(|status| *status != StatusCode::FORBIDDEN), "{statuses:?}");
        let to: Vec<Value> =
            local.outbox().await.iter_mut().map(|message| message["to"].take()).collect();
        let (phone, email) = (json!(PHONE), json!("maya@example.com"));
        assert_eq!(to, [&phone, &phone, &email, &email, &phone].map(Clone::clone));
        assert_eq!(users(&local).await, 1);
        assert_eq!(items(&local).await, 1);
        local.end().await;
    }
}
