//! The command `cognito-otp` as a user runs it: the demo, the server, and what it says when it
//! cannot.
#![cfg(test)]
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "a test waits by the clock")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long building and starting the functions may take, on a slow machine and from clean.
const START_LIMIT: Duration = Duration::from_secs(20 * 60);

/// How long ending may take.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A process that is killed when its test ends, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It fails only when the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognito-otp"));
        command.args(arguments).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Waits for the end: its status and everything on standard output and standard error.
    fn finish(mut self, limit: Duration) -> (Option<i32>, String, String) {
        let read = |mut stream: Box<dyn std::io::Read + Send>| {
            std::thread::spawn(move || {
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                text
            })
        };
        let out = self.0.stdout.take().map(|stream| read(Box::new(stream)));
        let err = self.0.stderr.take().map(|stream| read(Box::new(stream)));
        let status = self.wait(limit);
        let text = |reader: Option<std::thread::JoinHandle<String>>| {
            reader.map(|reader| reader.join().unwrap()).unwrap_or_default()
        };
        (status, text(out), text(err))
    }

    fn wait(&mut self, limit: Duration) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < limit, "still running after {limit:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The processes whose parent is `pid`.
fn children(pid: u32) -> Vec<String> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().map(str::to_owned).collect()
}

/// Plays the demo with these variables: so many messages, and what else it prints.
fn play_demo(variables: &[(&str, &str)], messages: usize, lines: &[&str]) {
    let (status, out, err) = Running::start(&["demo"], variables).finish(START_LIMIT);
    assert_eq!(status, Some(0), "{variables:?}: {out}{err}");
    assert_eq!(out.matches("[phone]").count(), messages, "{variables:?}: {out}");
    for line in ["attempts left", "phone_number_verified = true"].iter().chain(lines) {
        assert!(out.contains(line), "{variables:?}: {line:?} is missing: {out}");
    }
    assert!(!err.contains("error"), "{variables:?}: {err}");
}

#[test]
fn demo_signs_up_and_in_with_one_message() {
    for variables in [&[][..], &[("SIGN_UP", "code")]] {
        let lines = ["confirmed, not verified", "Signed up and in with one SMS"];
        play_demo(variables, 1, &lines);
    }
}

#[test]
fn demo_of_cognitos_own_sign_up_takes_two_messages() {
    play_demo(&[("SIGN_UP", "cognito")], 2, &["(ConfirmSignUp)", "Signed in with one SMS"]);
}

#[test]
fn demo_of_closed_sign_up_starts_with_an_administrator() {
    play_demo(&[("SIGN_UP", "closed")], 1, &["(AdminCreateUser)", "Signed in with one SMS"]);
}

#[test]
fn sign_up_that_the_functions_refuse_is_reported_once() {
    for (variables, expected) in [
        (
            &[("SIGN_UP", "code"), ("SIGN_IN", "second-factor")][..],
            "SIGN_UP is code, which SIGN_IN=second-factor does not allow",
        ),
        (&[("SIGN_UP", "open")], "SIGN_UP is not one of"),
    ] {
        for arguments in [&["--port", "0"][..], &["demo"]] {
            let (status, out, err) = Running::start(arguments, variables).finish(START_LIMIT);
            assert_eq!(status, Some(1), "{variables:?}: {out}{err}");
            assert_eq!(err.matches(expected).count(), 1, "{variables:?}: {err}");
            assert!(!err.contains("panicked"), "{err}");
            assert_eq!(out, "", "nothing on standard output");
        }
    }
}

#[test]
fn server_prints_its_settings_and_stops_cleanly_on_sigterm() {
    let mut server = Running::start(&["--port", "0"], &[]);
    let pid = server.0.id();
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut exports: Vec<String> = Vec::new();
    // The last of the lines that it starts with names the second client's secret.
    while exports.last().is_none_or(|line| !line.contains("CLIENT_SECRET=")) {
        exports.push(receiver.recv_timeout(START_LIMIT).expect("local introduces itself"));
    }
    let value = |name: &str| {
        let prefix = format!("export {name}=");
        let line = exports.iter().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("{name} is missing: {exports:?}")).to_owned()
    };
    assert!(value("AWS_ENDPOINT_URL").starts_with("http://127.0.0.1:"));
    assert_eq!(value("AWS_REGION"), "us-east-1");
    assert_eq!(value("USER_POOL_ID"), "us-east-1_LocalPool");
    assert_eq!(value("CLIENT_ID"), "localclient000000000000000");
    assert_eq!(value("CLIENT_ID_ANY_FLOW"), "localanyflowclient00000000");
    let functions = children(pid);
    assert_eq!(functions.len(), 4, "one process each: {functions:?}");

    let terminated = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().unwrap();
    assert!(terminated.success());
    assert_eq!(server.wait(END_LIMIT), Some(0));
    let left: Vec<_> =
        functions.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
    assert!(left.is_empty(), "functions outlived local: {left:?}");
}

#[test]
fn start_errors_name_their_cause() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, variables, expected) in [
        (&["--port", port.as_str()][..], &[][..], "choose another port with --port"),
        (
            &["--port", "0", "--functions", "no-such-folder"],
            &[],
            "define-auth-challenge is neither at",
        ),
        (
            &["--port", "0", "--lambda-endpoint", "nowhere"],
            &[],
            "write it like http://127.0.0.1:9000",
        ),
        (
            &["--port", "0"],
            &[("MAX_ATTEMPTS", "99")],
            "MAX_ATTEMPTS is not a whole number from 1 to 5",
        ),
        (&["demo"], &[("CODE_KEY", "short")], "CODE_KEY is shorter than 32 bytes"),
    ] {
        let (status, out, err) = Running::start(arguments, variables).finish(START_LIMIT);
        assert_eq!(status, Some(1), "{arguments:?}: {out}{err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
        assert_eq!(out, "", "nothing on standard output");
    }
}
