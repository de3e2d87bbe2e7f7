//! What a page in a browser may do: call the services from this machine, and never read what was
//! sent.
#![cfg(test)]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local::{Config, Local, Source};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

const TEST_LIMIT: Duration = Duration::from_secs(60);

const HERE: &str = "http://localhost:3000";
const ELSEWHERE: &str = "https://evil.example";

/// What the browser is told, for each of some requests.
async fn answers(requests: Vec<Request<Full<Bytes>>>) -> Vec<HeaderMap> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    // No request here reaches a function.
    let source = Source::Endpoint("http://127.0.0.1:1".to_owned());
    let local = Local::start(listener, Config { source, ..Config::default() }).await.unwrap();
    let url = local.url();
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(local.serve(async move { drop(ended.await) }));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut answers = Vec::new();
    for mut request in requests {
        *request.uri_mut() = format!("{url}{}", request.uri().path()).parse().unwrap();
        let response = timeout(TEST_LIMIT, client.request(request)).await.expect("an answer");
        answers.push(response.unwrap().headers().clone());
    }
    drop(client);
    end.send(()).unwrap();
    timeout(TEST_LIMIT, server).await.expect("an end").unwrap().unwrap();
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
async fn a_page_of_this_machine_may_call_the_services() {
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
async fn a_page_from_elsewhere_may_not() {
    let requests = vec![preflight("/", ELSEWHERE), send(Method::POST, "/", ELSEWHERE)];
    for answer in answers(requests).await {
        assert_eq!(header(&answer, "access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn no_other_page_sees_what_was_sent() {
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
