//! The function `verify-auth-challenge`: wiring only.

use std::process::ExitCode;

use aws::{Environment, Service};
use ledger::DynamoDb;
use settings::{CodeSettings, LedgerSettings, Modes, SignUpMode};
use trigger::{Metrics, Trigger};
use verify_auth_challenge::{Cognito, Verify};

/// What the function calls.
const SERVICES: [Service; 2] = [Service::CognitoIdentityProvider, Service::DynamoDb];

/// How many items of the spend guard are written at once after a right answer.
const CONNECTIONS: usize = 3;

fn main() -> ExitCode {
    trigger::start(
        |lookup| {
            let (codes, ledger) = (CodeSettings::read(lookup)?, LedgerSettings::read(lookup)?);
            let environment = Environment::read(lookup, SERVICES)?;
            Ok((codes, ledger, Modes::read(lookup)?.sign_up, environment, Metrics::read(lookup)?))
        },
        async |(codes, ledger, sign_up, environment, metrics)| {
            let config = environment.config()?;
            let client = aws_sdk_dynamodb::Client::new(&config.of(Service::DynamoDb));
            let table = DynamoDb::new(client, ledger.table.clone());
            let users = (sign_up == SignUpMode::Code).then(|| {
                let config = config.of(Service::CognitoIdentityProvider);
                Cognito::new(aws_sdk_cognitoidentityprovider::Client::new(&config))
            });
            let connect_users = async {
                if let Some(users) = &users {
                    users.connect().await;
                }
            };
            aws::connect(async { tokio::join!(table.connect(CONNECTIONS), connect_users) }).await;
            let verify = Verify::new(codes, ledger, table, users).with_metrics(metrics.clone());
            trigger::serve(Trigger::Verify, &metrics, async |event| {
                verify.respond(event, trigger::now_millis(), &mut generator()).await
            })
            .await
        },
    )
}

#[expect(clippy::disallowed_types, reason = "where passwords get their generator from")]
fn generator() -> rand::rngs::SysRng {
    rand::rngs::SysRng
}
