//! Can a stranger tell by the time of an answer who has an account? `cargo bench -p local --bench
//! who_exists`.
//!
//! Known and unknown users start sign-ins in turn, through the real functions and an SNS that takes
//! as long as one does: log-normal, with 90 of 100 sends between 80 and 200 ms. Printed are both
//! distributions and what tells them apart:
//! - KS: the greatest distance between the two distribution functions (Kolmogorov and Smirnov), and
//!   the one that chance exceeds 5 times in 100 where there is none;
//! - TV: the total variation between their histograms, and that between two random halves of the
//!   same times, which is what is left of it by chance;
//! - how often the best guess by one threshold is right; a coin is in 50 of 100 cases.

mod common;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use common::{Failure, create_user};
use local::client::Client;
use local::lambda::{Capture, Output, Progress};
use local::services::sns;
use local::user_pool::{DEFAULT_CLIENT_ID, DEFAULT_POOL_ID};
use local::{Config, Local};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Sign-ins under way at once, each in a process of create's own.
const WORKERS: usize = 4;

/// Sign-ins of each kind with processes that have sent before.
const WARM: usize = 800;

/// Fresh sets of processes, whose first sign-ins are the cold ones.
const COLD_ROUNDS: usize = 125;

/// The median of a send, in seconds, and the spread of its logarithm.
const MEDIAN: f64 = 0.126;
const SPREAD: f64 = 0.28;

/// The width of a histogram's bins.
const BIN: f64 = 0.010;

/// How long each sign-in took to start, in seconds.
#[derive(Default)]
struct Times {
    known: Vec<f64>,
    unknown: Vec<f64>,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a table is what it is for")]
async fn main() -> Result<(), Failure> {
    let sns = sns().await?;
    let mut cold = Times::default();
    for round in 0..COLD_ROUNDS {
        collect(&mut cold, run(&sns, round, 1).await?);
    }
    let mut warm = Times::default();
    // The first call of each worker is a cold one.
    let per_worker = 2 * WARM / WORKERS + 1;
    let mut times = run(&sns, COLD_ROUNDS, per_worker).await?;
    times.retain(|(call, _, _)| *call > 0);
    collect(&mut warm, times);
    println!(
        "{:>14} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8}",
        "", "n", "p5 ms", "p50 ms", "p95 ms", "KS", "chance", "TV", "chance", "guessed"
    );
    for (name, times) in [("cold", cold), ("warm", warm)] {
        let Times { mut known, mut unknown } = times;
        known.sort_by(f64::total_cmp);
        unknown.sort_by(f64::total_cmp);
        let (ks, by_chance) = kolmogorov_smirnov(&known, &unknown);
        let (tv, of_halves) = (total_variation(&known, &unknown), halves(&known, &unknown));
        for (who, times) in [("known", &known), ("unknown", &unknown)] {
            let at = |share: usize| 1e3 * times.get(times.len() * share / 100).unwrap_or(&0.0);
            let [p5, p50, p95] = [5, 50, 95].map(at);
            let (name, n) = (format!("{name} {who}"), times.len());
            print!("{name:>14} {n:>7} {p5:>7.1} {p50:>7.1} {p95:>7.1}");
            if who == "known" {
                let guessed = format!("{:.1} %", 50.0 + 50.0 * ks);
                println!(" {ks:>7.3} {by_chance:>7.3} {tv:>7.3} {of_halves:>7.3} {guessed:>8}");
            } else {
                println!();
            }
        }
    }
    Ok(())
}

fn collect(times: &mut Times, from: Vec<(usize, bool, f64)>) {
    for (_, known, time) in from {
        if known { &mut times.known } else { &mut times.unknown }.push(time);
    }
}

/// Starts a `local` and has every worker start `calls` sign-ins, of known and unknown users in turn:
/// which call of its worker each was, whether the user is known, and how long it took.
#[expect(clippy::disallowed_methods, reason = "it is what a benchmark does")]
async fn run(sns: &str, round: usize, calls: usize) -> Result<Vec<(usize, bool, f64)>, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let variables = [
        ("AWS_ENDPOINT_URL_SNS", sns),
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
        ("ISSUE_LIMITS", "100/1s"),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let variables = variables.map(own).into();
    let (output, progress) = (Output::Capture(Capture::default()), Progress::stderr());
    let local = Local::start(listener, Config { output, variables, progress, ..Config::default() });
    let local = local.await?;
    let url = local.url();
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(local.serve(async move { drop(ended.await) }));

    let mut workers = JoinSet::new();
    let (send, mut receive) = mpsc::unbounded_channel();
    for worker in 0..WORKERS {
        let name = move |known: bool| format!("+8190{}{worker:07}", if known { 1 } else { 2 });
        let client = Client::new(url.clone());
        create_user(&client, &name(true)).await?;
        // Opens the connection, and asks for nothing that a function answers.
        client.call("DescribeUserPool", &json!({ "UserPoolId": DEFAULT_POOL_ID })).await?;
        let send = send.clone();
        workers.spawn(async move {
            for call in 0..calls {
                let known = (round + worker + call).is_multiple_of(2);
                let request = json!({
                    "ClientId": DEFAULT_CLIENT_ID,
                    "AuthFlow": "CUSTOM_AUTH",
                    "AuthParameters": { "USERNAME": name(known) },
                });
                let started = Instant::now();
                client.call("InitiateAuth", &request).await?;
                send.send((call, known, started.elapsed().as_secs_f64()))?;
            }
            Ok::<_, Failure>(())
        });
    }
    drop(send);
    let mut times = Vec::new();
    while let Some(time) = receive.recv().await {
        times.push(time);
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    end.send(()).map_err(|()| "local has ended")?;
    server.await??;
    Ok(times)
}

/// An SNS that takes its time.
async fn sns() -> Result<String, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let generator = std::sync::Arc::new(std::sync::Mutex::new(StdRng::seed_from_u64(1)));
    let router = Router::new().fallback(publish).with_state(generator);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

type Generator = std::sync::Arc<std::sync::Mutex<StdRng>>;

async fn publish(State(generator): State<Generator>, body: Bytes) -> Response {
    let pause = {
        let mut generator = generator.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Box and Muller's way to a normal number.
        let [u, v]: [f64; 2] = [generator.random(), generator.random()];
        let normal = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        MEDIAN * (SPREAD * normal).exp()
    };
    tokio::time::sleep(Duration::from_secs_f64(pause)).await;
    let form = form_urlencoded::parse(&body).into_owned().collect();
    sns::call(&form, "1", 0.0, drop).body.into_response()
}

/// The share of `times` (in order) that are not above `limit`.
fn share(times: &[f64], limit: f64) -> f64 {
    times.partition_point(|time| *time <= limit) as f64 / times.len() as f64
}

/// The statistic, and its critical value at 95 %.
fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> (f64, f64) {
    let distance = |limit: &f64| (share(a, *limit) - share(b, *limit)).abs();
    let (n, m) = (a.len() as f64, b.len() as f64);
    let statistic = a.iter().chain(b).map(distance).fold(0.0, f64::max);
    (statistic, 1.358 * ((n + m) / (n * m)).sqrt())
}

fn total_variation(a: &[f64], b: &[f64]) -> f64 {
    let last = a.iter().chain(b).copied().fold(0.0, f64::max);
    let bins = (last / BIN) as usize + 1;
    let share_of = |times: &[f64], bin: usize| {
        share(times, (bin + 1) as f64 * BIN) - share(times, bin as f64 * BIN)
    };
    (0..bins).map(|bin| (share_of(a, bin) - share_of(b, bin)).abs()).sum::<f64>() / 2.0
}

/// The total variation between two random halves of all times together, on average.
fn halves(a: &[f64], b: &[f64]) -> f64 {
    const TRIES: u32 = 50;
    let mut generator = StdRng::seed_from_u64(2);
    let mut sum = 0.0;
    for _ in 0..TRIES {
        let all = a.iter().chain(b).copied();
        let (mut left, mut right): (Vec<f64>, Vec<f64>) =
            all.partition(|_| generator.random::<bool>());
        left.sort_by(f64::total_cmp);
        right.sort_by(f64::total_cmp);
        sum += total_variation(&left, &right);
    }
    sum / f64::from(TRIES)
}
