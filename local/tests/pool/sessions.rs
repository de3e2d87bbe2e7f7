//! The `Session` string: single-use, rotating, bound to its user, client and pool.

use std::time::Duration;

use local::user_pool::{Client, DEFAULT_POOL_ID};
use serde_json::{Value, json};

use crate::harness::*;

async fn refused(world: &World, body: Value) -> String {
    world.events();
    let failure = world.err("RespondToAuthChallenge", body).await;
    assert_eq!(failure.exception, "NotAuthorizedException");
    assert!(world.triggers().is_empty(), "no function was called");
    failure.message
}

const NOT_OURS: &str = "Invalid session for the user.";
const USED: &str = "Invalid session for the user, session can only be used once.";
const EXPIRED: &str = "Invalid session for the user, session is expired.";

#[tokio::test]
async fn used_session_is_refused() {
    let world = World::new();
    world.user(PHONE).await;
    let challenge = world.start(PHONE).await;
    let next = world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, "0")).await;
    assert_eq!(refused(&world, answer(&challenge, PHONE, ANSWER)).await, USED);
    world.ok("RespondToAuthChallenge", answer(&next, PHONE, ANSWER)).await;
    assert_eq!(refused(&world, answer(&next, PHONE, ANSWER)).await, USED);
}

#[tokio::test]
async fn session_expires_after_its_validity() {
    let world = World::new();
    world.user(PHONE).await;
    let challenge = world.start(PHONE).await;
    world.pass(Duration::from_millis(179_999));
    let next = world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, "0")).await;
    world.pass(Duration::from_secs(180));
    assert_eq!(refused(&world, answer(&next, PHONE, ANSWER)).await, EXPIRED);
}

#[tokio::test]
async fn client_setting_extends_session_validity() {
    let world = World::with(|settings| {
        settings.pools[0].clients[1].auth_session_validity_minutes = 15;
    });
    world.user(PHONE).await;
    let challenge = world.start(PHONE).await;
    world.pass(Duration::from_secs(899));
    world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
}

#[tokio::test]
async fn session_of_another_user_client_or_pool_is_refused_and_not_used_up() {
    let world = World::with(|settings| {
        let mut other = settings.pools[0].clone();
        other.config.id = "us-east-1_Other".to_owned();
        other.clients = vec![Client::new("otherpoolclient00000000000", "other")];
        settings.pools.push(other);
    });
    let username = world.user(PHONE).await;
    let other = world.user(EMAIL).await;
    let challenge = world.start(PHONE).await;
    let right = answer(&challenge, PHONE, ANSWER);
    let session = challenge["Session"].as_str().unwrap();
    let mut changed = session.to_owned().into_bytes();
    changed[30] = if changed[30] == b'A' { b'B' } else { b'A' };
    for wrong in [
        with(right.clone(), "/ChallengeResponses/USERNAME", EMAIL),
        with(right.clone(), "/ChallengeResponses/USERNAME", other),
        with(right.clone(), "/ChallengeResponses/USERNAME", "nobody"),
        with(right.clone(), "/ClientId", LEGACY_CLIENT_ID),
        with(right.clone(), "/ClientId", "otherpoolclient00000000000"),
        with(right.clone(), "/Session", String::from_utf8(changed).unwrap()),
        with(right.clone(), "/Session", format!("{session}A")),
        with(right.clone(), "/Session", "A".repeat(session.len())),
        with(right.clone(), "/Session", "not a session at all"),
        with(
            with(right.clone(), "/ChallengeName", "NEW_PASSWORD_REQUIRED"),
            "/ChallengeResponses/NEW_PASSWORD",
            PASSWORD,
        ),
    ] {
        assert_eq!(refused(&world, wrong.clone()).await, NOT_OURS, "{wrong}");
    }
    let by_username = with(right, "/ChallengeResponses/USERNAME", username);
    world.ok("RespondToAuthChallenge", by_username).await;
}

#[tokio::test]
async fn session_of_unknown_user_is_bound_to_the_typed_name() {
    let world = World::new();
    world.user(PHONE).await;
    let challenge = world.start("+15550100").await;
    for wrong in [PHONE, "+15550101"] {
        assert_eq!(refused(&world, answer(&challenge, wrong, "0")).await, NOT_OURS);
    }
    world.ok("RespondToAuthChallenge", answer(&challenge, "+15550100", "0")).await;
}

#[tokio::test]
async fn recreated_user_cannot_use_the_old_session() {
    let world = World::new();
    world.user(PHONE).await;
    let challenge = world.start(PHONE).await;
    world.admin("AdminDeleteUser", PHONE).await;
    world.user(PHONE).await;
    let told = world.err("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
    assert_eq!(told, incorrect());
}

#[tokio::test]
async fn one_of_two_concurrent_answers_is_accepted() {
    let world = World::new();
    world.user(PHONE).await;
    let challenge = world.start(PHONE).await;
    let body = answer(&challenge, PHONE, ANSWER);
    let (first, second) = tokio::join!(
        world.call("RespondToAuthChallenge", &body),
        world.call("RespondToAuthChallenge", &body),
    );
    assert_eq!(first.is_ok() as u8 + second.is_ok() as u8, 1);
}

#[tokio::test]
async fn expired_sessions_are_removed() {
    let world = World::new();
    world.user(PHONE).await;
    for _ in 0..50 {
        world.start(PHONE).await;
        world.pass(Duration::from_secs(60));
    }
    assert_eq!(world.pools.counts(DEFAULT_POOL_ID).unwrap().sessions, 3);
}

#[tokio::test]
async fn short_or_missing_session_is_an_invalid_parameter() {
    let world = World::new();
    world.user(PHONE).await;
    let right = answer(&world.start(PHONE).await, PHONE, ANSWER);
    let told = world.err("RespondToAuthChallenge", with(right.clone(), "/Session", "short")).await;
    assert_eq!(
        told,
        failure(
            "InvalidParameter",
            "1 validation error detected: Value at 'session' failed to satisfy constraint: Member \
             must have length greater than or equal to 20"
        )
    );
    let told = world.err("RespondToAuthChallenge", with(right, "/Session", json!(null))).await;
    assert_eq!(told, failure("InvalidParameter", "Missing required parameter Session"));
}
