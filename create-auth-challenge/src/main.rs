//! The function `create-auth-challenge`: wiring only.

use std::process::ExitCode;

use aws::{Environment, Service};
use create_auth_challenge::{Create, Services, Settings};
use ledger::DynamoDb;
use otp::Medium;
use trigger::{Metrics, Trigger};

/// What the function calls.
const SERVICES: [Service; 3] = [Service::DynamoDb, Service::SesV2, Service::Sns];

/// How many items of the spend guard are written at once.
const CONNECTIONS: usize = 3;

fn main() -> ExitCode {
    trigger::start(
        |lookup| {
            let settings = Settings::read(lookup)?;
            Ok((settings, Environment::read(lookup, SERVICES)?, Metrics::read(lookup)?))
        },
        async |(settings, environment, metrics)| {
            warn_of_long_sms(&settings);
            let config = environment.config()?;
            let services = Services::new(&settings, &config);
            let client = aws_sdk_dynamodb::Client::new(&config.of(Service::DynamoDb));
            let table = DynamoDb::new(client, settings.ledger.table.clone());
            aws::connect(async { tokio::join!(services.connect(), table.connect(CONNECTIONS)) })
                .await;
            let create = Create::new(settings, services, table).with_metrics(metrics.clone());
            trigger::serve(Trigger::Create, &metrics, async |event| {
                create.respond(event, trigger::now_millis(), &mut generator()).await
            })
            .await
        },
    )
}

/// Warns of the locales whose SMS cost more than they need, or are not read by the phone.
fn warn_of_long_sms(settings: &Settings) {
    if !settings.destinations.media.contains(&Medium::Sms) {
        return;
    }
    let Settings { catalog, policy, codes, .. } = settings;
    for (language, size, limit) in catalog.long_sms(policy.lifetime, codes.length) {
        let (locale, units, segments) = (language.tag, size.units, size.segments());
        tracing::warn!(locale, units, limit, segments, "SMS exceeds one segment in this locale");
    }
}

#[expect(clippy::disallowed_types, reason = "where nonces get their generator from")]
fn generator() -> rand::rngs::SysRng {
    rand::rngs::SysRng
}
