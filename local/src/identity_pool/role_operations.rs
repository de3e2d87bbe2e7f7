//! SetIdentityPoolRoles, GetIdentityPoolRoles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::identity_pool::context::Context;
use crate::identity_pool::fields;
use crate::identity_pool::roles::{Mapping, MatchType, RoleChoice, Roles, Rule};
use crate::identity_pool::state::State;
use crate::protocol::credentials::RoleArn;
use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::{Field, Request};

const MAX_ROLES: usize = 2;
const MAX_MAPPINGS: usize = 10;
const MAX_RULES: usize = 400;

/// SetIdentityPoolRoles.
pub(crate) fn set(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let id = request.required(&fields::IDENTITY_POOL_ID)?;
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
pub(crate) fn get(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let id = request.required(&fields::IDENTITY_POOL_ID)?;
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
    let choice = match request.required(&fields::MAPPING_TYPE)? {
        "Token" => RoleChoice::Token,
        _ => {
            let rules = request.required_structure("RulesConfiguration")?;
            let rules = rules.structures("Rules", usize::MAX)?.unwrap_or_default();
            if !(1..=MAX_RULES).contains(&rules.len()) {
                return Err(Error::invalid(format!("Rules has 1 to {MAX_RULES} members")));
            }
            RoleChoice::Rules(rules.iter().map(rule).collect::<Result<_>>()?)
        }
    };
    match request.optional(&fields::AMBIGUOUS_ROLE_RESOLUTION)? {
        None => Err(Error::invalid("AmbiguousRoleResolution is required for this Type")),
        Some(resolution) => Ok(Mapping { choice, deny: resolution == "Deny" }),
    }
}

fn rule(request: &Request) -> Result<Rule> {
    let text = |field: &Field| request.required(field).map(str::to_owned);
    Ok(Rule {
        claim: text(&fields::CLAIM)?,
        match_type: MatchType::named(request.required(&fields::MATCH_TYPE)?),
        value: text(&fields::VALUE)?,
        role: role(request.required(&fields::ROLE_ARN)?)?,
    })
}

fn describe(mapping: &Mapping) -> Value {
    let resolution = if mapping.deny { "Deny" } else { "AuthenticatedRole" };
    match &mapping.choice {
        RoleChoice::Token => json!({ "Type": "Token", "AmbiguousRoleResolution": resolution }),
        RoleChoice::Rules(rules) => {
            let rules: Vec<Value> = rules
                .iter()
                .map(|rule| {
                    json!({
                        "Claim": rule.claim,
                        "MatchType": rule.match_type.name(),
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
