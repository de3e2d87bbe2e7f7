//! The HTTP client that all services share: TLS by rustls on ring, and whom it trusts.
//!
//! Every trade here is one of start-up time, which a person waits for, and none gives up security:
//!
//! - **ring, not AWS-LC**, the SDK's default, which gathers entropy from CPU jitter for tens of
//!   milliseconds at the first handshake of a process. ring asks the operating system, whose generator
//!   is seeded long before; its primitives are those of BoringSSL.
//! - **Amazon's own roots, not the system's hundred and more.** This function talks to AWS alone, and
//!   AWS's endpoints have certificates of Amazon Trust Services, which asks those with a trust store
//!   of their own to have exactly these five roots. Trusting fewer is safer; and the system's would be
//!   read and parsed at each start, files, folder and all. `SSL_CERT_FILE` and `SSL_CERT_DIR` still
//!   say otherwise, for a proxy that opens TLS or a service of one's own.

use std::time::Duration;

use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, HttpClientError};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use settings::{Lookup, Variable};

/// How long an idle connection is kept: those from before Lambda froze the process are dead.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// The five roots of Amazon Trust Services. The first ends in December 2037.
const AMAZON: &str = include_str!("roots.pem");

/// Whose certificates are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrustedRoots {
    /// Those of Amazon Trust Services.
    Amazon,
    /// Those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or the system does.
    System,
}

impl TrustedRoots {
    /// Reads whether `SSL_CERT_FILE` or `SSL_CERT_DIR` is set. China's regions are apart from AWS's
    /// others, certificates and all.
    pub(crate) fn read(region: &str, lookup: &Lookup<'_>) -> Self {
        let is_set = |name| Variable::new(name, "").optional(lookup).is_some();
        if region.starts_with("cn-") || is_set("SSL_CERT_FILE") || is_set("SSL_CERT_DIR") {
            Self::System
        } else {
            Self::Amazon
        }
    }
}

/// The client. Clones share its connections.
pub(crate) fn client(roots: TrustedRoots) -> Result<SharedHttpClient, HttpClientError> {
    let store = match roots {
        TrustedRoots::Amazon => TrustStore::empty().with_pem_certificate(AMAZON),
        TrustedRoots::System => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(store).build()?;
    Ok(Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .pool_idle_timeout(IDLE_LIMIT)
        .build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cert_variables_and_china_regions_select_system_trust_store() {
        for (region, name, expected) in [
            ("us-east-1", "", TrustedRoots::Amazon),
            ("us-gov-west-1", "SSL_CERT_PATH", TrustedRoots::Amazon),
            ("us-east-1", "SSL_CERT_FILE", TrustedRoots::System),
            ("us-east-1", "SSL_CERT_DIR", TrustedRoots::System),
            ("cn-north-1", "", TrustedRoots::System),
        ] {
            let lookup = |asked: &str| (asked == name).then(|| "/certificates".to_owned());
            assert_eq!(TrustedRoots::read(region, &lookup), expected, "{region} {name}");
            // An empty variable is as if not set.
            assert_eq!(
                TrustedRoots::read("eu-west-1", &|_| Some(String::new())),
                TrustedRoots::Amazon
            );
        }
    }

    #[test]
    fn bundled_trust_store_has_the_five_amazon_roots() {
        let ends = AMAZON.matches("-----END CERTIFICATE-----").count();
        assert_eq!(ends, 5);
        // What is no certificate makes the client panic when it is built.
        assert!(client(TrustedRoots::Amazon).is_ok());
    }
}
