//! Functions as processes: what a caller gets when they answer, fail, die and stall, and that no
//! process is left behind.
#![cfg(test)]
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the clock, and one a variable of its own"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::join_all;
use local::lambda::{
    Capture, Functions, Invoke, InvokeError, Launch, Options, Outcome, Output, TRIGGER_TIMEOUT,
    Trigger,
};
use serde_json::{Value, json};
use test_support::functions::scripted_function;
use test_support::wait;
use tokio::time::{sleep, timeout};

const TRIGGER: Trigger = Trigger::CreateAuthChallenge;

/// No test takes longer, whatever goes wrong.
const TEST_LIMIT: Duration = Duration::from_secs(60);

/// How long to wait for something that happens by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The limit of calls that are meant to reach it.
const SHORT_LIMIT: Duration = Duration::from_millis(500);

/// A step that outlasts every limit here.
const FOREVER_MS: u64 = 120_000;

struct Setup {
    functions: Functions,
    capture: Capture,
}

/// One function, with `variables`, that is run as `change` says.
fn setup(variables: &[(&str, &str)], change: impl FnOnce(&mut Options)) -> Setup {
    setup_program(scripted_function(), variables, change)
}

fn setup_program(
    program: PathBuf,
    variables: &[(&str, &str)],
    change: impl FnOnce(&mut Options),
) -> Setup {
    let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let launch = Launch::new(TRIGGER.function(), program, variables.collect());
    let capture = Capture::default();
    let mut options = Options { output: Output::Capture(capture.clone()), ..Options::default() };
    change(&mut options);
    Setup { functions: Functions::new(BTreeMap::from([(TRIGGER, launch)]), options), capture }
}

impl Setup {
    async fn call(&self, steps: Value) -> Result<Value, InvokeError> {
        let event = json!({ "steps": steps }).to_string();
        let response = timeout(TEST_LIMIT, self.functions.invoke(TRIGGER, event.into()))
            .await
            .expect("the call ends");
        response.map(|body| serde_json::from_slice(&body).unwrap())
    }

    async fn pid(&self) -> u32 {
        let described = self.call(json!(["describe"])).await.unwrap();
        u32::try_from(described["pid"].as_u64().unwrap()).unwrap()
    }

    /// Waits until the function has said `text`.
    async fn said(&self, text: &str) {
        until(|| contains(&self.capture.bytes(), text.as_bytes())).await;
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let calls = self.functions.calls().calls();
        calls.iter().map(|call| call.outcome).collect()
    }
}

async fn until(condition: impl Fn() -> bool) {
    wait::until(PATIENCE, "it happens by itself", condition).await;
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Whether process `pid` runs. One that is dead but not yet collected does not.
fn runs(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(')').next().unwrap().trim().starts_with('Z'),
        Err(_) if cfg!(target_os = "linux") => false,
        Err(_) => shell(&format!("kill -0 {pid} 2>/dev/null")),
    }
}

fn kill(pid: u32) {
    assert!(shell(&format!("kill -KILL {pid}")));
}

fn shell(command: &str) -> bool {
    let status = Command::new("sh").args(["-c", command]).status();
    status.unwrap().success()
}

fn function_error(result: Result<Value, InvokeError>) -> (String, String) {
    match result {
        Err(InvokeError::Function { error_type, message }) => (error_type, message),
        other => panic!("no function error: {other:?}"),
    }
}

/// `message` without the request's id, which differs each time.
fn without_id(message: &str) -> String {
    let (before, rest) = message.split_once("RequestId: ").unwrap();
    let (id, after) = rest.split_once(' ').unwrap();
    assert_eq!(id.len(), 36, "{message}");
    format!("{before}{after}")
}

#[tokio::test]
async fn function_environment_matches_lambda_and_nothing_else() {
    let setup = setup(&[("GIVEN", "by the caller")], |_| {});
    let seen = setup.call(json!(["describe"])).await.unwrap();
    assert_eq!(seen["given"], "by the caller");
    assert_eq!(seen["name"], "create-auth-challenge");
    assert_eq!(seen["arn"], "arn:aws:lambda:us-east-1:000000000000:function:create-auth-challenge");
    assert!(seen["trace"].as_str().unwrap().starts_with("Root=1-"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let deadline = Duration::from_millis(seen["deadline"].as_u64().unwrap());
    assert!(deadline > now && deadline <= now + TRIGGER_TIMEOUT);

    let known = [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "GIVEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "PATH",
        "TZ",
    ];
    let variables = seen["variables"].as_array().unwrap();
    for name in variables.iter().map(|name| name.as_str().unwrap()) {
        assert!(name.starts_with("AWS_") || known.contains(&name), "{name}");
    }
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "_HANDLER"] {
        assert!(variables.contains(&name.into()), "{name}");
    }
}

#[tokio::test]
async fn function_error_is_returned_and_process_survives() {
    let setup = setup(&[], |_| {});
    let pid = setup.pid().await;
    let failed = setup.call(json!([{ "error": "TOO_MANY_CODES" }])).await;
    assert_eq!(function_error(failed), ("Scripted".to_owned(), "TOO_MANY_CODES".to_owned()));
    let panicked = function_error(setup.call(json!(["panic"])).await);
    assert!(panicked.1.contains("scripted panic"), "{panicked:?}");
    assert_eq!(setup.pid().await, pid);

    let calls = setup.functions.calls().calls();
    let cold: Vec<bool> = calls.iter().map(|call| call.cold).collect();
    assert_eq!(cold, [true, false, false, false]);
    assert!(calls.iter().all(|call| call.pid == Some(pid)));
    use Outcome::{Error, Ok};
    assert_eq!(setup.outcomes(), [Ok, Error, Error, Ok]);
}

#[tokio::test]
async fn function_exit_is_reported_like_lambda_and_next_call_works() {
    let setup = setup(&[], |_| {});
    for (step, expected) in [
        (json!({ "exit": 3 }), "Error: Runtime exited with error: exit status 3"),
        (json!({ "exit": 0 }), "Error: Runtime exited without providing a reason"),
        (json!("abort"), "Error: Runtime exited with error: signal: aborted"),
    ] {
        let before = setup.pid().await;
        let (error_type, message) = function_error(setup.call(json!([step])).await);
        assert_eq!(error_type, "Runtime.ExitError");
        assert_eq!(without_id(&message), expected);
        assert!(!runs(before));
        assert_ne!(setup.pid().await, before);
        setup.said(expected).await;
    }
}

#[tokio::test]
async fn function_killed_during_a_call_fails_only_that_call() {
    let setup = setup(&[], |_| {});
    let pid = setup.pid().await;
    let steps = json!([{ "write": "at work\n" }, { "sleep": FOREVER_MS }]);
    let (killed, ()) = tokio::join!(setup.call(steps), async {
        setup.said("at work\n").await;
        kill(pid);
    });
    let (error_type, message) = function_error(killed);
    assert_eq!(error_type, "Runtime.ExitError");
    assert_eq!(without_id(&message), "Error: Runtime exited with error: signal: killed");
    assert_ne!(setup.pid().await, pid);
    assert_eq!(setup.outcomes(), [Outcome::Ok, Outcome::Died, Outcome::Ok]);
}

/// Sends `request` to the Runtime API of process `pid` as a page would; the status line of the reply.
#[cfg(target_os = "linux")]
async fn send_to_runtime_api(pid: u32, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let mut variables = environment.split('\0');
    let address = variables.find_map(|pair| pair.strip_prefix("AWS_LAMBDA_RUNTIME_API=")).unwrap();
    let exchange = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = request.replace("ADDRESS", address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        reply.lines().next().unwrap_or_default().to_owned()
    };
    timeout(PATIENCE, exchange).await.expect("a reply at once")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn page_at_the_runtime_api_takes_no_event_of_a_running_function() {
    const NEXT: &str = "/2018-06-01/runtime/invocation/next";
    let setup = setup(&[], |_| {});
    let pid = setup.pid().await;
    // While the function is at work, whoever asks for the next event would be before it.
    let steps = json!([{ "write": "at work\n" }, { "sleep": 300 }, { "answer": "the function" }]);
    let call = setup.call(steps);
    let thieves = async {
        setup.said("at work").await;
        for (method, headers) in [
            ("GET", "Host: evil.example\r\n"),
            ("GET", "Host: 127.0.0.1\r\n"),
            ("GET", ""),
            ("GET", "Host: ADDRESS\r\nSec-Fetch-Site: cross-site\r\n"),
            ("GET", "Host: ADDRESS\r\nOrigin: http://localhost:3000\r\n"),
        ] {
            let request = format!("{method} {NEXT} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
            let status = send_to_runtime_api(pid, &request).await;
            assert!(status.contains("403"), "{headers}: {status}");
        }
    };
    let (answer, ()) = tokio::join!(call, thieves);
    assert_eq!(answer, Ok(json!("the function")));
    assert_eq!(setup.pid().await, pid, "the function has its next event, too");
}

#[tokio::test]
async fn function_killed_between_calls_is_replaced() {
    let setup = setup(&[], |_| {});
    let pid = setup.pid().await;
    kill(pid);
    until(|| !runs(pid)).await;
    assert_ne!(setup.pid().await, pid);
    assert_eq!(setup.outcomes(), [Outcome::Ok, Outcome::Ok]);
}

#[tokio::test]
async fn stalled_function_times_out_and_is_replaced() {
    let setup = setup(&[], |options| options.limit = SHORT_LIMIT);
    let pid = setup.pid().await;
    let stalled = setup.call(json!([{ "sleep": FOREVER_MS }])).await;
    assert_eq!(stalled, Err(InvokeError::TimedOut));
    assert_ne!(setup.pid().await, pid);
    until(|| !runs(pid)).await;
    assert_eq!(setup.outcomes(), [Outcome::Ok, Outcome::Timeout, Outcome::Ok]);
}

#[tokio::test]
async fn function_that_requests_no_event_times_out() {
    let setup = setup(&[("AT_START", "hang")], |options| options.limit = SHORT_LIMIT);
    let hung = setup.call(json!([])).await;
    assert_eq!(hung, Err(InvokeError::TimedOut));
    until(|| setup.functions.pids(TRIGGER).is_empty()).await;
}

#[tokio::test]
async fn parallel_calls_start_instances_up_to_the_limit() {
    let setup = setup(&[], |options| options.max_instances = 2);
    let steps = json!([{ "sleep": 100 }, "describe"]);
    let answers = join_all((0..6).map(|_| setup.call(steps.clone()))).await;
    let pids: BTreeSet<u64> =
        answers.into_iter().map(|answer| answer.unwrap()["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    assert_eq!(setup.functions.pids(TRIGGER).len(), 2);
    let cold = setup.functions.calls().calls();
    assert_eq!(cold.iter().filter(|call| call.cold).count(), 2);
}

#[tokio::test]
async fn waiting_for_an_instance_counts_towards_the_timeout() {
    let setup = setup(&[], |options| {
        options.max_instances = 1;
        options.limit = SHORT_LIMIT;
    });
    setup.functions.warm().await.unwrap();
    let (stalled, waited) = tokio::join!(
        setup.call(json!([{ "sleep": FOREVER_MS }])),
        setup.call(json!([{ "answer": 1 }])),
    );
    assert_eq!(stalled, Err(InvokeError::TimedOut));
    assert_eq!(waited, Err(InvokeError::TimedOut));
    assert_eq!(setup.call(json!([{ "answer": 2 }])).await, Ok(json!(2)));
}

#[tokio::test]
async fn responses_to_unknown_requests_are_refused_and_late_ones_ignored() {
    let setup = setup(&[], |_| {});
    let to = |path: &str, body: &str| {
        let path = format!("/2018-06-01/runtime/invocation/{path}");
        json!({ "post": { "path": path, "body": body } })
    };
    let steps = json!([to("another/response", "0"), to("another/error", "{}")]);
    let refused = setup.call(steps).await.unwrap();
    let status = "HTTP/1.1 400 Bad Request";
    assert_eq!(refused, json!({ "statuses": [status, status] }));

    // The runtime's own answer comes after this one, and is too late.
    let steps = json!([to("ID/response", "1"), { "answer": 2 }]);
    assert_eq!(setup.call(steps).await, Ok(json!(1)));
    assert_eq!(setup.call(json!([{ "answer": 3 }])).await, Ok(json!(3)));
    assert_eq!(setup.functions.pids(TRIGGER).len(), 1);
}

#[tokio::test]
async fn failed_start_is_reported_and_retried_once_per_call() {
    let setup = setup(&[("AT_START", "exit")], |_| {});
    let error = setup.functions.warm().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "create-auth-challenge did not start: Runtime.ExitError: Error: Runtime exited with \
         error: exit status 1; its output: CODE_KEY: missing"
    );
    let (error_type, message) = function_error(setup.call(json!([])).await);
    assert_eq!(error_type, "Runtime.ExitError");
    assert_eq!(without_id(&message), "Error: Runtime exited with error: exit status 1");
    // The error of the first start has its output; the call's is in the log.
    let output = String::from_utf8(setup.capture.bytes()).unwrap();
    assert_eq!(output.matches("CODE_KEY: missing").count(), 1, "{output}");
    assert_eq!(setup.outcomes(), [Outcome::Died]);
    assert!(setup.functions.pids(TRIGGER).is_empty());
}

#[tokio::test]
async fn reported_initialization_error_is_returned() {
    let setup = setup(&[("AT_START", "report")], |_| {});
    let error = setup.functions.warm().await.unwrap_err().to_string();
    assert!(error.ends_with("Settings: CODE_KEY: too short"), "{error}");
    assert_eq!(
        function_error(setup.call(json!([])).await),
        ("Settings".to_owned(), "CODE_KEY: too short".to_owned())
    );
}

#[tokio::test]
async fn missing_program_is_named() {
    let setup = setup_program("/no/such/bootstrap".into(), &[], |_| {});
    let (error_type, message) = function_error(setup.call(json!([])).await);
    assert_eq!(error_type, "Runtime.InvalidEntrypoint");
    assert!(message.contains("/no/such/bootstrap"), "{message}");
    setup.said("/no/such/bootstrap").await;
    assert!(setup.functions.warm().await.is_err());
    assert_eq!(setup.outcomes(), [Outcome::Died]);
}

#[tokio::test]
async fn warm_functions_have_no_cold_start() {
    let setup = setup(&[], |_| {});
    setup.functions.warm().await.unwrap();
    setup.functions.warm().await.unwrap();
    assert_eq!(setup.functions.pids(TRIGGER), [setup.pid().await]);
    assert!(!setup.functions.calls().calls()[0].cold);
}

#[tokio::test]
async fn function_output_is_captured_completely() {
    let setup = setup(&[], |_| {});
    let lines: String = (0..2_000).map(|n| format!("line {n}\n")).collect();
    let long = "#".repeat(200_000);
    let text = format!("{lines}{long}\nthe last one has no end");
    let died = setup.call(json!([{ "write": text }, { "exit": 1 }])).await;
    assert!(died.is_err());

    // Once for each stream; a long line may have come in pieces between the other stream's.
    let output = String::from_utf8(setup.capture.bytes()).unwrap();
    let mut count = BTreeMap::<&str, usize>::new();
    for line in output.lines() {
        *count.entry(line.trim_matches('#')).or_default() += 1;
    }
    assert!(lines.lines().all(|line| count.get(line) == Some(&2)));
    assert_eq!(output.matches('#').count(), 2 * long.len());
    assert_eq!(output.matches("the last one has no end").count(), 2);
}

#[tokio::test]
async fn abandoned_call_runs_to_completion() {
    let setup = setup(&[], |_| {});
    let pid = setup.pid().await;
    let steps = json!([{ "write": "begun\n" }, { "sleep": 50 }, { "write": "done\n" }]);
    tokio::select! {
        _ = setup.call(steps) => panic!("too soon"),
        () = setup.said("begun\n") => {}
    }
    setup.said("done\n").await;
    // It has not responded yet, and until then another call would start another process.
    until(|| setup.outcomes().len() == 2).await;
    assert_eq!(setup.pid().await, pid);
    assert_eq!(setup.outcomes(), [Outcome::Ok; 3]);
}

#[tokio::test]
async fn shutdown_ends_every_process_and_every_call() {
    let setup = setup(&[], |_| {});
    let calls = join_all((0..3).map(|_| setup.call(json!([{ "sleep": FOREVER_MS }]))));
    let (ended, pids) = tokio::join!(calls, async {
        until(|| setup.functions.pids(TRIGGER).len() == 3).await;
        let pids = setup.functions.pids(TRIGGER);
        timeout(PATIENCE, setup.functions.shutdown()).await.unwrap();
        pids
    });
    assert!(pids.iter().all(|&pid| !runs(pid)));
    assert!(setup.functions.pids(TRIGGER).is_empty());
    for call in ended {
        assert_eq!(function_error(call).0, "Runtime.Shutdown");
    }
    let late = setup.call(json!([{ "answer": 1 }])).await;
    assert_eq!(function_error(late).0, "Runtime.Shutdown");
    assert!(setup.functions.warm().await.is_err());
}

#[tokio::test]
async fn dropping_the_last_handle_ends_every_process() {
    let setup = setup(&[], |_| {});
    let busy = setup
        .functions
        .invoke(TRIGGER, Bytes::from(json!({ "steps": [{ "sleep": FOREVER_MS }] }).to_string()));
    let idle = setup.pid().await;
    until(|| setup.functions.pids(TRIGGER).len() == 2).await;
    let pids = setup.functions.pids(TRIGGER);
    assert!(pids.contains(&idle));
    drop(busy);
    drop(setup.functions);
    until(|| !pids.iter().any(|&pid| runs(pid))).await;
}

/// Starts an instance of each function, calls one of them, writes their process ids to standard error
/// and waits to be killed.
async fn host(program: PathBuf) {
    let launches = Trigger::ALL.map(|trigger| {
        let launch = Launch::new(trigger.function(), &program, BTreeMap::new());
        (trigger, launch)
    });
    let capture = Capture::default();
    let options = Options { output: Output::Capture(capture.clone()), ..Options::default() };
    let functions = Functions::new(launches.into(), options);
    functions.warm().await.unwrap();
    let event = json!({ "steps": [{ "write": "begun\n" }, { "sleep": 1_000 }] }).to_string();
    let _call = functions.invoke(TRIGGER, event.into());
    until(|| !capture.bytes().is_empty()).await;
    let pids = Trigger::ALL.into_iter().flat_map(|trigger| functions.pids(trigger));
    let pids: Vec<String> = pids.map(|pid| pid.to_string()).collect();
    eprintln!("{}", pids.join(" "));
    sleep(PATIENCE).await;
}

#[tokio::test]
async fn functions_end_when_their_host_is_killed() {
    // The host is this test in a process of its own.
    const IN_HOST: &str = "FUNCTION_OF_THE_HOST";
    if let Some(program) = std::env::var_os(IN_HOST) {
        return host(program.into()).await;
    }
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "functions_end_when_their_host_is_killed", "--nocapture"])
        .env(IN_HOST, scripted_function())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(host.stderr.take().unwrap());
    output.read_line(&mut line).unwrap();
    let pids: Vec<u32> = line.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    // One in the middle of a call, and the others waiting for an event.
    assert_eq!(pids.len(), Trigger::ALL.len());
    assert!(pids.iter().all(|&pid| runs(pid)));
    host.kill().unwrap();
    host.wait().unwrap();
    until(|| !pids.iter().any(|&pid| runs(pid))).await;
}
