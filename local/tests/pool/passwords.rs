//! Signing in with a password, the first new password, and SECRET_HASH.

use std::time::Duration;

use local::user_pool::{
    AuthFlow, DEFAULT_POOL_ID, SECRET_CLIENT_ID, SECRET_CLIENT_SECRET, secret_hash,
};
use serde_json::{Value, json};

use crate::harness::*;

fn by_password(username: &str, password: &str) -> Value {
    initiate("USER_PASSWORD_AUTH", json!({ "USERNAME": username, "PASSWORD": password }))
}

fn new_password(reply: &Value, password: &str) -> Value {
    with(
        with(answer(reply, EMAIL, ""), "/ChallengeName", "NEW_PASSWORD_REQUIRED"),
        "/ChallengeResponses/NEW_PASSWORD",
        password,
    )
}

#[tokio::test]
async fn username_and_verified_contacts_sign_in() {
    let world = World::new();
    let username = world.user(PHONE).await;
    for name in [PHONE, &username] {
        let result = world.sign_in(name).await;
        assert!(result["AccessToken"].is_string());
    }
    assert!(world.triggers().is_empty());
    let mut body = pool_and(PHONE);
    body["UserAttributes"] = json!([{ "Name": "email", "Value": EMAIL }]);
    world.ok("AdminUpdateUserAttributes", body.clone()).await;
    // An address that is not verified is no name.
    let told = world.err("InitiateAuth", by_password(EMAIL, PASSWORD)).await;
    assert_eq!(told, incorrect());
    body["UserAttributes"] = json!([{ "Name": "email_verified", "Value": "true" }]);
    world.ok("AdminUpdateUserAttributes", body).await;
    world.sign_in("MAYA@example.com").await;
}

#[tokio::test]
async fn wrong_password_reveals_nothing_about_the_account() {
    let world = World::new();
    world.user(PHONE).await;
    world.user(EMAIL).await;
    world.admin("AdminDisableUser", EMAIL).await;
    for name in [PHONE, EMAIL, "+15550100", "nobody"] {
        let told = world.err("InitiateAuth", by_password(name, "Wr0ng-pass")).await;
        assert_eq!(told, incorrect(), "{name}");
    }
    assert_eq!(
        world.err("InitiateAuth", by_password(EMAIL, PASSWORD)).await,
        failure("NotAuthorized", "User is disabled.")
    );
}

#[tokio::test]
async fn admin_password_flow_signs_in_with_its_pool_id() {
    let world = World::new();
    world.user(PHONE).await;
    for flow in ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"] {
        let body = with(by_password(PHONE, PASSWORD), "/AuthFlow", flow);
        let body = with(body, "/UserPoolId", DEFAULT_POOL_ID);
        let reply = world.ok("AdminInitiateAuth", body.clone()).await;
        assert!(reply["AuthenticationResult"]["IdToken"].is_string());
        let elsewhere = with(body, "/UserPoolId", "us-east-1_Other");
        assert_eq!(
            world.err("AdminInitiateAuth", elsewhere).await,
            failure("ResourceNotFound", "User pool us-east-1_Other does not exist.")
        );
    }
}

#[tokio::test]
async fn disabled_auth_flows_are_refused() {
    let world = World::with(|settings| {
        settings.pools[0].clients[1].explicit_auth_flows.clear();
    });
    world.user(PHONE).await;
    let parameters = json!({ "USERNAME": PHONE, "PASSWORD": PASSWORD, "REFRESH_TOKEN": "x" });
    for flow in AuthFlow::ALL {
        let mut body = initiate(flow.name(), parameters.clone());
        let mut operation = "InitiateAuth";
        if flow == AuthFlow::AdminUserPassword {
            body["UserPoolId"] = json!(DEFAULT_POOL_ID);
            operation = "AdminInitiateAuth";
        }
        assert_eq!(
            world.err(operation, body).await,
            failure(
                "InvalidParameter",
                &format!("{} flow not enabled for this client", flow.name())
            )
        );
    }
    assert!(world.triggers().is_empty());
}

#[tokio::test]
async fn temporary_password_must_be_replaced() {
    let world = World::new();
    let mut body = pool_and(EMAIL);
    body["TemporaryPassword"] = json!("Temp0rary!");
    world.ok("AdminCreateUser", body).await;
    let challenge = world.ok("InitiateAuth", by_password(EMAIL, "Temp0rary!")).await;
    assert_eq!(challenge["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert!(challenge.get("AuthenticationResult").is_none());
    let parameters = &challenge["ChallengeParameters"];
    assert_eq!(parameters["requiredAttributes"], "[]");
    assert_eq!(
        parameters["userAttributes"],
        json!({ "email": EMAIL, "email_verified": "false" }).to_string()
    );
    // A weak password may be tried again with the same session.
    let told = world.err("RespondToAuthChallenge", new_password(&challenge, "weak")).await;
    assert_eq!(
        told,
        failure(
            "InvalidPassword",
            "Password did not conform with policy: Password not long enough"
        )
    );
    let body = with(
        new_password(&challenge, PASSWORD),
        "/ChallengeResponses/userAttributes.given_name",
        "Maya",
    );
    let reply = world.ok("RespondToAuthChallenge", body.clone()).await;
    assert!(reply["AuthenticationResult"]["RefreshToken"].is_string());
    let told = world.err("RespondToAuthChallenge", body).await;
    assert_eq!(told.message, "Invalid session for the user, session can only be used once.");
    let user = world.admin("AdminGetUser", EMAIL).await;
    assert_eq!(user["UserStatus"], "CONFIRMED");
    let given_name = json!({ "Name": "given_name", "Value": "Maya" });
    assert!(user["UserAttributes"].as_array().unwrap().contains(&given_name));
    world.sign_in(EMAIL).await;
    let told = world.err("InitiateAuth", by_password(EMAIL, "Temp0rary!")).await;
    assert_eq!(told, incorrect());
}

#[tokio::test]
async fn temporary_password_expires_after_seven_days() {
    let world = World::new();
    let mut body = pool_and(EMAIL);
    body["TemporaryPassword"] = json!("Temp0rary!");
    world.ok("AdminCreateUser", body).await;
    world.pass(Duration::from_secs(7 * 86_400));
    assert_eq!(
        world.err("InitiateAuth", by_password(EMAIL, "Temp0rary!")).await,
        failure(
            "NotAuthorized",
            "Temporary password has expired and must be reset by an administrator."
        )
    );
}

#[tokio::test]
async fn secret_hash_covers_the_username_as_sent() {
    let world = World::new();
    let username = world.user(PHONE).await;
    let hash = |name: &str| secret_hash(SECRET_CLIENT_SECRET, name, SECRET_CLIENT_ID);
    let start = |name: &str, hash: Option<String>| {
        let parameters = json!({ "USERNAME": name, "SECRET_HASH": hash });
        with(initiate("CUSTOM_AUTH", parameters), "/ClientId", SECRET_CLIENT_ID)
    };
    let missing = failure(
        "NotAuthorized",
        &format!(
            "Client {SECRET_CLIENT_ID} is configured with secret but SECRET_HASH was not received"
        ),
    );
    let wrong = failure(
        "NotAuthorized",
        &format!("Unable to verify secret hash for client {SECRET_CLIENT_ID}"),
    );
    for (name, hash, expected) in [
        (PHONE, None, Some(&missing)),
        (PHONE, Some(hash(&username)), Some(&wrong)),
        (PHONE, Some("bm8=".to_owned()), Some(&wrong)),
        (&username, Some(hash(PHONE)), Some(&wrong)),
        ("+15550100", Some(hash(PHONE)), Some(&wrong)),
        (PHONE, Some(hash(PHONE)), None),
        (&username, Some(hash(&username)), None),
        ("+15550100", Some(hash("+15550100")), None),
    ] {
        let reply = world.call("InitiateAuth", &start(name, hash)).await;
        assert_eq!(reply.as_ref().err(), expected, "{name}");
    }
    let challenge = world.ok("InitiateAuth", start(PHONE, Some(hash(PHONE)))).await;
    let body = with(answer(&challenge, &username, ANSWER), "/ClientId", SECRET_CLIENT_ID);
    let told = world.err("RespondToAuthChallenge", body.clone()).await;
    assert_eq!(told, missing);
    let told = world
        .err(
            "RespondToAuthChallenge",
            with(body.clone(), "/ChallengeResponses/SECRET_HASH", hash(PHONE)),
        )
        .await;
    assert_eq!(told, wrong);
    let body = with(body, "/ChallengeResponses/SECRET_HASH", hash(&username));
    let reply = world.ok("RespondToAuthChallenge", body).await;
    // On a refresh the hash is over the user's own name.
    let refresh = |hash: String| {
        let token = &reply["AuthenticationResult"]["RefreshToken"];
        let parameters = json!({ "REFRESH_TOKEN": token, "SECRET_HASH": hash });
        with(initiate("REFRESH_TOKEN_AUTH", parameters), "/ClientId", SECRET_CLIENT_ID)
    };
    assert_eq!(world.err("InitiateAuth", refresh(hash(PHONE))).await, wrong);
    world.ok("InitiateAuth", refresh(hash(&username))).await;
}

#[tokio::test]
async fn secret_hash_for_client_without_secret_is_refused() {
    let world = World::new();
    world.user(PHONE).await;
    let parameters = json!({ "USERNAME": PHONE, "SECRET_HASH": "bm8=" });
    let told = world.err("InitiateAuth", initiate("CUSTOM_AUTH", parameters)).await;
    assert_eq!(told.exception, "NotAuthorizedException");
    assert!(told.message.ends_with("is not configured for secret but secret hash was received"));
}

#[tokio::test]
async fn sign_up_requires_the_secret_hash() {
    let world = World::new();
    let mut body = json!({
        "ClientId": SECRET_CLIENT_ID,
        "Username": PHONE,
        "Password": PASSWORD,
    });
    let told = world.err("SignUp", body.clone()).await;
    assert!(told.message.ends_with("but SECRET_HASH was not received"));
    assert!(world.messages().is_empty());
    let hash = secret_hash(SECRET_CLIENT_SECRET, PHONE, SECRET_CLIENT_ID);
    body["SecretHash"] = json!(hash);
    world.ok("SignUp", body.clone()).await;
    body["ConfirmationCode"] = json!(world.last_word());
    for operation in ["ConfirmSignUp", "ResendConfirmationCode"] {
        let told = world.err(operation, with(body.clone(), "/SecretHash", json!(null))).await;
        assert!(told.message.ends_with("but SECRET_HASH was not received"));
    }
    assert_eq!(world.messages().len(), 1);
    world.ok("ConfirmSignUp", body).await;
}
