//! The function `verify-auth-challenge`: wiring only.

use std::process::ExitCode;

use settings::CodeSettings;
use trigger::{Metrics, Trigger};

fn main() -> ExitCode {
    trigger::start(
        |lookup| Ok((CodeSettings::read(lookup)?, Metrics::read(lookup)?)),
        async |(settings, metrics)| {
            trigger::serve(Trigger::Verify, &metrics, async |event| {
                let response =
                    verify_auth_challenge::respond(event, &settings, trigger::now_seconds())?;
                if let Some(count) = response.count() {
                    metrics.record(count);
                }
                Ok(response)
            })
            .await
        },
    )
}
