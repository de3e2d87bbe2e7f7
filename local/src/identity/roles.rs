//! The roles of an identity pool, and which of them an identity gets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::identity::login::Verified;
use crate::identity::state::State;
use crate::identity::{Ctx, wire};
use crate::protocol::credentials::RoleArn;
use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::{Field, Request};
use crate::protocol::jwt::Claims;

const MAX_ROLES: usize = 2;
const MAX_MAPPINGS: usize = 10;
const MAX_RULES: usize = 400;

/// The roles of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) authenticated: Option<RoleArn>,
    pub(crate) unauthenticated: Option<RoleArn>,
    /// Where a token says more, by `<provider>:<client id>`.
    pub(crate) mappings: BTreeMap<String, Mapping>,
}

/// How a token chooses a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    by: By,
    /// Without a choice: no credentials, or else those of the authenticated role.
    deny: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    /// The token names the role.
    Token,
    /// The first rule that the token meets does.
    Rules(Vec<Rule>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    claim: String,
    test: Test,
    value: String,
    role: RoleArn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    Contains,
    StartsWith,
    NotEqual,
}

impl Test {
    fn of(name: &str) -> Self {
        match name {
            "Contains" => Self::Contains,
            "StartsWith" => Self::StartsWith,
            "NotEqual" => Self::NotEqual,
            _ => Self::Equals,
        }
    }

    fn name(self) -> &'static str {
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
    /// A claim that the token lacks meets no rule, not even one that it differ.
    fn meets(&self, claims: &Claims) -> bool {
        match claims.get(&self.claim) {
            Some(Value::String(found)) => self.test.holds(found, &self.value),
            Some(Value::Bool(found)) => self.test.holds(&found.to_string(), &self.value),
            Some(Value::Number(found)) => self.test.holds(&found.to_string(), &self.value),
            _ => false,
        }
    }
}

/// SetIdentityPoolRoles.
pub(crate) fn set(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let id = request.required(&wire::IDENTITY_POOL_ID)?;
    let mut roles = Roles::default();
    for (kind, arn) in request.required_map("Roles", MAX_ROLES)? {
        let role = Some(role(&arn)?);
        match kind.as_str() {
            "authenticated" => roles.authenticated = role,
            "unauthenticated" => roles.unauthenticated = role,
            _ => return Err(Error::invalid("Roles has other keys than its two")),
        }
    }
    for (provider, request) in request.structure_map("RoleMappings", MAX_MAPPINGS)? {
        roles.mappings.insert(provider, mapping(&request)?);
    }
    state.pool_mut(id)?.roles = roles;
    Ok(json!({}))
}

/// GetIdentityPoolRoles.
pub(crate) fn get(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let id = request.required(&wire::IDENTITY_POOL_ID)?;
    let roles = &state.pool(id)?.roles;
    let kinds =
        [("authenticated", &roles.authenticated), ("unauthenticated", &roles.unauthenticated)];
    let set: BTreeMap<_, _> = kinds
        .into_iter()
        .filter_map(|(kind, role)| Some((kind, role.as_ref()?.as_str())))
        .collect();
    let mut reply = Map::new();
    reply.insert("IdentityPoolId".to_owned(), json!(id));
    reply.insert("Roles".to_owned(), json!(set));
    if !roles.mappings.is_empty() {
        let mappings: Map<_, _> =
            roles.mappings.iter().map(|(name, it)| (name.clone(), describe(it))).collect();
        reply.insert("RoleMappings".to_owned(), Value::Object(mappings));
    }
    Ok(Value::Object(reply))
}

fn role(arn: &str) -> Result<RoleArn> {
    RoleArn::parse(arn).ok_or_else(|| Error::invalid("Invalid role ARN"))
}

fn mapping(request: &Request) -> Result<Mapping> {
    let by = match request.required(&wire::MAPPING_TYPE)? {
        "Token" => By::Token,
        _ => {
            let rules = request.required_structure("RulesConfiguration")?;
            let rules = rules.structures("Rules", usize::MAX)?.unwrap_or_default();
            if !(1..=MAX_RULES).contains(&rules.len()) {
                return Err(Error::invalid(format!("Rules has 1 to {MAX_RULES} members")));
            }
            By::Rules(rules.iter().map(rule).collect::<Result<_>>()?)
        }
    };
    match request.optional(&wire::AMBIGUOUS_ROLE_RESOLUTION)? {
        None => Err(Error::invalid("AmbiguousRoleResolution is required for this Type")),
        Some(resolution) => Ok(Mapping { by, deny: resolution == "Deny" }),
    }
}

fn rule(request: &Request) -> Result<Rule> {
    let text = |field: &Field| request.required(field).map(str::to_owned);
    Ok(Rule {
        claim: text(&wire::CLAIM)?,
        test: Test::of(request.required(&wire::MATCH_TYPE)?),
        value: text(&wire::VALUE)?,
        role: role(request.required(&wire::ROLE_ARN)?)?,
    })
}

fn describe(mapping: &Mapping) -> Value {
    let resolution = if mapping.deny { "Deny" } else { "AuthenticatedRole" };
    match &mapping.by {
        By::Token => json!({ "Type": "Token", "AmbiguousRoleResolution": resolution }),
        By::Rules(rules) => {
            let rules: Vec<Value> = rules
                .iter()
                .map(|rule| {
                    json!({
                        "Claim": rule.claim,
                        "MatchType": rule.test.name(),
                        "Value": rule.value,
                        "RoleARN": rule.role.as_str(),
                    })
                })
                .collect();
            json!({
                "Type": "Rules",
                "AmbiguousRoleResolution": resolution,
                "RulesConfiguration": { "Rules": rules },
            })
        }
    }
}

impl Roles {
    /// The role of a guest, or of the user that the tokens stand for; `custom` is the one that the
    /// caller asks for.
    pub(crate) fn choose(&self, tokens: &[Verified], custom: Option<&str>) -> Result<RoleArn> {
        if tokens.is_empty() {
            return match custom {
                Some(_) => Err(denied()),
                None => self.unauthenticated.clone().ok_or_else(Error::no_role),
            };
        }
        let mapped = tokens.iter().find_map(|token| {
            let mapping = self.mappings.get(&token.mapping_name())?;
            Some((mapping, &token.claims))
        });
        let chosen = match mapped {
            Some((mapping, claims)) => match &mapping.by {
                By::Token => named(claims, custom)?,
                By::Rules(_) if custom.is_some() => return Err(denied()),
                By::Rules(rules) => {
                    rules.iter().find(|rule| rule.meets(claims)).map(|rule| rule.role.clone())
                }
            },
            // Only a token can say that a role may be asked for.
            None if custom.is_some() => return Err(denied()),
            None => None,
        };
        match (chosen, mapped) {
            (Some(role), _) => Ok(role),
            (None, Some((Mapping { deny: true, .. }, _))) => Err(denied()),
            (None, _) => self.authenticated.clone().ok_or_else(Error::no_role),
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
