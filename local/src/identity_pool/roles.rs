//! The roles of an identity pool, and the choice of one for an identity.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::identity_pool::logins::VerifiedLogin;
use crate::protocol::credentials::RoleArn;
use crate::protocol::error::{Error, Result};
use crate::protocol::jwt::Claims;

/// The roles of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) authenticated: Option<RoleArn>,
    pub(crate) unauthenticated: Option<RoleArn>,
    /// Rules for choosing a role by token, by `<provider>:<client id>`.
    pub(crate) mappings: BTreeMap<String, Mapping>,
}

/// How a token chooses a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) choice: RoleChoice,
    /// Whether a token that chooses no role gets no credentials, rather than the authenticated
    /// role.
    pub(crate) deny: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RoleChoice {
    /// The role that the token names.
    Token,
    /// The role of the first rule that the token meets.
    Rules(Vec<Rule>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) claim: String,
    pub(crate) match_type: MatchType,
    pub(crate) value: String,
    pub(crate) role: RoleArn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchType {
    Equals,
    Contains,
    StartsWith,
    NotEqual,
}

impl MatchType {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "Contains" => Self::Contains,
            "StartsWith" => Self::StartsWith,
            "NotEqual" => Self::NotEqual,
            _ => Self::Equals,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Equals => "Equals",
            Self::Contains => "Contains",
            Self::StartsWith => "StartsWith",
            Self::NotEqual => "NotEqual",
        }
    }

    fn holds(self, found: &str, wanted: &str) -> bool {
        match self {
            Self::Equals => found == wanted,
            Self::Contains => found.contains(wanted),
            Self::StartsWith => found.starts_with(wanted),
            Self::NotEqual => found != wanted,
        }
    }
}

impl Rule {
    /// A missing claim matches no rule, not even `NotEqual`.
    fn meets(&self, claims: &Claims) -> bool {
        match claims.get(&self.claim) {
            Some(Value::String(found)) => self.match_type.holds(found, &self.value),
            Some(Value::Bool(found)) => self.match_type.holds(&found.to_string(), &self.value),
            Some(Value::Number(found)) => self.match_type.holds(&found.to_string(), &self.value),
            _ => false,
        }
    }
}

impl Roles {
    /// The role of a guest, or of the user that the tokens stand for; `custom` is the role that the
    /// caller requests.
    pub(crate) fn choose(&self, tokens: &[VerifiedLogin], custom: Option<&str>) -> Result<RoleArn> {
        if tokens.is_empty() {
            return match custom {
                Some(_) => Err(denied()),
                None => self.unauthenticated.clone().ok_or_else(Error::role_missing),
            };
        }
        let mapped = tokens.iter().find_map(|token| {
            let mapping = self.mappings.get(&token.mapping_name())?;
            Some((mapping, &token.claims))
        });
        let chosen = match mapped {
            Some((mapping, claims)) => match &mapping.choice {
                RoleChoice::Token => named(claims, custom)?,
                RoleChoice::Rules(_) if custom.is_some() => return Err(denied()),
                RoleChoice::Rules(rules) => {
                    rules.iter().find(|rule| rule.meets(claims)).map(|rule| rule.role.clone())
                }
            },
            // Only a token can allow the caller to request a role.
            None if custom.is_some() => return Err(denied()),
            None => None,
        };
        match (chosen, mapped) {
            (Some(role), _) => Ok(role),
            (None, Some((Mapping { deny: true, .. }, _))) => Err(denied()),
            (None, _) => self.authenticated.clone().ok_or_else(Error::role_missing),
        }
    }
}

/// The role that a token names: the one asked for among its roles, or the preferred or only one.
fn named(claims: &Claims, custom: Option<&str>) -> Result<Option<RoleArn>> {
    let roles: Vec<&str> = match claims.get("cognito:roles") {
        Some(Value::Array(roles)) => roles.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let chosen = match custom {
        Some(custom) if roles.contains(&custom) => Some(custom),
        Some(_) => return Err(denied()),
        None => match (claims.text("cognito:preferred_role"), roles.as_slice()) {
            (Ok(preferred), _) => Some(preferred),
            (Err(_), [only]) => Some(*only),
            (Err(_), _) => None,
        },
    };
    Ok(chosen.and_then(RoleArn::parse))
}

fn denied() -> Error {
    Error::not_authorized("Access to the requested role is forbidden.")
}
