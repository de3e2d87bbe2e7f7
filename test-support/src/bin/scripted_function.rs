//! A function for the tests of `local`, on the same runtime as the real ones: it does what its
//! event says, step by step.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Script {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Write this to standard output and the same to standard error, with nothing added.
    Write(String),
    /// Wait so many milliseconds.
    Sleep(u64),
    /// End the process with this status.
    Exit(i32),
    /// End the process with a signal.
    Abort,
    Panic,
    /// Answer with an error of this message.
    Error(String),
    Answer(Value),
    /// Answer with what the function knows of itself.
    Describe,
    /// Post to the Runtime API behind the runtime's back. The status joins those in the answer.
    /// `ID` in the path is this request's.
    Post {
        path: String,
        body: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    match variable("AT_START").as_deref() {
        Some("exit") => {
            write(&mut io::stderr(), "CODE_KEY: missing\n");
            std::process::exit(1);
        }
        Some("report") => {
            let report = r#"{"errorType":"Settings","errorMessage":"CODE_KEY: too short"}"#;
            post("/2018-06-01/runtime/init/error", report)?;
            std::process::exit(1);
        }
        Some("hang") => std::future::pending().await,
        _ => lambda_runtime::run(service_fn(play)).await,
    }
}

async fn play(event: LambdaEvent<Script>) -> Result<Value, Diagnostic> {
    let mut statuses = Vec::new();
    for step in event.payload.steps {
        match step {
            Step::Write(text) => {
                write(&mut io::stdout(), &text);
                write(&mut io::stderr(), &text);
            }
            Step::Sleep(milliseconds) => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            }
            Step::Exit(status) => std::process::exit(status),
            Step::Abort => std::process::abort(),
            Step::Panic => panicked(),
            Step::Error(message) => return Err(error(message)),
            Step::Answer(value) => return Ok(value),
            Step::Describe => {
                #[expect(clippy::disallowed_methods, reason = "its environment is what is asked")]
                let names: Vec<String> = std::env::vars_os()
                    .map(|(name, _)| name.to_string_lossy().into_owned())
                    .collect();
                return Ok(json!({
                    "pid": std::process::id(),
                    "variables": names,
                    "given": variable("GIVEN"),
                    "name": event.context.env_config.function_name,
                    "arn": event.context.invoked_function_arn,
                    "trace": event.context.xray_trace_id,
                    "deadline": event.context.deadline,
                }));
            }
            Step::Post { path, body } => {
                let path = path.replace("ID", &event.context.request_id);
                let status = post(&path, &body).map_err(|fault| error(fault.to_string()))?;
                statuses.push(status);
            }
        }
    }
    Ok(json!({ "statuses": statuses }))
}

fn error(message: String) -> Diagnostic {
    Diagnostic { error_type: "Scripted".to_owned(), error_message: message }
}

#[expect(clippy::panic, reason = "the test asks what a panic comes out as")]
fn panicked() {
    panic!("scripted panic");
}

#[expect(clippy::disallowed_methods, reason = "the test's settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn write(stream: &mut impl io::Write, text: &str) {
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}

/// Posts to the Runtime API and gives the reply's status line.
fn post(path: &str, body: &str) -> io::Result<String> {
    let host = variable("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
    let mut stream = TcpStream::connect(&host)?;
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\
         Content-Type: application/json\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply.lines().next().unwrap_or_default().to_owned())
}
