//! The user pools that exist at the first start.

use std::time::Duration;

use crate::protocol::signing_key::SigningKey;
use crate::user_pool::model::account_recovery::AccountRecovery;
use crate::user_pool::model::app_client::{AuthFlow, Client};
use crate::user_pool::model::pool::NewPool;
use crate::user_pool::model::pool_config::PoolConfig;
use crate::user_pool::model::trigger::Trigger;

/// The default pool.
pub const DEFAULT_POOL_ID: &str = "us-east-1_LocalPool";
/// The default pool's client, which allows what the template's client allows.
pub const DEFAULT_CLIENT_ID: &str = "localclient000000000000000";
/// The default pool's client that allows every flow, those without a code included.
pub const ANY_FLOW_CLIENT_ID: &str = "localanyflowclient00000000";
/// The default pool's client with a secret. It allows what the default client allows.
pub const SECRET_CLIENT_ID: &str = "localsecretclient000000000";
/// That client's secret. It protects nothing: everyone has it.
pub const SECRET_CLIENT_SECRET: &str = "notsecret000local0only000000000000000000000000000000";

/// How users come into the default pool: the functions' `SIGN_UP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpMode {
    /// They sign up and are confirmed at once; the first sign-in's code proves their contact.
    Code,
    /// They sign up, and Cognito confirms them with a code of its own.
    Cognito,
    /// An administrator creates them.
    Closed,
}

impl SignUpMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Code, Self::Cognito, Self::Closed];

    /// The value of `SIGN_UP`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Cognito => "cognito",
            Self::Closed => "closed",
        }
    }
}

/// The pools of a first start, and where their issuers are.
#[derive(Clone, Debug)]
pub struct InitialPools {
    /// Where the issuers live: a token's `iss` is `<issuer_base>/<pool id>`.
    pub issuer_base: String,
    /// The pools.
    pub pools: Vec<NewPool>,
}

impl InitialPools {
    /// The default pool with its three clients, set up as the template does it for `sign_up` and for
    /// codes that live for `code_lifetime`.
    #[must_use]
    pub fn new(
        issuer_base: impl Into<String>,
        code_lifetime: Duration,
        sign_up: SignUpMode,
    ) -> Self {
        let client = |id, name| {
            let mut client = Client::new(id, name);
            client.auth_session_validity_minutes = session_minutes(code_lifetime);
            client
        };
        let as_template = |id, name| {
            let mut client = client(id, name);
            client.explicit_auth_flows = [AuthFlow::Custom, AuthFlow::RefreshToken].into();
            client
        };
        let mut with_secret = as_template(SECRET_CLIENT_ID, "local-with-secret");
        with_secret.client_secret = Some(SECRET_CLIENT_SECRET.to_owned());
        Self {
            issuer_base: issuer_base.into(),
            pools: vec![NewPool {
                config: default_pool(sign_up),
                clients: vec![
                    as_template(DEFAULT_CLIENT_ID, "local"),
                    client(ANY_FLOW_CLIENT_ID, "local-any-flow"),
                    with_secret,
                ],
                signing_key: SigningKey::new(),
            }],
        }
    }
}

/// The default pool as the template makes it. Where Cognito does not confirm users, it sends nothing.
fn default_pool(sign_up: SignUpMode) -> PoolConfig {
    let mut config = PoolConfig::new(DEFAULT_POOL_ID, "local");
    config.account_recovery = AccountRecovery::admin_only();
    config.admin_create_user_only = sign_up == SignUpMode::Closed;
    if sign_up == SignUpMode::Code {
        config.lambda_config.insert(Trigger::PreSignUp, Trigger::PreSignUp.function_arn());
    }
    if sign_up != SignUpMode::Cognito {
        config.sms_configuration = None;
        config.auto_verified_attributes.clear();
    }
    config
}

/// The template's `AuthSessionValidity`: a session outlives the code that it waits for.
fn session_minutes(code_lifetime: Duration) -> u32 {
    let minutes = code_lifetime.as_secs().div_ceil(60).saturating_add(2);
    u32::try_from(minutes).unwrap_or(u32::MAX).clamp(3, 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_outlives_the_code() {
        for (seconds, minutes) in
            [(0, 3), (60, 3), (61, 4), (120, 4), (300, 7), (600, 12), (u64::MAX, 15)]
        {
            assert_eq!(session_minutes(Duration::from_secs(seconds)), minutes, "{seconds}");
        }
    }
}
