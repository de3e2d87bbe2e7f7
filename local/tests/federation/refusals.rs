//! Tokens that do not hold, everywhere that a token is taken. The harness asserts of every refusal
//! that no credentials come with it.

use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID};
use serde_json::{Value, json};

use crate::harness::*;

/// What all three operations answer to `logins`.
fn refusal(world: &World, pool: &str, logins: &Value) -> Failure {
    let guest = world.get_id(pool, json!({}));
    let by_pool = world.err("GetId", json!({ "IdentityPoolId": pool, "Logins": logins }));
    for operation in ["GetCredentialsForIdentity", "GetOpenIdToken"] {
        let told = world.err(operation, json!({ "IdentityId": guest, "Logins": logins }));
        assert_eq!(told, by_pool, "{operation}");
    }
    by_pool
}

#[tokio::test]
async fn forged_token_is_refused() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(PHONE).await.id;
    let keys = world.users.jwks(DEFAULT_POOL_ID).unwrap();
    for (name, forged) in forgeries(&token, &keys) {
        let (exception, message) = refusal(&world, &pool, &login(&forged));
        assert_eq!(exception, "NotAuthorizedException", "{name}");
        let expected = [
            "Invalid login token. Couldn't verify signed token.",
            "Invalid login token. Not a valid OpenId Connect identity token.",
        ];
        assert!(expected.contains(&message.as_str()), "{name}: {message}");
    }
    world.get_id(&pool, login(&token));
}

#[tokio::test]
async fn token_of_another_pool_client_or_provider_is_refused() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let tokens = world.signed_in(PHONE).await;
    world.user_of(OTHER_POOL_ID, PHONE).await;
    let others = world.sign_in_at(OTHER_POOL_CLIENT_ID, PHONE).await;
    let unsupported = "Token is not from a supported provider of this identity pool.";
    let issuer = "Invalid login token. Issuer doesn't match providerName";
    for (name, logins, message) in [
        ("another pool's token", login(&others.id), issuer),
        ("a provider that is not trusted", json!({ OTHER_PROVIDER: others.id }), unsupported),
        ("no user pool", json!({ "accounts.google.com": tokens.id }), unsupported),
        (
            "another client's token",
            login(&world.sign_in_at(OTHER_CLIENT_ID, PHONE).await.id),
            unsupported,
        ),
        (
            "an access token",
            login(&tokens.access),
            "Invalid login token. Missing a required claim: aud",
        ),
        ("one of two", json!({ PROVIDER: tokens.id, OTHER_PROVIDER: others.id }), unsupported),
        (
            "an issuer from elsewhere",
            login(&tampered(&tokens.id, "iss", json!("https://accounts.google.com"))),
            issuer,
        ),
    ] {
        assert_eq!(refusal(&world, &pool, &logins), not_authorized(message), "{name}");
    }
    let none = world.pool(|body| body["CognitoIdentityProviders"] = json!([]));
    assert_eq!(
        refusal(&world, &none, &login(&tokens.id)),
        not_authorized(
            "Logins don't match. Please include at least one valid login for this identity or \
             identity pool."
        )
    );
}

#[tokio::test]
async fn open_id_token_is_not_accepted_as_login() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let id = world.get_id(&pool, json!({}));
    let token = world.ok("GetOpenIdToken", json!({ "IdentityId": id }))["Token"].take();
    let told = refusal(&world, &pool, &login(token.as_str().unwrap()));
    assert_eq!(told, not_authorized("Invalid login token. Issuer doesn't match providerName"));
}

#[tokio::test]
async fn expired_token_is_refused() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let token = world.signed_in(PHONE).await.id;
    world.pass(3_599);
    let id = world.get_id(&pool, login(&token));
    world.pass(1);
    let end = START + 3_600;
    assert_eq!(
        refusal(&world, &pool, &login(&token)),
        not_authorized(&format!("Invalid login token. Token expired: {end} <= {end}"))
    );
    world.err("GetCredentialsForIdentity", json!({ "IdentityId": id, "Logins": login(&token) }));
}

#[tokio::test]
async fn server_side_token_check_refuses_revoked_tokens() {
    let user = json!({ "UserPoolId": DEFAULT_POOL_ID, "Username": PHONE });
    for end in ["GlobalSignOut", "AdminDisableUser", "AdminDeleteUser"] {
        let world = World::new();
        let lenient = world.pool(|_| {});
        let strict = world.pool(|body| {
            body["CognitoIdentityProviders"] = json!([{
                "ProviderName": PROVIDER,
                "ClientId": ANY_FLOW_CLIENT_ID,
                "ServerSideTokenCheck": true,
            }]);
        });
        let tokens = world.signed_in(PHONE).await;
        world.get_id(&strict, login(&tokens.id));
        let body = match end {
            "GlobalSignOut" => json!({ "AccessToken": tokens.access }),
            _ => user.clone(),
        };
        world.user_pool(end, body).await;
        assert_eq!(
            refusal(&world, &strict, &login(&tokens.id)),
            not_authorized("Invalid login token. The token has been revoked."),
            "{end}"
        );
        world.get_id(&lenient, login(&tokens.id));
    }
}
