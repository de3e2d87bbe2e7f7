//! DescribeUserPool and DescribeUserPoolClient.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Ctx;
use super::attribute::{Contact, STANDARD};
use super::client::AuthFlow;
use super::config::UserNames;
use super::error::Result;
use super::state::{Pool, State};
use super::wire::{self, Request};

/// DescribeUserPool.
pub(crate) fn user_pool(state: &mut State, _: &mut Ctx<'_>, request: &Request) -> Result<Value> {
    let pool = state.pool(request.required(&wire::USER_POOL_ID)?)?;
    Ok(json!({ "UserPool": describe_pool(pool) }))
}

fn describe_pool(pool: &Pool) -> Value {
    let config = &pool.config;
    let policy = &config.password_policy;
    let triggers: BTreeMap<&str, &String> =
        config.lambda_config.iter().map(|(trigger, arn)| (trigger.name(), arn)).collect();
    let names =
        |contacts: Vec<Contact>| -> Vec<&str> { contacts.into_iter().map(Contact::name).collect() };
    let schema: Vec<Value> = std::iter::once(("sub", "String"))
        .chain(STANDARD)
        .map(|(name, kind)| {
            json!({
                "Name": name,
                "AttributeDataType": kind,
                "DeveloperOnlyAttribute": false,
                "Mutable": name != "sub",
                "Required": name == "sub",
            })
        })
        .collect();
    let mut shown = json!({
        "Id": config.id,
        "Name": config.name,
        "Arn": config.arn(),
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": policy.minimum_length,
                "RequireUppercase": policy.require_uppercase,
                "RequireLowercase": policy.require_lowercase,
                "RequireNumbers": policy.require_numbers,
                "RequireSymbols": policy.require_symbols,
                "TemporaryPasswordValidityDays": policy.temporary_password_validity_days,
            },
        },
        "DeletionProtection": "INACTIVE",
        "LambdaConfig": triggers,
        "CreationDate": pool.created.as_secs_f64(),
        "LastModifiedDate": pool.created.as_secs_f64(),
        "SchemaAttributes": schema,
        "AutoVerifiedAttributes":
            names(config.auto_verified_attributes.iter().copied().collect()),
        "MfaConfiguration": "OFF",
        "EstimatedNumberOfUsers": pool.users.len(),
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
        "UsernameConfiguration": { "CaseSensitive": false },
    });
    let (key, attributes) = match &config.user_names {
        UserNames::Attributes(_) => ("UsernameAttributes", config.username_attributes()),
        UserNames::Chosen { .. } => ("AliasAttributes", config.alias_attributes()),
    };
    if let Some(shown) = shown.as_object_mut() {
        shown.insert(key.to_owned(), json!(names(attributes)));
    }
    shown
}

/// DescribeUserPoolClient.
pub(crate) fn user_pool_client(
    state: &mut State,
    _: &mut Ctx<'_>,
    request: &Request,
) -> Result<Value> {
    let pool_id = request.required(&wire::USER_POOL_ID)?;
    let client_id = request.required(&wire::CLIENT_ID)?;
    let pool = state.pool(pool_id)?;
    let client = pool.client(client_id)?;
    let flows: Vec<&str> =
        client.explicit_auth_flows.iter().copied().map(AuthFlow::explicit).collect();
    let mut shown = json!({
        "UserPoolId": pool_id,
        "ClientName": client.client_name,
        "ClientId": client.client_id,
        "CreationDate": pool.created.as_secs_f64(),
        "LastModifiedDate": pool.created.as_secs_f64(),
        "RefreshTokenValidity": client.refresh_token_validity.as_secs(),
        "AccessTokenValidity": client.access_token_validity.as_secs(),
        "IdTokenValidity": client.id_token_validity.as_secs(),
        "TokenValidityUnits": {
            "AccessToken": "seconds",
            "IdToken": "seconds",
            "RefreshToken": "seconds",
        },
        "ExplicitAuthFlows": flows,
        "AllowedOAuthFlowsUserPoolClient": false,
        "PreventUserExistenceErrors": client.prevent_user_existence_errors.name(),
        "EnableTokenRevocation": client.enable_token_revocation,
        "EnablePropagateAdditionalUserContextData": false,
        "AuthSessionValidity": client.auth_session_validity_minutes,
    });
    if let (Some(shown), Some(secret)) = (shown.as_object_mut(), &client.client_secret) {
        shown.insert("ClientSecret".to_owned(), json!(secret));
    }
    Ok(json!({ "UserPoolClient": shown }))
}
