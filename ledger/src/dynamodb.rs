//! Items in an Amazon DynamoDB table: the partition key `key` (a string), TTL on `expires_at`.

use std::collections::HashMap;

use aws::reason;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use otp::{IssuedCode, Nonce, RoundId, UnixMillis, UnixSeconds};

use crate::{
    AdmittedTimes, CodeBinding, CodeState, Consumption, Item, ItemKey, LiveCode, Store, StoreError,
    UsedCode,
};

const KEY: &str = "key";
const VERSION: &str = "version";
/// The times of the public lane. The previous release knew no other.
const TIMES: &str = "times";
/// Those of the owner's lane; absent if there are none.
const OWNER_TIMES: &str = "owner_times";
const LIVE: &str = "live";
const LIVE_ISSUED_AT: &str = "live_issued_at";
const LIVE_BINDING: &str = "live_binding";
const PREVIOUS: &str = "previous";
const USED: &str = "used";
const USED_BY: &str = "used_by";
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

    /// Whether the item had what `request` demands of it. The request's names are `#used` and
    /// `#used_by`, its values `:nonce` and `:round`.
    async fn update(
        &self,
        account: &ItemKey,
        nonce: Nonce,
        round: RoundId,
        request: impl FnOnce(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, string(&account.0))
            .expression_attribute_names("#used", USED)
            .expression_attribute_names("#used_by", USED_BY)
            .expression_attribute_values(":nonce", string(nonce.encode()))
            .expression_attribute_values(":round", string(round.encode()));
        match Box::pin(request(update).send()).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition_failure(&error) => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

impl Store for DynamoDb {
    async fn read(&self, keys: &[&ItemKey], now: UnixSeconds) -> Result<Vec<Item>, StoreError> {
        let mut wanted = KeysAndAttributes::builder().consistent_read(true);
        for key in keys {
            wanted = wanted.keys(HashMap::from([(KEY.to_owned(), string(&key.0))]));
        }
        let wanted = wanted.build().map_err(|_| StoreError::Unavailable)?;
        let request = self.client.batch_get_item().request_items(&self.table, wanted);
        let output = Box::pin(request.send()).await.map_err(|error| unavailable(&error))?;
        if output.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
            tracing::warn!(service = "dynamodb", code = "UnprocessedKeys", "ledger unavailable");
            return Err(StoreError::Unavailable);
        }
        let found = output.responses.and_then(|mut tables| tables.remove(&self.table));
        let found = found.ok_or_else(|| {
            tracing::warn!(service = "dynamodb", code = "NoResponses", "ledger unavailable");
            StoreError::Unavailable
        })?;
        let item = |key: &&ItemKey| {
            let is_it = |attributes: &&Attributes| {
                attributes.get(KEY).and_then(|key| key.as_s().ok()) == Some(&key.0)
            };
            match found.iter().find(is_it) {
                None => Ok(Item::default()),
                // An item that is not ours, or not as we write it, admits nothing.
                Some(attributes) => read(attributes, now).ok_or_else(|| {
                    tracing::error!(service = "dynamodb", "ledger item is invalid");
                    StoreError::Unavailable
                }),
            }
        };
        keys.iter().map(item).collect()
    }

    async fn write(
        &self,
        key: &ItemKey,
        item: &Item,
        expires_at: UnixSeconds,
    ) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request.set_item(Some(write(key, item, Some(expires_at))));
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
            Err(error) if is_condition_failure(&error) => Err(StoreError::Conflict),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn note(
        &self,
        fact: &ItemKey,
        now: UnixMillis,
        expires_at: Option<UnixSeconds>,
    ) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request.set_item(Some(write(fact, &Item::noted(now), expires_at)));
        Box::pin(request.send()).await.map(drop).map_err(|error| unavailable(&error))
    }

    async fn consume(
        &self,
        account: &ItemKey,
        nonce: Nonce,
        round: RoundId,
    ) -> Result<Consumption, StoreError> {
        let consume = |update: UpdateItemFluentBuilder| {
            update
                .update_expression(
                    "SET #used = :nonce, #used_by = :round REMOVE #live, #previous ADD #version :one",
                )
                .condition_expression("#live = :nonce OR #previous = :nonce")
                .expression_attribute_names("#live", LIVE)
                .expression_attribute_names("#previous", PREVIOUS)
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":one", number(1))
        };
        if self.update(account, nonce, round, consume).await? {
            return Ok(Consumption::First);
        }
        // Verify may update items, not read them: what it asks here changes nothing.
        let repeat = |update: UpdateItemFluentBuilder| {
            update
                .update_expression("SET #used_by = :round")
                .condition_expression("#used = :nonce AND #used_by = :round")
        };
        match self.update(account, nonce, round, repeat).await? {
            true => Ok(Consumption::Repeated),
            false => Ok(Consumption::NotLive),
        }
    }
}

fn is_condition_failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    error.code() == Some("ConditionalCheckFailedException")
}

fn unavailable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    tracing::warn!(service = "dynamodb", code = reason(error), "ledger unavailable");
    StoreError::Unavailable
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn write(key: &ItemKey, item: &Item, expires_at: Option<UnixSeconds>) -> Attributes {
    let Item { version, times, codes: CodeState { live, previous, used } } = item;
    let list =
        |times: &[UnixMillis]| AttributeValue::L(times.iter().map(|time| number(*time)).collect());
    let mut attributes =
        vec![(KEY, string(&key.0)), (VERSION, number(*version)), (TIMES, list(&times.public))];
    if !times.owner.is_empty() {
        attributes.push((OWNER_TIMES, list(&times.owner)));
    }
    attributes.extend(expires_at.map(|at| (EXPIRES_AT, number(at))));
    if let Some(LiveCode { code: IssuedCode { nonce, issued_at }, binding }) = live {
        attributes.extend([
            (LIVE, string(nonce.encode())),
            (LIVE_ISSUED_AT, number(*issued_at)),
            (LIVE_BINDING, string(&binding.0)),
        ]);
    }
    attributes.extend(previous.map(|nonce| (PREVIOUS, string(nonce.encode()))));
    if let Some(UsedCode { nonce, round }) = used {
        attributes.extend([(USED, string(nonce.encode())), (USED_BY, string(round.encode()))]);
    }
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn read(attributes: &Attributes, now: UnixSeconds) -> Option<Item> {
    let text = |name: &str| attributes.get(name).map(|value| value.as_s().ok());
    let number = |value: &AttributeValue| value.as_n().ok()?.parse::<u64>().ok();
    let version = number(attributes.get(VERSION)?)?;
    let expires_at = match attributes.get(EXPIRES_AT) {
        None => UnixSeconds::MAX,
        Some(value) => number(value)?,
    };
    if expires_at <= now {
        // DynamoDB deletes it in its own time.
        return Some(Item { version, ..Item::default() });
    }
    let list = |value: &AttributeValue| {
        let times: Vec<u64> = value.as_l().ok()?.iter().map(number).collect::<Option<_>>()?;
        times.is_sorted().then_some(times)
    };
    let public = list(attributes.get(TIMES)?)?;
    let owner = match attributes.get(OWNER_TIMES) {
        None => Vec::new(),
        Some(value) => list(value)?,
    };
    let times = AdmittedTimes { public, owner };
    let nonce = |name: &str| match text(name) {
        None => Some(None),
        Some(text) => Nonce::decode(text?).map(Some),
    };
    let live = match nonce(LIVE)? {
        None => None,
        Some(nonce) => Some(LiveCode {
            code: IssuedCode { nonce, issued_at: number(attributes.get(LIVE_ISSUED_AT)?)? },
            binding: CodeBinding(text(LIVE_BINDING)??.clone()),
        }),
    };
    let used = match nonce(USED)? {
        None => None,
        Some(nonce) => Some(UsedCode { nonce, round: RoundId::decode(text(USED_BY)??)? }),
    };
    let codes = CodeState { live, previous: nonce(PREVIOUS)?, used };
    Some(Item { version, times, codes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = 1_767_225_600;

    fn item() -> Item {
        let nonce = |byte| Nonce::from_bytes([byte; 16]);
        let code = IssuedCode { nonce: nonce(3), issued_at: NOW };
        Item {
            version: 7,
            times: AdmittedTimes { public: vec![1, 2, 2], owner: vec![0, 3] },
            codes: CodeState {
                live: Some(LiveCode { code, binding: CodeBinding("tag.SMS".to_owned()) }),
                previous: Some(nonce(2)),
                used: Some(UsedCode { nonce: nonce(1), round: RoundId::from_bytes([9; 16]) }),
            },
        }
    }

    #[test]
    fn read_returns_what_write_stored_and_refuses_damaged_items() {
        let key = ItemKey("key".to_owned());
        let destination = Item { codes: CodeState::default(), ..item() };
        for item in [destination, item()] {
            let attributes = write(&key, &item, Some(NOW + 1));
            assert_eq!(read(&attributes, NOW), Some(item));
            for name in attributes.keys().filter(|name| *name != KEY) {
                let mut damaged = attributes.clone();
                damaged.insert(name.clone(), AttributeValue::Bool(true));
                assert_eq!(read(&damaged, NOW), None, "{name}");
            }
        }
        for (public, owner) in [(vec![2, 1], vec![]), (vec![1], vec![2, 1])] {
            let times = AdmittedTimes { public, owner };
            let unsorted = Item { version: 1, times, ..Item::default() };
            assert_eq!(read(&write(&key, &unsorted, Some(NOW + 1)), NOW), None);
        }
        assert_eq!(read(&Attributes::new(), NOW), None);
    }

    #[test]
    fn item_of_the_previous_release_is_of_the_public_lane() {
        let mut attributes = write(&ItemKey("key".to_owned()), &item(), Some(NOW + 1));
        attributes.remove(OWNER_TIMES);
        let times = read(&attributes, NOW).unwrap().times;
        assert_eq!(times, AdmittedTimes { public: vec![1, 2, 2], owner: Vec::new() });
        // Nor does an item without times in the owner's lane have that attribute.
        let attributes = write(&ItemKey("key".to_owned()), &Item { times, ..item() }, None);
        assert!(!attributes.contains_key(OWNER_TIMES));
    }

    #[test]
    fn item_past_its_expiry_is_empty_but_for_its_version() {
        let attributes = write(&ItemKey("key".to_owned()), &item(), Some(NOW));
        assert_eq!(read(&attributes, NOW), Some(Item { version: 7, ..Item::default() }));
    }

    #[test]
    fn fact_without_expiry_is_noted_for_ever() {
        let item = Item::noted(NOW * 1_000);
        let attributes = write(&ItemKey("key".to_owned()), &item, None);
        assert!(read(&attributes, UnixSeconds::MAX - 1).unwrap().is_noted());
        let expired = write(&ItemKey("key".to_owned()), &item, Some(NOW));
        assert!(!read(&expired, NOW).unwrap().is_noted());
        assert!(!Item::default().is_noted());
    }

    #[test]
    fn consumed_item_without_live_code_is_read() {
        // The update removes `live` and leaves what belongs to it.
        let mut attributes = write(&ItemKey("key".to_owned()), &item(), Some(NOW + 1));
        attributes.remove(LIVE);
        attributes.remove(PREVIOUS);
        let codes = read(&attributes, NOW).unwrap().codes;
        assert_eq!((codes.live, codes.previous, codes.used.is_some()), (None, None, true));
    }
}
