//! An administrator's operations by `sub`, in the middle of a sign-in: what a function may do to the
//! user while Cognito waits for its answer.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use local::lambda::Trigger;
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, Client, Contact, DEFAULT_CLIENT_ID, NewPool, PoolConfig, SignUpMode,
    SigningKey, UserNames,
};
use serde_json::{Value, json};

use crate::harness::*;

const NEW_PASSWORD: &str = "An0ther-one";

fn attribute(user: &Value, name: &str) -> Option<String> {
    let attributes = user["UserAttributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["Name"] == name)?;
    Some(found["Value"].as_str().unwrap().to_owned())
}

/// What marks the value of a contact as verified, and sets another password, for the user of `sub`.
fn marking(pool_id: &str, sub: &str, contact: Contact, value: &str) -> [(&'static str, Value); 3] {
    let of = json!({ "UserPoolId": pool_id, "Username": sub });
    let password = with(with(of.clone(), "/Password", NEW_PASSWORD), "/Permanent", true);
    let attributes = json!([
        { "Name": contact.name(), "Value": value },
        { "Name": contact.verified_name(), "Value": "true" },
    ]);
    [
        ("AdminGetUser", of.clone()),
        ("AdminSetUserPassword", password),
        ("AdminUpdateUserAttributes", with(of, "/UserAttributes", attributes)),
    ]
}

#[tokio::test]
async fn sub_names_the_user_in_every_kind_of_pool() {
    let attributes = |of: &[Contact]| UserNames::Attributes(of.iter().copied().collect());
    for (user_names, username) in [
        (attributes(&Contact::ALL), PHONE),
        (attributes(&[Contact::PhoneNumber]), PHONE),
        (attributes(&[Contact::Email]), EMAIL),
        (UserNames::Chosen { aliases: Contact::ALL.into() }, "maya"),
        (UserNames::Chosen { aliases: [].into() }, "maya"),
    ] {
        let world = World::with(|settings| {
            let mut config = PoolConfig::new("us-east-1_Kind", "kind");
            config.user_names = user_names.clone();
            let clients = vec![Client::new("kindclient", "kind")];
            settings.pools.push(NewPool { config, clients, signing_key: SigningKey::new() });
        });
        let body = json!({
            "ClientId": "kindclient",
            "Username": username,
            "Password": PASSWORD,
            "UserAttributes": [{ "Name": "email", "Value": EMAIL }],
        });
        let sub = world.ok("SignUp", body).await["UserSub"].take();
        let sub = sub.as_str().unwrap();
        let of = json!({ "UserPoolId": "us-east-1_Kind", "Username": sub });
        world.ok("AdminConfirmSignUp", of.clone()).await;
        let sent = world.messages().len();
        for (operation, body) in marking("us-east-1_Kind", sub, Contact::Email, EMAIL) {
            world.ok(operation, body).await;
        }
        let user = world.ok("AdminGetUser", of).await;
        assert_eq!(attribute(&user, "sub").as_deref(), Some(sub));
        assert_eq!(attribute(&user, "email_verified").as_deref(), Some("true"));
        assert_eq!(attribute(&user, "email").as_deref(), Some(EMAIL));
        assert_eq!(user["UserStatus"], "CONFIRMED");
        assert_eq!(world.messages().len(), sent, "{user_names:?}");
    }
}

#[tokio::test]
async fn user_name_that_is_another_users_sub_comes_first() {
    let world = World::with(|settings| {
        let mut config = PoolConfig::new("us-east-1_Kind", "kind");
        config.user_names = UserNames::Chosen { aliases: Contact::ALL.into() };
        let clients = vec![Client::new("kindclient", "kind")];
        settings.pools.push(NewPool { config, clients, signing_key: SigningKey::new() });
    });
    let sign_up = async |name: &str| {
        let body = json!({ "ClientId": "kindclient", "Username": name, "Password": PASSWORD });
        world.ok("SignUp", body).await["UserSub"].as_str().unwrap().to_owned()
    };
    let sub = sign_up("maya").await;
    let other = sign_up(&sub).await;
    assert_ne!(sub, other);
    let of = json!({ "UserPoolId": "us-east-1_Kind", "Username": sub });
    let user = world.ok("AdminGetUser", of).await;
    // Whoever asks by `sub` sees in the response that this is another user.
    assert_eq!(attribute(&user, "sub"), Some(other));
}

/// The claims of a token.
fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A world where SignUp confirms, and verify marks the phone number of whoever answers, by calling back
/// while its caller waits.
fn marking_world() -> (World, Arc<Mutex<Vec<u16>>>) {
    let world = World::with_sign_up(SignUpMode::Code, |_| {});
    let sub = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&sub);
    world.script(move |trigger, event| match trigger {
        Trigger::PreSignUp => Some(respond(event, &json!({ "autoConfirmUser": true }))),
        _ => {
            let sub = event["request"]["userAttributes"]["sub"].as_str().unwrap_or_default();
            sub.clone_into(&mut noted.lock().unwrap());
            None
        }
    });
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let (pools, noted) = (world.pools.clone(), Arc::clone(&statuses));
    world.while_called(move |trigger| {
        let (pools, noted) = (pools.clone(), Arc::clone(&noted));
        let sub = sub.lock().unwrap().clone();
        async move {
            if trigger != Trigger::VerifyAuthChallengeResponse {
                return;
            }
            let pool_id = local::user_pool::DEFAULT_POOL_ID;
            for (operation, body) in marking(pool_id, &sub, Contact::PhoneNumber, PHONE) {
                let target = format!("AWSCognitoIdentityProviderService.{operation}");
                let reply = pools.call(&target, body.to_string().as_bytes()).await;
                noted.lock().unwrap().push(reply.status);
            }
        }
        .boxed()
    });
    (world, statuses)
}

fn sign_up() -> Value {
    json!({ "ClientId": DEFAULT_CLIENT_ID, "Username": PHONE, "Password": PASSWORD })
}

#[tokio::test]
async fn function_may_mark_the_user_while_the_sign_in_waits_for_it() {
    let (world, statuses) = marking_world();
    world.ok("SignUp", sign_up()).await;
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(attribute(&user, "phone_number_verified").as_deref(), Some("false"));
    let challenge = world.start(PHONE).await;
    let reply = world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
    assert_eq!(*statuses.lock().unwrap(), [200; 3]);
    let tokens = &reply["AuthenticationResult"];
    let user = world.ok("GetUser", json!({ "AccessToken": tokens["AccessToken"] })).await;
    assert_eq!(attribute(&user, "phone_number_verified").as_deref(), Some("true"));
    assert_eq!(attribute(&user, "phone_number").as_deref(), Some(PHONE));
    // Attributes are read when tokens are issued.
    assert_eq!(claims(&tokens["IdToken"])["phone_number_verified"], true);
    // Define was told what was so when the answer came.
    let (trigger, event) = world.events().pop().unwrap();
    assert_eq!(trigger, Trigger::DefineAuthChallenge);
    assert_eq!(event["request"]["userAttributes"]["phone_number_verified"], "false");
    let by_password = |password: &str| {
        initiate("USER_PASSWORD_AUTH", json!({ "USERNAME": PHONE, "PASSWORD": password }))
    };
    assert_eq!(world.err("InitiateAuth", by_password(PASSWORD)).await, incorrect());
    world.ok("InitiateAuth", by_password(NEW_PASSWORD)).await;
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn password_set_by_an_administrator_does_not_end_a_custom_auth_session() {
    let (world, statuses) = marking_world();
    world.ok("SignUp", sign_up()).await;
    let challenge = world.start(PHONE).await;
    // A wrong answer, during which the password changes, and then the right one.
    let challenge = world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, "0")).await;
    assert_eq!(challenge["ChallengeName"], "CUSTOM_CHALLENGE");
    assert_eq!(statuses.lock().unwrap().len(), 3);
    let password = with(with(pool_and(PHONE), "/Password", PASSWORD), "/Permanent", true);
    world.ok("AdminSetUserPassword", password).await;
    let reply = world.ok("RespondToAuthChallenge", answer(&challenge, PHONE, ANSWER)).await;
    let tokens = &reply["AuthenticationResult"];
    world.ok("GetUser", json!({ "AccessToken": tokens["AccessToken"] })).await;
    // And it ends no earlier sign-in.
    let refresh = json!({ "REFRESH_TOKEN": tokens["RefreshToken"] });
    let password = with(with(pool_and(PHONE), "/Password", PASSWORD), "/Permanent", true);
    world.ok("AdminSetUserPassword", password).await;
    world.ok("InitiateAuth", initiate("REFRESH_TOKEN_AUTH", refresh)).await;
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn sign_up_with_the_number_of_another_user_changes_nothing() {
    let (world, _) = marking_world();
    let first = world.ok("SignUp", sign_up()).await;
    let before = world.admin("AdminGetUser", PHONE).await;
    for client in [DEFAULT_CLIENT_ID, ANY_FLOW_CLIENT_ID] {
        let again = with(with(sign_up(), "/Password", NEW_PASSWORD), "/ClientId", client);
        let told = world.err("SignUp", again).await;
        let text = "An account with the given phone_number already exists.";
        assert_eq!(told, failure("UsernameExists", text));
    }
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(user, before);
    assert_eq!(user["Username"], first["UserSub"]);
    let parameters = json!({ "USERNAME": PHONE, "PASSWORD": NEW_PASSWORD });
    let told = world.err("InitiateAuth", initiate("USER_PASSWORD_AUTH", parameters)).await;
    assert_eq!(told, incorrect());
    assert!(world.messages().is_empty());
}
