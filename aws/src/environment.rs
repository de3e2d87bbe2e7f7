//! What Lambda's environment says of AWS, and the configuration that clients are made of.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::HttpClientError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::{RetryConfig, TimeoutConfig};
use settings::{Lookup, SettingError, Variable};

use crate::tls::{self, TrustedRoots};

/// A request that failed for a broken connection, a throttled service or a fault inside it is tried
/// once more; one that gets no answer is not.
const ATTEMPTS: u32 = 2;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// A service that a function calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon Cognito user pools.
    CognitoIdentityProvider,
    /// Amazon DynamoDB.
    DynamoDb,
    /// Amazon SES, its second API.
    SesV2,
    /// Amazon SNS.
    Sns,
}

impl Service {
    /// The variable that has another address for this service, as all of AWS's SDKs understand it.
    fn endpoint_variable(self) -> &'static str {
        match self {
            Self::CognitoIdentityProvider => "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::SesV2 => "AWS_ENDPOINT_URL_SESV2",
            Self::Sns => "AWS_ENDPOINT_URL_SNS",
        }
    }
}

/// The region, the credentials, the addresses of `N` services, and the roots that are trusted.
#[derive(Debug)]
pub struct Environment<const N: usize> {
    region: String,
    credentials: Credentials,
    endpoints: [(Service, Option<String>); N],
    roots: TrustedRoots,
}

impl<const N: usize> Environment<N> {
    /// Reads `AWS_REGION`, the credentials, `AWS_ENDPOINT_URL` (another address for every service) and
    /// `AWS_ENDPOINT_URL_…` of each of `services`, and whether `SSL_CERT_FILE` or `SSL_CERT_DIR` names
    /// other roots than Amazon's.
    ///
    /// # Errors
    /// When the region or the credentials are missing. Lambda always sets them.
    pub fn read(lookup: &Lookup<'_>, services: [Service; N]) -> Result<Self, SettingError> {
        let required = |name, example| Variable::new(name, example).required(lookup);
        let optional = |name| Variable::new(name, "").optional(lookup);
        let region = required("AWS_REGION", "us-east-1")?;
        Ok(Self {
            roots: TrustedRoots::read(&region, lookup),
            region,
            credentials: Credentials::new(
                required("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")?,
                required("AWS_SECRET_ACCESS_KEY", "the secret of that access key")?,
                optional("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
            endpoints: services.map(|service| {
                let own = optional(service.endpoint_variable());
                (service, own.or_else(|| optional("AWS_ENDPOINT_URL")))
            }),
        })
    }

    /// The configuration that the services' clients are made of. They share its connections.
    ///
    /// # Errors
    /// When the HTTP client refuses its own configuration.
    pub fn config(&self) -> Result<Config<'_>, HttpClientError> {
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .http_client(tls::client(self.roots)?)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .build();
        Ok(Config { shared, endpoints: &self.endpoints })
    }
}

/// What every client is made of.
pub struct Config<'a> {
    shared: SdkConfig,
    endpoints: &'a [(Service, Option<String>)],
}

impl Config<'_> {
    /// The configuration of a client of `service`.
    #[must_use]
    pub fn of(&self, service: Service) -> SdkConfig {
        let endpoint = self.endpoints.iter().find(|(of, _)| *of == service);
        let mut config = self.shared.clone().into_builder();
        config.set_endpoint_url(endpoint.and_then(|(_, url)| url.clone()));
        config.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_without_region_or_credentials_is_refused() {
        let all = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let read = |missing: &str| {
            let lookup =
                |name: &str| (name != missing && all.contains(&name)).then(|| "x".to_owned());
            Environment::read(&lookup, [Service::Sns])
        };
        assert!(read("").is_ok());
        for name in all {
            assert_eq!(read(name).unwrap_err().variable, name);
        }
    }

    #[test]
    fn service_endpoint_precedes_shared_endpoint() {
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL_SNS" => Some("http://127.0.0.1:1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:2".to_owned()),
            "AWS_ENDPOINT_URL_SESV2" => Some(String::new()),
            _ => Some("x".to_owned()),
        };
        let environment = Environment::read(&lookup, [Service::Sns, Service::SesV2]).unwrap();
        let config = environment.config().unwrap();
        assert_eq!(config.of(Service::Sns).endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(config.of(Service::SesV2).endpoint_url(), Some("http://127.0.0.1:2"));
        // No variable of this service was read.
        assert_eq!(config.of(Service::DynamoDb).endpoint_url(), None);
    }
}
