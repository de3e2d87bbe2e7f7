//! App clients by API: CreateUserPoolClient, UpdateUserPoolClient, DeleteUserPoolClient,
//! DescribeUserPoolClient, ListUserPoolClients. As in Cognito, an update sets what it does not name
//! to its default.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::{Field, Request};
use crate::protocol::random::random_text;
use crate::user_pool::model::app_client::{
    AuthFlow, Client, PreventUserExistenceErrors, TimeUnit, Validity,
};
use crate::user_pool::model::attributes::STANDARD;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::state::State;
use crate::user_pool::operations::pages::Page;
use crate::user_pool::operations::{descriptions, fields};

/// How many clients a pool may have (a quota of Cognito's).
const MAX_CLIENTS: usize = 1_000;

/// CreateUserPoolClient.
pub(crate) fn create(state: &mut State, ctx: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let name = request.required(&fields::CLIENT_NAME)?;
    let generate = request.boolean("GenerateSecret")?.unwrap_or_default();
    let given = request.optional(&fields::CLIENT_SECRET)?;
    let pool = state.pool(pool_id)?;
    if pool.clients.len() >= MAX_CLIENTS {
        return Err(Error::new(Exception::LIMIT_EXCEEDED, "The pool has too many app clients."));
    }
    let mut client = Client::new(random_text(ctx.rng, 26), name);
    client.client_secret = match (generate, given) {
        (true, Some(_)) => {
            return Err(Error::invalid("GenerateSecret and ClientSecret exclude each other."));
        }
        (true, None) => Some(random_text(ctx.rng, 51)),
        (false, given) => given.map(str::to_owned),
    };
    settings(&mut client, pool, request)?;
    client.created = ctx.now;
    client.modified = ctx.now;
    let reply = json!({ "UserPoolClient": descriptions::describe_client(pool_id, &client) });
    let pool_id = pool_id.to_owned();
    state.add_client(&pool_id, Arc::new(client));
    Ok(reply)
}

/// UpdateUserPoolClient.
pub(crate) fn update(state: &mut State, ctx: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let client_id = request.required(&fields::CLIENT_ID)?;
    let name = request.optional(&fields::CLIENT_NAME)?;
    let pool = state.pool(pool_id)?;
    let mut client = pool.client(client_id)?.as_ref().clone();
    settings(&mut client, pool, request)?;
    if let Some(name) = name {
        name.clone_into(&mut client.client_name);
    }
    client.modified = ctx.now;
    let reply = json!({ "UserPoolClient": descriptions::describe_client(pool_id, &client) });
    pool.clients.insert(client.client_id.clone(), Arc::new(client));
    Ok(reply)
}

/// DeleteUserPoolClient.
pub(crate) fn delete(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let client_id = request.required(&fields::CLIENT_ID)?;
    state.pool(pool_id)?.client(client_id)?;
    state.remove_client(client_id);
    Ok(json!({}))
}

/// DescribeUserPoolClient.
pub(crate) fn describe(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let client_id = request.required(&fields::CLIENT_ID)?;
    let client = state.pool(pool_id)?.client(client_id)?;
    Ok(json!({ "UserPoolClient": descriptions::describe_client(pool_id, &client) }))
}

/// ListUserPoolClients.
pub(crate) fn list(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let size = request.integer("MaxResults", 1..=60)?.unwrap_or(60);
    let page = Page::new(request, size)?;
    let clients = state.pool(pool_id)?.clients.values().map(|client| {
        let shown = json!({
            "ClientId": client.client_id,
            "UserPoolId": pool_id,
            "ClientName": client.client_name,
        });
        (client.client_id.as_str(), shown)
    });
    Ok(page.of("UserPoolClients", clients))
}

/// Sets everything but the name to the request's values or to the defaults.
fn settings(client: &mut Client, pool: &Pool, request: &Request) -> Result<()> {
    (client.explicit_auth_flows, client.legacy_auth_flows) = auth_flows(request)?;
    client.prevent_user_existence_errors =
        match request.optional(&fields::PREVENT_USER_EXISTENCE_ERRORS)? {
            Some("ENABLED") => PreventUserExistenceErrors::Enabled,
            _ => PreventUserExistenceErrors::Legacy,
        };
    client.auth_session_validity_minutes =
        request.integer("AuthSessionValidity", 3..=15)?.unwrap_or(3);
    client.enable_token_revocation = request.boolean("EnableTokenRevocation")?.unwrap_or(true);
    validities(client, request)?;
    client.shown.clear();
    oauth(client, pool, request)?;
    attributes(client, request)?;
    let name = "EnablePropagateAdditionalUserContextData";
    let propagates = request.boolean(name)?.unwrap_or_default();
    client.shown.insert(name.to_owned(), json!(propagates));
    if let Some(rotation) = request.structure("RefreshTokenRotation")? {
        if rotation.required(&fields::FEATURE)? == "ENABLED" {
            return Err(Error::invalid("RefreshTokenRotation is not supported by local."));
        }
        rotation.integer("RetryGracePeriodSeconds", 0..=60)?;
    }
    if request.structure("AnalyticsConfiguration")?.is_some() {
        return Err(Error::invalid("AnalyticsConfiguration is not supported by local."));
    }
    Ok(())
}

/// The allowed flows, and their legacy names if these were given.
fn auth_flows(request: &Request) -> Result<(BTreeSet<AuthFlow>, Vec<String>)> {
    const NEW: [AuthFlow; 6] = [
        AuthFlow::AdminUserPassword,
        AuthFlow::Custom,
        AuthFlow::RefreshToken,
        AuthFlow::UserPassword,
        AuthFlow::UserSrp,
        AuthFlow::UserChoice,
    ];
    let names = request.strings(&fields::EXPLICIT_AUTH_FLOWS, usize::MAX)?.unwrap_or_default();
    let is_new = |name: &&str| name.starts_with("ALLOW_");
    if names.is_empty() {
        let default = [AuthFlow::RefreshToken, AuthFlow::UserSrp, AuthFlow::Custom];
        return Ok((default.into(), Vec::new()));
    }
    if names.iter().all(is_new) {
        let flows = NEW.into_iter().filter(|flow| names.contains(&flow.explicit()));
        return Ok((flows.collect(), Vec::new()));
    }
    if names.iter().any(is_new) {
        return Err(Error::invalid(
            "ExplicitAuthFlows: values with the prefix ALLOW_ cannot be mixed with values without \
             it.",
        ));
    }
    // The legacy values restricted nothing but passwords sent as they are, except for one that left
    // CUSTOM_AUTH alone; a refresh was always allowed.
    let mut flows = BTreeSet::from([AuthFlow::RefreshToken, AuthFlow::Custom]);
    for name in &names {
        match *name {
            "ADMIN_NO_SRP_AUTH" => flows.insert(AuthFlow::AdminUserPassword),
            "USER_PASSWORD_AUTH" => flows.insert(AuthFlow::UserPassword),
            _ => false,
        };
    }
    if !names.contains(&"CUSTOM_AUTH_FLOW_ONLY") {
        flows.insert(AuthFlow::UserSrp);
    }
    Ok((flows, names.into_iter().map(str::to_owned).collect()))
}

fn validities(client: &mut Client, request: &Request) -> Result<()> {
    const MINUTE: u64 = 60;
    const DAY: u64 = 86_400;
    let units = request.structure("TokenValidityUnits")?;
    let unit = |field: &Field, default: TimeUnit| -> Result<TimeUnit> {
        let named = match &units {
            Some(units) => units.optional(field)?.and_then(TimeUnit::named),
            None => None,
        };
        Ok(named.unwrap_or(default))
    };
    let validity = |amount: Option<u32>, unit, default: Validity, range: RangeInclusive<u64>| {
        // Nothing, or 0 for a refresh token, is the default.
        let Some(amount) = amount.filter(|amount| *amount > 0) else {
            return Ok(default);
        };
        let validity = Validity { amount, unit };
        let seconds = Duration::from_secs(*range.start())..=Duration::from_secs(*range.end());
        if seconds.contains(&validity.duration()) {
            Ok(validity)
        } else {
            Err(Error::invalid("Invalid range for token validity."))
        }
    };
    let hour = Validity { amount: 1, unit: TimeUnit::Hours };
    let month = Validity { amount: 30, unit: TimeUnit::Days };
    let short = 5 * MINUTE..=DAY;
    client.access_token_validity = validity(
        request.integer("AccessTokenValidity", 1..=86_400)?,
        unit(&fields::ACCESS_TOKEN_UNIT, TimeUnit::Hours)?,
        hour,
        short.clone(),
    )?;
    client.id_token_validity = validity(
        request.integer("IdTokenValidity", 1..=86_400)?,
        unit(&fields::ID_TOKEN_UNIT, TimeUnit::Hours)?,
        hour,
        short,
    )?;
    client.refresh_token_validity = validity(
        request.integer("RefreshTokenValidity", 0..=315_360_000)?,
        unit(&fields::REFRESH_TOKEN_UNIT, TimeUnit::Days)?,
        month,
        60 * MINUTE..=3_650 * DAY,
    )?;
    let shorter = client.access_token_validity.duration().max(client.id_token_validity.duration());
    if shorter > client.refresh_token_validity.duration() {
        return Err(Error::invalid("Invalid range for token validity."));
    }
    Ok(())
}

/// The settings of the hosted pages: checked, and without an effect here.
fn oauth(client: &mut Client, pool: &Pool, request: &Request) -> Result<()> {
    let scopes = request.strings(&fields::ALLOWED_OAUTH_SCOPES, 50)?;
    for scope in scopes.iter().flatten() {
        if !pool.knows_scope(scope) {
            return Err(Error::new(
                Exception::SCOPE_DOES_NOT_EXIST,
                format!("Requested scope does not exist: {scope}"),
            ));
        }
    }
    let flows = request.strings(&fields::ALLOWED_OAUTH_FLOWS, 3)?;
    if flows.as_ref().is_some_and(|flows| flows.contains(&"client_credentials")) {
        let fault = if flows.as_ref().is_some_and(|flows| flows.len() > 1) {
            Some("along with code flow or implicit flow.")
        } else if client.client_secret.is_none() {
            Some("if client does not have a client secret.")
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(Error::new(
                Exception::INVALID_OAUTH_FLOW,
                format!("client_credentials flow can not be selected {fault}"),
            ));
        }
    }
    let providers = request.strings(&fields::IDENTITY_PROVIDERS, usize::MAX)?;
    if let Some(provider) = providers.iter().flatten().find(|provider| **provider != "COGNITO") {
        return Err(Error::invalid(format!(
            "The provider {provider} does not exist for User Pool {}.",
            pool.config.id
        )));
    }
    let callbacks = request.strings(&fields::CALLBACK_URLS, 100)?;
    let logouts = request.strings(&fields::LOGOUT_URLS, 100)?;
    let default = request.optional(&fields::DEFAULT_REDIRECT_URI)?;
    if let Some(default) = default {
        if !callbacks.as_ref().is_some_and(|callbacks| callbacks.contains(&default)) {
            return Err(Error::invalid("DefaultRedirectURI is not in the list of CallbackURLs."));
        }
        client.shown.insert("DefaultRedirectURI".to_owned(), json!(default));
    }
    let oauth = request.boolean("AllowedOAuthFlowsUserPoolClient")?.unwrap_or_default();
    client.shown.insert("AllowedOAuthFlowsUserPoolClient".to_owned(), json!(oauth));
    for (name, list) in [
        ("AllowedOAuthScopes", scopes),
        ("AllowedOAuthFlows", flows),
        ("SupportedIdentityProviders", providers),
        ("CallbackURLs", callbacks),
        ("LogoutURLs", logouts),
    ] {
        if let Some(list) = list {
            client.shown.insert(name.to_owned(), json!(list));
        }
    }
    Ok(())
}

fn attributes(client: &mut Client, request: &Request) -> Result<()> {
    for (name, kind, field) in [
        ("ReadAttributes", "read", &fields::READ_ATTRIBUTES),
        ("WriteAttributes", "write", &fields::WRITE_ATTRIBUTES),
    ] {
        let Some(list) = request.strings(field, usize::MAX)? else {
            continue;
        };
        let known = |name: &str| STANDARD.iter().any(|(standard, _)| *standard == name);
        if !list.iter().all(|name| known(name)) {
            return Err(Error::invalid(format!("Invalid {kind} attributes specified.")));
        }
        client.shown.insert(name.to_owned(), json!(list));
    }
    Ok(())
}
