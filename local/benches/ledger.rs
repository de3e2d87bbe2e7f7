//! What the ledger costs: `cargo bench -p local --bench ledger`. One client signs in again and again
//! through the real functions, whose ledger is the embedded DynamoDB behind a server that counts
//! calls, request units and bytes, and takes some time for each.
//!
//! A read request unit is a strongly consistent read of up to 4 KB, a write request unit a write of
//! up to 1 KB. The ledger's time is from when the read comes in to when the answer to the write after it
//! goes out, and that of the write after the message: all that create waits for but its own share of the
//! connection.

mod common;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use common::{Failure, create_user};
use local::client::Client;
use local::lambda::{Capture, Output, Progress, Trigger};
use local::services::dynamodb::{DynamoDb, LEDGER_TABLE};
use local::user_pool::DEFAULT_CLIENT_ID;
use local::{Config, Local};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long DynamoDB takes for a call, one row each, in milliseconds.
const TAKES: [u64; 3] = [0, 3, 6];

/// First rounds measured in each row: each is one sign-in's use of the ledger. Fewer than `local`
/// remembers calls of (one of define and one of create each).
const SIGN_INS: usize = 400;

/// They take turns at so many numbers, each of which has its twenty messages of a day.
const NUMBERS: usize = 20;

/// What the server has seen.
#[derive(Default)]
struct Tally {
    reads: usize,
    writes: usize,
    read_units: usize,
    write_units: usize,
    bytes: usize,
    largest: usize,
    /// When the read came in whose write has not.
    since: Option<Instant>,
    /// How long each took to admit a message: a read and a write.
    admitting: Vec<Duration>,
    /// How long each took to close the issue: a write.
    closing: Vec<Duration>,
}

#[derive(Clone)]
struct Counter {
    database: DynamoDb,
    takes: Duration,
    tally: Arc<Mutex<Tally>>,
}

impl Counter {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a table is what it is for")]
async fn main() -> Result<(), Failure> {
    println!("a sign-in:");
    for takes in TAKES {
        let (tally, mut create) = run(Duration::from_millis(takes)).await?;
        let per = |count: usize| count as f64 / SIGN_INS as f64;
        let Tally { reads, writes, read_units, write_units, bytes, largest, .. } = tally;
        if takes == 0 {
            println!("  {:.2} reads, {:.2} read request units", per(reads), per(read_units));
            println!("  {:.2} writes, {:.2} write request units", per(writes), per(write_units));
            println!("  {:.0} bytes of bodies; the largest item has {largest}", per(bytes));
            println!("{:>10} {:>14} {:>14}", "a call ms", "ledger p50 ms", "create p50 ms");
        }
        let waits = [tally.admitting, tally.closing].map(|mut times| {
            times.sort_unstable();
            times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
        });
        create.sort_by(f64::total_cmp);
        let create = create.get(create.len() / 2).copied().unwrap_or_default();
        println!("{takes:>10} {:>14.2} {create:>14.2}", 1e3 * waits.iter().sum::<f64>());
    }
    Ok(())
}

/// Signs in, with a DynamoDB that takes so long for a call: what it saw, and how long each call of
/// create took, in milliseconds.
async fn run(takes: Duration) -> Result<(Tally, Vec<f64>), Failure> {
    let counter = Counter { database: DynamoDb::new(LEDGER_TABLE)?, takes, tally: Arc::default() };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(count).with_state(counter.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str()),
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
        ("ISSUE_LIMITS", "100/1s,100/1d"),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let variables = variables.map(own).into();
    let (output, progress) = (Output::Capture(Capture::default()), Progress::stderr());
    let local = Local::start(listener, Config { output, variables, progress, ..Config::default() });
    let local = local.await?;
    let client = Client::new(local.url());
    let functions = local.functions().ok_or("no functions")?;
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(local.serve(async move { drop(ended.await) }));

    let phone_numbers = (0..NUMBERS).map(|n| format!("+8190{n:08}")).collect::<Vec<_>>();
    for phone_number in &phone_numbers {
        create_user(&client, phone_number).await?;
    }
    for phone_number in phone_numbers.iter().cycle().take(SIGN_INS) {
        let request = json!({
            "ClientId": DEFAULT_CLIENT_ID,
            "AuthFlow": "CUSTOM_AUTH",
            "AuthParameters": { "USERNAME": phone_number },
        });
        client.call("InitiateAuth", &request).await?;
    }
    let create = Trigger::CreateAuthChallenge.name();
    let calls = functions.calls().calls().into_iter().filter(|call| call.trigger == create);
    let durations = calls.map(|call| call.duration_ms).collect();
    end.send(()).map_err(|()| "local has ended")?;
    server.await??;
    let tally = std::mem::take(&mut *counter.tally());
    Ok((tally, durations))
}

#[expect(clippy::disallowed_methods, reason = "it is what a benchmark does")]
async fn count(
    State(counter): State<Counter>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::GET {
        // It only opens a connection.
        return StatusCode::NOT_FOUND.into_response();
    }
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let target = target.unwrap_or_default();
    let is_read = target.ends_with(".GetItem");
    let came = Instant::now();
    if is_read {
        counter.tally().since = Some(came);
    }
    tokio::time::sleep(counter.takes).await;
    let reply = counter.database.call(target, &body);
    let holder = if is_read { reply.body.as_slice() } else { &body };
    let item: Value = serde_json::from_slice(holder).unwrap_or_default();
    let size = item.get("Item").map_or(0, size);
    let mut tally = counter.tally();
    tally.bytes += body.len() + reply.body.len();
    tally.largest = tally.largest.max(size);
    if is_read {
        tally.reads += 1;
        tally.read_units += size.div_ceil(4_096).max(1);
    } else {
        tally.writes += 1;
        tally.write_units += size.div_ceil(1_024).max(1);
        match tally.since.take() {
            Some(read) => tally.admitting.push(read.elapsed()),
            None => tally.closing.push(came.elapsed()),
        }
    }
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, kind, reply.body).into_response()
}

/// An item's size as DynamoDB counts it: names and texts in bytes, numbers a byte for two digits and
/// one more, lists three bytes and one for each element.
fn size(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &Value) -> usize {
    let text = |kind| value.get(kind).and_then(Value::as_str);
    let list = value.get("L").and_then(Value::as_array);
    match (text("S"), text("N"), list) {
        (Some(text), _, _) => text.len(),
        (_, Some(number), _) => number.len().div_ceil(2) + 1,
        (_, _, Some(list)) => 3 + list.iter().map(|value| value_size(value) + 1).sum::<usize>(),
        _ => 0,
    }
}
