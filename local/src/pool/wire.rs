//! Requests as they arrive: a JSON object whose fields are read by name, each held to the API
//! model's constraints for it. Unknown fields are ignored.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{Error, Result};

/// A string field of the API model, with its constraints.
pub(crate) struct Field {
    name: &'static str,
    min: usize,
    max: usize,
    rule: Rule,
}

/// What a string field may hold.
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

    pub(crate) fn check(&self, value: &str) -> Result<()> {
        let length = value.chars().count();
        if length < self.min {
            return Err(self.violated(&format!(
                "Member must have length greater than or equal to {}",
                self.min
            )));
        }
        if length > self.max {
            return Err(self
                .violated(&format!("Member must have length less than or equal to {}", self.max)));
        }
        match self.rule {
            Rule::Pattern(pattern, matches) if !matches(value) => Err(self
                .violated(&format!("Member must satisfy regular expression pattern: {pattern}"))),
            Rule::OneOf(values) if !values.contains(&value) => Err(self
                .violated(&format!("Member must satisfy enum value set: [{}]", values.join(", ")))),
            _ => Ok(()),
        }
    }

    fn violated(&self, constraint: &str) -> Error {
        violated(self.name, constraint)
    }
}

/// The error of a broken constraint. It names the member as AWS does, first letter small, and never
/// repeats the value, which may be a secret.
pub(crate) fn violated(name: &str, constraint: &str) -> Error {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase()).unwrap_or_default();
    let rest = letters.as_str();
    Error::invalid(format!(
        "1 validation error detected: Value at '{first}{rest}' failed to satisfy constraint: \
         {constraint}"
    ))
}

fn word(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '+')
}

fn no_space(value: &str) -> bool {
    !value.chars().any(char::is_whitespace)
}

fn visible(value: &str) -> bool {
    !value.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn base64(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "_+=/".contains(c))
}

fn token(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "-_=.".contains(c))
}

fn pool_id(value: &str) -> bool {
    value.rsplit_once('_').is_some_and(|(region, id)| {
        !region.is_empty()
            && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && !id.is_empty()
            && id.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// The model sets no length for tokens; this one keeps a hostile body from costing time.
const LONGEST_TOKEN: usize = 16_384;
const VISIBLE: &str = r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+";

pub(crate) const CLIENT_ID: Field = Field::new("ClientId", 1, 128, Rule::Pattern(r"[\w+]+", word));
pub(crate) const CLIENT_SECRET: Field =
    Field::new("ClientSecret", 24, 64, Rule::Pattern(r"[\w+]+", word));
pub(crate) const SECRET_HASH: Field =
    Field::new("SecretHash", 1, 128, Rule::Pattern(r"[\w+=/]+", base64));
pub(crate) const USER_POOL_ID: Field =
    Field::new("UserPoolId", 1, 55, Rule::Pattern(r"[\w-]+_[0-9a-zA-Z]+", pool_id));
pub(crate) const USERNAME: Field = Field::new("Username", 1, 128, Rule::Pattern(VISIBLE, visible));
pub(crate) const PASSWORD: Field =
    Field::new("Password", 0, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const TEMPORARY_PASSWORD: Field =
    Field::new("TemporaryPassword", 0, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const CONFIRMATION_CODE: Field =
    Field::new("ConfirmationCode", 1, 2_048, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const SESSION: Field = Field::new("Session", 20, 2_048, Rule::Any);
pub(crate) const ACCESS_TOKEN: Field =
    Field::new("AccessToken", 1, LONGEST_TOKEN, Rule::Pattern("[A-Za-z0-9-_=.]+", token));
pub(crate) const TOKEN: Field =
    Field::new("Token", 1, LONGEST_TOKEN, Rule::Pattern("[A-Za-z0-9-_=.]+", token));
pub(crate) const REFRESH_TOKEN: Field =
    Field::new("RefreshToken", 1, LONGEST_TOKEN, Rule::Pattern("[A-Za-z0-9-_=.]+", token));
pub(crate) const FILTER: Field = Field::new("Filter", 0, 256, Rule::Any);
pub(crate) const PAGINATION_TOKEN: Field =
    Field::new("PaginationToken", 1, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const MESSAGE_ACTION: Field =
    Field::new("MessageAction", 0, 64, Rule::OneOf(&["RESEND", "SUPPRESS"]));
pub(crate) const AUTH_FLOW: Field = Field::new(
    "AuthFlow",
    0,
    64,
    Rule::OneOf(&[
        "USER_SRP_AUTH",
        "REFRESH_TOKEN_AUTH",
        "REFRESH_TOKEN",
        "CUSTOM_AUTH",
        "ADMIN_NO_SRP_AUTH",
        "USER_PASSWORD_AUTH",
        "ADMIN_USER_PASSWORD_AUTH",
        "USER_AUTH",
    ]),
);
pub(crate) const CHALLENGE_NAME: Field = Field::new(
    "ChallengeName",
    0,
    64,
    Rule::OneOf(&[
        "SMS_MFA",
        "EMAIL_OTP",
        "SOFTWARE_TOKEN_MFA",
        "SELECT_MFA_TYPE",
        "MFA_SETUP",
        "PASSWORD_VERIFIER",
        "CUSTOM_CHALLENGE",
        "SELECT_CHALLENGE",
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
        "ADMIN_NO_SRP_AUTH",
        "NEW_PASSWORD_REQUIRED",
        "SMS_OTP",
        "PASSWORD",
        "WEB_AUTHN",
        "PASSWORD_SRP",
    ]),
);

/// A list of attributes as a request gives it: names with their values, `None` where there is none.
pub(crate) type AttributeList = Vec<(String, Option<String>)>;

/// A request's JSON object.
pub(crate) struct Request(Map<String, Value>);

impl Request {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Error::serialization("The request is not a JSON object")),
            Err(_) => Err(Error::serialization("The request is not JSON")),
        }
    }

    /// The field's value; absent and null are the same.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn optional(&self, field: &Field) -> Result<Option<&str>> {
        let Some(value) = self.value(field.name) else {
            return Ok(None);
        };
        let value = string(value)?;
        field.check(value)?;
        Ok(Some(value))
    }

    pub(crate) fn required(&self, field: &Field) -> Result<&str> {
        self.optional(field)?.ok_or_else(|| field.violated("Member must not be null"))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.value(name)
            .map(|value| value.as_bool().ok_or_else(|| mismatch(value, "a Boolean")))
            .transpose()
    }

    /// An integer of at most `max`.
    pub(crate) fn count(&self, name: &str, max: u64) -> Result<Option<u64>> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        if !value.is_i64() && !value.is_u64() {
            return Err(mismatch(value, "an Integer"));
        }
        match value.as_u64() {
            None => Err(violated(name, "Member must have value greater than or equal to 0")),
            Some(count) if count > max => {
                Err(violated(name, &format!("Member must have value less than or equal to {max}")))
            }
            count => Ok(count),
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

    /// A list of strings, if it is there.
    pub(crate) fn strings(&self, name: &str) -> Result<Option<Vec<&str>>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) => items.iter().map(string).collect::<Result<_>>().map(Some),
            Some(value) => Err(mismatch(value, "a List")),
        }
    }

    /// A list of attributes, if it is there.
    pub(crate) fn attributes(&self, name: &str) -> Result<Option<AttributeList>> {
        let items = match self.value(name) {
            None => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(value) => return Err(mismatch(value, "a List")),
        };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let Value::Object(item) = item else {
                    return Err(mismatch(item, "a Structure"));
                };
                let member = format!("{name}.{}.member", index + 1);
                let text = |key: &str| {
                    item.get(key).filter(|value| !value.is_null()).map(string).transpose()
                };
                let key = text("Name")?.ok_or_else(|| {
                    violated(&format!("{member}.name"), "Member must not be null")
                })?;
                Field::new("", 1, 32, Rule::Any)
                    .check(key)
                    .map_err(|_| bad_length(&format!("{member}.name"), 32))?;
                let value = text("Value")?;
                if value.is_some_and(|value| value.chars().count() > 2_048) {
                    return Err(bad_length(&format!("{member}.value"), 2_048));
                }
                Ok((key.to_owned(), value.map(str::to_owned)))
            })
            .collect::<Result<_>>()
            .map(Some)
    }

    /// A list of attributes that must be there.
    pub(crate) fn required_attributes(&self, name: &str) -> Result<AttributeList> {
        self.attributes(name)?.ok_or_else(|| violated(name, "Member must not be null"))
    }

    pub(crate) fn parameters(&self, name: &str) -> Result<Parameters> {
        Ok(Parameters(self.map(name)?))
    }
}

fn bad_length(name: &str, max: usize) -> Error {
    violated(name, &format!("Member must have length less than or equal to {max}"))
}

fn string(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| mismatch(value, "a String"))
}

pub(crate) fn mismatch(value: &Value, wanted: &str) -> Error {
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

/// `AuthParameters` or `ChallengeResponses`: names and values that only the flow knows.
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| Error::missing_parameter(name))
    }

    /// `USERNAME`, as the caller typed it.
    pub(crate) fn username(&self) -> Result<&str> {
        let name = self.required("USERNAME")?;
        if name.is_empty() {
            return Err(Error::missing_parameter("USERNAME"));
        }
        USERNAME.check(name)?;
        Ok(name)
    }

    /// The parameters whose name starts with `prefix`, without it.
    pub(crate) fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }
}
