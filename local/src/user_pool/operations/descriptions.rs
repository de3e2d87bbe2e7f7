//! User pools and app clients as the API shows them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::user_pool::model::account_recovery::RecoveryOption;
use crate::user_pool::model::app_client::{AuthFlow, Client};
use crate::user_pool::model::attributes::{Contact, STANDARD};
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::pool_config::{PoolConfig, UserNames};
use crate::user_pool::model::user::User;

/// A user pool as its operations show it.
pub(crate) fn describe_pool(pool: &Pool) -> Value {
    let config = &pool.config;
    let policy = &config.password_policy;
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
        "DeletionProtection": if config.deletion_protection { "ACTIVE" } else { "INACTIVE" },
        "LambdaConfig": describe_triggers(config),
        "CreationDate": pool.created.as_secs_f64(),
        "LastModifiedDate": pool.modified.as_secs_f64(),
        "SchemaAttributes": schema,
        "AutoVerifiedAttributes":
            names(config.auto_verified_attributes.iter().copied().collect()),
        "MfaConfiguration": "OFF",
        "EstimatedNumberOfUsers": pool.users.len(),
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": config.admin_create_user_only },
        "UsernameConfiguration": { "CaseSensitive": false },
    });
    let (key, attributes) = match &config.user_names {
        UserNames::Attributes(_) => ("UsernameAttributes", config.username_attributes()),
        UserNames::Chosen { .. } => ("AliasAttributes", config.alias_attributes()),
    };
    if let Some(shown) = shown.as_object_mut() {
        shown.insert(key.to_owned(), json!(names(attributes)));
        let recovery = config.account_recovery.options();
        if !recovery.is_empty() {
            shown.insert("AccountRecoverySetting".to_owned(), describe_recovery(recovery));
        }
        if let Some(sms) = &config.sms_configuration {
            shown.insert("SmsConfiguration".to_owned(), json!(sms));
        }
        shown.extend(config.shown.clone());
    }
    shown
}

/// `AccountRecoverySetting` as it is shown.
fn describe_recovery(options: &[RecoveryOption]) -> Value {
    let option = |option: &RecoveryOption| json!({ "Priority": option.priority, "Name": option.method.name() });
    json!({ "RecoveryMechanisms": options.iter().map(option).collect::<Vec<_>>() })
}

/// `LambdaConfig` as it is shown.
pub(crate) fn describe_triggers(config: &PoolConfig) -> BTreeMap<&'static str, &String> {
    config.lambda_config.iter().map(|(trigger, arn)| (trigger.name(), arn)).collect()
}

/// An app client as its operations show it.
pub(crate) fn describe_client(pool_id: &str, client: &Client) -> Value {
    let flows: Vec<&str> = if client.legacy_auth_flows.is_empty() {
        client.explicit_auth_flows.iter().copied().map(AuthFlow::explicit).collect()
    } else {
        client.legacy_auth_flows.iter().map(String::as_str).collect()
    };
    let mut shown = json!({
        "UserPoolId": pool_id,
        "ClientName": client.client_name,
        "ClientId": client.client_id,
        "CreationDate": client.created.as_secs_f64(),
        "LastModifiedDate": client.modified.as_secs_f64(),
        "RefreshTokenValidity": client.refresh_token_validity.amount,
        "AccessTokenValidity": client.access_token_validity.amount,
        "IdTokenValidity": client.id_token_validity.amount,
        "TokenValidityUnits": {
            "AccessToken": client.access_token_validity.unit.name(),
            "IdToken": client.id_token_validity.unit.name(),
            "RefreshToken": client.refresh_token_validity.unit.name(),
        },
        "ExplicitAuthFlows": flows,
        "AllowedOAuthFlowsUserPoolClient": false,
        "PreventUserExistenceErrors": client.prevent_user_existence_errors.name(),
        "EnableTokenRevocation": client.enable_token_revocation,
        "EnablePropagateAdditionalUserContextData": false,
        "AuthSessionValidity": client.auth_session_validity_minutes,
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(client.shown.clone());
        if let Some(secret) = &client.client_secret {
            shown.insert("ClientSecret".to_owned(), json!(secret));
        }
    }
    shown
}

/// The user as AdminGetUser and ListUsers show them; `attributes` is the name of their list.
pub(crate) fn describe_user(user: &User, attributes: &str, wanted: Option<&[&str]>) -> Value {
    let mut shown = Map::new();
    let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    set("Username", json!(user.username));
    set(attributes, user.attribute_list(wanted));
    set("UserCreateDate", json!(user.created.as_secs_f64()));
    set("UserLastModifiedDate", json!(user.modified.as_secs_f64()));
    set("Enabled", json!(user.enabled));
    set("UserStatus", json!(user.status.name()));
    Value::Object(shown)
}
