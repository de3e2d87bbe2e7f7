//! What a pool sends by itself: nothing that `AutoVerifiedAttributes` does not name, and no SMS without
//! `SmsConfiguration`.

use local::outbox::Medium;
use local::user_pool::{ANY_FLOW_CLIENT_ID, AccountRecovery, Contact, DEFAULT_POOL_ID};
use serde_json::{Value, json};

use crate::harness::*;

const OTHER_PHONE: &str = "+819012340000";
const OTHER_EMAIL: &str = "other@example.com";

/// A world whose default pool sends no SMS and verifies `verified` by itself. Everyone recovers.
fn without_sms(verified: &[Contact]) -> World {
    World::with(|settings| {
        let config = &mut settings.pools[0].config;
        config.sms_configuration = None;
        config.auto_verified_attributes = verified.iter().copied().collect();
        config.account_recovery = AccountRecovery::default();
    })
}

fn no_sms() -> Failure {
    failure("InvalidParameter", "User pool does not have SMS configuration to send messages.")
}

fn named(username: &str) -> Value {
    json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": username })
}

fn sign_up(username: &str) -> Value {
    with(named(username), "/Password", PASSWORD)
}

fn attribute(name: &str, value: &str) -> Value {
    json!([{ "Name": name, "Value": value }])
}

/// The destinations of all messages.
fn sent(world: &World) -> Vec<String> {
    world.messages().into_iter().map(|message| message.to).collect()
}

#[tokio::test]
async fn sms_configuration_is_kept_and_shown() {
    let world = World::new();
    let of = json!({ "UserPoolId": DEFAULT_POOL_ID });
    let described = async || {
        world.ok("DescribeUserPool", of.clone()).await["UserPool"]["SmsConfiguration"].take()
    };
    assert!(described().await["SnsCallerArn"].is_string());
    let eums = json!({ "EumsSms": { "CallerArn": "arn:aws:iam::000000000000:role/sms" } });
    for setting in [sms_configuration(), eums] {
        let body = json!({
            "PoolName": "made",
            "AutoVerifiedAttributes": ["phone_number"],
            "SmsConfiguration": setting,
        });
        let made = world.ok("CreateUserPool", body).await;
        assert_eq!(made["UserPool"]["SmsConfiguration"], setting);
        let body = with(of.clone(), "/SmsConfiguration", setting.clone());
        world.ok("UpdateUserPool", body).await;
        assert_eq!(described().await, setting);
    }
    // What an update does not name is not kept.
    world.ok("UpdateUserPool", of.clone()).await;
    assert_eq!(described().await, Value::Null);
    let made = world.ok("CreateUserPool", json!({ "PoolName": "made" })).await;
    assert!(made["UserPool"].get("SmsConfiguration").is_none());
    assert_eq!(made["UserPool"]["AutoVerifiedAttributes"], json!([]));
}

#[tokio::test]
async fn auto_verified_phone_number_requires_sms_configuration() {
    let world = World::new();
    let before = world.admin("DescribeUserPool", "").await;
    let body = json!({
        "UserPoolId": DEFAULT_POOL_ID,
        "PoolName": "made",
        "AutoVerifiedAttributes": ["phone_number"],
    });
    for operation in ["CreateUserPool", "UpdateUserPool"] {
        let told = world.err(operation, body.clone()).await;
        let text =
            "SMS configuration is required when phone_number is selected for auto verification";
        assert_eq!(told, failure("InvalidParameter", text));
    }
    assert_eq!(world.admin("DescribeUserPool", "").await, before);
    assert_eq!(
        world.ok("ListUserPools", json!({ "MaxResults": 9 })).await["UserPools"][1],
        json!(null)
    );
}

#[tokio::test]
async fn sign_up_without_auto_verification_sends_nothing() {
    let world = without_sms(&[]);
    for name in [PHONE, EMAIL] {
        let reply = world.ok("SignUp", sign_up(name)).await;
        assert_eq!(reply["UserConfirmed"], false);
        assert!(reply.get("CodeDeliveryDetails").is_none(), "{reply}");
        let expired = failure("ExpiredCode", "Invalid code provided, please request a code again.");
        let body = with(named(name), "/ConfirmationCode", "123456");
        assert_eq!(world.err("ConfirmSignUp", body).await, expired);
    }
    // Also for a name that nobody has: the pool sends to none.
    let off = failure("InvalidParameter", "Cannot resend codes. Auto verification not turned on.");
    for name in [PHONE, EMAIL, OTHER_PHONE] {
        assert_eq!(world.err("ResendConfirmationCode", named(name)).await, off);
    }
    assert_eq!(sent(&world), [""; 0]);
}

#[tokio::test]
async fn only_auto_verified_attributes_get_a_code_at_sign_up() {
    let world = without_sms(&[Contact::Email]);
    let reply = world.ok("SignUp", sign_up(PHONE)).await;
    assert!(reply.get("CodeDeliveryDetails").is_none(), "{reply}");
    let off = failure("InvalidParameter", "Cannot resend codes. Auto verification not turned on.");
    assert_eq!(world.err("ResendConfirmationCode", named(PHONE)).await, off);
    assert_eq!(sent(&world), [""; 0]);
    let body = with(sign_up(EMAIL), "/UserAttributes", attribute("phone_number", OTHER_PHONE));
    let reply = world.ok("SignUp", body).await;
    assert_eq!(reply["CodeDeliveryDetails"]["AttributeName"], "email");
    world.ok("ResendConfirmationCode", named(EMAIL)).await;
    assert_eq!(sent(&world), [EMAIL, EMAIL]);
    // A name that nobody has seems to get what the pool sends.
    let reply = world.ok("ResendConfirmationCode", named("+15550100")).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
    assert_eq!(sent(&world).len(), 2);
}

#[tokio::test]
async fn fifty_attribute_changes_without_auto_verification_send_nothing() {
    let world = without_sms(&[]);
    world.user(PHONE).await;
    let access = world.sign_in(PHONE).await["AccessToken"].take();
    for n in 0..50 {
        let attributes = json!([
            { "Name": "phone_number", "Value": format!("+4915112345{n:03}") },
            { "Name": "email", "Value": format!("maya{n}@example.com") },
        ]);
        let body = json!({ "AccessToken": access, "UserAttributes": attributes });
        let reply = world.ok("UpdateUserAttributes", body).await;
        assert_eq!(reply["CodeDeliveryDetailsList"], json!([]));
    }
    let user = world.ok("GetUser", json!({ "AccessToken": access })).await;
    let attributes = user["UserAttributes"].as_array().unwrap();
    for expected in [
        json!({ "Name": "phone_number", "Value": "+4915112345049" }),
        json!({ "Name": "phone_number_verified", "Value": "false" }),
        json!({ "Name": "email_verified", "Value": "false" }),
    ] {
        assert!(attributes.contains(&expected), "{attributes:?}");
    }
    let sub = user["Username"].as_str().unwrap();
    let body = with(pool_and(sub), "/UserAttributes", attribute("phone_number", OTHER_PHONE));
    world.ok("AdminUpdateUserAttributes", body).await;
    assert_eq!(sent(&world), [""; 0]);
}

#[tokio::test]
async fn only_auto_verified_attributes_get_a_code_when_they_change() {
    let world = without_sms(&[Contact::Email]);
    world.user(PHONE).await;
    let access = world.sign_in(PHONE).await["AccessToken"].take();
    let both = json!([
        { "Name": "phone_number", "Value": OTHER_PHONE },
        { "Name": "email", "Value": EMAIL },
    ]);
    let body = json!({ "AccessToken": access, "UserAttributes": both });
    let reply = world.ok("UpdateUserAttributes", body).await;
    let details = reply["CodeDeliveryDetailsList"].as_array().unwrap();
    assert_eq!(details.len(), 1);
    assert_eq!(details[0]["AttributeName"], "email");
    let sub = world.ok("GetUser", json!({ "AccessToken": access })).await["Username"].take();
    let both = json!([
        { "Name": "phone_number", "Value": PHONE },
        { "Name": "email", "Value": OTHER_EMAIL },
    ]);
    let body = with(pool_and(sub.as_str().unwrap()), "/UserAttributes", both);
    world.ok("AdminUpdateUserAttributes", body).await;
    assert_eq!(sent(&world), [EMAIL, OTHER_EMAIL]);
}

#[tokio::test]
async fn requested_verification_code_needs_the_medium_alone() {
    let world = without_sms(&[]);
    world.user(PHONE).await;
    let access = world.sign_in(PHONE).await["AccessToken"].take();
    let body = json!({ "AccessToken": access, "UserAttributes": attribute("email", EMAIL) });
    world.ok("UpdateUserAttributes", body).await;
    let code = |name: &str| json!({ "AccessToken": access, "AttributeName": name });
    let told = world.err("GetUserAttributeVerificationCode", code("phone_number")).await;
    assert_eq!(told, no_sms());
    assert_eq!(sent(&world), [""; 0]);
    world.ok("GetUserAttributeVerificationCode", code("email")).await;
    assert_eq!(sent(&world), [EMAIL]);
    let body = with(code("email"), "/Code", world.last_word());
    world.ok("VerifyUserAttribute", body).await;
}

#[tokio::test]
async fn recovery_by_sms_is_refused_for_everyone_alike() {
    let world = without_sms(&[]);
    world.user(PHONE).await;
    for name in [PHONE, OTHER_PHONE] {
        assert_eq!(world.err("ForgotPassword", named(name)).await, no_sms(), "{name}");
    }
    assert_eq!(world.err("AdminResetUserPassword", pool_and(PHONE)).await, no_sms());
    // The password is still the one before.
    world.sign_in(PHONE).await;
    // The preferred contact is not passed over.
    let attributes = json!([
        { "Name": "email", "Value": OTHER_EMAIL },
        { "Name": "email_verified", "Value": "true" },
    ]);
    let body = with(pool_and(PHONE), "/UserAttributes", attributes);
    world.ok("AdminUpdateUserAttributes", body).await;
    assert_eq!(world.err("ForgotPassword", named(PHONE)).await, no_sms());
    assert_eq!(sent(&world), [""; 0]);
    world.user(EMAIL).await;
    world.ok("ForgotPassword", named(EMAIL)).await;
    assert_eq!(sent(&world), [EMAIL]);
}

#[tokio::test]
async fn invitation_by_sms_is_refused_and_creates_no_user() {
    let world = without_sms(&[]);
    let both = with(pool_and(PHONE), "/UserAttributes", attribute("email", EMAIL));
    let by = |mediums: Value| with(both.clone(), "/DesiredDeliveryMediums", mediums);
    for body in [pool_and(PHONE), both.clone(), by(json!(["SMS"])), by(json!(["EMAIL", "SMS"]))] {
        assert_eq!(world.err("AdminCreateUser", body).await, no_sms());
    }
    assert_eq!(world.pools.counts(DEFAULT_POOL_ID).unwrap().users, 0);
    assert_eq!(sent(&world), [""; 0]);
    world.ok("AdminCreateUser", with(pool_and(PHONE), "/MessageAction", "SUPPRESS")).await;
    let again = with(pool_and(PHONE), "/MessageAction", "RESEND");
    assert_eq!(world.err("AdminCreateUser", again).await, no_sms());
    assert_eq!(sent(&world), [""; 0]);
    world.admin("AdminDeleteUser", PHONE).await;
    world.ok("AdminCreateUser", by(json!(["EMAIL"]))).await;
    let messages = world.messages();
    assert_eq!(messages.iter().map(|message| message.medium).collect::<Vec<_>>(), [Medium::Email]);
}
