//! Guests: a pool that lets them in, and one that does not.

use serde_json::json;

use crate::harness::*;

#[test]
fn guest_gets_an_identity_and_guest_role_credentials() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let id = world.get_id(&pool, json!({}));
    let (region, uuid) = id.split_once(':').unwrap();
    assert_eq!((region, uuid.len()), ("us-east-1", 36));
    assert_ne!(world.get_id(&pool, json!(null)), id, "each guest is another");
    let reply = world.ok("GetCredentialsForIdentity", json!({ "IdentityId": id }));
    assert_eq!(reply["IdentityId"], id);
    let credentials = &reply["Credentials"];
    assert!(credentials["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
    assert_eq!(credentials["SecretKey"].as_str().unwrap().len(), 40);
    assert_eq!(credentials["Expiration"], START + 3_600);
    assert_eq!(
        world.role_of(credentials),
        "arn:aws:sts::000000000000:assumed-role/Guest/CognitoIdentityCredentials"
    );
    let again = world.ok("GetCredentialsForIdentity", json!({ "IdentityId": id }));
    assert_ne!(again["Credentials"]["SecretKey"], credentials["SecretKey"]);
}

#[test]
fn disabled_guest_access_is_refused() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let before = world.get_id(&pool, json!({}));
    world.ok(
        "UpdateIdentityPool",
        json!({
            "IdentityPoolId": pool,
            "IdentityPoolName": "pool",
            "AllowUnauthenticatedIdentities": false,
        }),
    );
    let refused = not_authorized("Unauthenticated access is not supported for this identity pool.");
    assert_eq!(world.err("GetId", json!({ "IdentityPoolId": pool })), refused);
    for operation in ["GetCredentialsForIdentity", "GetOpenIdToken"] {
        assert_eq!(world.err(operation, json!({ "IdentityId": before })), refused, "{operation}");
    }
}

#[test]
fn identity_pool_without_guest_role_issues_no_credentials() {
    let world = World::new();
    let pool = world.pool(|_| {});
    world.set_roles(&pool, json!({ "authenticated": USER_ROLE }));
    let id = world.get_id(&pool, json!({}));
    assert_eq!(
        world.err("GetCredentialsForIdentity", json!({ "IdentityId": id })),
        failure(
            "InvalidIdentityPoolConfiguration",
            "Invalid identity pool configuration. Check assigned IAM roles for this pool."
        )
    );
}

#[test]
fn guest_cannot_request_a_custom_role() {
    let world = World::new();
    let id = world.get_id(&world.pool(|_| {}), json!({}));
    let body = json!({ "IdentityId": id, "CustomRoleArn": USER_ROLE });
    assert_eq!(
        world.err("GetCredentialsForIdentity", body),
        not_authorized("Access to the requested role is forbidden.")
    );
}

#[test]
fn unknown_or_deleted_pools_and_identities_are_not_found() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let id = world.get_id(&pool, json!({}));
    let nobody = "us-east-1:00000000-0000-4000-8000-000000000000";
    assert_eq!(
        world.err("GetId", json!({ "IdentityPoolId": nobody })),
        failure("ResourceNotFound", &format!("IdentityPool '{nobody}' not found."))
    );
    world.ok("DeleteIdentityPool", json!({ "IdentityPoolId": pool }));
    for id in [nobody, &id] {
        for operation in ["GetCredentialsForIdentity", "GetOpenIdToken"] {
            assert_eq!(
                world.err(operation, json!({ "IdentityId": id })),
                failure("ResourceNotFound", &format!("Identity '{id}' not found."))
            );
        }
    }
}
