//! How many sign-ins a second `local` carries, and how long each takes: `cargo bench -p local
//! --bench sign_ins`. Client, server and functions share the machine's cores.
//!
//! A sign-in is InitiateAuth, the text from the outbox, and RespondToAuthChallenge with its code:
//! four trigger calls, three calls of the ledger's table, one message, two RS256 signatures. The first
//! table is of users that the pool has, the second of sign-ins at once in a pool of the most.

mod common;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Failure, create_user};
use local::client::Client;
use local::lambda::{Capture, Output, Progress};
use local::outbox::Outbox;
use local::user_pool::DEFAULT_CLIENT_ID;
use local::{Config, Local};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How many sign-ins are under way at once, one row each.
const CONCURRENCY: [usize; 4] = [1, 10, 100, 1_000];

/// How many users the pool has, one row each; at first those who sign in.
const CROWDS: [usize; 4] = [0, 1_000, 10_000, 100_000];

/// How many sign-ins are under way in the rows of users.
const AMONG_MANY: usize = 8;

/// Sign-ins measured in each row, after as many tenths of it to warm up.
const SIGN_INS: usize = 1_000;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a table is what it is for")]
async fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let output = Output::Capture(Capture::default());
    let variables = [("AWS_LAMBDA_LOG_LEVEL", "ERROR"), ("ISSUE_LIMITS", "100/1s")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let progress = Progress::stderr();
    let local = Local::start(listener, Config { output, variables, progress, ..Config::default() });
    let local = local.await?;
    let (url, outbox) = (local.url(), local.outbox());
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(local.serve(async move { drop(ended.await) }));

    println!("{:>10} {:>12} {:>10} {:>10}", "users", "sign-ins/s", "p50 ms", "p99 ms");
    let few = people(&url, CONCURRENCY.len(), AMONG_MANY).await?;
    let mut there = few.len() * NUMBERS;
    for crowd in CROWDS {
        join(&few, there..crowd).await?;
        there = there.max(crowd);
        measure(there, &few, &outbox).await?;
    }
    println!("\n{:>10} {:>12} {:>10} {:>10}", "at once", "sign-ins/s", "p50 ms", "p99 ms");
    for (row, concurrency) in CONCURRENCY.into_iter().enumerate() {
        let people = people(&url, row, concurrency).await?;
        measure(concurrency, &people, &outbox).await?;
    }
    end.send(()).map_err(|()| "local has ended")?;
    server.await??;
    Ok(())
}

/// Has `people` sign in and prints the row of `label`.
#[expect(clippy::print_stdout, reason = "a table is what it is for")]
async fn measure(label: usize, people: &[Arc<Person>], outbox: &Outbox) -> Result<(), Failure> {
    run(people, outbox, SIGN_INS / 10).await?;
    let (elapsed, mut times) = run(people, outbox, SIGN_INS).await?;
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let a_second = times.len() as f64 / elapsed.as_secs_f64();
    let [p50, p99] = [50, 99].map(|share| at(share).as_secs_f64() * 1e3);
    println!("{label:>10} {a_second:>12.0} {p50:>10.2} {p99:>10.2}");
    Ok(())
}

/// Creates the users of those `numbers`, with the clients of `people`.
async fn join(people: &[Arc<Person>], numbers: Range<usize>) -> Result<(), Failure> {
    let mut tasks = JoinSet::new();
    for (offset, person) in people.iter().enumerate() {
        let (person, step) = (Arc::clone(person), people.len());
        let own = numbers.clone().skip(offset).step_by(step);
        tasks.spawn(async move {
            for number in own {
                create_user(&person.client, &format!("+8180{number:08}")).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(joined) = tasks.join_next().await {
        joined??;
    }
    Ok(())
}

/// Someone with a client of their own, and phones to take in turn: one number gets no more than its
/// limit in a second.
struct Person {
    client: Client,
    phone_numbers: Vec<String>,
}

/// How many numbers each has.
const NUMBERS: usize = 20;

async fn people(url: &str, row: usize, count: usize) -> Result<Vec<Arc<Person>>, Failure> {
    let mut people = Vec::new();
    for number in 0..count {
        let phone_number = |n: usize| format!("+81901{row}{number:04}{n:02}");
        let phone_numbers = (0..NUMBERS).map(phone_number).collect();
        let person = Person { client: Client::new(url.to_owned()), phone_numbers };
        for phone_number in &person.phone_numbers {
            create_user(&person.client, phone_number).await?;
        }
        people.push(Arc::new(person));
    }
    Ok(people)
}

/// Has everyone sign in again and again until there have been `sign_ins`: how long that took, and
/// how long each.
#[expect(clippy::disallowed_methods, reason = "it is what a benchmark does")]
async fn run(
    people: &[Arc<Person>],
    outbox: &Outbox,
    sign_ins: usize,
) -> Result<(Duration, Vec<Duration>), Failure> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for person in people {
        let (person, outbox) = (Arc::clone(person), outbox.clone());
        let own_sign_ins = sign_ins.div_ceil(people.len());
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(own_sign_ins);
            for phone_number in person.phone_numbers.iter().cycle().take(own_sign_ins) {
                let started = Instant::now();
                sign_in(&person.client, phone_number, &outbox).await?;
                times.push(started.elapsed());
            }
            Ok::<_, Failure>(times)
        });
    }
    let mut times = Vec::with_capacity(sign_ins);
    while let Some(own_times) = tasks.join_next().await {
        times.extend(own_times??);
    }
    Ok((started.elapsed(), times))
}

async fn sign_in(client: &Client, phone_number: &str, outbox: &Outbox) -> Result<(), Failure> {
    let request = json!({
        "ClientId": DEFAULT_CLIENT_ID,
        "AuthFlow": "CUSTOM_AUTH",
        "AuthParameters": { "USERNAME": phone_number },
    });
    let challenge = client.call("InitiateAuth", &request).await?;
    let messages = outbox.messages();
    let message = messages.iter().rev().find(|message| message.to == phone_number);
    let code = message.and_then(|message| message.body.split(' ').next()).ok_or("no message")?;
    let response = json!({
        "ClientId": DEFAULT_CLIENT_ID,
        "ChallengeName": "CUSTOM_CHALLENGE",
        "Session": challenge.get("Session"),
        "ChallengeResponses": { "USERNAME": phone_number, "ANSWER": code },
    });
    let reply = client.call("RespondToAuthChallenge", &response).await?;
    let token = reply.pointer("/AuthenticationResult/AccessToken").and_then(Value::as_str);
    token.map(drop).ok_or_else(|| "no tokens".into())
}
