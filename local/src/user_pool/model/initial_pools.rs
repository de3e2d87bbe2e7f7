//! The user pools that exist at the first start.

use crate::protocol::signing_key::SigningKey;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::pool::NewPool;
use crate::user_pool::model::pool_config::PoolConfig;

/// The default pool.
pub const DEFAULT_POOL_ID: &str = "us-east-1_LocalPool";
/// The default pool's client without a secret.
pub const DEFAULT_CLIENT_ID: &str = "localclient000000000000000";
/// The default pool's client with a secret.
pub const SECRET_CLIENT_ID: &str = "localsecretclient000000000";
/// That client's secret. It protects nothing: everyone has it.
pub const SECRET_CLIENT_SECRET: &str = "notsecret000local0only000000000000000000000000000000";

/// The pools of a first start, and where their issuers are.
#[derive(Clone, Debug)]
pub struct InitialPools {
    /// Where the issuers live: a token's `iss` is `<issuer_base>/<pool id>`.
    pub issuer_base: String,
    /// The pools.
    pub pools: Vec<NewPool>,
}

impl InitialPools {
    /// The default pool with its two clients.
    #[must_use]
    pub fn new(issuer_base: impl Into<String>) -> Self {
        let mut with_secret = Client::new(SECRET_CLIENT_ID, "local-with-secret");
        with_secret.client_secret = Some(SECRET_CLIENT_SECRET.to_owned());
        Self {
            issuer_base: issuer_base.into(),
            pools: vec![NewPool {
                config: PoolConfig::new(DEFAULT_POOL_ID, "local"),
                clients: vec![Client::new(DEFAULT_CLIENT_ID, "local"), with_secret],
                signing_key: SigningKey::new(),
            }],
        }
    }
}
