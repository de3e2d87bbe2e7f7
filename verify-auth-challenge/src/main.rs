//! The function `verify-auth-challenge`: wiring only.

use std::process::ExitCode;

use aws::{Environment, Service};
use ledger::DynamoDb;
use settings::{CodeSettings, LedgerSettings};
use trigger::{Metrics, Trigger};
use verify_auth_challenge::Verify;

/// What the function calls.
const SERVICES: [Service; 1] = [Service::DynamoDb];

fn main() -> ExitCode {
    trigger::start(
        |lookup| {
            let (codes, ledger) = (CodeSettings::read(lookup)?, LedgerSettings::read(lookup)?);
            Ok((codes, ledger, Environment::read(lookup, SERVICES)?, Metrics::read(lookup)?))
        },
        async |(codes, ledger, environment, metrics)| {
            let config = environment.config()?;
            let client = aws_sdk_dynamodb::Client::new(&config.of(Service::DynamoDb));
            let table = DynamoDb::new(client, ledger.table.clone());
            aws::connect(table.connect()).await;
            let verify = Verify::new(codes, ledger, table).with_metrics(metrics.clone());
            trigger::serve(Trigger::Verify, &metrics, async |event| {
                verify.respond(event, trigger::now_millis()).await
            })
            .await
        },
    )
}
