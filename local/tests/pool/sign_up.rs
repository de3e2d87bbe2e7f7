//! Signing up: the code that is really sent and really checked.

use std::time::Duration;

use local::outbox::Medium;
use local::user_pool::{ANY_FLOW_CLIENT_ID, Contact, NewPool, PoolConfig, SigningKey, UserNames};
use serde_json::{Value, json};

use crate::harness::*;

fn sign_up(username: &str, attributes: &[(&str, &str)]) -> Value {
    let attributes: Vec<Value> =
        attributes.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "Username": username,
        "Password": PASSWORD,
        "UserAttributes": attributes,
    })
}

fn confirm(username: &str, code: &str) -> Value {
    json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": username, "ConfirmationCode": code })
}

fn resend(username: &str) -> Value {
    json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": username })
}

#[tokio::test]
async fn confirmed_sign_up_verifies_the_phone_number() {
    let world = World::new();
    let reply = world.ok("SignUp", sign_up(PHONE, &[])).await;
    assert_eq!(reply["UserConfirmed"], false);
    assert_eq!(
        reply["CodeDeliveryDetails"],
        json!({
            "AttributeName": "phone_number",
            "DeliveryMedium": "SMS",
            "Destination": "+********5678",
        })
    );
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(user["Username"], reply["UserSub"], "the user name is the sub");
    assert_eq!(user["UserStatus"], "UNCONFIRMED");
    let message = world.messages().pop().unwrap();
    assert_eq!((message.medium, message.to.as_str()), (Medium::Sms, PHONE));
    assert_eq!(message.subject, None);
    let code = world.last_word();
    assert_eq!(message.body, format!("Your confirmation code is {code}"));
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
    world.ok("ConfirmSignUp", confirm(PHONE, &code)).await;
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(user["UserStatus"], "CONFIRMED");
    let verified = json!({ "Name": "phone_number_verified", "Value": "true" });
    assert!(user["UserAttributes"].as_array().unwrap().contains(&verified));
    world.sign_in(PHONE).await;
    assert_eq!(world.messages().len(), 1);
}

#[tokio::test]
async fn sign_up_code_prefers_sms_over_email() {
    let world = World::new();
    world.ok("SignUp", sign_up(EMAIL, &[])).await;
    let message = world.messages().pop().unwrap();
    assert_eq!((message.medium, message.to.as_str()), (Medium::Email, EMAIL));
    assert!(message.subject.is_some());
    let reply = world.ok("SignUp", sign_up("b@example.com", &[("phone_number", PHONE)])).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "SMS");
    assert_eq!(world.messages().len(), 2);
}

#[tokio::test]
async fn wrong_previous_and_expired_codes_do_not_confirm() {
    let world = World::new();
    world.ok("SignUp", sign_up(PHONE, &[])).await;
    let old = world.last_word();
    let wrong = if old == "000000" { "000001" } else { "000000" };
    let mismatch = failure("CodeMismatch", "Invalid verification code provided, please try again.");
    assert_eq!(world.err("ConfirmSignUp", confirm(PHONE, wrong)).await, mismatch);
    let reply = world.ok("ResendConfirmationCode", resend(PHONE)).await;
    assert_eq!(reply["CodeDeliveryDetails"]["Destination"], "+********5678");
    assert_eq!(world.messages().len(), 2);
    for _ in 0..5 {
        assert_eq!(world.err("ConfirmSignUp", confirm(PHONE, &old)).await, mismatch);
    }
    let code = world.last_word();
    assert_eq!(
        world.err("ConfirmSignUp", confirm(PHONE, &code)).await,
        failure("LimitExceeded", "Attempt limit exceeded, please try after some time.")
    );
    world.ok("ResendConfirmationCode", resend(PHONE)).await;
    world.pass(Duration::from_secs(86_400));
    let code = world.last_word();
    assert_eq!(
        world.err("ConfirmSignUp", confirm(PHONE, &code)).await,
        failure("ExpiredCode", "Invalid code provided, please request a code again.")
    );
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(user["UserStatus"], "UNCONFIRMED");
}

#[tokio::test]
async fn confirmed_user_cannot_be_confirmed_again() {
    let world = World::new();
    world.user(PHONE).await;
    let confirmed =
        failure("NotAuthorized", "User cannot be confirmed. Current status is CONFIRMED");
    assert_eq!(world.err("ConfirmSignUp", confirm(PHONE, "123456")).await, confirmed);
    assert_eq!(world.err("AdminConfirmSignUp", pool_and(PHONE)).await, confirmed);
    assert_eq!(
        world.err("ResendConfirmationCode", resend(PHONE)).await,
        failure("InvalidParameter", "User is already confirmed.")
    );
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn unknown_user_is_hidden_unless_client_is_legacy() {
    let world = World::new();
    let told = world.err("ConfirmSignUp", confirm("+15550100", "123456")).await;
    assert_eq!(told.exception, "ExpiredCodeException");
    let reply = world.ok("ResendConfirmationCode", resend("+15550100")).await;
    assert_eq!(reply["CodeDeliveryDetails"]["Destination"], "+****0100");
    let reply = world.ok("ResendConfirmationCode", resend("nobody")).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
    for (operation, body) in [
        ("ConfirmSignUp", confirm("+15550100", "123456")),
        ("ResendConfirmationCode", resend("+15550100")),
    ] {
        let body = with(body, "/ClientId", LEGACY_CLIENT_ID);
        assert_eq!(
            world.err(operation, body).await,
            failure("UserNotFound", "User does not exist.")
        );
    }
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn refused_sign_up_creates_no_user_and_sends_nothing() {
    let world = World::new();
    world.user(PHONE).await;
    let schema = "Attributes did not conform to the schema";
    for (body, exception, message) in [
        (
            sign_up(PHONE, &[]),
            "UsernameExists",
            "An account with the given phone_number already exists.".to_owned(),
        ),
        (
            sign_up(EMAIL, &[("phone_number", PHONE)]),
            "UsernameExists",
            "An account with the given phone_number already exists.".to_owned(),
        ),
        (
            sign_up("maya", &[]),
            "InvalidParameter",
            "Username should be either an email or a phone number.".to_owned(),
        ),
        (
            with(sign_up(EMAIL, &[]), "/Password", "short"),
            "InvalidPassword",
            "Password did not conform with policy: Password not long enough".to_owned(),
        ),
        (
            sign_up(EMAIL, &[("phone_number", "09012345678")]),
            "InvalidParameter",
            "Invalid phone number format.".to_owned(),
        ),
        (
            sign_up("+15550100", &[("email", "nowhere")]),
            "InvalidParameter",
            "Invalid email address format.".to_owned(),
        ),
        (
            sign_up(EMAIL, &[("email_verified", "true")]),
            "NotAuthorized",
            "A client attempted to write unauthorized attribute".to_owned(),
        ),
        (
            sign_up(EMAIL, &[("sub", "x")]),
            "InvalidParameter",
            "Cannot modify the non-mutable attribute sub".to_owned(),
        ),
        (
            sign_up(EMAIL, &[("custom:tier", "gold")]),
            "InvalidParameter",
            format!("{schema}: custom:tier: Attribute does not exist in the schema."),
        ),
        (
            sign_up(EMAIL, &[("birthdate", "May")]),
            "InvalidParameter",
            format!("{schema}: birthdate: Attribute value is not valid."),
        ),
    ] {
        let told = world.err("SignUp", body.clone()).await;
        assert_eq!(told, failure(exception, &message), "{body}");
    }
    assert!(world.messages().is_empty());
    assert_eq!(world.admin("ListUsers", "").await["Users"].as_array().unwrap().len(), 1);
}

/// A world with a second pool whose users choose their names and have their address as alias.
fn with_aliases() -> World {
    World::with(|settings| {
        let mut config = PoolConfig::new("us-east-1_Alias", "alias");
        config.user_names = UserNames::Chosen { aliases: [Contact::Email].into() };
        settings.pools[0].clients.remove(0);
        settings.pools.push(NewPool {
            config,
            clients: vec![local::user_pool::Client::new(ANY_FLOW_CLIENT_ID, "alias")],
            signing_key: SigningKey::new(),
        });
    })
}

#[tokio::test]
async fn verified_alias_belongs_to_one_user() {
    let world = with_aliases();
    let address = [("email", EMAIL)];
    let reply = world.ok("SignUp", sign_up("maya", &address)).await;
    assert_ne!(reply["UserSub"], "maya");
    world.ok("ConfirmSignUp", confirm("maya", &world.last_word())).await;
    world.start(EMAIL).await;
    assert_eq!(world.events()[0].1["userName"], "maya");
    assert_eq!(
        world.err("SignUp", sign_up("MAYA", &[])).await,
        failure("UsernameExists", "User already exists")
    );
    let told = world.err("SignUp", sign_up("b@example.com", &[])).await;
    assert_eq!(told.exception, "InvalidParameterException");
    // Another may give the same address, but not confirm it by the way.
    world.ok("SignUp", sign_up("maya2", &address)).await;
    let body = confirm("maya2", &world.last_word());
    assert_eq!(
        world.err("ConfirmSignUp", body.clone()).await,
        failure("AliasExists", "An account with the given email already exists.")
    );
    world.ok("ConfirmSignUp", with(body, "/ForceAliasCreation", true)).await;
    world.start(EMAIL).await;
    assert_eq!(world.events()[0].1["userName"], "maya2");
}
