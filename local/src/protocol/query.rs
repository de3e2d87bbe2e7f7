//! The requests of the AWS query protocol: a form whose `Action` is the operation.

use std::collections::BTreeMap;

/// A form's fields.
pub type Form = BTreeMap<String, String>;

/// The fields of a body.
#[must_use]
pub fn parse(body: &[u8]) -> Form {
    form_urlencoded::parse(body).into_owned().collect()
}

/// A field's value; empty and absent are the same.
#[must_use]
pub fn field<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.get(name).map(String::as_str).filter(|value| !value.is_empty())
}
