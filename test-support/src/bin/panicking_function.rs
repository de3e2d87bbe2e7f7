//! A function for the tests, on what the real ones are built on: it panics with what the client's
//! metadata says, in the way that it says.

use std::panic::panic_any;
use std::process::ExitCode;

use trigger::{Event, Metrics, Trigger};

fn main() -> ExitCode {
    trigger::start(
        |_| Ok(()),
        async |()| {
            trigger::serve(Trigger::Create, &Metrics::default(), async |event| {
                panics(event);
                Ok(())
            })
            .await
        },
    )
}

#[expect(clippy::expect_used, clippy::panic, reason = "what this function is for")]
fn panics(event: &Event) {
    let metadata = &event.request.client_metadata;
    let text = || metadata.expose("text").unwrap_or_default().to_owned();
    match metadata.expose("payload") {
        Some("String") => panic_any(text()),
        Some("&str") => panic_any(&*text().leak()),
        Some("an error") => {
            // Its text quotes what it cannot read.
            serde_json::from_value::<bool>(text().into()).expect("a boolean");
        }
        _ => {}
    }
}
