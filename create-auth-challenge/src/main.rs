//! The function `create-auth-challenge`: wiring only.

use std::process::ExitCode;

use create_auth_challenge::aws::{self, Environment};
use create_auth_challenge::{Create, Settings};
use otp::Medium;
use trigger::{Metrics, Trigger};

fn main() -> ExitCode {
    trigger::start(
        |lookup| {
            let settings = Settings::read(lookup)?;
            Ok((settings, Environment::read(lookup)?, Metrics::read(lookup)?))
        },
        async |(settings, environment, metrics)| {
            warn_of_long_texts(&settings);
            let (senders, table) = aws::clients(&settings, &environment)?;
            aws::connect(&senders, &table).await;
            let create = Create::new(settings, senders, table).counting(metrics.clone());
            trigger::serve(Trigger::Create, &metrics, async |event| {
                create.respond(event, trigger::now_millis(), &mut generator()).await
            })
            .await
        },
    )
}

/// Says which languages' texts cost more than they need, or are not read by the phone.
fn warn_of_long_texts(settings: &Settings) {
    if !settings.media.contains(&Medium::Sms) {
        return;
    }
    let Settings { words, policy, codes, .. } = settings;
    for (language, size, limit) in words.long_texts(policy.lifetime, codes.length) {
        let (locale, units, parts) = (language.tag, size.units, size.parts());
        tracing::warn!(locale, units, limit, parts, "texts in this language are long");
    }
}

#[expect(clippy::disallowed_types, reason = "where nonces get their generator from")]
fn generator() -> rand::rngs::SysRng {
    rand::rngs::SysRng
}
