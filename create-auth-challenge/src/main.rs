//! The function `create-auth-challenge`: wiring only.

use std::process::ExitCode;

use create_auth_challenge::aws::{self, Environment};
use create_auth_challenge::{Create, Settings};
use trigger::Trigger;

fn main() -> ExitCode {
    trigger::start(
        |lookup| Ok((Settings::read(lookup)?, Environment::read(lookup)?)),
        async |(settings, environment)| {
            let (senders, table) = aws::clients(&settings, &environment);
            let create = Create::new(settings, senders, table);
            trigger::serve(Trigger::Create, async |event| {
                create.respond(event, trigger::now_millis(), &mut generator()).await
            })
            .await
        },
    )
}

#[expect(clippy::disallowed_types, reason = "where nonces get their generator from")]
fn generator() -> rand::rngs::SysRng {
    rand::rngs::SysRng
}
