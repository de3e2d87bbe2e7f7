//! A running `local`: which service a request reaches, and what is published.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID};
use local::{Config, Local, Source};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::harness::{PHONE, PROVIDER, USER_ROLE, element, login, verified};

struct Running {
    url: String,
    _stop: oneshot::Sender<()>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // A sign-in by password calls no function, and neither does Cognito's own sign-up.
        let source = Source::Endpoint("http://127.0.0.1:9".to_owned());
        let variables = [("SIGN_UP".to_owned(), "cognito".to_owned())].into();
        let config = Config { source, variables, ..Config::default() };
        let local = Local::start(listener, config).await.unwrap();
        let url = local.url();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(local.serve(async {
            let _ = stopped.await;
        }));
        Self { url, _stop: stop }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> (u16, HeaderMap, String) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let reply = client.request(request).await.unwrap();
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, url: &str) -> Value {
        let request = Request::get(url).body(Full::default()).unwrap();
        serde_json::from_str(&self.send(request).await.2).unwrap()
    }

    async fn json(&self, target: &str, body: Value) -> (u16, HeaderMap, Value) {
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Full::from(body.to_string()))
            .unwrap();
        let (status, headers, body) = self.send(request).await;
        (status, headers, serde_json::from_str(&body).unwrap())
    }

    async fn identity(&self, operation: &str, body: Value) -> Value {
        let target = format!("AWSCognitoIdentityService.{operation}");
        let (status, _, body) = self.json(&target, body).await;
        assert_eq!(status, 200, "{operation}: {body}");
        body
    }

    async fn user_pool(&self, operation: &str, body: Value) -> Value {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let (status, _, body) = self.json(&target, body).await;
        assert_eq!(status, 200, "{operation}: {body}");
        body
    }

    async fn form(&self, fields: &[(&str, &str)]) -> (u16, String) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
            .header(AUTHORIZATION, "AWS4-HMAC-SHA256 Credential=AKIA1/x/us-east-1/sts/aws4_request")
            .body(Full::from(body))
            .unwrap();
        let (status, headers, body) = self.send(request).await;
        assert_eq!(headers[CONTENT_TYPE], "text/xml");
        (status, body)
    }

    /// The ID token of a new user.
    async fn signed_in(&self) -> String {
        let user = json!({ "UserPoolId": DEFAULT_POOL_ID, "Username": PHONE });
        self.user_pool("AdminCreateUser", user.clone()).await;
        let mut password = user;
        password["Password"] = json!("Passw0rd!");
        password["Permanent"] = json!(true);
        self.user_pool("AdminSetUserPassword", password).await;
        let sign_in = json!({
            "ClientId": ANY_FLOW_CLIENT_ID,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": PHONE, "PASSWORD": "Passw0rd!" },
        });
        let reply = self.user_pool("InitiateAuth", sign_in).await;
        reply["AuthenticationResult"]["IdToken"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn id_token_is_exchanged_for_credentials_by_either_flow() {
    let local = Running::start().await;
    let token = local.signed_in().await;
    let pool = json!({
        "IdentityPoolName": "pool",
        "AllowUnauthenticatedIdentities": false,
        "CognitoIdentityProviders": [{ "ProviderName": PROVIDER, "ClientId": ANY_FLOW_CLIENT_ID }],
    });
    let pool = local.identity("CreateIdentityPool", pool).await["IdentityPoolId"].take();
    let roles = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE } });
    local.identity("SetIdentityPoolRoles", roles).await;
    let body = json!({ "IdentityPoolId": pool, "Logins": login(&token) });
    let id = local.identity("GetId", body).await["IdentityId"].take();
    let mine = json!({ "IdentityId": id, "Logins": login(&token) });
    let enhanced = local.identity("GetCredentialsForIdentity", mine.clone()).await;
    assert!(enhanced["Credentials"]["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));

    let open_id = local.identity("GetOpenIdToken", mine).await["Token"].take();
    let open_id = open_id.as_str().unwrap();
    let issuer = format!("{}/cognito-identity", local.url);
    let document = local.get(&format!("{issuer}/.well-known/openid-configuration")).await;
    assert_eq!(document["issuer"], issuer);
    let keys = local.get(document["jwks_uri"].as_str().unwrap()).await;
    let claims = verified(open_id, keys, &issuer, pool.as_str().unwrap());
    assert_eq!(claims["sub"], id);
    let (status, body) = local
        .form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", USER_ROLE),
            ("RoleSessionName", "maya"),
            ("WebIdentityToken", open_id),
        ])
        .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(element(&body, "SubjectFromWebIdentityToken").unwrap(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_routed_to_their_service() {
    let local = Running::start().await;
    let (status, headers, body) =
        local.json("AWSCognitoIdentityService.GetId", json!({ "IdentityPoolId": "a:0" })).await;
    assert_eq!(status, 400);
    assert_eq!(headers["x-amzn-errortype"], "ResourceNotFoundException");
    assert_eq!(body["__type"], "ResourceNotFoundException");
    assert_eq!(body["message"], "IdentityPool 'a:0' not found.");
    let (_, _, body) = local.json("AWSCognitoIdentityService.SignUp", json!({})).await;
    assert_eq!(body["__type"], "UnknownOperationException");

    let (status, body) =
        local.form(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]).await;
    assert_eq!((status, element(&body, "Account").as_deref()), (200, Some("000000000000")));
    let text = [("PhoneNumber", PHONE), ("Message", "hi")];
    let publish = [("Action", "Publish"), ("Version", "2010-03-31"), text[0], text[1]];
    assert!(local.form(&publish).await.1.starts_with("<PublishResponse"));
    let stray = [("Action", "Publish"), ("Version", "2011-06-15"), text[0], text[1]];
    let (status, body) = local.form(&stray).await;
    assert_eq!((status, element(&body, "Code").as_deref()), (400, Some("InvalidAction")));
    let outbox = local.get(&format!("{}/_local/outbox", local.url)).await;
    assert_eq!(outbox.as_array().unwrap().len(), 1, "{outbox}");
}
