//! Those who signed in: their identity, their credentials, their OpenID token.

use local::user_pool::ANY_FLOW_CLIENT_ID;
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test]
async fn same_user_gets_the_same_identity() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let first = world.signed_in(PHONE).await;
    let id = world.get_id(&pool, login(&first.id));
    world.pass(10);
    let second = world.sign_in_at(ANY_FLOW_CLIENT_ID, PHONE).await;
    assert_ne!(first.id, second.id);
    assert_eq!(world.get_id(&pool, login(&second.id)), id);
    let other = world.signed_in(EMAIL).await;
    assert_ne!(world.get_id(&pool, login(&other.id)), id);
    let another_pool = world.pool(|_| {});
    assert_ne!(world.get_id(&another_pool, login(&first.id)), id);
}

#[tokio::test]
async fn authenticated_user_gets_authenticated_role_credentials() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(PHONE).await.id;
    let id = world.get_id(&pool, login(&token));
    let body = json!({ "IdentityId": id, "Logins": login(&token) });
    let reply = world.ok("GetCredentialsForIdentity", body.clone());
    assert_eq!(reply["IdentityId"], id);
    assert_eq!(reply["Credentials"]["Expiration"], START + 3_600);
    assert_eq!(
        world.role_of(&reply["Credentials"]),
        "arn:aws:sts::000000000000:assumed-role/User/CognitoIdentityCredentials"
    );
    world.set_roles(&pool, json!({ "unauthenticated": GUEST_ROLE }));
    let (exception, _) = world.err("GetCredentialsForIdentity", body);
    assert_eq!(exception, "InvalidIdentityPoolConfigurationException");
}

#[tokio::test]
async fn identity_of_another_user_is_refused() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let (mine, other) = (world.signed_in(PHONE).await, world.signed_in(EMAIL).await);
    let id = world.get_id(&pool, login(&mine.id));
    world.get_id(&pool, login(&other.id));
    for operation in ["GetCredentialsForIdentity", "GetOpenIdToken"] {
        assert_eq!(
            world.err(operation, json!({ "IdentityId": id })),
            not_authorized(&format!("Access to Identity '{id}' is forbidden."))
        );
        assert_eq!(
            world.err(operation, json!({ "IdentityId": id, "Logins": login(&other.id) })),
            not_authorized(
                "Logins don't match. Please include at least one valid login for this identity or \
                 identity pool."
            )
        );
    }
    assert_eq!(world.get_id(&pool, login(&mine.id)), id, "nothing was linked");
}

#[tokio::test]
async fn guest_identity_is_kept_or_merged_at_sign_in() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(PHONE).await.id;
    let credentials = |id: &str| {
        world.ok("GetCredentialsForIdentity", json!({ "IdentityId": id, "Logins": login(&token) }))
    };
    let guest = world.get_id(&pool, json!({}));
    assert_eq!(credentials(&guest)["IdentityId"], guest);
    assert_eq!(world.get_id(&pool, login(&token)), guest);
    // No longer a guest's.
    let (exception, _) = world.err("GetCredentialsForIdentity", json!({ "IdentityId": guest }));
    assert_eq!(exception, "NotAuthorizedException");
    let another = world.get_id(&pool, json!({}));
    assert_eq!(credentials(&another)["IdentityId"], guest);
    let (exception, _) = world.err("GetCredentialsForIdentity", json!({ "IdentityId": another }));
    assert_eq!(exception, "ResourceNotFoundException");
}

#[tokio::test]
async fn refused_credentials_leave_the_identity_unchanged() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(PHONE).await.id;
    let guest = world.get_id(&pool, json!({}));
    world.set_roles(&pool, json!({ "unauthenticated": GUEST_ROLE }));
    let body = json!({ "IdentityId": guest, "Logins": login(&token) });
    world.err("GetCredentialsForIdentity", body);
    world.ok("GetCredentialsForIdentity", json!({ "IdentityId": guest }));
}

#[tokio::test]
async fn two_logins_share_one_identity_unless_already_linked() {
    let world = World::new();
    let pool = world.pool(|body| {
        let other = json!({ "ProviderName": OTHER_PROVIDER, "ClientId": OTHER_POOL_CLIENT_ID });
        body["CognitoIdentityProviders"].as_array_mut().unwrap().push(other);
    });
    world.user_of(OTHER_POOL_ID, PHONE).await;
    let other = world.sign_in_at(OTHER_POOL_CLIENT_ID, PHONE).await.id;
    let maya = world.signed_in(PHONE).await.id;
    let both = |first: &str| json!({ PROVIDER: first, OTHER_PROVIDER: other });
    let id = world.get_id(&pool, both(&maya));
    assert_eq!(world.get_id(&pool, login(&maya)), id);
    assert_eq!(world.get_id(&pool, json!({ OTHER_PROVIDER: other })), id);
    let emma = world.signed_in(EMAIL).await.id;
    assert_ne!(world.get_id(&pool, login(&emma)), id);
    let body = json!({ "IdentityPoolId": pool, "Logins": both(&emma) });
    assert_eq!(world.err("GetId", body).0, "ResourceConflictException");
}

fn open_id_token(world: &World, id: &str, logins: &Value) -> String {
    let body = json!({ "IdentityId": id, "Logins": logins });
    world.ok("GetOpenIdToken", body)["Token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn open_id_token_claims_identify_guest_or_user() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(PHONE).await.id;
    let issuer = format!("{BASE}/cognito-identity");
    let subject = read(&token)["sub"].as_str().unwrap().to_owned();
    for (logins, methods) in [
        (json!({}), json!(["unauthenticated"])),
        (
            login(&token),
            json!(["authenticated", PROVIDER, format!("{PROVIDER}:CognitoSignIn:{subject}")]),
        ),
    ] {
        let id = world.get_id(&pool, logins.clone());
        let token = open_id_token(&world, &id, &logins);
        let claims = verified(&token, world.identities.jwks().unwrap(), &issuer, &pool);
        assert_eq!(claims["sub"], id);
        assert_eq!(claims["aud"], pool);
        assert_eq!(claims["amr"], methods);
        assert_eq!(claims["iat"], START);
        assert_eq!(claims["exp"], START + 600);
    }
    let document = world.identities.openid_configuration();
    assert_eq!(document["issuer"], issuer);
    assert_eq!(document["jwks_uri"], format!("{issuer}/.well-known/jwks_uri"));
}

#[tokio::test]
async fn open_id_token_requires_the_classic_flow() {
    let world = World::new();
    let body = |pool: &str| json!({ "IdentityId": world.get_id(pool, json!({})) });
    let allowed = world.pool(|body| body["AllowClassicFlow"] = json!(true));
    world.ok("GetOpenIdToken", body(&allowed));
    let forbidden = world.pool(|body| body["AllowClassicFlow"] = json!(false));
    assert_eq!(
        world.err("GetOpenIdToken", body(&forbidden)),
        failure(
            "InvalidParameter",
            "Basic (classic) flow is not enabled, please use enhanced flow."
        )
    );
    world.ok(
        "SetIdentityPoolRoles",
        json!({
            "IdentityPoolId": allowed,
            "Roles": {},
            "RoleMappings": { "x:y": { "Type": "Token", "AmbiguousRoleResolution": "Deny" } },
        }),
    );
    assert_eq!(world.err("GetOpenIdToken", body(&allowed)).0, "InvalidParameterException");
}
