//! Tokens: what they say, who can verify them, how long they live and how they end.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID, SECRET_CLIENT_ID, SECRET_CLIENT_SECRET, SigningKey,
};
use serde_json::{Value, json};

use crate::harness::*;

/// The claims of a token whose signature holds with the pool's published keys.
fn claims(world: &World, token: &Value) -> Value {
    let token = token.as_str().unwrap();
    let keys: JwkSet = serde_json::from_value(world.pools.jwks(DEFAULT_POOL_ID).unwrap()).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::RS256);
    let key = keys.find(&header.kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[format!("{ISSUER_BASE}/{DEFAULT_POOL_ID}")]);
    validation.validate_aud = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    decode::<Value>(token, &key, &validation).unwrap().claims
}

fn refresh(token: &Value) -> Value {
    initiate("REFRESH_TOKEN_AUTH", json!({ "REFRESH_TOKEN": token }))
}

fn is_revoked(told: &Failure) -> bool {
    *told == failure("NotAuthorized", "Access Token has been revoked")
}

#[tokio::test]
async fn token_claims_match_cognito() {
    let world = World::new();
    let username = world.user(PHONE).await;
    let result = world.sign_in(PHONE).await;
    let id = claims(&world, &result["IdToken"]);
    let access = claims(&world, &result["AccessToken"]);
    let start = START.as_secs();
    for claims in [&id, &access] {
        assert_eq!(claims["sub"], username);
        assert_eq!(claims["iss"], format!("{ISSUER_BASE}/{DEFAULT_POOL_ID}"));
        assert_eq!(claims["iat"], start);
        assert_eq!(claims["auth_time"], start);
        assert_eq!(claims["exp"], start + 3_600);
    }
    assert_eq!(id["token_use"], "id");
    assert_eq!(id["aud"], ANY_FLOW_CLIENT_ID);
    assert_eq!(id["cognito:username"], username);
    assert_eq!(id["phone_number"], PHONE);
    assert_eq!(id["phone_number_verified"], true);
    assert_eq!(id["origin_jti"], access["origin_jti"]);
    assert_eq!(id["event_id"], access["event_id"]);
    assert_ne!(id["jti"], access["jti"]);
    assert_eq!(access["token_use"], "access");
    assert_eq!(access["client_id"], ANY_FLOW_CLIENT_ID);
    assert_eq!(access["scope"], "aws.cognito.signin.user.admin");
    assert_eq!(access["username"], username);
    for absent in ["aud", "phone_number", "cognito:username"] {
        assert!(access.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn discovery_document_and_keys_are_served_for_known_pools() {
    let world = World::new();
    let issuer = format!("{ISSUER_BASE}/{DEFAULT_POOL_ID}");
    let document = world.pools.openid_configuration(DEFAULT_POOL_ID).unwrap();
    assert_eq!(document["issuer"], issuer);
    assert_eq!(document["jwks_uri"], format!("{issuer}/.well-known/jwks.json"));
    assert!(world.pools.jwks("us-east-1_Other").is_none());
    assert!(world.pools.openid_configuration("us-east-1_Other").is_none());
}

#[tokio::test]
async fn refresh_renews_tokens_and_keeps_origin_and_auth_time() {
    let world = World::new();
    world.user(PHONE).await;
    let first = world.sign_in(PHONE).await;
    world.pass(Duration::from_secs(10));
    for flow in ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"] {
        let body = with(refresh(&first["RefreshToken"]), "/AuthFlow", flow);
        let reply = world.ok("InitiateAuth", body).await;
        let result = &reply["AuthenticationResult"];
        assert!(result.get("RefreshToken").is_none());
        let old = claims(&world, &first["AccessToken"]);
        let new = claims(&world, &result["AccessToken"]);
        assert_eq!(new["origin_jti"], old["origin_jti"]);
        assert_eq!(new["auth_time"], old["auth_time"]);
        assert_eq!(new["iat"], START.as_secs() + 10);
        assert_ne!(new["jti"], old["jti"]);
    }
}

#[tokio::test]
async fn get_tokens_from_refresh_token_matches_the_refresh_flow() {
    let world = World::new();
    world.user(PHONE).await;
    let first = world.sign_in(PHONE).await;
    let body = json!({ "RefreshToken": first["RefreshToken"], "ClientId": ANY_FLOW_CLIENT_ID });
    let reply = world.ok("GetTokensFromRefreshToken", body.clone()).await;
    let result = &reply["AuthenticationResult"];
    // Without rotation the refresh token stays as it is.
    assert!(result.get("RefreshToken").is_none());
    let old = claims(&world, &first["IdToken"]);
    let new = claims(&world, &result["IdToken"]);
    assert_eq!(new["origin_jti"], old["origin_jti"]);
    assert_ne!(new["jti"], old["jti"]);

    let refused = |message| failure("NotAuthorized", message);
    let secret = with(body.clone(), "/ClientSecret", SECRET_CLIENT_SECRET);
    for (body, message) in [
        (with(body.clone(), "/RefreshToken", "x"), "Invalid Refresh Token"),
        (with(body.clone(), "/ClientId", LEGACY_CLIENT_ID), "Invalid Refresh Token"),
        (with(secret.clone(), "/ClientId", SECRET_CLIENT_ID), "Invalid Refresh Token"),
        (with(body.clone(), "/ClientId", SECRET_CLIENT_ID), "Client secret does not match."),
        (secret, "Client secret does not match."),
    ] {
        let told = world.err("GetTokensFromRefreshToken", body).await;
        assert_eq!(told, refused(message));
    }
    world.ok("GlobalSignOut", json!({ "AccessToken": first["AccessToken"] })).await;
    let told = world.err("GetTokensFromRefreshToken", body).await;
    assert_eq!(told, refused("Refresh Token has been revoked"));
}

#[tokio::test]
async fn invalid_or_expired_refresh_tokens_are_refused() {
    let world = World::new();
    world.user(PHONE).await;
    let token = world.sign_in(PHONE).await["RefreshToken"].take();
    let text = token.as_str().unwrap();
    let invalid = failure("NotAuthorized", "Invalid Refresh Token");
    for wrong in ["x", text.split_at(1).1, &format!("{text}AAAA"), ""] {
        let told = world.err("InitiateAuth", refresh(&json!(wrong))).await;
        assert_eq!(told, invalid, "{wrong}");
    }
    let others = with(refresh(&token), "/ClientId", LEGACY_CLIENT_ID);
    assert_eq!(world.err("InitiateAuth", others).await, invalid);
    world.admin("AdminDisableUser", PHONE).await;
    assert_eq!(
        world.err("InitiateAuth", refresh(&token)).await,
        failure("NotAuthorized", "User is disabled.")
    );
    world.admin("AdminEnableUser", PHONE).await;
    world.ok("InitiateAuth", refresh(&token)).await;
    world.pass(Duration::from_secs(30 * 86_400));
    assert_eq!(
        world.err("InitiateAuth", refresh(&token)).await,
        failure("NotAuthorized", "Refresh Token has expired")
    );
    world.admin("AdminDeleteUser", PHONE).await;
    assert_eq!(world.err("InitiateAuth", refresh(&token)).await, invalid);
}

#[tokio::test]
async fn access_token_returns_only_its_own_user() {
    let world = World::new();
    let username = world.user(PHONE).await;
    world.user(EMAIL).await;
    let result = world.sign_in(PHONE).await;
    let body = json!({ "AccessToken": result["AccessToken"] });
    let user = world.ok("GetUser", body).await;
    assert_eq!(user["Username"], username);
    assert_eq!(
        user["UserAttributes"],
        json!([
            { "Name": "sub", "Value": username },
            { "Name": "phone_number", "Value": PHONE },
            { "Name": "phone_number_verified", "Value": "true" },
        ])
    );
}

#[tokio::test]
async fn invalid_or_expired_access_tokens_are_refused() {
    let world = World::new();
    world.user(PHONE).await;
    let result = world.sign_in(PHONE).await;
    let token = result["AccessToken"].as_str().unwrap();
    // The same pool with another key, as after a restart.
    let elsewhere = World::with(|settings| settings.pools[0].signing_key = SigningKey::new());
    elsewhere.user(PHONE).await;
    let foreign = elsewhere.sign_in(PHONE).await["AccessToken"].take();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let (_, id_claims) = result["IdToken"].as_str().unwrap().split_once('.').unwrap();
    let (id_claims, _) = id_claims.split_once('.').unwrap();
    for wrong in [
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{signed}."),
        format!("{signed}.{}", signature.to_lowercase()),
        format!("{header}.{id_claims}.{signature}"),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{}.", signed.split_once('.').unwrap().1),
        result["IdToken"].as_str().unwrap().to_owned(),
        result["RefreshToken"].as_str().unwrap().to_owned(),
        foreign.as_str().unwrap().to_owned(),
    ] {
        for operation in ["GetUser", "GlobalSignOut"] {
            let told = world.err(operation, json!({ "AccessToken": wrong })).await;
            assert_eq!(told, failure("NotAuthorized", "Invalid Access Token"), "{wrong}");
        }
    }
    let body = json!({ "AccessToken": token });
    world.pass(Duration::from_secs(3_599));
    world.ok("GetUser", body.clone()).await;
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.err("GetUser", body).await,
        failure("NotAuthorized", "Access Token has expired")
    );
}

#[tokio::test]
async fn access_token_of_disabled_or_deleted_user_is_refused() {
    let world = World::new();
    world.user(PHONE).await;
    let body = json!({ "AccessToken": world.sign_in(PHONE).await["AccessToken"] });
    world.admin("AdminDisableUser", PHONE).await;
    assert_eq!(
        world.err("GetUser", body.clone()).await,
        failure("NotAuthorized", "User is disabled.")
    );
    world.admin("AdminDeleteUser", PHONE).await;
    assert_eq!(
        world.err("GetUser", body.clone()).await,
        failure("UserNotFound", "User does not exist.")
    );
    // GlobalSignOut declares no UserNotFoundException.
    assert!(is_revoked(&world.err("GlobalSignOut", body).await));
}

#[tokio::test]
async fn global_sign_out_ends_every_sign_in_of_the_user() {
    let world = World::new();
    world.user(PHONE).await;
    world.user(EMAIL).await;
    let mine = [world.sign_in(PHONE).await, world.sign_in(PHONE).await];
    let other = world.sign_in(EMAIL).await;
    let access = |result: &Value| json!({ "AccessToken": result["AccessToken"] });
    world.ok("GlobalSignOut", access(&mine[0])).await;
    for result in &mine {
        for operation in ["GetUser", "GlobalSignOut"] {
            assert!(is_revoked(&world.err(operation, access(result)).await));
        }
        assert_eq!(
            world.err("InitiateAuth", refresh(&result["RefreshToken"])).await,
            failure("NotAuthorized", "Refresh Token has been revoked")
        );
    }
    world.ok("GetUser", access(&other)).await;
    // In the same second, and yet a new sign-in.
    let again = world.sign_in(PHONE).await;
    world.ok("GetUser", access(&again)).await;
}

#[tokio::test]
async fn revoked_refresh_token_ends_only_its_sign_in() {
    let world = World::new();
    world.user(PHONE).await;
    let (gone, kept) = (world.sign_in(PHONE).await, world.sign_in(PHONE).await);
    let revoke = |token: &Value| json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Token": token });
    let renewed = world.ok("InitiateAuth", refresh(&gone["RefreshToken"])).await;
    let renewed = &renewed["AuthenticationResult"]["AccessToken"];
    for _ in 0..2 {
        world.ok("RevokeToken", revoke(&gone["RefreshToken"])).await;
    }
    for token in [renewed, &gone["AccessToken"]] {
        let told = world.err("GetUser", json!({ "AccessToken": token })).await;
        assert!(is_revoked(&told));
    }
    let told = world.err("InitiateAuth", refresh(&gone["RefreshToken"])).await;
    assert_eq!(told.message, "Refresh Token has been revoked");
    world.ok("GetUser", json!({ "AccessToken": kept["AccessToken"] })).await;
    world.ok("InitiateAuth", refresh(&kept["RefreshToken"])).await;
    let told = world.err("RevokeToken", revoke(&kept["AccessToken"])).await;
    assert_eq!(told, failure("UnsupportedTokenType", "Unsupported token type"));
    world.ok("RevokeToken", revoke(&json!("unknown"))).await;
}

#[tokio::test]
async fn token_of_another_client_cannot_be_revoked() {
    let world = World::with(|settings| {
        settings.pools[0].clients[3].enable_token_revocation = false;
    });
    world.user(PHONE).await;
    let token = world.sign_in(PHONE).await["RefreshToken"].take();
    let unauthorized = failure("Unauthorized", "Invalid client.");
    for (client, secret, expected) in [
        (SECRET_CLIENT_ID, None, &unauthorized),
        (SECRET_CLIENT_ID, Some("wrongwrongwrongwrongwrong"), &unauthorized),
        (SECRET_CLIENT_ID, Some(SECRET_CLIENT_SECRET), &unauthorized),
        (ANY_FLOW_CLIENT_ID, Some(SECRET_CLIENT_SECRET), &unauthorized),
        ("nobodysclient", None, &unauthorized),
        (
            LEGACY_CLIENT_ID,
            None,
            &failure("UnsupportedOperation", "Token revocation is not enabled for this client."),
        ),
    ] {
        let body = json!({ "ClientId": client, "ClientSecret": secret, "Token": token });
        assert_eq!(world.err("RevokeToken", body).await, *expected, "{client}");
    }
    world.ok("InitiateAuth", refresh(&token)).await;
}
