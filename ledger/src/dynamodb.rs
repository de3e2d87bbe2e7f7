//! Items in an Amazon DynamoDB table: the partition key `destination` (a text), TTL on `expires_at`.

use std::collections::HashMap;

use aws::reason;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use otp::Nonce;

use crate::{Account, Item, ItemKey, Open, Store, StoreError, UserTag};

const KEY: &str = "destination";
const VERSION: &str = "version";
const TIMES: &str = "times";
const OPEN_NONCE: &str = "open_nonce";
const OPEN_USER: &str = "open_user";
const OPEN_AT: &str = "open_at";
const EXPIRES_AT: &str = "expires_at";

type Attributes = HashMap<String, AttributeValue>;

/// A table.
pub struct DynamoDb {
    client: Client,
    table: String,
}

impl DynamoDb {
    /// The table `table`, through `client`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Opens the connection, whatever comes of it.
    pub async fn connect(&self) {
        drop(aws::probe!(aws_sdk_dynamodb, self.client.get_item().table_name(&self.table)).await);
    }
}

impl Store for DynamoDb {
    async fn load(&self, key: &ItemKey) -> Result<Item, StoreError> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let output = request.key(KEY, AttributeValue::S(key.0.clone())).send();
        let output = Box::pin(output).await.map_err(|error| unavailable(&error))?;
        match output.item {
            None => Ok(Item::default()),
            // An item that is not ours, or not as we store it, admits nothing.
            Some(attributes) => read(&attributes).ok_or_else(|| {
                tracing::error!(service = "dynamodb", "the ledger has an item that is not its own");
                StoreError::Unavailable
            }),
        }
    }

    async fn store(&self, key: &ItemKey, item: &Item, expires_at: u64) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request.set_item(Some(write(key, item, expires_at)));
        let request = if item.version == 1 {
            request
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", KEY)
        } else {
            request
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":before", number(item.version.saturating_sub(1)))
        };
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                Err(StoreError::Conflict)
            }
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn unavailable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    tracing::warn!(service = "dynamodb", code = reason(error), "the ledger is not available");
    StoreError::Unavailable
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn write(key: &ItemKey, item: &Item, expires_at: u64) -> Attributes {
    let Item { version, account: Account { times, open } } = item;
    let times = times.iter().map(|time| number(*time)).collect();
    let mut attributes = vec![
        (KEY, AttributeValue::S(key.0.clone())),
        (VERSION, number(*version)),
        (TIMES, AttributeValue::L(times)),
        (EXPIRES_AT, number(expires_at)),
    ];
    if let Some(Open { nonce, user, at }) = open {
        attributes.extend([
            (OPEN_NONCE, AttributeValue::S(nonce.encode())),
            (OPEN_USER, AttributeValue::S(user.0.clone())),
            (OPEN_AT, number(*at)),
        ]);
    }
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn read(attributes: &Attributes) -> Option<Item> {
    let number = |value: &AttributeValue| value.as_n().ok()?.parse::<u64>().ok();
    let times = attributes.get(TIMES)?.as_l().ok()?;
    let times: Vec<u64> = times.iter().map(number).collect::<Option<_>>()?;
    if !times.is_sorted() {
        return None;
    }
    let open = match attributes.get(OPEN_NONCE) {
        None => None,
        Some(nonce) => Some(Open {
            nonce: Nonce::decode(nonce.as_s().ok()?)?,
            user: UserTag(attributes.get(OPEN_USER)?.as_s().ok()?.clone()),
            at: number(attributes.get(OPEN_AT)?)?,
        }),
    };
    let version = number(attributes.get(VERSION)?)?;
    Some(Item { version, account: Account { times, open } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_takes_what_write_makes_and_nothing_else() {
        let key = ItemKey("key".to_owned());
        let open =
            Open { nonce: Nonce::from_bytes([3; 16]), user: UserTag("user".to_owned()), at: 12 };
        for open in [None, Some(open)] {
            let item = Item { version: 7, account: Account { times: vec![1, 2, 2], open } };
            let attributes = write(&key, &item, 99);
            assert_eq!(read(&attributes), Some(item));
            for name in attributes.keys().filter(|name| *name != KEY && *name != EXPIRES_AT) {
                let mut damaged = attributes.clone();
                damaged.insert(name.clone(), AttributeValue::Bool(true));
                assert_eq!(read(&damaged), None, "{name}");
            }
        }
        let unsorted = Item { version: 1, account: Account { times: vec![2, 1], open: None } };
        assert_eq!(read(&write(&key, &unsorted, 1)), None);
        assert_eq!(read(&Attributes::new()), None);
    }
}
