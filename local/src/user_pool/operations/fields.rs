//! The string fields of the API model that operations read, with the model's constraints.

use std::collections::BTreeMap;

use crate::protocol::error::Result;
use crate::protocol::json_request::{Field, Request, Rule};
use crate::user_pool::model::attributes::AttributeList;
use crate::user_pool::model::new_user::TriggerData;

fn word(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '+')
}

fn no_space(value: &str) -> bool {
    !value.chars().any(char::is_whitespace)
}

fn visible(value: &str) -> bool {
    !value.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn base64(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "_+=/".contains(c))
}

fn token(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "-_=.".contains(c))
}

fn pool_id(value: &str) -> bool {
    value.rsplit_once('_').is_some_and(|(region, id)| {
        !region.is_empty()
            && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && !id.is_empty()
            && id.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

fn name(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || c.is_whitespace() || "_+=,.@-".contains(c))
}

fn scope(value: &str) -> bool {
    value.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\')
}

fn arn(value: &str) -> bool {
    value.strip_prefix("arn:").is_some_and(|rest| {
        rest.split(':').count() >= 5
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || "_+=/,.@-:".contains(c))
    })
}

/// The model sets no length for tokens; this one keeps a hostile body from costing time.
const LONGEST_TOKEN: usize = 16_384;
const NAME: Rule = Rule::Pattern(r"[\w\s+=,.@-]+", name);
const ARN: &str = r"arn:[\w+=/,.@-]+:[\w+=/,.@-]+:([\w+=/,.@-]*)?:[0-9]+:[\w+=/,.@-]+(:[\w+=/,.@-]+)?(:[\w+=/,.@-]+)?";
const VISIBLE: &str = r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+";

pub(crate) const CLIENT_ID: Field = Field::new("ClientId", 1, 128, Rule::Pattern(r"[\w+]+", word));
pub(crate) const CLIENT_SECRET: Field =
    Field::new("ClientSecret", 24, 64, Rule::Pattern(r"[\w+]+", word));
pub(crate) const SECRET_HASH: Field =
    Field::new("SecretHash", 1, 128, Rule::Pattern(r"[\w+=/]+", base64));
pub(crate) const USER_POOL_ID: Field =
    Field::new("UserPoolId", 1, 55, Rule::Pattern(r"[\w-]+_[0-9a-zA-Z]+", pool_id));
pub(crate) const USERNAME: Field = Field::new("Username", 1, 128, Rule::Pattern(VISIBLE, visible));
pub(crate) const PASSWORD: Field =
    Field::new("Password", 0, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const TEMPORARY_PASSWORD: Field =
    Field::new("TemporaryPassword", 0, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const CONFIRMATION_CODE: Field =
    Field::new("ConfirmationCode", 1, 2_048, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const SESSION: Field = Field::new("Session", 20, 2_048, Rule::Any);
pub(crate) const ACCESS_TOKEN: Field =
    Field::new("AccessToken", 1, LONGEST_TOKEN, Rule::Pattern("[A-Za-z0-9-_=.]+", token));
pub(crate) const TOKEN: Field =
    Field::new("Token", 1, LONGEST_TOKEN, Rule::Pattern("[A-Za-z0-9-_=.]+", token));
pub(crate) const FILTER: Field = Field::new("Filter", 0, 256, Rule::Any);
pub(crate) const PAGINATION_TOKEN: Field =
    Field::new("PaginationToken", 1, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const MESSAGE_ACTION: Field =
    Field::new("MessageAction", 0, 64, Rule::OneOf(&["RESEND", "SUPPRESS"]));
pub(crate) const AUTH_FLOW: Field = Field::new(
    "AuthFlow",
    0,
    64,
    Rule::OneOf(&[
        "USER_SRP_AUTH",
        "REFRESH_TOKEN_AUTH",
        "REFRESH_TOKEN",
        "CUSTOM_AUTH",
        "ADMIN_NO_SRP_AUTH",
        "USER_PASSWORD_AUTH",
        "ADMIN_USER_PASSWORD_AUTH",
        "USER_AUTH",
    ]),
);
pub(crate) const CHALLENGE_NAME: Field = Field::new(
    "ChallengeName",
    0,
    64,
    Rule::OneOf(&[
        "SMS_MFA",
        "EMAIL_OTP",
        "SOFTWARE_TOKEN_MFA",
        "SELECT_MFA_TYPE",
        "MFA_SETUP",
        "PASSWORD_VERIFIER",
        "CUSTOM_CHALLENGE",
        "SELECT_CHALLENGE",
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
        "ADMIN_NO_SRP_AUTH",
        "NEW_PASSWORD_REQUIRED",
        "SMS_OTP",
        "PASSWORD",
        "WEB_AUTHN",
        "PASSWORD_SRP",
    ]),
);
pub(crate) const REFRESH_TOKEN: Field =
    Field::new("RefreshToken", 1, LONGEST_TOKEN, Rule::Pattern("[A-Za-z0-9-_=.]+", token));
pub(crate) const CODE: Field = Field::new("Code", 1, 2_048, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const PREVIOUS_PASSWORD: Field =
    Field::new("PreviousPassword", 0, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const PROPOSED_PASSWORD: Field =
    Field::new("ProposedPassword", 0, 256, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const ATTRIBUTE_NAME: Field = Field::new("AttributeName", 1, 32, Rule::Any);
pub(crate) const USER_ATTRIBUTE_NAMES: Field = Field::new("UserAttributeNames", 1, 32, Rule::Any);
pub(crate) const ATTRIBUTES_TO_GET: Field = Field::new("AttributesToGet", 1, 32, Rule::Any);
pub(crate) const DESIRED_DELIVERY_MEDIUMS: Field =
    Field::new("DesiredDeliveryMediums", 0, 64, Rule::OneOf(&["SMS", "EMAIL"]));
pub(crate) const NEXT_TOKEN: Field =
    Field::new("NextToken", 1, 131_072, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const CLIENT_NAME: Field = Field::new("ClientName", 1, 128, NAME);
pub(crate) const POOL_NAME: Field = Field::new("PoolName", 1, 128, NAME);
pub(crate) const RESOURCE_SERVER_NAME: Field = Field::new("Name", 1, 256, NAME);
pub(crate) const IDENTIFIER: Field =
    Field::new("Identifier", 1, 256, Rule::Pattern(r"[\x21\x23-\x5B\x5D-\x7E]+", scope));
pub(crate) const SCOPE_NAME: Field = Field::new(
    "ScopeName",
    1,
    256,
    Rule::Pattern(r"[\x21\x23-\x2E\x30-\x5B\x5D-\x7E]+", |value| {
        scope(value) && !value.contains('/')
    }),
);
pub(crate) const SCOPE_DESCRIPTION: Field = Field::new("ScopeDescription", 1, 256, Rule::Any);
pub(crate) const ALLOWED_OAUTH_SCOPES: Field =
    Field::new("AllowedOAuthScopes", 1, 256, Rule::Pattern(r"[\x21\x23-\x5B\x5D-\x7E]+", scope));
pub(crate) const ALLOWED_OAUTH_FLOWS: Field = Field::new(
    "AllowedOAuthFlows",
    0,
    64,
    Rule::OneOf(&["code", "implicit", "client_credentials"]),
);
pub(crate) const CALLBACK_URLS: Field =
    Field::new("CallbackURLs", 1, 1_024, Rule::Pattern(VISIBLE, visible));
pub(crate) const LOGOUT_URLS: Field =
    Field::new("LogoutURLs", 1, 1_024, Rule::Pattern(VISIBLE, visible));
pub(crate) const DEFAULT_REDIRECT_URI: Field =
    Field::new("DefaultRedirectURI", 1, 1_024, Rule::Pattern(VISIBLE, visible));
pub(crate) const READ_ATTRIBUTES: Field = Field::new("ReadAttributes", 1, 2_048, Rule::Any);
pub(crate) const WRITE_ATTRIBUTES: Field = Field::new("WriteAttributes", 1, 2_048, Rule::Any);
pub(crate) const IDENTITY_PROVIDERS: Field =
    Field::new("SupportedIdentityProviders", 1, 32, Rule::Any);
pub(crate) const FEATURE: Field =
    Field::new("Feature", 0, 64, Rule::OneOf(&["ENABLED", "DISABLED"]));
pub(crate) const PREVENT_USER_EXISTENCE_ERRORS: Field =
    Field::new("PreventUserExistenceErrors", 0, 64, Rule::OneOf(&["LEGACY", "ENABLED"]));
pub(crate) const EXPLICIT_AUTH_FLOWS: Field = Field::new(
    "ExplicitAuthFlows",
    0,
    64,
    Rule::OneOf(&[
        "ADMIN_NO_SRP_AUTH",
        "CUSTOM_AUTH_FLOW_ONLY",
        "USER_PASSWORD_AUTH",
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "ALLOW_CUSTOM_AUTH",
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
        "ALLOW_USER_AUTH",
    ]),
);
const UNITS: Rule = Rule::OneOf(&["seconds", "minutes", "hours", "days"]);
pub(crate) const ACCESS_TOKEN_UNIT: Field = Field::new("AccessToken", 0, 64, UNITS);
pub(crate) const ID_TOKEN_UNIT: Field = Field::new("IdToken", 0, 64, UNITS);
pub(crate) const REFRESH_TOKEN_UNIT: Field = Field::new("RefreshToken", 0, 64, UNITS);
const CONTACTS: Rule = Rule::OneOf(&["phone_number", "email"]);
pub(crate) const AUTO_VERIFIED_ATTRIBUTES: Field =
    Field::new("AutoVerifiedAttributes", 0, 64, CONTACTS);
pub(crate) const ATTRIBUTES_BEFORE_UPDATE: Field =
    Field::new("AttributesRequireVerificationBeforeUpdate", 0, 64, CONTACTS);
pub(crate) const USERNAME_ATTRIBUTES: Field = Field::new("UsernameAttributes", 0, 64, CONTACTS);
pub(crate) const ALIAS_ATTRIBUTES: Field = Field::new(
    "AliasAttributes",
    0,
    64,
    Rule::OneOf(&["phone_number", "email", "preferred_username"]),
);
pub(crate) const DELETION_PROTECTION: Field =
    Field::new("DeletionProtection", 0, 64, Rule::OneOf(&["ACTIVE", "INACTIVE"]));
pub(crate) const MFA_CONFIGURATION: Field =
    Field::new("MfaConfiguration", 0, 64, Rule::OneOf(&["OFF", "ON", "OPTIONAL"]));

pub(crate) const RECOVERY_METHOD: Field = Field::new(
    "Name",
    0,
    64,
    Rule::OneOf(&["verified_email", "verified_phone_number", "admin_only"]),
);

/// A field that holds an ARN.
pub(crate) const fn arn_of(name: &'static str) -> Field {
    Field::new(name, 20, 2_048, Rule::Pattern(ARN, arn))
}

/// `UserAttributes`, if it is there.
pub(crate) fn user_attributes(request: &Request) -> Result<Option<AttributeList>> {
    attribute_list(request, USER_ATTRIBUTES)
}

/// `ValidationData` and `ClientMetadata`. An empty one is none.
pub(crate) fn trigger_data(request: &Request) -> Result<TriggerData> {
    let items = attribute_list(request, "ValidationData")?.unwrap_or_default();
    let items = items.into_iter().map(|(name, value)| (name, value.unwrap_or_default()));
    let some = |map: BTreeMap<String, String>| (!map.is_empty()).then_some(map);
    Ok(TriggerData {
        validation_data: some(items.collect()),
        client_metadata: some(request.map("ClientMetadata")?),
    })
}

/// A list of names with values, if it is there.
fn attribute_list(request: &Request, list: &str) -> Result<Option<AttributeList>> {
    const NAME: Field = Field::new("Name", 1, 32, Rule::Any);
    const VALUE: Field = Field::new("Value", 0, 2_048, Rule::Any);
    let Some(items) = request.structures(list, usize::MAX)? else {
        return Ok(None);
    };
    let attribute = |item: &Request| {
        Ok((item.required(&NAME)?.to_owned(), item.optional(&VALUE)?.map(str::to_owned)))
    };
    items.iter().map(attribute).collect::<Result<_>>().map(Some)
}

/// `UserAttributes`, which must be there.
pub(crate) fn required_user_attributes(request: &Request) -> Result<AttributeList> {
    user_attributes(request)?.ok_or_else(|| request.missing(USER_ATTRIBUTES))
}

const USER_ATTRIBUTES: &str = "UserAttributes";
