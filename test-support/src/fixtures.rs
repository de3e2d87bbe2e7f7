//! The events of `tests/events`, and the key and the users that they are of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The key that the answers in the events are derived with.
pub const CODE_KEY: &str = "0123456789abcdef0123456789abcdef-events";

/// The key that tests name the ledger's items with beside it.
pub const LEDGER_KEY: &str = "a ledger key of some 40 different bytes, for tests";

/// The user's phone number.
pub const PHONE: &str = "+819012345678";

/// The user's email address.
pub const EMAIL: &str = "jane@example.com";

/// A name that no user has.
pub const UNKNOWN: &str = "+819099999999";

/// All events, by the names of their files without `.json`.
#[must_use]
pub fn events() -> BTreeMap<String, Value> {
    let files = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

/// The event of this name.
#[must_use]
pub fn event(name: &str) -> Value {
    read(&directory().join(name).with_extension("json"))
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/events")
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).unwrap()
}
