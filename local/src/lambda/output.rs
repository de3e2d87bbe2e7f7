//! Where the functions' output goes. Every byte that a function writes is read and passed on.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

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
pub(super) struct StartUpOutput(Arc<Mutex<Vec<u8>>>);

impl StartUpOutput {
    fn push(&self, line: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = START_UP_LIMIT.saturating_sub(kept.len());
        kept.extend(line.iter().take(room));
    }

    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).trim().to_owned()
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
                start_up.push(&line);
                output.line(&function, &line);
            }
            if !matches!(read, Ok(1..)) {
                return;
            }
        }
    })
}
