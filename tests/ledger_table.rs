//! The ledger's table as a test sees it: in `local`, or in a DynamoDB that is not `local`'s. With the
//! address of one in LEDGER_ENDPOINT every test has a table of its own there; `tests/clients/run
//! dynamodb` starts one.

use std::collections::{BTreeMap, HashMap};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, TableStatus,
};
use ledger::{CodeBinding, CodeState, DynamoDb, Item, ItemKey, LiveCode, Store as _};
use local::services::dynamodb::LEDGER_TABLE;
use otp::{IssuedCode, Nonce};
use tokio::time::{sleep, timeout};

/// How long a table may take to be there.
const TABLE_LIMIT: Duration = Duration::from_secs(20);

/// How often to look whether it is.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The attribute that is the ledger's key.
const KEY: &str = "key";

/// A test's table.
pub(crate) struct LedgerTable {
    client: Client,
    table: String,
    is_local: bool,
}

impl LedgerTable {
    /// The table in the `local` at `url`; or, if there is another DynamoDB, a new one there, to which
    /// `variables` point from now on. None for a test that has a ledger of its own making.
    pub(crate) async fn for_test(
        url: &str,
        variables: &mut BTreeMap<&'static str, String>,
    ) -> Option<Self> {
        const ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
        if variables.contains_key(ENDPOINT) {
            return None;
        }
        let Some(endpoint) = endpoint() else {
            let table = LEDGER_TABLE.to_owned();
            return Some(Self { client: client(url), table, is_local: true });
        };
        let ledger = Self { client: client(&endpoint), table: name(), is_local: false };
        ledger.create().await;
        variables.extend([(ENDPOINT, endpoint), ("LEDGER_TABLE", ledger.table.clone())]);
        Some(ledger)
    }

    /// When messages were admitted, Unix milliseconds, oldest first: a list for each account and each
    /// destination.
    pub(crate) async fn times(&self) -> Vec<Vec<u64>> {
        let items = self.client.scan().table_name(&self.table).send().await.unwrap();
        let time = |value: &AttributeValue| value.as_n().unwrap().parse().unwrap();
        // Spend items have none.
        let times = |item: &HashMap<String, AttributeValue>| {
            Some(item.get("times")?.as_l().unwrap().iter().map(time).collect())
        };
        items.items().iter().filter_map(times).collect()
    }

    /// Is it in the DynamoDB of `local`?
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// The table as the functions see it.
    pub(crate) fn store(&self) -> DynamoDb {
        DynamoDb::new(self.client.clone(), self.table.clone())
    }

    /// Makes the code of `nonce` the live one of `account`, issued just now.
    pub(crate) async fn make_live(&self, account: &ItemKey, nonce: Nonce, now: u64) {
        let store = self.store();
        let item = store.read(&[account], now).await.unwrap().remove(0);
        let code = IssuedCode { nonce, issued_at: now };
        let codes = CodeState {
            live: Some(LiveCode { code, binding: CodeBinding("a test".to_owned()) }),
            ..item.codes
        };
        let item = Item { version: item.version + 1, codes, ..item };
        store.write(account, &item, now + 900).await.unwrap();
    }

    async fn create(&self) {
        let kind = ScalarAttributeType::S;
        let attribute = AttributeDefinition::builder().attribute_name(KEY).attribute_type(kind);
        let key = KeySchemaElement::builder().attribute_name(KEY).key_type(KeyType::Hash);
        let create = self.client.create_table().table_name(&self.table);
        let create = create.attribute_definitions(attribute.build().unwrap());
        let create = create.key_schema(key.build().unwrap());
        create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
        let active = async {
            loop {
                let described = self.client.describe_table().table_name(&self.table).send();
                let table = described.await.unwrap().table.unwrap();
                if table.table_status == Some(TableStatus::Active) {
                    break;
                }
                sleep(POLL_INTERVAL).await;
            }
        };
        timeout(TABLE_LIMIT, active).await.expect("the table is there in time");
    }

    /// Fails if there is another DynamoDB and nothing was stored there: then the functions' ledger was
    /// in `local`.
    pub(crate) async fn assert_used(&self) {
        assert!(self.is_local || !self.times().await.is_empty(), "another ledger was used");
    }
}

#[expect(clippy::disallowed_methods, reason = "how this run is told of another DynamoDB")]
fn endpoint() -> Option<String> {
    std::env::var("LEDGER_ENDPOINT").ok()
}

/// A name that no other test has.
fn name() -> String {
    static TABLES: AtomicUsize = AtomicUsize::new(0);
    format!("ledger-{}-{}", process::id(), TABLES.fetch_add(1, Ordering::Relaxed))
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}
