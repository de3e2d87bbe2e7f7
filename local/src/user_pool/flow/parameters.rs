//! `AuthParameters` and `ChallengeResponses`: the flow's own string map.

use std::collections::BTreeMap;

use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::operations::fields;

/// `AuthParameters` or `ChallengeResponses`: names and values that only the flow knows.
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// The request's map `name`.
    pub(crate) fn read(request: &Request, name: &str) -> Result<Self> {
        request.map(name).map(Self)
    }

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
        fields::USERNAME.check("username", name)?;
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
