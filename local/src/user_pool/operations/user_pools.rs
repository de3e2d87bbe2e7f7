//! User pools by API: CreateUserPool, UpdateUserPool, DeleteUserPool, DescribeUserPool,
//! ListUserPools. As in Cognito, an update sets what it does not name to its default. What `local`
//! does not implement is refused rather than ignored; what only changes messages or looks is kept
//! and described.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::protocol::arn::REGION;
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::json_request::{Field, Request};
use crate::protocol::random::random_text;
use crate::protocol::signing_key::SigningKey;
use crate::user_pool::model::account_recovery::{AccountRecovery, RecoveryMethod, RecoveryOption};
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::password_policy::PasswordPolicy;
use crate::user_pool::model::pool::NewPool;
use crate::user_pool::model::pool_config::{PoolConfig, UserNames};
use crate::user_pool::model::state::State;
use crate::user_pool::model::trigger::Trigger;
use crate::user_pool::operations::pages::Page;
use crate::user_pool::operations::{descriptions, fields};

/// How many pools an account may have (a quota of Cognito's).
const MAX_POOLS: usize = 1_000;

/// CreateUserPool.
pub(crate) fn create(state: &mut State, ctx: &mut Context<'_>, request: &Request) -> Result<Value> {
    let name = request.required(&fields::POOL_NAME)?;
    if state.pools.len() >= MAX_POOLS {
        return Err(Error::new(Exception::LIMIT_EXCEEDED, "There are too many user pools."));
    }
    let id = format!("{REGION}_{}", random_text(ctx.rng, 9));
    let mut config = PoolConfig::new(&id, name);
    config.user_names = user_names(request)?;
    if let Some(username) = request.structure("UsernameConfiguration")?
        && username.required_boolean("CaseSensitive")?
    {
        return Err(unsupported_setting("UsernameConfiguration", "CaseSensitive false"));
    }
    if request.structures("Schema", 50)?.is_some() {
        return Err(unsupported_setting("Schema", "the standard attributes"));
    }
    settings(&mut config, request)?;
    let settings = NewPool { config, clients: Vec::new(), signing_key: SigningKey::new() };
    let pool = state.add_pool(settings, ctx);
    Ok(json!({ "UserPool": descriptions::describe_pool(pool) }))
}

/// UpdateUserPool.
pub(crate) fn update(state: &mut State, ctx: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let name = request.optional(&fields::POOL_NAME)?;
    let pool = state.pool(pool_id)?;
    let mut config = pool.config.clone();
    settings(&mut config, request)?;
    if let Some(name) = name {
        name.clone_into(&mut config.name);
    }
    pool.config = config;
    pool.modified = ctx.now;
    Ok(json!({}))
}

/// DeleteUserPool.
pub(crate) fn delete(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    if state.pool(pool_id)?.config.deletion_protection {
        return Err(Error::invalid(
            "The user pool cannot be deleted because deletion protection is activated. Deletion \
             protection must be inactivated first.",
        ));
    }
    state.remove_pool(pool_id);
    Ok(json!({}))
}

/// DescribeUserPool.
pub(crate) fn describe(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let pool = state.pool(request.required(&fields::USER_POOL_ID)?)?;
    Ok(json!({ "UserPool": descriptions::describe_pool(pool) }))
}

/// ListUserPools.
pub(crate) fn list(state: &mut State, _: &mut Context<'_>, request: &Request) -> Result<Value> {
    let size = request.required_integer("MaxResults", 1..=60)?;
    let pools = state.pools.iter().map(|(id, pool)| {
        let shown = json!({
            "Id": id,
            "Name": pool.config.name,
            "LambdaConfig": descriptions::describe_triggers(&pool.config),
            "CreationDate": pool.created.as_secs_f64(),
            "LastModifiedDate": pool.modified.as_secs_f64(),
        });
        (id.as_str(), shown)
    });
    Ok(Page::new(request, size)?.of("UserPools", pools))
}

fn unsupported_setting(name: &str, only: &str) -> Error {
    Error::invalid(format!("{name}: local has {only} only."))
}

fn contacts(request: &Request, field: &Field) -> Result<Option<BTreeSet<Contact>>> {
    let names = request.strings(field, usize::MAX)?;
    Ok(names.map(|names| names.into_iter().filter_map(Contact::named).collect()))
}

fn user_names(request: &Request) -> Result<UserNames> {
    let aliases = request.strings(&fields::ALIAS_ATTRIBUTES, usize::MAX)?.unwrap_or_default();
    let names = contacts(request, &fields::USERNAME_ATTRIBUTES)?.unwrap_or_default();
    match (aliases.is_empty(), names.is_empty()) {
        (false, false) => Err(Error::invalid(
            "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.",
        )),
        _ if aliases.contains(&"preferred_username") => {
            Err(unsupported_setting("AliasAttributes", "phone_number and email"))
        }
        (true, false) => Ok(UserNames::Attributes(names)),
        _ => Ok(UserNames::Chosen {
            aliases: aliases.into_iter().filter_map(Contact::named).collect(),
        }),
    }
}

/// Sets everything but the name to the request's values or to the defaults.
fn settings(config: &mut PoolConfig, request: &Request) -> Result<()> {
    config.auto_verified_attributes =
        contacts(request, &fields::AUTO_VERIFIED_ATTRIBUTES)?.unwrap_or_default();
    config.sms_configuration = sms_configuration(request)?;
    if config.auto_verified_attributes.contains(&Contact::PhoneNumber)
        && !config.can_send_to(Contact::PhoneNumber)
    {
        return Err(Error::invalid(
            "SMS configuration is required when phone_number is selected for auto verification",
        ));
    }
    config.password_policy = password_policy(request)?;
    config.lambda_config = lambda_config(request)?;
    config.deletion_protection = request.optional(&fields::DELETION_PROTECTION)? == Some("ACTIVE");
    config.admin_create_user_only = match request.structure("AdminCreateUserConfig")? {
        Some(admin) => {
            admin.integer("UnusedAccountValidityDays", 0..=365)?;
            admin.boolean("AllowAdminCreateUserOnly")?.unwrap_or_default()
        }
        None => false,
    };
    if request.optional(&fields::MFA_CONFIGURATION)?.is_some_and(|mfa| mfa != "OFF") {
        return Err(unsupported_setting("MfaConfiguration", "OFF"));
    }
    if let Some(updates) = request.structure("UserAttributeUpdateSettings")?
        && updates
            .strings(&fields::ATTRIBUTES_BEFORE_UPDATE, usize::MAX)?
            .is_some_and(|names| !names.is_empty())
    {
        return Err(unsupported_setting("UserAttributeUpdateSettings", "an empty list"));
    }
    config.account_recovery = account_recovery(request)?;
    request.map("UserPoolTags")?;
    config.shown = described_settings(request)?;
    Ok(())
}

/// The settings of messages and of features without an effect here, as they were given.
fn described_settings(request: &Request) -> Result<Map<String, Value>> {
    let mut shown = Map::new();
    let mut keep = |name: &str| {
        if let Some(value) = request.value(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    };
    for name in [
        "SmsVerificationMessage",
        "EmailVerificationMessage",
        "EmailVerificationSubject",
        "SmsAuthenticationMessage",
        "UserPoolTier",
    ] {
        request.string_value(name)?;
        keep(name);
    }
    for name in [
        "VerificationMessageTemplate",
        "DeviceConfiguration",
        "EmailConfiguration",
        "UserPoolTags",
        "UserPoolAddOns",
    ] {
        request.structure(name)?;
        keep(name);
    }
    Ok(shown)
}

/// `SmsConfiguration`: Amazon SNS with the role that Cognito sends with, or AWS End User Messaging.
fn sms_configuration(request: &Request) -> Result<Option<Map<String, Value>>> {
    const NAME: &str = "SmsConfiguration";
    let Some(setting) = request.structure(NAME)? else {
        return Ok(None);
    };
    let sns = fields::arn_of("SnsCallerArn");
    match setting.structure("EumsSms")? {
        None => drop(setting.required(&sns)?),
        Some(_) if setting.optional(&sns)?.is_none() => {}
        Some(_) => {
            return Err(Error::invalid(
                "SmsConfiguration takes SnsCallerArn or EumsSms, not both.",
            ));
        }
    }
    setting.string_value("ExternalId")?;
    setting.string_value("SnsRegion")?;
    Ok(request.value(NAME).and_then(Value::as_object).cloned())
}

/// `AccountRecoverySetting`. An empty one is none.
fn account_recovery(request: &Request) -> Result<AccountRecovery> {
    const NAME: &str = "AccountRecoverySetting";
    let Some(setting) = request.structure(NAME)? else {
        return Ok(AccountRecovery::default());
    };
    let Some(mechanisms) = setting.nonempty_structures("RecoveryMechanisms", 2)? else {
        return Ok(AccountRecovery::default());
    };
    let option = |mechanism: &Request| {
        let priority = mechanism.required_integer("Priority", 1..=2)?;
        let name = mechanism.required(&fields::RECOVERY_METHOD)?;
        let method = RecoveryMethod::ALL.into_iter().find(|method| method.name() == name);
        Ok(RecoveryOption { priority, method: method.ok_or_else(Error::internal)? })
    };
    let options = mechanisms.iter().map(option).collect::<Result<Vec<_>>>()?;
    AccountRecovery::new(options).ok_or_else(|| {
        Error::invalid(
            "Invalid account recovery setting: admin_only excludes other recovery mechanisms, and \
             each mechanism has a name and a priority of its own.",
        )
    })
}

fn password_policy(request: &Request) -> Result<PasswordPolicy> {
    let Some(policies) = request.structure("Policies")? else {
        return Ok(PasswordPolicy::default());
    };
    if policies.structure("SignInPolicy")?.is_some() {
        return Err(unsupported_setting("SignInPolicy", "PASSWORD"));
    }
    let Some(policy) = policies.structure("PasswordPolicy")? else {
        return Ok(PasswordPolicy::default());
    };
    if policy.integer("PasswordHistorySize", 0..=24)?.is_some_and(|size| size > 0) {
        return Err(unsupported_setting("PasswordHistorySize", "0"));
    }
    let flag = |name| Ok(policy.boolean(name)?.unwrap_or_default());
    let length = policy.integer("MinimumLength", 6..=99)?.unwrap_or(8);
    Ok(PasswordPolicy {
        minimum_length: usize::try_from(length).unwrap_or(usize::MAX),
        require_uppercase: flag("RequireUppercase")?,
        require_lowercase: flag("RequireLowercase")?,
        require_numbers: flag("RequireNumbers")?,
        require_symbols: flag("RequireSymbols")?,
        // 0 is the default, as no value is.
        temporary_password_validity_days: policy
            .integer("TemporaryPasswordValidityDays", 0..=365)?
            .filter(|days| *days > 0)
            .unwrap_or(7),
    })
}

/// Each trigger's function, which must be one that runs here.
fn lambda_config(request: &Request) -> Result<BTreeMap<Trigger, String>> {
    let Some(config) = request.structure("LambdaConfig")? else {
        return Ok(BTreeMap::new());
    };
    let ours = Trigger::ALL.map(Trigger::name);
    if let Some(other) = config.names().find(|name| !ours.contains(name)) {
        return Err(Error::invalid(format!(
            "LambdaConfig.{other}: local runs the triggers {} only.",
            ours.join(", ")
        )));
    }
    let mut functions = BTreeMap::new();
    for trigger in Trigger::ALL {
        let Some(arn) = config.optional(&fields::arn_of(trigger.name()))? else {
            continue;
        };
        if Trigger::of_function(arn).is_none() {
            let known = Trigger::ALL.map(Trigger::function_arn).join(", ");
            return Err(Error::invalid(format!(
                "LambdaConfig.{}: {arn} names no function that runs here; local \
                 runs {known}.",
                trigger.name()
            )));
        }
        functions.insert(trigger, arn.to_owned());
    }
    Ok(functions)
}
