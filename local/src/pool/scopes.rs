//! Resource servers, which name custom scopes: CreateResourceServer, UpdateResourceServer,
//! DescribeResourceServer, DeleteResourceServer, ListResourceServers. A sign-in through the API gives
//! none of their scopes, only those of the user's own operations.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::pool::page::Page;
use crate::pool::state::{Pool, State};
use crate::pool::{Ctx, fields};
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::Request;

/// The scope of a token that a sign-in through the API gives, and that a user's operations demand.
pub(crate) const USER_ADMIN: &str = "aws.cognito.signin.user.admin";
/// The scopes that every pool has.
const BUILT_IN: [&str; 5] = ["openid", "email", "phone", "profile", USER_ADMIN];
/// How many resource servers a pool may have (a quota of Cognito's).
const MOST: usize = 25;

/// A resource server: its name, and its scopes with their descriptions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourceServer {
    name: String,
    scopes: Vec<(String, String)>,
}

impl Pool {
    /// Whether an app client may be given the scope.
    pub(crate) fn knows_scope(&self, scope: &str) -> bool {
        BUILT_IN.contains(&scope)
            || scope.rsplit_once('/').is_some_and(|(identifier, scope)| {
                self.resource_servers
                    .get(identifier)
                    .is_some_and(|server| server.scopes.iter().any(|(name, _)| name == scope))
            })
    }

    fn shown(&self, identifier: &str, server: &ResourceServer) -> Value {
        let scope = |(name, text): &_| json!({ "ScopeName": name, "ScopeDescription": text });
        json!({
            "UserPoolId": self.config.id,
            "Identifier": identifier,
            "Name": server.name,
            "Scopes": server.scopes.iter().map(scope).collect::<Vec<Value>>(),
        })
    }

    fn resource_server(&self, identifier: &str) -> Result<&ResourceServer> {
        self.resource_servers.get(identifier).ok_or_else(|| {
            Error::new(
                Exception::RESOURCE_NOT_FOUND,
                format!("Resource server {identifier} does not exist."),
            )
        })
    }
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
pub(crate) fn create(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let (pool_id, identifier, server) = read(request)?;
    let pool = state.pool(pool_id)?;
    if pool.resource_servers.contains_key(identifier) {
        return Err(Error::invalid(format!("{identifier} already exists in user pool {pool_id}.")));
    }
    if pool.resource_servers.len() >= MOST {
        return Err(Error::new(
            Exception::LIMIT_EXCEEDED,
            "The pool has too many resource servers.",
        ));
    }
    Ok(put(pool, identifier, server))
}

/// UpdateResourceServer.
pub(crate) fn update(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let (pool_id, identifier, server) = read(request)?;
    let pool = state.pool(pool_id)?;
    pool.resource_server(identifier)?;
    Ok(put(pool, identifier, server))
}

fn put(pool: &mut Pool, identifier: &str, server: ResourceServer) -> Value {
    let reply = json!({ "ResourceServer": pool.shown(identifier, &server) });
    pool.resource_servers.insert(identifier.to_owned(), server);
    reply
}

/// DescribeResourceServer.
pub(crate) fn describe(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let (pool, identifier) = named(state, request)?;
    let server = pool.resource_server(identifier)?;
    Ok(json!({ "ResourceServer": pool.shown(identifier, server) }))
}

/// DeleteResourceServer.
pub(crate) fn delete(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
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
pub(crate) fn list(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let page = Page::new(request, request.number("MaxResults", 1..=50)?.unwrap_or(50))?;
    let pool = state.pool(pool_id)?;
    let servers = pool
        .resource_servers
        .iter()
        .map(|(identifier, server)| (identifier.as_str(), pool.shown(identifier, server)));
    Ok(page.of("ResourceServers", servers))
}
