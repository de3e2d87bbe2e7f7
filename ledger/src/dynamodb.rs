//! Items in an Amazon DynamoDB table: the partition key `key` (a string), TTL on `expires_at`.

use std::collections::HashMap;

use aws::reason;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure,
};
use futures_util::future::join_all;
use otp::{IssuedCode, Nonce, RoundId, UnixMillis, UnixSeconds};

use crate::{
    AdmittedTimes, CodeBinding, CodeState, Consumption, Item, ItemKey, LiveCode, SpendItem,
    SpendOutcome, SpendUpdate, Store, StoreError, UsedCode,
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
const CREDIT: &str = "credit";
const ANSWERED: &str = "answered";
const SENT: &str = "sent";
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

    /// Opens as many connections as are used at once, whatever comes of it.
    pub async fn connect(&self, connections: usize) {
        let probe =
            || aws::probe!(aws_sdk_dynamodb, self.client.get_item().table_name(&self.table));
        drop(join_all((0..connections).map(|_| probe())).await);
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
    async fn read_with_spend(
        &self,
        keys: &[&ItemKey],
        spend: &[&ItemKey],
        now: UnixSeconds,
    ) -> Result<(Vec<Item>, Vec<Option<SpendItem>>), StoreError> {
        let mut wanted = KeysAndAttributes::builder().consistent_read(true);
        for key in keys.iter().chain(spend) {
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
        let attributes = |key: &ItemKey| {
            let is_it = |attributes: &&Attributes| {
                attributes.get(KEY).and_then(|key| key.as_s().ok()) == Some(&key.0)
            };
            found.iter().find(is_it)
        };
        // An item that is not ours, or not as we write it, admits nothing.
        let damaged = || {
            tracing::error!(service = "dynamodb", "ledger item is invalid");
            StoreError::Unavailable
        };
        let item = |key: &&ItemKey| match attributes(key) {
            None => Ok(Item::default()),
            Some(attributes) => read(attributes, now).ok_or_else(damaged),
        };
        let spend_item = |key: &&ItemKey| match attributes(key) {
            None => Ok(None),
            Some(attributes) => read_spend(attributes, now).ok_or_else(damaged),
        };
        let items = keys.iter().map(item).collect::<Result<_, _>>()?;
        Ok((items, spend.iter().map(spend_item).collect::<Result<_, _>>()?))
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

    async fn update_spend(
        &self,
        key: &ItemKey,
        update: &SpendUpdate,
    ) -> Result<SpendOutcome, StoreError> {
        if update.bounds().is_some_and(|bounds| bounds.cap == Some(0)) {
            return Ok(SpendOutcome::Capped);
        }
        let request = self.client.update_item().table_name(&self.table).key(KEY, string(&key.0));
        let request = spend_request(request, update);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(SpendOutcome::Done),
            Err(error) if is_condition_failure(&error) => {
                Ok(denial(update, error.as_service_error()))
            }
            Err(error) => Err(unavailable(&error)),
        }
    }
}

/// The update expression of [`SpendItem::update`] and its condition.
fn spend_request(
    request: UpdateItemFluentBuilder,
    update: &SpendUpdate,
) -> UpdateItemFluentBuilder {
    let amount = |amount: i64| AttributeValue::N(amount.to_string());
    let [credit, answered, sent] = update.amounts();
    let request = request
        .expression_attribute_names("#credit", CREDIT)
        .expression_attribute_names("#answered", ANSWERED)
        .expression_attribute_names("#sent", SENT)
        .expression_attribute_values(":credit", amount(credit))
        .expression_attribute_values(":answered", amount(answered))
        .expression_attribute_values(":sent", amount(sent));
    let Some(bounds) = update.bounds() else {
        return request
            .update_expression("ADD #credit :credit, #answered :answered, #sent :sent")
            .condition_expression("attribute_exists(#credit)");
    };
    let mut request = request
        .update_expression(
            "SET #credit = if_not_exists(#credit, :start) + :credit, #expires_at = :expires_at \
             ADD #answered :answered, #sent :sent",
        )
        .expression_attribute_names("#expires_at", EXPIRES_AT)
        .expression_attribute_values(":start", number(bounds.start))
        .expression_attribute_values(":expires_at", number(bounds.expires_at));
    let mut conditions = Vec::new();
    if matches!(update, SpendUpdate::Take(_)) {
        conditions.push(match bounds.start {
            0 => "#credit > :none",
            _ => "(attribute_not_exists(#credit) OR #credit > :none)",
        });
        request = request.expression_attribute_values(":none", number(0));
    }
    if let Some(cap) = bounds.cap {
        conditions.push("(attribute_not_exists(#sent) OR #sent < :cap)");
        request = request.expression_attribute_values(":cap", number(cap));
    }
    if conditions.is_empty() {
        return request;
    }
    request
        .condition_expression(conditions.join(" AND "))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// What refused an update: the item comes with the error.
fn denial(update: &SpendUpdate, error: Option<&UpdateItemError>) -> SpendOutcome {
    let Some(bounds) = update.bounds() else { return SpendOutcome::Absent };
    let item = match error {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item(),
        _ => None,
    };
    let sent = item.and_then(|item| item.get(SENT)?.as_n().ok()?.parse::<u64>().ok());
    let is_capped = bounds.cap.zip(sent).is_some_and(|(cap, sent)| sent >= cap);
    // Only a cap refuses what takes no credit.
    match is_capped || matches!(update, SpendUpdate::Count(_)) {
        true => SpendOutcome::Capped,
        false => SpendOutcome::NoCredit,
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

/// A spend item that has not expired, or none. `None` if it is damaged.
fn read_spend(attributes: &Attributes, now: UnixSeconds) -> Option<Option<SpendItem>> {
    let number = |name: &str| attributes.get(name)?.as_n().ok()?.parse::<u64>().ok();
    let item =
        SpendItem { credit: number(CREDIT)?, answered: number(ANSWERED)?, sent: number(SENT)? };
    Some((now < number(EXPIRES_AT)?).then_some(item))
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
    fn spend_item_is_read_until_it_expires_and_refused_if_damaged() {
        let numbers = [(CREDIT, 1), (ANSWERED, 2), (SENT, 3), (EXPIRES_AT, NOW + 1)];
        let attributes: Attributes =
            numbers.into_iter().map(|(name, value)| (name.to_owned(), number(value))).collect();
        let spend = SpendItem { credit: 1, answered: 2, sent: 3 };
        assert_eq!(read_spend(&attributes, NOW), Some(Some(spend)));
        assert_eq!(read_spend(&attributes, NOW + 1), Some(None));
        for (name, _) in numbers {
            for value in ["-1", "1.5", "x"] {
                let mut damaged = attributes.clone();
                damaged.insert(name.to_owned(), AttributeValue::N(value.to_owned()));
                assert_eq!(read_spend(&damaged, NOW), None, "{name} {value}");
            }
            let mut damaged = attributes.clone();
            damaged.remove(name);
            assert_eq!(read_spend(&damaged, NOW), None, "{name}");
        }
        // An account is not one.
        let account = write(&ItemKey("key".to_owned()), &item(), Some(NOW + 1));
        assert_eq!(read_spend(&account, NOW), None);
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
