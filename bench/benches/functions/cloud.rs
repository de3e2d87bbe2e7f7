//! AWS, as far as create needs it: DynamoDB, SNS and SES over TLS on loopback, each on a port of its
//! own as on AWS each has its own host. They answer from memory at once, so that what is measured is
//! the function, and count what they did, so that it is known to have done its work.

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
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, pki_types::CertificateDer};

use crate::Failure;

/// The variables that lead the AWS SDKs here.
const ENDPOINTS: [&str; 3] =
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT_URL_SESV2"];

/// What was asked of the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Items read.
    pub(crate) gets: u64,
    /// Items stored.
    pub(crate) puts: u64,
    /// Messages sent.
    pub(crate) sent: u64,
    /// Whatever else: nothing, but for requests that only open a connection.
    pub(crate) other: u64,
}

#[derive(Default)]
struct State {
    items: HashMap<String, Value>,
    done: Done,
}

/// The services, until this is dropped.
pub(crate) struct Cloud {
    state: Arc<Mutex<State>>,
    certificate: PathBuf,
    ports: Vec<u16>,
    servers: tokio::task::JoinSet<()>,
}

impl Cloud {
    /// Starts the services on free ports, with a certificate authority whose certificate is written
    /// to `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
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
        let state = Arc::new(Mutex::new(State::default()));
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
    pub(crate) fn take(&mut self) -> Result<Done, Failure> {
        if self.servers.try_join_next().is_some() {
            return Err("a service has ended".into());
        }
        Ok(std::mem::take(&mut lock(&self.state).done))
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<TlsAcceptor, Failure> {
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&state)));
    }
}

/// A client that does not trust us, or goes away, is its own affair: what it did not get done shows
/// in its answer.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    let nodelay = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request| answer(request, &state));
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop((nodelay, served.await));
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let target = request.headers().get("x-amz-target").cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let body = request.into_body().collect().await?.to_bytes();
    let mut state = lock(state);
    let (status, kind, answer) = match target.as_ref().and_then(|target| target.to_str().ok()) {
        Some("DynamoDB_20120810.GetItem") => state.get(&body),
        Some("DynamoDB_20120810.PutItem") => state.put(&body),
        None if method == Method::POST && path == "/v2/email/outbound-emails" => {
            state.done.sent += 1;
            (StatusCode::OK, "application/json", json!({ "MessageId": "1" }).to_string())
        }
        None if method == Method::POST && body.starts_with(b"Action=Publish&") => {
            state.done.sent += 1;
            let answer = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
                <PublishResult><MessageId>1</MessageId></PublishResult>\
                <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>";
            (StatusCode::OK, "text/xml", answer.to_owned())
        }
        _ => {
            state.done.other += 1;
            (StatusCode::NOT_FOUND, "text/plain", String::new())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

type Answer = (StatusCode, &'static str, String);

const JSON: &str = "application/x-amz-json-1.0";

impl State {
    fn get(&mut self, body: &[u8]) -> Answer {
        self.done.gets += 1;
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let item = text(&request, "/Key/destination/S").and_then(|key| self.items.get(key));
        let answer = item.map_or_else(|| json!({}), |item| json!({ "Item": item }));
        (StatusCode::OK, JSON, answer.to_string())
    }

    /// Stores an item if the one in its place has the version that the request expects: the two
    /// conditions that a ledger has.
    fn put(&mut self, body: &[u8]) -> Answer {
        self.done.puts += 1;
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let (Some(key), Some(item)) = (text(&request, "/Item/destination/S"), request.get("Item"))
        else {
            return (StatusCode::BAD_REQUEST, JSON, json!({ "__type": "Other" }).to_string());
        };
        let found = self.items.get(key).and_then(|item| text(item, "/version/N"));
        if found == text(&request, "/ExpressionAttributeValues/:before/N") {
            self.items.insert(key.to_owned(), item.clone());
            return (StatusCode::OK, JSON, "{}".to_owned());
        }
        let error = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
        (StatusCode::BAD_REQUEST, JSON, json!({ "__type": error }).to_string())
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}
