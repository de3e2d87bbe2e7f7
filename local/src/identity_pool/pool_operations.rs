//! CreateIdentityPool, UpdateIdentityPool, DescribeIdentityPool, DeleteIdentityPool,
//! ListIdentityPools.

use std::ops::Bound;

use serde_json::{Map, Value, json};

use crate::identity_pool::context::Context;
use crate::identity_pool::fields;
use crate::identity_pool::provider::Provider;
use crate::identity_pool::roles::Roles;
use crate::identity_pool::state::{IdentityPool, IdentityPoolConfig, State, new_id};
use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::Request;

const MAX_SUPPORTED_LOGIN_PROVIDERS: usize = 10;
const MAX_TAGS: usize = 50;

/// CreateIdentityPool.
pub(crate) fn create(state: &mut State, ctx: &mut Context<'_>, request: &Request) -> Result<Value> {
    let config = config(request)?;
    let id = new_id(ctx.rng);
    let pool = IdentityPool { config, roles: Roles::default() };
    let shown = describe_pool(&id, &pool);
    state.pools.insert(id, pool);
    Ok(shown)
}

/// UpdateIdentityPool. Settings that the request leaves out become their defaults.
pub(crate) fn update(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let id = request.required(&fields::IDENTITY_POOL_ID)?;
    let config = config(request)?;
    let pool = state.pool_mut(id)?;
    pool.config = config;
    Ok(describe_pool(id, pool))
}

/// DescribeIdentityPool.
pub(crate) fn describe(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let id = request.required(&fields::IDENTITY_POOL_ID)?;
    Ok(describe_pool(id, state.pool(id)?))
}

/// DeleteIdentityPool.
pub(crate) fn delete(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    state.remove_pool(request.required(&fields::IDENTITY_POOL_ID)?)?;
    Ok(json!({}))
}

/// ListIdentityPools. The token of a page is the id of the last pool on the one before.
pub(crate) fn list(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let max = fields::max_results(request)?;
    let after = match request.optional(&fields::NEXT_TOKEN)? {
        None => Bound::Unbounded,
        Some(token) if fields::IDENTITY_POOL_ID.check("nextToken", token).is_ok() => {
            Bound::Excluded(token)
        }
        Some(_) => return Err(Error::invalid("Invalid NextToken")),
    };
    let mut rest = state.pools.range::<str, _>((after, Bound::Unbounded));
    let page: Vec<_> = rest.by_ref().take(max).collect();
    let pools: Vec<Value> = page
        .iter()
        .map(|(id, pool)| json!({ "IdentityPoolId": id, "IdentityPoolName": pool.config.name }))
        .collect();
    let mut reply = Map::new();
    reply.insert("IdentityPools".to_owned(), Value::Array(pools));
    if let (Some((last, _)), Some(_)) = (page.last(), rest.next()) {
        reply.insert("NextToken".to_owned(), json!(last));
    }
    Ok(Value::Object(reply))
}

fn config(request: &Request) -> Result<IdentityPoolConfig> {
    let name = request.required(&fields::IDENTITY_POOL_NAME)?.to_owned();
    let allow_unauthenticated = request.required_boolean("AllowUnauthenticatedIdentities")?;
    let allow_classic_flow = request.boolean("AllowClassicFlow")?;
    let providers = request
        .structures("CognitoIdentityProviders", usize::MAX)?
        .unwrap_or_default()
        .iter()
        .map(|provider| {
            Ok(Provider {
                name: provider.required(&fields::PROVIDER_NAME)?.to_owned(),
                client_id: provider.required(&fields::CLIENT_ID)?.to_owned(),
                server_side_token_check: provider.boolean("ServerSideTokenCheck")?,
            })
        })
        .collect::<Result<_>>()?;
    let developer = request.optional(&fields::DEVELOPER_PROVIDER_NAME)?.map(|name| json!(name));
    let logins = request.bounded_map("SupportedLoginProviders", MAX_SUPPORTED_LOGIN_PROVIDERS)?;
    let tags = request.bounded_map("IdentityPoolTags", MAX_TAGS)?;
    let open_id = request.strings(&fields::OPEN_ID_PROVIDERS, usize::MAX)?;
    let saml = request.strings(&fields::SAML_PROVIDERS, usize::MAX)?;
    let shown = [
        ("DeveloperProviderName", developer),
        ("SupportedLoginProviders", logins.map(|map| json!(map))),
        ("IdentityPoolTags", tags.map(|map| json!(map))),
        ("OpenIdConnectProviderARNs", open_id.map(|list| json!(list))),
        ("SamlProviderARNs", saml.map(|list| json!(list))),
    ];
    let shown = shown.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Ok(IdentityPoolConfig { name, allow_unauthenticated, allow_classic_flow, providers, shown })
}

fn describe_pool(id: &str, pool: &IdentityPool) -> Value {
    let config = &pool.config;
    let mut shown = Map::new();
    let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    set("IdentityPoolId", json!(id));
    set("IdentityPoolName", json!(config.name));
    set("AllowUnauthenticatedIdentities", json!(config.allow_unauthenticated));
    if let Some(allow) = config.allow_classic_flow {
        set("AllowClassicFlow", json!(allow));
    }
    if !config.providers.is_empty() {
        let providers = config.providers.iter().map(|provider| {
            json!({
                "ProviderName": provider.name,
                "ClientId": provider.client_id,
                "ServerSideTokenCheck": provider.server_side_token_check.unwrap_or_default(),
            })
        });
        set("CognitoIdentityProviders", providers.collect());
    }
    for (name, value) in &config.shown {
        set(name, value.clone());
    }
    Value::Object(shown)
}
