//! Resource servers, which name custom scopes: CreateResourceServer, UpdateResourceServer,
//! DescribeResourceServer, DeleteResourceServer, ListResourceServers. A sign-in through the API
//! gives none of their scopes, only those of the user's own operations.

use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::resource_server::ResourceServer;
use crate::user_pool::model::state::State;
use crate::user_pool::operations::fields;
use crate::user_pool::operations::pages::Page;

/// How many resource servers a pool may have (a quota of Cognito's).
const MAX_RESOURCE_SERVERS: usize = 25;

fn describe_server(pool: &Pool, identifier: &str, server: &ResourceServer) -> Value {
    let scope = |(name, text): &_| json!({ "ScopeName": name, "ScopeDescription": text });
    json!({
        "UserPoolId": pool.config.id,
        "Identifier": identifier,
        "Name": server.name,
        "Scopes": server.scopes.iter().map(scope).collect::<Vec<Value>>(),
    })
}

fn read(request: &Request) -> Result<(&str, &str, ResourceServer)> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let identifier = request.required(&fields::IDENTIFIER)?;
    let name = request.required(&fields::RESOURCE_SERVER_NAME)?.to_owned();
    let scopes = request.structures("Scopes", 100)?.unwrap_or_default();
    let scope = |scope: &Request| {
        let name = scope.required(&fields::SCOPE_NAME)?.to_owned();
        Ok((name, scope.required(&fields::SCOPE_DESCRIPTION)?.to_owned()))
    };
    let scopes = scopes.iter().map(scope).collect::<Result<_>>()?;
    Ok((pool_id, identifier, ResourceServer { name, scopes }))
}

/// CreateResourceServer.
pub(crate) fn create(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let (pool_id, identifier, server) = read(request)?;
    let pool = state.pool(pool_id)?;
    if pool.resource_servers.contains_key(identifier) {
        return Err(Error::invalid(format!("{identifier} already exists in user pool {pool_id}.")));
    }
    if pool.resource_servers.len() >= MAX_RESOURCE_SERVERS {
        return Err(Error::new(
            Exception::LIMIT_EXCEEDED,
            "The pool has too many resource servers.",
        ));
    }
    Ok(put(pool, identifier, server))
}

/// UpdateResourceServer.
pub(crate) fn update(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let (pool_id, identifier, server) = read(request)?;
    let pool = state.pool(pool_id)?;
    pool.resource_server(identifier)?;
    Ok(put(pool, identifier, server))
}

fn put(pool: &mut Pool, identifier: &str, server: ResourceServer) -> Value {
    let reply = json!({ "ResourceServer": describe_server(pool, identifier, &server) });
    pool.resource_servers.insert(identifier.to_owned(), server);
    reply
}

/// DescribeResourceServer.
pub(crate) fn describe(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let (pool, identifier) = named(state, request)?;
    let server = pool.resource_server(identifier)?;
    Ok(json!({ "ResourceServer": describe_server(pool, identifier, server) }))
}

/// DeleteResourceServer.
pub(crate) fn delete(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let (pool, identifier) = named(state, request)?;
    pool.resource_server(identifier)?;
    pool.resource_servers.remove(identifier);
    Ok(json!({}))
}

fn named<'a, 'r>(state: &'a mut State, request: &'r Request) -> Result<(&'a mut Pool, &'r str)> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let identifier = request.required(&fields::IDENTIFIER)?;
    Ok((state.pool(pool_id)?, identifier))
}

/// ListResourceServers.
pub(crate) fn list(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let page = Page::new(request, request.integer("MaxResults", 1..=50)?.unwrap_or(50))?;
    let pool = state.pool(pool_id)?;
    let servers = pool.resource_servers.iter().map(|(identifier, server)| {
        (identifier.as_str(), describe_server(pool, identifier, server))
    });
    Ok(page.of("ResourceServers", servers))
}
