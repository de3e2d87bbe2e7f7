//! STS: tokens for credentials, and who they are then.

use local::services::sts::Caller;
use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID};
use serde_json::json;

use crate::harness::*;

/// The code and message of an error.
fn error(reply: &(u16, String)) -> (u16, String, String) {
    let text = |name: &str| element(&reply.1, name).unwrap();
    (reply.0, text("Code"), text("Message"))
}

fn open_id_token(world: &World, pool: &str) -> String {
    let id = world.get_id(pool, json!({}));
    let reply = world.ok("GetOpenIdToken", json!({ "IdentityId": id }));
    reply["Token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn valid_token_assumes_a_role() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let open_id = open_id_token(&world, &pool);
    let id = world.signed_in(PHONE).await.id;
    for (token, audience, issuer) in [
        (&open_id, pool.as_str(), format!("{BASE}/cognito-identity")),
        (&id, ANY_FLOW_CLIENT_ID, format!("{BASE}/{DEFAULT_POOL_ID}")),
    ] {
        let (status, body) = world.assume(token, &[]);
        assert_eq!(status, 200, "{body}");
        let text = |name: &str| element(&body, name).unwrap();
        assert_eq!(text("Audience"), audience);
        assert_eq!(text("Provider"), issuer);
        assert_eq!(text("SubjectFromWebIdentityToken"), read(token)["sub"]);
        let arn = "arn:aws:sts::000000000000:assumed-role/User/maya";
        assert_eq!(text("Arn"), arn);
        assert_eq!(text("Expiration"), "2033-05-18T04:33:20Z");
        assert_eq!(text("RequestId"), "request-id");
        let (key, session) = (text("AccessKeyId"), text("SessionToken"));
        let (_, me) = world.whoami(&key, &session);
        assert_eq!(element(&me, "Arn").unwrap(), arn);
        assert_eq!(element(&me, "Account").unwrap(), "000000000000");
        assert_eq!(element(&me, "UserId").unwrap(), text("AssumedRoleId"));
    }
}

#[tokio::test]
async fn session_lasts_for_the_requested_duration() {
    let world = World::new();
    let token = world.signed_in(PHONE).await.id;
    for (seconds, end) in [
        ("900", "2033-05-18T03:48:20Z"),
        ("43200", "2033-05-18T15:33:20Z"),
        ("", "2033-05-18T04:33:20Z"),
    ] {
        let (_, body) = world.assume(&token, &[("DurationSeconds", seconds)]);
        assert_eq!(element(&body, "Expiration").unwrap(), end);
    }
    for seconds in ["899", "43201", "0", "-1", "9223372036854775808", "1h", "900.5"] {
        let (status, code, message) = error(&world.assume(&token, &[("DurationSeconds", seconds)]));
        assert_eq!((status, code.as_str()), (400, "ValidationError"), "{seconds}");
        assert!(message.contains("durationSeconds"), "{message}");
    }
    let (_, body) = world.assume(&token, &[("DurationSeconds", "900")]);
    let text = |name: &str| element(&body, name).unwrap();
    let (key, session) = (text("AccessKeyId"), text("SessionToken"));
    world.pass(899);
    assert_eq!(world.whoami(&key, &session).0, 200);
    world.pass(1);
    let (status, code, _) = error(&world.whoami(&key, &session));
    assert_eq!((status, code.as_str()), (403, "ExpiredToken"));
}

#[tokio::test]
async fn invalid_sts_requests_are_refused() {
    let world = World::new();
    let token = world.signed_in(PHONE).await.id;
    let long = "x".repeat(65);
    let policy = format!("{{\"a\":\"{}\"}}", "x".repeat(2_048));
    for (field, value, code, told) in [
        ("RoleArn", "", "ValidationError", "roleArn"),
        ("RoleArn", "arn:aws:iam::0", "ValidationError", "roleArn"),
        ("RoleArn", "arn:aws:iam::000000000000:user/User", "ValidationError", "Request ARN"),
        ("RoleSessionName", "", "ValidationError", "roleSessionName"),
        ("RoleSessionName", "x", "ValidationError", "roleSessionName"),
        ("RoleSessionName", &long, "ValidationError", "roleSessionName"),
        ("RoleSessionName", "a b", "ValidationError", "roleSessionName"),
        ("RoleSessionName", "a/b", "ValidationError", "roleSessionName"),
        ("WebIdentityToken", "", "ValidationError", "webIdentityToken"),
        ("WebIdentityToken", "abc", "ValidationError", "webIdentityToken"),
        ("Policy", "{", "MalformedPolicyDocument", "JSON"),
        ("Policy", "[]", "MalformedPolicyDocument", "JSON"),
        ("Policy", &policy, "ValidationError", "policy"),
        ("Action", "AssumeRole", "InvalidAction", "AssumeRole"),
        ("Action", "<b>&", "InvalidAction", "&lt;b&gt;&amp;"),
    ] {
        let (status, found, message) = error(&world.assume(&token, &[(field, value)]));
        assert_eq!((status, found.as_str()), (400, code), "{field} {value}");
        assert!(message.contains(told), "{field} {value}: {message}");
    }
    assert_eq!(world.assume(&token, &[("Policy", "{}")]).0, 200);
}

#[tokio::test]
async fn forged_or_foreign_token_is_refused() {
    let world = World::new();
    let pool = world.pool(|_| {});
    let tokens = world.signed_in(PHONE).await;
    let open_id = open_id_token(&world, &pool);
    let user_keys = world.users.jwks(DEFAULT_POOL_ID).unwrap();
    let identity_keys = world.identities.jwks().unwrap();
    for (token, keys) in [(&tokens.id, &user_keys), (&open_id, &identity_keys)] {
        for (name, forged) in forgeries(token, keys) {
            let (status, code, _) = error(&world.assume(&format!("{forged:.<4}"), &[]));
            assert_eq!((status, code.as_str()), (400, "InvalidIdentityToken"), "{name}");
        }
    }
    let told = |token: &str| error(&world.assume(token, &[])).2;
    assert_eq!(told(&tokens.access), "Missing a required claim: aud");
    assert_eq!(
        told(&tampered(&tokens.id, "iss", json!("https://<evil>"))),
        "No OpenIDConnect provider found in your account for https://&lt;evil&gt;"
    );
    // The audience has to be there still.
    world.ok("DeleteIdentityPool", json!({ "IdentityPoolId": pool }));
    assert_eq!(told(&open_id), "Incorrect token audience");
}

#[tokio::test]
async fn expired_token_is_refused() {
    let world = World::new();
    let open_id = open_id_token(&world, &world.pool(|_| {}));
    let id = world.signed_in(PHONE).await.id;
    for (token, life) in [(open_id, 600), (id, 3_000)] {
        world.pass(life - 1);
        assert_eq!(world.assume(&token, &[]).0, 200);
        world.pass(1);
        let (status, code, message) = error(&world.assume(&token, &[]));
        assert_eq!((status, code.as_str()), (400, "ExpiredTokenException"));
        assert!(message.starts_with("Token expired: "), "{message}");
    }
}

#[tokio::test]
async fn caller_identity_follows_the_credentials() {
    let world = World::new();
    let root = "arn:aws:iam::000000000000:root";
    // Anyone's own keys, with a session token of theirs or without.
    for session in ["", "FwoGZXIvYXdzEJr"] {
        let (status, body) = world.whoami("AKIAEXAMPLE", session);
        assert_eq!((status, element(&body, "Arn").as_deref()), (200, Some(root)));
        assert_eq!(element(&body, "Account").unwrap(), "000000000000");
    }
    let unsigned = world.sts(&[("Action", "GetCallerIdentity")], Caller::default());
    assert_eq!(error(&unsigned).1, "MissingAuthenticationToken");
    let (_, body) = world.assume(&world.signed_in(PHONE).await.id, &[]);
    let text = |name: &str| element(&body, name).unwrap();
    let (key, session) = (text("AccessKeyId"), text("SessionToken"));
    let changed = format!("{session}x");
    for (key, session) in [("ASIAOTHER", &session), (&key, &changed), (&key, &"local.".to_owned())]
    {
        let (status, code, _) = error(&world.whoami(key, session));
        assert_eq!((status, code.as_str()), (403, "InvalidClientTokenId"));
    }
}
