//! Connections, opened while the function starts.
//!
//! Lambda gives a start all the processor there is, and a call of a small function a fraction: 7 % at
//! 128 MB. Names looked up, handshakes done, roots and endpoint rules parsed before the first event is
//! asked for are time that nobody waits for throttled (docs/PERFORMANCE.md has what it is worth).

use std::time::Duration;

use aws_sdk_sns::config::retry::RetryConfig;
use tokio::time::timeout;

use super::{Mailing, Senders, Texting};
use crate::ledger::DynamoDb;

/// How long the start waits for them. In its own region a function needs some ten milliseconds; what
/// is not there after this is opened by the call that needs it.
pub const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Sends a request through all that a real one goes through, but asks for nothing: `GET /` with no
/// body, which no operation of these services is. It costs nothing, changes nothing and needs no
/// permission; whatever the answer, the connection stays.
macro_rules! ask_for_nothing {
    ($service:ident, $call:expr) => {
        $call
            .customize()
            .config_override($service::Config::builder().retry_config(RetryConfig::disabled()))
            .mutate_request(|request| {
                *request.body_mut() = "".into();
                for name in ["content-length", "content-type", "x-amz-target"] {
                    request.headers_mut().remove(name);
                }
                // Fails for no method of HTTP.
                let _ = request.set_method("GET");
            })
            .send()
    };
}

/// Opens a connection to each service that the settings need, all at once, within [`CONNECT_LIMIT`].
/// Whatever goes wrong is no matter here, and not told: a call that needs the service tells it.
pub async fn connect(Senders { sms, email }: &Senders, table: &DynamoDb) {
    let texts = async {
        if let Some(Texting { sns, .. }) = sms {
            drop(Box::pin(ask_for_nothing!(aws_sdk_sns, sns.publish())).await);
        }
    };
    let mails = async {
        if let Some(Mailing { ses, .. }) = email {
            drop(Box::pin(ask_for_nothing!(aws_sdk_sesv2, ses.send_email())).await);
        }
    };
    let ledger = async {
        let request = table.client().get_item().table_name(table.name());
        drop(Box::pin(ask_for_nothing!(aws_sdk_dynamodb, request)).await);
    };
    let all = async { tokio::join!(texts, mails, ledger) };
    drop(timeout(CONNECT_LIMIT, all).await);
}
