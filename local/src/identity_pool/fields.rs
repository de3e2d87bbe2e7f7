//! The fields of requests about identity pools, held to the API model's constraints.

use std::collections::BTreeMap;

use crate::protocol::error::Result;
use crate::protocol::json_request::{Field, Request, Rule};

fn id(value: &str) -> bool {
    value.split_once(':').is_some_and(|(region, id)| {
        !region.is_empty()
            && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && !id.is_empty()
            && id.chars().all(|c| c.is_ascii_digit() || matches!(c, 'a'..='f' | '-'))
    })
}

fn pool_name(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || c.is_whitespace() || "_+=,.@-".contains(c))
}

fn client_id(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn provider_name(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "._:/-".contains(c))
}

fn developer_name(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn digits(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_digit())
}

fn no_space(value: &str) -> bool {
    !value.chars().any(char::is_whitespace)
}

const ID: Rule = Rule::Pattern(r"[\w-]+:[0-9a-f-]+", id);

pub(crate) const IDENTITY_POOL_ID: Field = Field::new("IdentityPoolId", 1, 55, ID);
pub(crate) const IDENTITY_ID: Field = Field::new("IdentityId", 1, 55, ID);
pub(crate) const IDENTITY_POOL_NAME: Field =
    Field::new("IdentityPoolName", 1, 128, Rule::Pattern(r"[\w\s+=,.@-]+", pool_name));
pub(crate) const ACCOUNT_ID: Field = Field::new("AccountId", 1, 15, Rule::Pattern(r"\d+", digits));
pub(crate) const CLIENT_ID: Field =
    Field::new("ClientId", 1, 128, Rule::Pattern(r"[\w_]+", client_id));
pub(crate) const PROVIDER_NAME: Field =
    Field::new("ProviderName", 1, 128, Rule::Pattern(r"[\w._:/-]+", provider_name));
pub(crate) const DEVELOPER_PROVIDER_NAME: Field =
    Field::new("DeveloperProviderName", 1, 128, Rule::Pattern(r"[\w._-]+", developer_name));
pub(crate) const CUSTOM_ROLE_ARN: Field = Field::new("CustomRoleArn", 20, 2_048, Rule::Any);
pub(crate) const NEXT_TOKEN: Field =
    Field::new("NextToken", 1, 65_535, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const MAPPING_TYPE: Field = Field::new("Type", 0, 64, Rule::OneOf(&["Token", "Rules"]));
pub(crate) const AMBIGUOUS_ROLE_RESOLUTION: Field =
    Field::new("AmbiguousRoleResolution", 0, 64, Rule::OneOf(&["AuthenticatedRole", "Deny"]));
pub(crate) const CLAIM: Field = Field::new("Claim", 1, 64, Rule::Pattern(r"[\S]+", no_space));
pub(crate) const MATCH_TYPE: Field =
    Field::new("MatchType", 0, 64, Rule::OneOf(&["Equals", "Contains", "StartsWith", "NotEqual"]));
pub(crate) const VALUE: Field = Field::new("Value", 1, 128, Rule::Any);
pub(crate) const ROLE_ARN: Field = Field::new("RoleARN", 20, 2_048, Rule::Any);

pub(crate) const OPEN_ID_PROVIDERS: Field =
    Field::new("OpenIdConnectProviderARNs", 20, 2_048, Rule::Any);
pub(crate) const SAML_PROVIDERS: Field = Field::new("SamlProviderARNs", 20, 2_048, Rule::Any);

const PROVIDER_KEY: Field = Field::new("Logins", 1, 128, Rule::Any);
const PROVIDER_TOKEN: Field = Field::new("Logins", 1, 50_000, Rule::Any);
const MAX_LOGINS: usize = 10;

/// `MaxResults`.
pub(crate) fn max_results(request: &Request) -> Result<usize> {
    let count = request.required_integer("MaxResults", 1..=60)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// `Logins`: tokens by the name of the provider who signed them; empty when absent.
pub(crate) fn logins(request: &Request) -> Result<BTreeMap<String, String>> {
    let logins = request.bounded_map("Logins", MAX_LOGINS)?.unwrap_or_default();
    for (name, token) in &logins {
        PROVIDER_KEY.check("logins", name)?;
        PROVIDER_TOKEN.check("logins", token)?;
    }
    Ok(logins)
}
