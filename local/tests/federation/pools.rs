//! Identity pools as an administrator sees them.

use local::user_pool::ANY_FLOW_CLIENT_ID;
use serde_json::{Value, json};

use crate::harness::*;

#[test]
fn described_identity_pool_matches_its_last_settings() {
    let world = World::new();
    let asked = json!({
        "IdentityPoolName": "my pool",
        "AllowUnauthenticatedIdentities": false,
        "AllowClassicFlow": true,
        "SupportedLoginProviders": { "accounts.google.com": "x" },
        "DeveloperProviderName": "me",
        "OpenIdConnectProviderARNs": ["arn:aws:iam::000000000000:oidc-provider/x"],
        "CognitoIdentityProviders": [{
            "ProviderName": PROVIDER,
            "ClientId": ANY_FLOW_CLIENT_ID,
            "ServerSideTokenCheck": true,
        }],
        "SamlProviderARNs": ["arn:aws:iam::000000000000:saml-provider/x"],
        "IdentityPoolTags": { "a": "b" },
    });
    let made = world.ok("CreateIdentityPool", asked.clone());
    let id = made["IdentityPoolId"].clone();
    let mut expected = asked;
    expected["IdentityPoolId"] = id.clone();
    assert_eq!(made, expected);
    let body = json!({ "IdentityPoolId": id });
    assert_eq!(world.ok("DescribeIdentityPool", body.clone()), expected);
    let plain = json!({
        "IdentityPoolId": id,
        "IdentityPoolName": "plain",
        "AllowUnauthenticatedIdentities": true,
    });
    assert_eq!(world.ok("UpdateIdentityPool", plain.clone()), plain);
    assert_eq!(world.ok("DescribeIdentityPool", body.clone()), plain);
    world.ok("DeleteIdentityPool", body.clone());
    let message = format!("IdentityPool '{}' not found.", id.as_str().unwrap());
    let gone = failure("ResourceNotFound", &message);
    let mut roles = body.clone();
    roles["Roles"] = json!({});
    for (operation, body) in [
        ("DescribeIdentityPool", body.clone()),
        ("DeleteIdentityPool", body.clone()),
        ("GetIdentityPoolRoles", body),
        ("UpdateIdentityPool", plain),
        ("SetIdentityPoolRoles", roles),
    ] {
        assert_eq!(world.err(operation, body), gone, "{operation}");
    }
}

#[test]
fn identity_pools_are_listed_in_pages() {
    let world = World::new();
    let mut made: Vec<String> = (0..5).map(|_| world.pool(|_| {})).collect();
    made.sort();
    for size in [1, 2, 5, 60] {
        let mut found = Vec::new();
        let mut body = json!({ "MaxResults": size });
        loop {
            let page = world.ok("ListIdentityPools", body.clone());
            let pools = page["IdentityPools"].as_array().unwrap();
            assert!((1..=size).contains(&pools.len()));
            found.extend(
                pools.iter().map(|pool| pool["IdentityPoolId"].as_str().unwrap().to_owned()),
            );
            match page.get("NextToken") {
                Some(token) => body["NextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(found, made);
    }
    for body in [
        json!({ "MaxResults": 0 }),
        json!({ "MaxResults": 61 }),
        json!({ "MaxResults": 1, "NextToken": "x" }),
    ] {
        assert_eq!(world.err("ListIdentityPools", body).0, "InvalidParameterException");
    }
}

#[test]
fn roles_are_returned_as_set_and_invalid_ones_refused() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let body = json!({ "IdentityPoolId": pool });
    let shown = world.ok("GetIdentityPoolRoles", body.clone());
    let both = json!({ "authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE });
    assert_eq!(shown, json!({ "IdentityPoolId": pool, "Roles": both }));
    let refused = |roles: Value, mappings: Value| {
        let body = json!({ "IdentityPoolId": pool, "Roles": roles, "RoleMappings": mappings });
        assert_eq!(world.err("SetIdentityPoolRoles", body).0, "InvalidParameterException");
    };
    refused(json!({ "admin": USER_ROLE }), json!({}));
    refused(json!({ "authenticated": "not the ARN of any role" }), json!({}));
    refused(json!({}), json!({ "x": {} }));
    refused(json!({}), json!({ "x": { "Type": "Token" } }));
    refused(json!({}), json!({ "x": { "Type": "Other", "AmbiguousRoleResolution": "Deny" } }));
    let rules = json!({ "Rules": [] });
    refused(
        json!({}),
        json!({ "x": {
            "Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": rules,
        } }),
    );
    assert_eq!(world.ok("GetIdentityPoolRoles", body.clone()), shown, "nothing was changed");
    world.set_roles(&pool, json!({}));
    assert_eq!(
        world.ok("GetIdentityPoolRoles", body),
        json!({ "IdentityPoolId": pool, "Roles": {} })
    );
}
