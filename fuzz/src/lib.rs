//! What the fuzz targets share.
//!
//! Each target takes bytes, has the code under test read them, and checks the outcome against a
//! rule that it works out in its own way. A panic anywhere is a finding.

use std::future::Future;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

/// The key of the events in `tests/events`, so that their answers are right.
pub const CODE_KEY: &str = "0123456789abcdef0123456789abcdef-events";

/// The time of day, in seconds: in the lifetime of the codes of those events.
pub const NOW: u64 = 4_102_444_600;

thread_local! {
    /// Its clock stands still while there is work, and jumps where all that is left is to wait.
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
}

/// Runs `future` to its end without waiting.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// `text` as one tree, if it is JSON through and through. An event need not be: what nobody reads
/// may hold what no tree can, such as a number beyond all ranges.
pub fn tree(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// The response in `answer`, which must be `event` but for that.
pub fn response(event: &str, answer: &RawValue) -> Value {
    let mut response = Value::Null;
    let without = |text: &str, response: &mut Value| {
        let mut tree = tree(text)?;
        *response = tree.as_object_mut()?.remove("response").unwrap_or_default();
        Some(tree)
    };
    let before = without(event, &mut response);
    let after = without(answer.get(), &mut response);
    assert!(before.is_none() || before == after, "the event does not go back as it came");
    if after.is_none() {
        // What nobody reads cannot be read: but the response, written by us, can.
        let fields: std::collections::BTreeMap<String, &RawValue> =
            serde_json::from_str(answer.get()).expect("an object");
        response = serde_json::from_str(fields["response"].get()).expect("JSON");
    }
    response
}

/// The text of `name` in `texts` (attributes, metadata) of `request`, as far as it is one.
pub fn text<'a>(request: &'a Value, texts: &str, name: &str) -> Option<&'a str> {
    request[texts][name].as_str()
}

/// Did the client ask for a resend?
pub fn is_resend(request: &Value) -> bool {
    let action = text(request, "clientMetadata", "action");
    action.is_some_and(|action| action.trim().eq_ignore_ascii_case("resend"))
}

/// Is there no such user?
pub fn is_unknown(request: &Value) -> bool {
    match &request["userNotFound"] {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Whom a code is for.
pub fn subject(event: &Value) -> Option<String> {
    let attribute = match &event["request"]["userAttributes"]["sub"] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    attribute.or_else(|| event["userName"].as_str().map(str::to_owned))
}
