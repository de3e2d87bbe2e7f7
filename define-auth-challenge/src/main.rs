//! The function `define-auth-challenge`: wiring only.

use std::process::ExitCode;

use trigger::Trigger;

fn main() -> ExitCode {
    trigger::start(define_auth_challenge::read, async |rules| {
        trigger::serve(Trigger::Define, async |event| {
            Ok(define_auth_challenge::respond(&event.request, &rules))
        })
        .await
    })
}
