//! Requests as they arrive: a JSON object whose fields are read by name, each held to the API
//! model's constraints for it. Unknown fields are ignored.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::protocol::error::{Error, Result};

/// A string field of the API model, with its constraints.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    min: usize,
    max: usize,
    rule: Rule,
}

/// The values that a string field may have.
pub(crate) enum Rule {
    Any,
    /// The model's pattern, as text for the error and as a check.
    Pattern(&'static str, fn(&str) -> bool),
    OneOf(&'static [&'static str]),
}

impl Field {
    pub(crate) const fn new(name: &'static str, min: usize, max: usize, rule: Rule) -> Self {
        Self { name, min, max, rule }
    }

    /// Checks `value`; `member` is its name in the error.
    pub(crate) fn check(&self, member: &str, value: &str) -> Result<()> {
        let length = value.chars().count();
        let constraint = if length < self.min {
            format!("Member must have length greater than or equal to {}", self.min)
        } else if length > self.max {
            format!("Member must have length less than or equal to {}", self.max)
        } else {
            match self.rule {
                Rule::Pattern(pattern, matches) if !matches(value) => {
                    format!("Member must satisfy regular expression pattern: {pattern}")
                }
                Rule::OneOf(values) if !values.contains(&value) => {
                    format!("Member must satisfy enum value set: [{}]", values.join(", "))
                }
                _ => return Ok(()),
            }
        };
        Err(Error::constraint_violation(member, &constraint))
    }
}

/// A member's name as AWS writes it in errors: its first letter is small.
fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// A request's JSON object, or one within it.
pub(crate) struct Request {
    fields: Map<String, Value>,
    /// Where it is in the request, as errors name it: empty, or ending with a dot.
    path: String,
}

impl Request {
    pub(crate) fn parse(body: &[u8]) -> Result<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self { fields, path: String::new() }),
            Ok(_) => Err(Error::serialization("The request is not a JSON object")),
            Err(_) => Err(Error::serialization("The request is not JSON")),
        }
    }

    /// The field's name in errors.
    fn member(&self, name: &str) -> String {
        format!("{}{}", self.path, lowered(name))
    }

    /// The field's value; absent and null are the same.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn optional(&self, field: &Field) -> Result<Option<&str>> {
        let Some(value) = self.value(field.name) else {
            return Ok(None);
        };
        let value = string(value)?;
        field.check(&self.member(field.name), value)?;
        Ok(Some(value))
    }

    pub(crate) fn required(&self, field: &Field) -> Result<&str> {
        self.optional(field)?.ok_or_else(|| self.missing(field.name))
    }

    pub(crate) fn missing(&self, name: &str) -> Error {
        Error::constraint_violation(&self.member(name), "Member must not be null")
    }

    /// A string without constraints.
    pub(crate) fn string_value(&self, name: &str) -> Result<Option<&str>> {
        self.value(name).map(string).transpose()
    }

    /// The names of the fields that are present.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str())
    }

    /// A structure within, if it is there.
    pub(crate) fn structure(&self, name: &str) -> Result<Option<Self>> {
        self.value(name).map(|value| nested(value, self.member(name))).transpose()
    }

    /// A list of at most `max` structures, if it is there.
    pub(crate) fn structures(&self, name: &str, max: usize) -> Result<Option<Vec<Self>>> {
        let member = self.member(name);
        let Some(items) = self.list(name, max)? else {
            return Ok(None);
        };
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| nested(item, format!("{member}.{}.member", index + 1)))
            .collect::<Result<_>>()
            .map(Some)
    }

    /// As [`structures`](Self::structures), of a list that must not be empty.
    pub(crate) fn nonempty_structures(&self, name: &str, max: usize) -> Result<Option<Vec<Self>>> {
        let items = self.structures(name, max)?;
        if items.as_ref().is_some_and(Vec::is_empty) {
            let constraint = "Member must have length greater than or equal to 1";
            return Err(Error::constraint_violation(&self.member(name), constraint));
        }
        Ok(items)
    }

    fn list(&self, name: &str, max: usize) -> Result<Option<&Vec<Value>>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) if items.len() <= max => Ok(Some(items)),
            Some(Value::Array(_)) => Err(bad_length(&self.member(name), max)),
            Some(value) => Err(mismatch(value, "a List")),
        }
    }

    /// A list of at most `max` strings that each satisfy `field`, if present.
    pub(crate) fn strings(&self, field: &Field, max: usize) -> Result<Option<Vec<&str>>> {
        let Some(items) = self.list(field.name, max)? else {
            return Ok(None);
        };
        let member = self.member(field.name);
        let text = |item| {
            let item = string(item)?;
            field.check(&member, item)?;
            Ok(item)
        };
        items.iter().map(text).collect::<Result<_>>().map(Some)
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>> {
        self.value(name)
            .map(|value| value.as_bool().ok_or_else(|| mismatch(value, "a Boolean")))
            .transpose()
    }

    pub(crate) fn required_boolean(&self, name: &str) -> Result<bool> {
        self.boolean(name)?.ok_or_else(|| self.missing(name))
    }

    /// An integer of `range`, if present.
    pub(crate) fn integer(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        if !value.is_i64() && !value.is_u64() {
            return Err(mismatch(value, "an Integer"));
        }
        let number = value.as_i64().unwrap_or(i64::MAX);
        let broken = |which: &str, bound: u32| {
            let constraint = format!("Member must have value {which} than or equal to {bound}");
            Err(Error::constraint_violation(&self.member(name), &constraint))
        };
        if number < i64::from(*range.start()) {
            return broken("greater", *range.start());
        }
        match u32::try_from(number) {
            Ok(number) if number <= *range.end() => Ok(Some(number)),
            _ => broken("less", *range.end()),
        }
    }

    /// A map of strings, empty when absent.
    pub(crate) fn map(&self, name: &str) -> Result<BTreeMap<String, String>> {
        match self.value(name) {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(map)) => map
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| Ok((key.clone(), string(value)?.to_owned())))
                .collect(),
            Some(value) => Err(mismatch(value, "a Map")),
        }
    }

    /// A required list of strings that each satisfy `field`.
    pub(crate) fn required_strings(&self, field: &Field) -> Result<Vec<&str>> {
        self.strings(field, usize::MAX)?.ok_or_else(|| self.missing(field.name))
    }

    /// A map of strings with at most `max` entries, if present.
    pub(crate) fn bounded_map(
        &self,
        name: &str,
        max: usize,
    ) -> Result<Option<BTreeMap<String, String>>> {
        if self.value(name).is_none() {
            return Ok(None);
        }
        let map = self.map(name)?;
        if map.len() > max { Err(bad_length(&self.member(name), max)) } else { Ok(Some(map)) }
    }

    /// A required map of strings with at most `max` entries.
    pub(crate) fn required_map(&self, name: &str, max: usize) -> Result<BTreeMap<String, String>> {
        self.bounded_map(name, max)?.ok_or_else(|| self.missing(name))
    }

    /// A map of structures with at most `max` entries, empty when absent.
    pub(crate) fn structure_map(&self, name: &str, max: usize) -> Result<BTreeMap<String, Self>> {
        let inner = |item: &Value| match item {
            Value::Object(fields) => Ok(Self { fields: fields.clone(), path: String::new() }),
            value => Err(mismatch(value, "a Structure")),
        };
        match self.value(name) {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(items)) if items.len() > max => {
                Err(bad_length(&self.member(name), max))
            }
            Some(Value::Object(items)) => {
                items.iter().map(|(key, item)| Ok((key.clone(), inner(item)?))).collect()
            }
            Some(value) => Err(mismatch(value, "a Map")),
        }
    }

    /// A required structure.
    pub(crate) fn required_structure(&self, name: &str) -> Result<Self> {
        self.structure(name)?.ok_or_else(|| self.missing(name))
    }

    /// A required integer of `range`.
    pub(crate) fn required_integer(&self, name: &str, range: RangeInclusive<u32>) -> Result<u32> {
        self.integer(name, range)?.ok_or_else(|| self.missing(name))
    }
}

fn nested(value: &Value, member: String) -> Result<Request> {
    match value {
        Value::Object(fields) => Ok(Request { fields: fields.clone(), path: format!("{member}.") }),
        _ => Err(mismatch(value, "a Structure")),
    }
}

fn bad_length(name: &str, max: usize) -> Error {
    Error::constraint_violation(
        name,
        &format!("Member must have length less than or equal to {max}"),
    )
}

fn string(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| mismatch(value, "a String"))
}

fn mismatch(value: &Value, wanted: &str) -> Error {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    Error::serialization(format!("{found} can not be converted to {wanted}"))
}
