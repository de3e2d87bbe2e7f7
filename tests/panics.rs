//! A function that panics: it says where, never with what, and answers the next call.

use std::collections::BTreeMap;
use std::time::Duration;

use local::lambda::{Capture, Functions, Launch, Options, Output, Trigger};
use serde_json::{Value, json};
use test_support::fixtures::event;
use test_support::functions::panicking_function;
use tokio::time::timeout;

use crate::functions::invoke;

const TRIGGER: Trigger = Trigger::CreateAuthChallenge;

/// What the function panics with.
const TEXT: &str = "735190 to +819012345678";

/// How long a test may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Calls the function so that it panics with a `payload` of this type; with any other it does not.
async fn call(functions: &Functions, payload: &str) -> Result<Value, String> {
    let mut event = event("create-first-round");
    event["request"]["clientMetadata"] = json!({ "payload": payload, "text": TEXT });
    invoke(functions, TRIGGER, &event.to_string()).await
}

#[tokio::test]
async fn panic_is_an_internal_fault_logged_with_location_only() {
    for format in ["JSON", "Text"] {
        let variables = [
            ("AWS_LAMBDA_LOG_FORMAT", format),
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
            ("RUST_BACKTRACE", "full"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let launch = Launch::new(TRIGGER.function(), panicking_function(), variables.into());
        let output = Capture::default();
        let options = Options { output: Output::Capture(output.clone()), ..Options::default() };
        let functions = Functions::new(BTreeMap::from([(TRIGGER, launch)]), options);
        let calls = async {
            assert_eq!(call(&functions, "none").await.unwrap()["response"], json!(null));
            let pids = functions.pids(TRIGGER);
            for payload in ["String", "&str", "an error"] {
                assert_eq!(call(&functions, payload).await, Err("INTERNAL".to_owned()));
                assert!(call(&functions, "none").await.is_ok(), "after {payload}");
            }
            assert_eq!(functions.pids(TRIGGER), pids, "the process is the same");
            functions.shutdown().await;
        };
        timeout(LIMIT, calls).await.expect("the calls end");

        let output = String::from_utf8(output.bytes()).unwrap();
        let panics: Vec<&str> = output.lines().filter(|line| line.contains("panicked")).collect();
        let places = panics.iter().filter(|line| line.contains("panicking_function.rs"));
        assert_eq!(places.count(), 3, "{format}: {output}");
        for part in TEXT.split(" to +") {
            assert!(!output.contains(part), "{format}: {output}");
        }
    }
}
