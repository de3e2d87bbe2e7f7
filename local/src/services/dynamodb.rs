//! Amazon DynamoDB, only what a table needs: an embedded database, in memory.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::http_reply::HttpReply;

/// The start of every target.
pub const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// The ledger's table, unless `LEDGER_TABLE` names another.
pub const LEDGER_TABLE: &str = "local-ledger";

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the embedded DynamoDB does not start: {0}")]
pub struct DynamoDbError(String);

impl From<DynoxideError> for DynamoDbError {
    fn from(error: DynoxideError) -> Self {
        Self(error.to_string())
    }
}

/// The database. Clones share it.
#[derive(Clone)]
pub struct DynamoDb(Database);

impl DynamoDb {
    /// A database with the ledger's table `table`.
    ///
    /// # Errors
    /// When it does not start, or `table` is not a valid table name.
    pub fn new(table: &str) -> Result<Self, DynamoDbError> {
        let database = Database::memory()?;
        let definition = serde_json::json!({
            "TableName": table,
            "AttributeDefinitions": [{ "AttributeName": "key", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "key", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        let definition = serde_json::from_value(definition);
        database.create_table(definition.map_err(|error| DynamoDbError(error.to_string()))?)?;
        Ok(Self(database))
    }

    /// Answers one call. `target` is the value of `X-Amz-Target`.
    #[must_use]
    pub fn call(&self, target: &str, body: &[u8]) -> HttpReply {
        let Self(database) = self;
        match target.strip_prefix(TARGET_PREFIX).unwrap_or_default() {
            "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
            "CreateTable" => run(body, |request| database.create_table(request)),
            "DeleteItem" => run(body, |request| database.delete_item(request)),
            "DeleteTable" => run(body, |request| database.delete_table(request)),
            "DescribeTable" => run(body, |request| database.describe_table(request)),
            "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
            "GetItem" => run(body, |request| database.get_item(request)),
            "ListTables" => run(body, |request| database.list_tables(request)),
            "PutItem" => run(body, |request| database.put_item(request)),
            "Query" => run(body, |request| database.query(request)),
            "Scan" => run(body, |request| database.scan(request)),
            "UpdateItem" => run(body, |request| database.update_item(request)),
            "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
            _ => HttpReply::error(
                400,
                "UnknownOperationException",
                "The operation is not implemented here",
            ),
        }
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> HttpReply {
    let Ok(request) = serde_json::from_slice(body) else {
        return HttpReply::error(400, "SerializationException", "The body is not a request");
    };
    match operation(request).map(|answer| serde_json::to_value(answer)) {
        Ok(Ok(answer)) => HttpReply::ok(&answer),
        Ok(Err(_)) => HttpReply::error(500, "InternalServerError", "The response is not JSON"),
        // The body has the name with its namespace before it; the header is the name alone.
        Err(error) => HttpReply::json(
            error.status_code(),
            error.error_type().rsplit('#').next(),
            error.to_json().into_bytes(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(database: &DynamoDb, operation: &str, body: &Value) -> (u16, Value) {
        let reply =
            database.call(&format!("{TARGET_PREFIX}{operation}"), body.to_string().as_bytes());
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    #[test]
    fn conditional_put_fails_if_the_item_exists() {
        let database = DynamoDb::new(LEDGER_TABLE).unwrap();
        let put = json!({
            "TableName": LEDGER_TABLE,
            "Item": { "key": { "S": "an item" }, "version": { "N": "1" } },
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": { "#key": "key" },
        });
        assert_eq!(call(&database, "PutItem", &put).0, 200);
        let (status, error) = call(&database, "PutItem", &put);
        assert_eq!(status, 400);
        assert!(error["__type"].as_str().unwrap().ends_with("ConditionalCheckFailedException"));
        let get = json!({ "TableName": LEDGER_TABLE, "Key": { "key": { "S": "an item" } } });
        assert_eq!(call(&database, "GetItem", &get).1["Item"]["version"], json!({ "N": "1" }));
    }

    /// As `ledger` writes them: whoever changes one there changes it here.
    #[test]
    fn code_is_consumed_once_and_a_repeat_writes_nothing() {
        let database = DynamoDb::new(LEDGER_TABLE).unwrap();
        let key = json!({ "key": { "S": "an account" } });
        let update = |expression: &str, condition: &str, nonce: &str, round: &str| {
            let names = ["live", "previous", "version", "used", "used_by"];
            let all = format!("{expression} {condition}");
            let names = names.into_iter().map(|name| (format!("#{name}"), json!(name)));
            let names = names.filter(|(name, _)| {
                all.split(|c: char| !c.is_alphanumeric() && !"#_".contains(c)).any(|n| n == name)
            });
            let names: serde_json::Map<_, _> = names.collect();
            let mut values = json!({ ":nonce": { "S": nonce }, ":round": { "S": round } });
            if expression.contains(":one") {
                values[":one"] = json!({ "N": "1" });
            }
            json!({
                "TableName": LEDGER_TABLE,
                "Key": key,
                "UpdateExpression": expression,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            })
        };
        let consume = |nonce, round| {
            let expression = "SET #used = :nonce, #used_by = :round REMOVE #live, #previous \
                              ADD #version :one";
            update(expression, "#live = :nonce OR #previous = :nonce", nonce, round)
        };
        let repeat = |nonce, round| {
            let condition = "#used = :nonce AND #used_by = :round";
            update("SET #used_by = :round", condition, nonce, round)
        };
        let try_to = |request: Value| {
            let (status, answer) = call(&database, "UpdateItem", &request);
            let failed = "ConditionalCheckFailedException";
            match answer.get("__type").and_then(Value::as_str) {
                None => assert_eq!(status, 200),
                Some(error) => assert!(status == 400 && error.ends_with(failed), "{answer}"),
            }
            status == 200
        };
        let item = || {
            let get = json!({ "TableName": LEDGER_TABLE, "Key": key, "ConsistentRead": true });
            call(&database, "GetItem", &get).1
        };
        // No item: a consume makes none.
        assert!(!try_to(consume("a", "1")) && !try_to(repeat("a", "1")));
        assert_eq!(item().get("Item"), None);
        for (live, previous, right) in
            [(Some("a"), None, "a"), (Some("b"), Some("a"), "a"), (None, Some("a"), "a")]
        {
            let mut stored = json!({
                "key": { "S": "an account" },
                "version": { "N": "7" },
                "live_issued_at": { "N": "1" },
                "times": { "L": [{ "N": "1" }] },
            });
            for (name, nonce) in [("live", live), ("previous", previous)] {
                if let Some(nonce) = nonce {
                    stored[name] = json!({ "S": nonce });
                }
            }
            let put = json!({ "TableName": LEDGER_TABLE, "Item": stored });
            assert_eq!(call(&database, "PutItem", &put).0, 200);
            assert!(!try_to(consume("c", "1")), "a nonce that is not there");
            assert!(!try_to(repeat(right, "1")), "nothing is consumed yet");
            assert!(try_to(consume(right, "1")));
            let consumed = item();
            assert_eq!(
                consumed["Item"],
                json!({
                    "key": { "S": "an account" },
                    "version": { "N": "8" },
                    "live_issued_at": { "N": "1" },
                    "times": { "L": [{ "N": "1" }] },
                    "used": { "S": right },
                    "used_by": { "S": "1" },
                })
            );
            assert!(!try_to(consume(right, "1")) && !try_to(consume(right, "2")));
            assert!(try_to(repeat(right, "1")));
            assert!(!try_to(repeat(right, "2")), "another round");
            assert_eq!(item(), consumed);
            // Create read version 7: its write would bring the code back.
            let stale = json!({
                "TableName": LEDGER_TABLE,
                "Item": stored,
                "ConditionExpression": "#version = :before",
                "ExpressionAttributeNames": { "#version": "version" },
                "ExpressionAttributeValues": { ":before": { "N": "7" } },
            });
            let (status, error) = call(&database, "PutItem", &stale);
            assert_eq!(status, 400);
            assert!(error["__type"].as_str().unwrap().ends_with("ConditionalCheckFailedException"));
            assert_eq!(item(), consumed);
        }
    }

    #[test]
    fn invalid_requests_are_refused() {
        let database = DynamoDb::new(LEDGER_TABLE).unwrap();
        assert_eq!(call(&database, "GetItem", &json!([])).1["__type"], "SerializationException");
        assert_eq!(call(&database, "Fly", &json!({})).1["__type"], "UnknownOperationException");
        assert!(DynamoDb::new("!").is_err());
    }
}
