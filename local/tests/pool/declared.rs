//! What the API model says of each operation: its required fields and the exceptions it declares.
//! `model.json` beside this is botocore's, written by `model.py`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use local::user_pool::UserPools;
use serde::Deserialize;

/// One operation.
#[derive(Deserialize)]
pub(crate) struct Declared {
    pub(crate) required: Vec<String>,
    pub(crate) errors: Vec<String>,
}

/// Every operation of the model, by name.
pub(crate) static MODEL: LazyLock<BTreeMap<String, Declared>> =
    LazyLock::new(|| serde_json::from_str(include_str!("model.json")).unwrap());

#[test]
fn implemented_operations_are_in_the_api_model() {
    for operation in UserPools::operations() {
        assert!(MODEL.contains_key(operation), "{operation}");
    }
}
