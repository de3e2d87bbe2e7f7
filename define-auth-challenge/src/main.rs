//! The function `define-auth-challenge`: wiring only.

use std::process::ExitCode;

use trigger::{Metrics, Trigger};

fn main() -> ExitCode {
    trigger::start(
        |lookup| Ok((define_auth_challenge::read(lookup)?, Metrics::read(lookup)?)),
        async |(rules, metrics)| {
            trigger::serve(Trigger::Define, &metrics, async |event| {
                Ok(define_auth_challenge::respond(&event.request, &rules))
            })
            .await
        },
    )
}
