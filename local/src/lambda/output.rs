//! Where the functions' output goes. Every byte that a function writes is read and passed on.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::task::JoinHandle;

/// A longer line is passed on in pieces, so that no function can fill our memory with one.
const LINE_LIMIT: u64 = 64 * 1024;

/// How much of what a function wrote before it was ready is kept to explain why it never was.
const START_UP_LIMIT: usize = 4 * 1024;

/// A receiver of the functions' lines.
#[derive(Clone)]
pub enum Output {
    /// Our own standard error, each line after the function's name.
    Stderr,
    /// A buffer to search, the bytes as they were.
    Capture(Capture),
}

impl Output {
    pub(super) fn line(&self, function: &str, line: &[u8]) {
        match self {
            Self::Stderr => {
                let mut whole = format!("{function}: ").into_bytes();
                whole.extend_from_slice(line);
                if !line.ends_with(b"\n") {
                    whole.push(b'\n');
                }
                // One write, so that lines of different functions never mix. Nobody may be
                // reading any more; that is no reason to stop.
                drop(io::stderr().lock().write_all(&whole));
            }
            Self::Capture(capture) => capture.push(line),
        }
    }
}

/// What the functions wrote. Clones share it.
#[derive(Clone, Default)]
pub struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    /// A copy of everything written so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

/// The first things that a function wrote: why it did not start, if it did not.
#[derive(Clone, Default)]
pub(super) struct StartUpOutput(Arc<Mutex<StartUp>>);

#[derive(Default)]
struct StartUp {
    kept: Vec<u8>,
    /// The lines that are not passed on yet; none if they are passed on as they come.
    held: Option<Vec<Vec<u8>>>,
}

impl StartUpOutput {
    /// One that holds the lines back, so that whoever reports a failed start is the only one to show
    /// them.
    pub(super) fn held() -> Self {
        Self(Arc::new(Mutex::new(StartUp { kept: Vec::new(), held: Some(Vec::new()) })))
    }

    /// Keeps the line, and passes it on unless lines are held back. What does not fit in what is kept
    /// is not held back either.
    fn line(&self, function: &str, line: &[u8], output: &Output) {
        let mut start_up = self.lock();
        let StartUp { kept, held } = &mut *start_up;
        let room = START_UP_LIMIT.saturating_sub(kept.len());
        kept.extend(line.iter().take(room));
        match held {
            Some(lines) if line.len() <= room => lines.push(line.to_vec()),
            _ => {
                for line in held.take().into_iter().flatten() {
                    output.line(function, &line);
                }
                output.line(function, line);
            }
        }
    }

    /// Passes on what was held back, and every line from now on.
    pub(super) fn release(&self, function: &str, output: &Output) {
        for line in self.lock().held.take().into_iter().flatten() {
            output.line(function, &line);
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().kept).trim().to_owned()
    }

    fn lock(&self) -> MutexGuard<'_, StartUp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `stream` to its end, line by line, into `output`.
pub(super) fn forward(
    function: Arc<str>,
    stream: impl AsyncRead + Unpin + Send + 'static,
    output: Output,
    start_up: StartUpOutput,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut stream).take(LINE_LIMIT).read_until(b'\n', &mut line).await;
            // What came before an error is still the function's.
            if !line.is_empty() {
                start_up.line(&function, &line, &output);
            }
            if !matches!(read, Ok(1..)) {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture() -> (Capture, Output) {
        let capture = Capture::default();
        (capture.clone(), Output::Capture(capture))
    }

    #[test]
    fn held_lines_are_passed_on_once_and_only_when_released() {
        let (capture, output) = capture();
        let start_up = StartUpOutput::held();
        start_up.line("f", b"one\n", &output);
        start_up.line("f", b"two\n", &output);
        assert!(capture.bytes().is_empty());
        assert_eq!(start_up.text(), "one\ntwo");
        start_up.release("f", &output);
        start_up.release("f", &output);
        start_up.line("f", b"three\n", &output);
        assert_eq!(capture.bytes(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn lines_beyond_what_is_kept_are_not_held() {
        let (capture, output) = capture();
        let start_up = StartUpOutput::held();
        let long = [b"x".repeat(START_UP_LIMIT), b"\n".to_vec()].concat();
        start_up.line("f", b"one\n", &output);
        start_up.line("f", &long, &output);
        assert_eq!(capture.bytes(), [b"one\n".to_vec(), long].concat());
    }
}
