//! Functions that do what a test asks of them: the executables in `src/bin`. Cargo builds no
//! executables of another package for a test, so the first test of a process that needs one builds
//! them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

/// A function that plays the steps that are its event.
#[must_use]
pub fn scripted_function() -> PathBuf {
    executable("scripted_function")
}

/// A function that panics as its event's client metadata say.
#[must_use]
pub fn panicking_function() -> PathBuf {
    executable("panicking_function")
}

fn executable(name: &str) -> PathBuf {
    static BUILT: LazyLock<Vec<PathBuf>> = LazyLock::new(build);
    let built = BUILT.iter().find(|path| path.file_stem() == Some(name.as_ref()));
    built.unwrap_or_else(|| panic!("cargo built no {name}: {BUILT:?}")).clone()
}

/// Builds all of them; where they are.
fn build() -> Vec<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--package", env!("CARGO_PKG_NAME"), "--bins"]);
    cargo.arg("--message-format=json-render-diagnostics");
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect()
}
