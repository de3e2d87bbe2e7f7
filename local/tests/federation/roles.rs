//! Roles that a token chooses.

use local::user_pool::ANY_FLOW_CLIENT_ID;
use serde_json::{Value, json};

use crate::harness::*;

const ADMIN_ROLE: &str = "arn:aws:iam::000000000000:role/Admin";

fn rule(claim: &str, test: &str, value: &str) -> Value {
    json!({ "Claim": claim, "MatchType": test, "Value": value, "RoleARN": ADMIN_ROLE })
}

fn set(world: &World, pool: &str, mapping: &Value) {
    let provider = format!("{PROVIDER}:{ANY_FLOW_CLIENT_ID}");
    let body = json!({
        "IdentityPoolId": pool,
        "Roles": { "authenticated": USER_ROLE },
        "RoleMappings": { provider: mapping },
    });
    world.ok("SetIdentityPoolRoles", body);
    let shown = world.ok("GetIdentityPoolRoles", json!({ "IdentityPoolId": pool }));
    assert_eq!(shown["RoleMappings"].as_object().unwrap().values().next().unwrap(), mapping);
}

fn rules(resolution: &str, rules: &[Value]) -> Value {
    json!({
        "Type": "Rules",
        "AmbiguousRoleResolution": resolution,
        "RulesConfiguration": { "Rules": rules },
    })
}

#[tokio::test]
async fn matching_rule_selects_the_role() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(EMAIL).await.id;
    let id = world.get_id(&pool, login(&token));
    let body = json!({ "IdentityId": id, "Logins": login(&token) });
    for (claim, test, value, meets) in [
        ("email", "Equals", EMAIL, true),
        ("email", "Equals", "maya", false),
        ("email", "Contains", "@example.", true),
        ("email", "StartsWith", "maya@", true),
        ("email", "StartsWith", "example", false),
        ("email", "NotEqual", "emma", true),
        ("email", "NotEqual", EMAIL, false),
        ("phone_number", "NotEqual", "x", false),
        ("token_use", "Equals", "id", true),
    ] {
        let by = format!("{claim} {test} {value}");
        set(&world, &pool, &rules("AuthenticatedRole", &[rule(claim, test, value)]));
        let reply = world.ok("GetCredentialsForIdentity", body.clone());
        let role = if meets { "/Admin/" } else { "/User/" };
        assert!(world.role_of(&reply["Credentials"]).contains(role), "{by}");
        set(&world, &pool, &rules("Deny", &[rule(claim, test, value)]));
        match world.call("GetCredentialsForIdentity", &body) {
            Ok(_) => assert!(meets, "{by}"),
            Err((exception, _)) => assert!(!meets && exception == "NotAuthorizedException", "{by}"),
        }
    }
}

#[tokio::test]
async fn token_without_roles_uses_the_ambiguous_role_resolution() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(EMAIL).await.id;
    let id = world.get_id(&pool, login(&token));
    let body = json!({ "IdentityId": id, "Logins": login(&token) });
    let mut custom = body.clone();
    custom["CustomRoleArn"] = json!(ADMIN_ROLE);
    let forbidden = not_authorized("Access to the requested role is forbidden.");
    assert_eq!(world.err("GetCredentialsForIdentity", custom.clone()), forbidden);
    let by_token =
        |resolution: &str| json!({ "Type": "Token", "AmbiguousRoleResolution": resolution });
    set(&world, &pool, &by_token("AuthenticatedRole"));
    let reply = world.ok("GetCredentialsForIdentity", body.clone());
    assert!(world.role_of(&reply["Credentials"]).contains("/User/"));
    assert_eq!(world.err("GetCredentialsForIdentity", custom), forbidden);
    set(&world, &pool, &by_token("Deny"));
    assert_eq!(world.err("GetCredentialsForIdentity", body), forbidden);
}
