//! The function `pre-sign-up`: wiring only.

use std::process::ExitCode;

use pre_sign_up::PreSignUp;
use trigger::{Metrics, Trigger};

fn main() -> ExitCode {
    trigger::start(
        |lookup| Ok((PreSignUp::read(lookup)?, Metrics::read(lookup)?)),
        async |(pre_sign_up, metrics)| {
            let pre_sign_up = pre_sign_up.with_metrics(metrics.clone());
            trigger::serve(Trigger::PreSignUp, &metrics, async |event| pre_sign_up.respond(event))
                .await
        },
    )
}
