//! Pages of a list: a number of items, and a token for the next page.

use serde_json::{Map, Value};

use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::operations::fields;

/// The requested page of a list.
pub(crate) struct Page<'a> {
    after: Option<&'a str>,
    size: usize,
}

impl<'a> Page<'a> {
    /// A page of `size` items, after those that `NextToken` has passed.
    pub(crate) fn new(request: &'a Request, size: u32) -> Result<Self> {
        let after = request
            .optional(&fields::NEXT_TOKEN)?
            .map(|token| token.strip_prefix("after-"))
            .map(|key| key.ok_or_else(|| Error::invalid("Invalid pagination token.")))
            .transpose()?;
        Ok(Self { after, size: usize::try_from(size).unwrap_or(usize::MAX) })
    }

    /// The reply: `items`, which are in order of their keys, as `name`.
    pub(crate) fn of<'k>(self, name: &str, items: impl Iterator<Item = (&'k str, Value)>) -> Value {
        let mut items = items.skip_while(|(key, _)| self.after.is_some_and(|after| *key <= after));
        let (keys, page): (Vec<&str>, Vec<Value>) = items.by_ref().take(self.size).unzip();
        let mut reply = Map::new();
        if let (Some(last), true) = (keys.last(), items.next().is_some()) {
            reply.insert("NextToken".to_owned(), Value::from(format!("after-{last}")));
        }
        reply.insert(name.to_owned(), Value::Array(page));
        Value::Object(reply)
    }
}
