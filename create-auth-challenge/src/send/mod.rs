//! The services that send messages, behind one trait.

mod ses;
mod sns;

use std::future::Future;

use aws::{Config, Service, reason};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use otp::Medium;

use ses::Ses;
use sns::Sns;

use crate::{Destination, Message, Settings};

/// Sends messages.
pub trait MessageSender {
    /// Sends `message` to `to`.
    fn send(
        &self,
        to: &Destination,
        message: &Message,
    ) -> impl Future<Output = Result<(), SendError>>;
}

/// The service refused the message or could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError;

/// The services of the enabled media.
pub struct Services {
    sns: Option<Sns>,
    ses: Option<Ses>,
}

impl Services {
    /// The clients that `settings` ask for.
    #[must_use]
    pub fn new(settings: &Settings, config: &Config<'_>) -> Self {
        let enabled = |medium| settings.destinations.media.contains(&medium);
        let sns = enabled(Medium::Sms).then(|| {
            let client = aws_sdk_sns::Client::new(&config.of(Service::Sns));
            Sns::new(client, settings.sms.clone())
        });
        let from = settings.email_from.clone().filter(|_| enabled(Medium::Email));
        let ses = from.map(|from| {
            let client = aws_sdk_sesv2::Client::new(&config.of(Service::SesV2));
            Ses::new(client, from, settings.email.clone())
        });
        Self { sns, ses }
    }

    /// Opens a connection to each, all at once.
    pub async fn connect(&self) {
        let sns = async {
            if let Some(sns) = &self.sns {
                sns.connect().await;
            }
        };
        let ses = async {
            if let Some(ses) = &self.ses {
                ses.connect().await;
            }
        };
        tokio::join!(sns, ses);
    }
}

impl MessageSender for Services {
    async fn send(&self, to: &Destination, message: &Message) -> Result<(), SendError> {
        // Boxed: the SDK's futures are kilobytes large and too deep a type for their callers.
        match (to.medium(), &self.sns, &self.ses) {
            (Medium::Sms, Some(sns), _) => Box::pin(sns.send(to, message)).await,
            (Medium::Email, _, Some(ses)) => Box::pin(ses.send(to, message)).await,
            // Destinations are of enabled media only.
            _ => Err(SendError),
        }
    }
}

/// Logs why a service did not send.
fn failed<E: ProvideErrorMetadata, R>(service: &str, error: &SdkError<E, R>) -> SendError {
    tracing::warn!(service, code = reason(error), "message not sent");
    SendError
}
