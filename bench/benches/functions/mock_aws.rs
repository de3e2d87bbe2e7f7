//! AWS, as far as create and verify need it: DynamoDB, SNS, SES and Cognito over TLS on loopback, each on a
//! port of its own as on AWS each has its own host. They answer from memory at once, so that what is
//! measured is the function, and count what they did, so that it is known to have done its work.

use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use test_support::fixtures::PHONE;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, pki_types::CertificateDer};

use crate::BenchError;

/// The variables that lead the AWS SDKs here.
const ENDPOINTS: [&str; 4] = [
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_SESV2",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
];

/// What was asked of the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallCounts {
    /// Requests to read items.
    pub(crate) gets: u64,
    /// The items that these asked for.
    pub(crate) keys: u64,
    /// Items stored.
    pub(crate) puts: u64,
    /// Items changed.
    pub(crate) updates: u64,
    /// Messages sent.
    pub(crate) sent: u64,
    /// Users of the pool read or changed.
    pub(crate) users: u64,
    /// Whatever else: nothing, but for requests that only open a connection.
    pub(crate) other: u64,
}

#[derive(Default)]
struct MockState {
    items: HashMap<String, Value>,
    counts: CallCounts,
}

/// The services, until this is dropped.
pub(crate) struct MockAws {
    state: Arc<Mutex<MockState>>,
    certificate: PathBuf,
    ports: Vec<u16>,
    servers: tokio::task::JoinSet<()>,
}

impl MockAws {
    /// Starts the services on free ports, with a certificate authority whose certificate is written
    /// to `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self, BenchError> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Another than the certificate's, or OpenSSL takes that for self-signed.
        authority.distinguished_name.push(DnType::CommonName, "authority of the benchmarks");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let own = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &authority)?;
        let certificate = folder.join("authority.pem");
        fs::write(&certificate, authority.pem())?;

        let acceptor = acceptor(own.der().clone(), &key)?;
        let state = Arc::new(Mutex::new(MockState::default()));
        let mut servers = tokio::task::JoinSet::new();
        let mut ports = Vec::new();
        for _ in ENDPOINTS {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            ports.push(listener.local_addr()?.port());
            servers.spawn(serve(listener, acceptor.clone(), Arc::clone(&state)));
        }
        Ok(Self { state, certificate, ports, servers })
    }

    /// The variables that lead a function here.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let certificate = self.certificate.display().to_string();
        let endpoint =
            |(name, port): (&'static str, &u16)| (name, format!("https://localhost:{port}"));
        // Node.js has a variable of its own.
        let trust =
            ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"].map(|name| (name, certificate.clone()));
        ENDPOINTS.into_iter().zip(&self.ports).map(endpoint).chain(trust).collect()
    }

    /// What was asked since the last time, or an error when a service has ended.
    pub(crate) fn take_counts(&mut self) -> Result<CallCounts, BenchError> {
        if self.servers.try_join_next().is_some() {
            return Err("a mock AWS service has stopped".into());
        }
        Ok(std::mem::take(&mut lock(&self.state).counts))
    }
}

fn lock(state: &Mutex<MockState>) -> std::sync::MutexGuard<'_, MockState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn acceptor(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
) -> Result<TlsAcceptor, BenchError> {
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<Mutex<MockState>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&state)));
    }
}

/// A client that does not trust us, or goes away, is its own affair: what it did not get counts shows
/// in its answer.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<Mutex<MockState>>) {
    let nodelay = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request| handle(request, &state));
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop((nodelay, served.await));
}

async fn handle(
    request: Request<Incoming>,
    state: &Mutex<MockState>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let target = request.headers().get("x-amz-target").cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let body = request.into_body().collect().await?.to_bytes();
    let mut state = lock(state);
    let (status, kind, answer) = match target.as_ref().and_then(|target| target.to_str().ok()) {
        Some("DynamoDB_20120810.GetItem") => state.get(&body),
        Some("DynamoDB_20120810.BatchGetItem") => state.batch_get(&body),
        Some("DynamoDB_20120810.PutItem") => state.put(&body),
        Some("DynamoDB_20120810.UpdateItem") => state.update(),
        Some("AWSCognitoIdentityProviderService.AdminGetUser") => state.get_user(&body),
        Some(
            "AWSCognitoIdentityProviderService.AdminSetUserPassword"
            | "AWSCognitoIdentityProviderService.AdminUpdateUserAttributes",
        ) => state.change_user(),
        None if method == Method::POST && path == "/v2/email/outbound-emails" => {
            state.counts.sent += 1;
            (StatusCode::OK, "application/json", json!({ "MessageId": "1" }).to_string())
        }
        None if method == Method::POST && body.starts_with(b"Action=Publish&") => {
            state.counts.sent += 1;
            let answer = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
                <PublishResult><MessageId>1</MessageId></PublishResult>\
                <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>";
            (StatusCode::OK, "text/xml", answer.to_owned())
        }
        _ => {
            state.counts.other += 1;
            (StatusCode::NOT_FOUND, "text/plain", String::new())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

type MockResponse = (StatusCode, &'static str, String);

const JSON: &str = "application/x-amz-json-1.0";

impl MockState {
    /// The one item, as earlier builds read.
    fn get(&mut self, body: &[u8]) -> MockResponse {
        self.counts.gets += 1;
        self.counts.keys += 1;
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let item = request.get("Key").and_then(|key| self.item(key));
        let answer = item.map_or_else(|| json!({}), |item| json!({ "Item": item }));
        (StatusCode::OK, JSON, answer.to_string())
    }

    /// All items that are asked for and there, of one table.
    fn batch_get(&mut self, body: &[u8]) -> MockResponse {
        self.counts.gets += 1;
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let tables = request.get("RequestItems").and_then(Value::as_object);
        let wanted = tables.into_iter().flatten().filter_map(|(_, wanted)| wanted.get("Keys"));
        let keys: usize = wanted.filter_map(Value::as_array).map(Vec::len).sum();
        self.counts.keys += keys as u64;
        let found = |wanted: &Value| -> Vec<&Value> {
            let keys = wanted.get("Keys").and_then(Value::as_array);
            keys.into_iter().flatten().filter_map(|key| self.item(key)).collect()
        };
        let items = tables.into_iter().flatten();
        let responses: HashMap<&String, Vec<&Value>> =
            items.map(|(table, wanted)| (table, found(wanted))).collect();
        let answer = json!({ "Responses": responses, "UnprocessedKeys": {} });
        (StatusCode::OK, JSON, answer.to_string())
    }

    /// Stores an item if the one in its place has the version that the request expects, the two
    /// conditions that a ledger has, or if the request has none.
    fn put(&mut self, body: &[u8]) -> MockResponse {
        self.counts.puts += 1;
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let item = request.get("Item");
        let Some((key, item)) = item.and_then(|item| Some((key(item)?, item))) else {
            return (StatusCode::BAD_REQUEST, JSON, json!({ "__type": "Other" }).to_string());
        };
        let found = self.items.get(key).and_then(|item| text(item, "/version/N"));
        let is_unconditional = request.get("ConditionExpression").is_none();
        if is_unconditional || found == text(&request, "/ExpressionAttributeValues/:before/N") {
            self.items.insert(key.to_owned(), item.clone());
            return (StatusCode::OK, JSON, "{}".to_owned());
        }
        let error = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
        (StatusCode::BAD_REQUEST, JSON, json!({ "__type": error }).to_string())
    }

    /// Uses a code: every one is live, so that the same event can be answered right again and again.
    fn update(&mut self) -> MockResponse {
        self.counts.updates += 1;
        (StatusCode::OK, JSON, "{}".to_owned())
    }

    /// The user of the events: its contact is never verified, so that each first code marks it again.
    fn get_user(&mut self, body: &[u8]) -> MockResponse {
        self.counts.users += 1;
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = request.get("Username").cloned().unwrap_or_default();
        let user = json!({
            "Username": name,
            "UserAttributes": [
                { "Name": "sub", "Value": name },
                { "Name": "phone_number", "Value": PHONE },
            ],
            "UserStatus": "CONFIRMED",
            "Enabled": true,
        });
        (StatusCode::OK, JSON, user.to_string())
    }

    /// Changes a user as far as one can see from outside.
    fn change_user(&mut self) -> MockResponse {
        self.counts.users += 1;
        (StatusCode::OK, JSON, "{}".to_owned())
    }

    fn item(&self, key_of: &Value) -> Option<&Value> {
        self.items.get(key(key_of)?)
    }
}

/// The partition key in `attributes`; earlier builds had another.
fn key(attributes: &Value) -> Option<&str> {
    text(attributes, "/key/S").or_else(|| text(attributes, "/destination/S"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}
