//! Amazon SNS, SES and DynamoDB, with the region and credentials that Lambda puts into the
//! environment and nothing else: no profile files, no metadata service, no SSO.

mod connect;
mod tls;

use std::collections::HashMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sesv2::types::{
    Body, Content, Destination as Recipients, EmailContent, Message as Simple, MessageTag, Template,
};
use aws_sdk_sns::config::Region;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_http_client::HttpClientError;
use otp::Medium;
use settings::{Lookup, SettingError, Variable};

pub use connect::{CONNECT_LIMIT, connect};
use tls::Trust;

use crate::ledger::DynamoDb;
use crate::{Deliver, Destination, MailOptions, Message, Settings, TextOptions, Undelivered};

/// A send that failed for a broken connection, a throttled service or a fault inside it is tried once
/// more; one that gets no answer is not. Should the first have been sent all the same, the second
/// carries the same code.
const ATTEMPTS: u32 = 2;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// What Lambda says of AWS.
#[derive(Debug)]
pub struct Environment {
    region: Region,
    credentials: Credentials,
    endpoints: Endpoints,
    trust: Trust,
}

/// Other addresses than AWS's own, by the variables that all of its SDKs understand.
#[derive(Debug)]
struct Endpoints {
    sns: Option<String>,
    ses: Option<String>,
    dynamodb: Option<String>,
}

impl Endpoints {
    fn read(lookup: &Lookup<'_>) -> Self {
        let get = |name| Variable::new(name, "").optional(lookup);
        let of = |name| get(name).or_else(|| get("AWS_ENDPOINT_URL"));
        Self {
            sns: of("AWS_ENDPOINT_URL_SNS"),
            ses: of("AWS_ENDPOINT_URL_SESV2"),
            dynamodb: of("AWS_ENDPOINT_URL_DYNAMODB"),
        }
    }
}

impl Environment {
    /// Reads `AWS_REGION`, the credentials, and `AWS_ENDPOINT_URL` (another address for every
    /// service) or `AWS_ENDPOINT_URL_SNS`, `…_SESV2` and `…_DYNAMODB`; and whether `SSL_CERT_FILE` or
    /// `SSL_CERT_DIR` names other roots than Amazon's.
    ///
    /// # Errors
    /// When the region or the credentials are missing. Lambda always sets them.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let required = |name, example| Variable::new(name, example).required(lookup);
        let region = required("AWS_REGION", "us-east-1")?;
        Ok(Self {
            trust: Trust::read(&region, lookup),
            region: Region::new(region),
            credentials: Credentials::new(
                required("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")?,
                required("AWS_SECRET_ACCESS_KEY", "the secret of that access key")?,
                Variable::new("AWS_SESSION_TOKEN", "").optional(lookup),
                None,
                "environment",
            ),
            endpoints: Endpoints::read(lookup),
        })
    }
}

/// The services that send, as far as the media are enabled.
pub struct Senders {
    sms: Option<Texting>,
    email: Option<Mailing>,
}

/// What sends texts.
struct Texting {
    sns: aws_sdk_sns::Client,
    options: TextOptions,
}

/// What sends e-mails.
struct Mailing {
    ses: aws_sdk_sesv2::Client,
    from: String,
    options: MailOptions,
}

/// Makes a service's client out of what is the same for all services: their builders are alike but
/// not of one type.
macro_rules! client {
    ($service:ident, $http:expr, $environment:expr, $endpoint:ident) => {{
        let Environment { region, credentials, endpoints, .. } = $environment;
        let mut config = $service::Config::builder()
            .behavior_version($service::config::BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .http_client($http)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build());
        config.set_endpoint_url(endpoints.$endpoint.clone());
        $service::Client::from_conf(config.build())
    }};
}

/// Everything that the settings ask for: the senders of the enabled media, and the ledger's table.
///
/// # Errors
/// When the HTTP client refuses its configuration.
pub fn clients(
    settings: &Settings,
    environment: &Environment,
) -> Result<(Senders, DynamoDb), HttpClientError> {
    let http = tls::client(environment.trust)?;
    let enabled = |medium| settings.media.contains(&medium);
    let sms = enabled(Medium::Sms).then(|| Texting {
        sns: client!(aws_sdk_sns, http.clone(), environment, sns),
        options: settings.texts.clone(),
    });
    let from = settings.email_from.clone().filter(|_| enabled(Medium::Email));
    let email = from.map(|from| Mailing {
        ses: client!(aws_sdk_sesv2, http.clone(), environment, ses),
        from,
        options: settings.mails.clone(),
    });
    let table = settings.ledger_table.clone();
    let ledger = DynamoDb::new(client!(aws_sdk_dynamodb, http, environment, dynamodb), table);
    Ok((Senders { sms, email }, ledger))
}

impl Deliver for Senders {
    async fn deliver(&self, to: &Destination, message: &Message) -> Result<(), Undelivered> {
        // Boxed: the SDK's futures are kilobytes large and too deep a type for their callers.
        match (to.medium(), &self.sms, &self.email) {
            (Medium::Sms, Some(texting), _) => Box::pin(texting.send(to, message)).await,
            (Medium::Email, _, Some(mailing)) => Box::pin(mailing.send(to, message)).await,
            // Destinations are of enabled media only.
            _ => Err(Undelivered),
        }
    }
}

impl Texting {
    async fn send(&self, to: &Destination, message: &Message) -> Result<(), Undelivered> {
        let attributes = attributes(&self.options).map_err(|_| Undelivered)?;
        let request = self.sns.publish().phone_number(to.expose()).message(message.expose_text());
        let result = request.set_message_attributes(Some(attributes)).send().await;
        result.map(|_| ()).map_err(|error| undelivered("sns", &error))
    }
}

/// The message attributes of a text. The type makes it urgent and optimises it for delivery.
fn attributes(options: &TextOptions) -> Result<HashMap<String, MessageAttributeValue>, BuildError> {
    let TextOptions { sender_id, origination_number, max_price, india } = options;
    let (entity, template) = india.as_ref().map(|(entity, id)| (entity, id)).unzip();
    [
        ("AWS.SNS.SMS.SMSType", "String", Some("Transactional")),
        ("AWS.SNS.SMS.SenderID", "String", sender_id.as_deref()),
        ("AWS.SNS.SMS.MaxPrice", "Number", max_price.as_deref()),
        ("AWS.MM.SMS.OriginationNumber", "String", origination_number.as_deref()),
        ("AWS.MM.SMS.EntityId", "String", entity.map(String::as_str)),
        ("AWS.MM.SMS.TemplateId", "String", template.map(String::as_str)),
    ]
    .into_iter()
    .filter_map(|(name, kind, value)| {
        let value = MessageAttributeValue::builder().data_type(kind).string_value(value?).build();
        Some(value.map(|value| (name.to_owned(), value)))
    })
    .collect()
}

/// The tag that tells these mails from the sender's others, in statistics and events.
const MESSAGE_TAG: (&str, &str) = ("message", "sign-in-code");

impl Mailing {
    async fn send(&self, to: &Destination, message: &Message) -> Result<(), Undelivered> {
        let content = self.content(message).ok_or(Undelivered)?;
        let (name, value) = MESSAGE_TAG;
        let tag = MessageTag::builder().name(name).value(value).build();
        let result = self
            .ses
            .send_email()
            .from_email_address(&self.from)
            .destination(Recipients::builder().to_addresses(to.expose()).build())
            .content(content)
            .email_tags(tag.map_err(|_| Undelivered)?)
            .set_configuration_set_name(self.options.configuration_set.clone())
            .send()
            .await;
        result.map(|_| ()).map_err(|error| undelivered("ses", &error))
    }

    /// What is in the mail: its subject and parts, or a stored template and what fills it.
    fn content(&self, message: &Message) -> Option<EmailContent> {
        let mail = message.mail()?;
        if let Some(name) = &self.options.template {
            let template = Template::builder().template_name(name);
            let template = template.template_data(mail.expose_fields()).build();
            return Some(EmailContent::builder().template(template).build());
        }
        let content = |text| Content::builder().data(text).charset("UTF-8").build().ok();
        let text = content(message.expose_text())?;
        let html = content(mail.expose_html())?;
        let simple = Simple::builder()
            .subject(content(mail.expose_subject())?)
            .body(Body::builder().text(text).html(html).build());
        Some(EmailContent::builder().simple(simple.build()).build())
    }
}

/// Logs why a service did not send.
fn undelivered<E: ProvideErrorMetadata, R>(service: &str, error: &SdkError<E, R>) -> Undelivered {
    tracing::warn!(service, code = reason(error), "not sent");
    Undelivered
}

/// Why a call failed, for the log: the service's error code, never its message, which may quote the
/// request.
pub(crate) fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    match error {
        SdkError::ServiceError(error) => error.err().code().and_then(plain).unwrap_or("unknown"),
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "unreachable",
        SdkError::ResponseError(_) => "unreadable response",
        _ => "request not made",
    }
}

/// An error code such as AWS's: letters only, so that it can hold no number and no address,
/// whatever answered.
fn plain(code: &str) -> Option<&str> {
    (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_must_have_a_region_and_credentials() {
        let all = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let read = |missing: &str| {
            let lookup =
                |name: &str| (name != missing && all.contains(&name)).then(|| "x".to_owned());
            Environment::read(&lookup)
        };
        assert!(read("").is_ok());
        for name in all {
            assert_eq!(read(name).unwrap_err().variable, name);
        }
    }

    #[test]
    fn only_plain_error_codes_are_logged() {
        assert_eq!(plain("InvalidParameter"), Some("InvalidParameter"));
        for code in ["", "+819012345678", "123456", "jane@example.com", "a b", &"x".repeat(65)] {
            assert_eq!(plain(code).filter(|code| !code.is_empty()), None, "{code}");
        }
    }
}
