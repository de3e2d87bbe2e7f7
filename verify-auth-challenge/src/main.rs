//! The function `verify-auth-challenge`: wiring only.

use std::process::ExitCode;

use otp::settings::CodeSettings;
use trigger::Trigger;

fn main() -> ExitCode {
    trigger::start(CodeSettings::read, async |settings| {
        trigger::serve(Trigger::Verify, async |event| {
            verify_auth_challenge::respond(event, &settings, trigger::now())
        })
        .await
    })
}
