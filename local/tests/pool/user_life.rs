//! A user's life after sign-up: forgotten and reset passwords, changed attributes, sign-outs, the
//! lockout, and the end.

use std::time::Duration;

use local::outbox::Medium;
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, Client, Contact, DEFAULT_CLIENT_ID, DEFAULT_POOL_ID, NewPool, PoolConfig,
    SigningKey, UserNames,
};
use serde_json::{Value, json};

use crate::harness::*;

const NEW_PASSWORD: &str = "An0ther-one";

fn by_password(username: &str, password: &str) -> Value {
    initiate("USER_PASSWORD_AUTH", json!({ "USERNAME": username, "PASSWORD": password }))
}

fn forgot(username: &str) -> Value {
    json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": username })
}

fn confirm_forgot(username: &str, code: &str) -> Value {
    json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "Username": username,
        "ConfirmationCode": code,
        "Password": NEW_PASSWORD,
    })
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

async fn attribute(world: &World, username: &str, name: &str) -> Option<String> {
    let user = world.admin("AdminGetUser", username).await;
    let attributes = user["UserAttributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["Name"] == name)?;
    Some(found["Value"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn forgotten_password_is_reset_with_a_code() {
    let world = World::with_recovery();
    world.user(PHONE).await;
    let reply = world.ok("ForgotPassword", forgot(PHONE)).await;
    assert_eq!(
        reply["CodeDeliveryDetails"],
        json!({
            "AttributeName": "phone_number",
            "DeliveryMedium": "SMS",
            "Destination": "+********5678",
        })
    );
    let message = world.messages().pop().unwrap();
    assert_eq!((message.medium, message.to.as_str()), (Medium::Sms, PHONE));
    let code = world.last_word();
    let mismatch = failure("CodeMismatch", "Invalid verification code provided, please try again.");
    let told = world.err("ConfirmForgotPassword", confirm_forgot(PHONE, wrong(&code))).await;
    assert_eq!(told, mismatch);
    let weak = with(confirm_forgot(PHONE, &code), "/Password", "weak");
    let told = world.err("ConfirmForgotPassword", weak).await;
    assert_eq!(told.exception, "InvalidPasswordException");
    world.sign_in(PHONE).await;
    world.ok("ConfirmForgotPassword", confirm_forgot(PHONE, &code)).await;
    let told = world.err("InitiateAuth", by_password(PHONE, PASSWORD)).await;
    assert_eq!(told, incorrect());
    world.ok("InitiateAuth", by_password(PHONE, NEW_PASSWORD)).await;
    let expired = failure("ExpiredCode", "Invalid code provided, please request a code again.");
    let told = world.err("ConfirmForgotPassword", confirm_forgot(PHONE, &code)).await;
    assert_eq!(told, expired, "a code is used once");
    world.ok("ForgotPassword", forgot(PHONE)).await;
    let code = world.last_word();
    for _ in 0..5 {
        world.err("ConfirmForgotPassword", confirm_forgot(PHONE, wrong(&code))).await;
    }
    let told = world.err("ConfirmForgotPassword", confirm_forgot(PHONE, &code)).await;
    assert_eq!(told.exception, "LimitExceededException");
}

#[tokio::test]
async fn unknown_or_unreachable_user_gets_no_reset_code() {
    let world = World::with_recovery();
    world.user(PHONE).await;
    let legacy = |body| with(body, "/ClientId", LEGACY_CLIENT_ID);
    let reply = world.ok("ForgotPassword", forgot("+15550100")).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "SMS");
    let told = world.err("ConfirmForgotPassword", confirm_forgot("+15550100", "123456")).await;
    assert_eq!(told.exception, "ExpiredCodeException");
    let unknown = failure("UserNotFound", "Username/client id combination not found.");
    assert_eq!(world.err("ForgotPassword", legacy(forgot("+15550100"))).await, unknown);
    let body = legacy(confirm_forgot("+15550100", "123456"));
    assert_eq!(world.err("ConfirmForgotPassword", body).await, unknown);
    let mut body = pool_and(PHONE);
    body["UserAttributes"] = json!([{ "Name": "phone_number_verified", "Value": "false" }]);
    world.ok("AdminUpdateUserAttributes", body).await;
    assert_eq!(
        world.err("ForgotPassword", forgot(PHONE)).await,
        failure(
            "InvalidParameter",
            "Cannot reset password for the user as there is no registered/verified email or \
             phone_number"
        )
    );
    world.ok("AdminCreateUser", with(pool_and(EMAIL), "/MessageAction", "SUPPRESS")).await;
    let state = failure("NotAuthorized", "User password cannot be reset in the current state.");
    assert_eq!(world.err("ForgotPassword", forgot(EMAIL)).await, state);
    assert_eq!(world.err("AdminResetUserPassword", pool_and(EMAIL)).await, state);
    world.admin("AdminDisableUser", PHONE).await;
    let told = world.err("ForgotPassword", forgot(PHONE)).await;
    assert_eq!(told, failure("NotAuthorized", "User is disabled."));
    assert!(world.messages().is_empty());
}

/// A user with both contacts verified, in a pool with these `RecoveryMechanisms`.
async fn recovering(mechanisms: &[(u32, &str)]) -> World {
    let world = World::with_recovery();
    world.user(PHONE).await;
    let mut body = pool_and(PHONE);
    body["UserAttributes"] = json!([
        { "Name": "email", "Value": EMAIL },
        { "Name": "email_verified", "Value": "true" },
    ]);
    world.ok("AdminUpdateUserAttributes", body).await;
    let option = |(priority, name): &(u32, &str)| json!({ "Priority": priority, "Name": name });
    let options: Vec<Value> = mechanisms.iter().map(option).collect();
    let mut body =
        json!({ "UserPoolId": DEFAULT_POOL_ID, "SmsConfiguration": sms_configuration() });
    if !options.is_empty() {
        body["AccountRecoverySetting"] = json!({ "RecoveryMechanisms": options });
    }
    world.ok("UpdateUserPool", body).await;
    world
}

const BY_EMAIL: &str = "verified_email";
const BY_PHONE: &str = "verified_phone_number";

#[tokio::test]
async fn recovery_code_goes_to_the_preferred_verified_contact() {
    for (mechanisms, medium) in [
        (&[][..], Medium::Sms),
        (&[(1, BY_EMAIL)], Medium::Email),
        (&[(1, BY_PHONE)], Medium::Sms),
        (&[(2, BY_PHONE), (1, BY_EMAIL)], Medium::Email),
        (&[(1, BY_PHONE), (2, BY_EMAIL)], Medium::Sms),
    ] {
        for operation in ["ForgotPassword", "AdminResetUserPassword"] {
            let world = recovering(mechanisms).await;
            let body = with(forgot(PHONE), "/UserPoolId", DEFAULT_POOL_ID);
            world.ok(operation, body).await;
            let messages = world.messages();
            let sent: Vec<_> = messages.iter().map(|message| message.medium).collect();
            assert_eq!(sent, [medium], "{mechanisms:?}");
            let code = world.last_word();
            world.ok("ConfirmForgotPassword", confirm_forgot(PHONE, &code)).await;
        }
    }
}

#[tokio::test]
async fn recovery_falls_back_only_to_contacts_of_the_setting() {
    let unverify = |flag: &str| {
        let attribute = json!([{ "Name": flag, "Value": "false" }]);
        with(pool_and(PHONE), "/UserAttributes", attribute)
    };
    let world = recovering(&[(1, BY_EMAIL), (2, BY_PHONE)]).await;
    world.ok("AdminUpdateUserAttributes", unverify("email_verified")).await;
    let reply = world.ok("ForgotPassword", forgot(PHONE)).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "SMS");
    let world = recovering(&[(1, BY_EMAIL)]).await;
    world.ok("AdminUpdateUserAttributes", unverify("email_verified")).await;
    for operation in ["ForgotPassword", "AdminResetUserPassword"] {
        let body = with(forgot(PHONE), "/UserPoolId", DEFAULT_POOL_ID);
        let told = world.err(operation, body).await;
        assert_eq!(told.exception, "InvalidParameterException");
        assert!(told.message.starts_with("Cannot reset password for the user"));
    }
    // Who is not there is told of a medium of the setting, too.
    let reply = world.ok("ForgotPassword", forgot("+15550100")).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
    let world = recovering(&[(1, BY_PHONE)]).await;
    let reply = world.ok("ForgotPassword", forgot("janet@example.com")).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "SMS");
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn admin_only_recovery_refuses_everyone_alike() {
    let refused = failure("NotAuthorized", "Contact administrator to reset password.");
    let world = recovering(&[(1, "admin_only")]).await;
    let default = World::new();
    default.user(PHONE).await;
    for world in [world, default] {
        for client in [DEFAULT_CLIENT_ID, ANY_FLOW_CLIENT_ID, LEGACY_CLIENT_ID] {
            for name in [PHONE, "+15550100"] {
                let body = with(forgot(name), "/ClientId", client);
                assert_eq!(world.err("ForgotPassword", body).await, refused, "{client} {name}");
            }
        }
        assert_eq!(world.err("AdminResetUserPassword", pool_and(PHONE)).await, refused);
        let user = world.admin("AdminGetUser", PHONE).await;
        assert_eq!(user["UserStatus"], "CONFIRMED", "the password still works");
        world.sign_in(PHONE).await;
        assert!(world.messages().is_empty());
    }
}

#[tokio::test]
async fn admin_password_reset_invalidates_the_old_password() {
    let world = World::with_recovery();
    world.user(EMAIL).await;
    world.admin("AdminResetUserPassword", EMAIL).await;
    let user = world.admin("AdminGetUser", EMAIL).await;
    assert_eq!(user["UserStatus"], "RESET_REQUIRED");
    let required = failure("PasswordResetRequired", "Password reset required for the user");
    for body in [
        by_password(EMAIL, PASSWORD),
        initiate("CUSTOM_AUTH", json!({ "USERNAME": EMAIL })),
        initiate("USER_SRP_AUTH", json!({ "USERNAME": EMAIL, "SRP_A": "ab12" })),
    ] {
        assert_eq!(world.err("InitiateAuth", body).await, required);
    }
    assert!(world.triggers().is_empty());
    let code = world.last_word();
    world.ok("ConfirmForgotPassword", confirm_forgot(EMAIL, &code)).await;
    world.ok("InitiateAuth", by_password(EMAIL, NEW_PASSWORD)).await;
}

#[tokio::test]
async fn password_change_requires_the_previous_password() {
    let world = World::new();
    world.user(PHONE).await;
    let token = world.sign_in(PHONE).await["AccessToken"].take();
    let change = |previous: &str, proposed: &str| {
        json!({
            "AccessToken": token,
            "PreviousPassword": previous,
            "ProposedPassword": proposed,
        })
    };
    let told = world.err("ChangePassword", change("Wr0ng-pass", NEW_PASSWORD)).await;
    assert_eq!(told, incorrect());
    let told = world.err("ChangePassword", change(PASSWORD, "weak")).await;
    assert_eq!(told.exception, "InvalidPasswordException");
    let body = with(change("", NEW_PASSWORD), "/PreviousPassword", Value::Null);
    assert_eq!(world.err("ChangePassword", body).await, incorrect());
    world.ok("ChangePassword", change(PASSWORD, NEW_PASSWORD)).await;
    world.ok("InitiateAuth", by_password(PHONE, NEW_PASSWORD)).await;
    for _ in 0..5 {
        world.err("ChangePassword", change(PASSWORD, NEW_PASSWORD)).await;
    }
    assert_eq!(
        world.err("ChangePassword", change(NEW_PASSWORD, PASSWORD)).await,
        failure("LimitExceeded", "Attempt limit exceeded, please try after some time.")
    );
}

#[tokio::test]
async fn five_wrong_passwords_lock_out_but_custom_auth_stays_open() {
    let world = World::new();
    world.user(PHONE).await;
    let exceeded = failure("NotAuthorized", "Password attempts exceeded");
    for name in [PHONE, "+15550100"] {
        for _ in 0..5 {
            let told = world.err("InitiateAuth", by_password(name, "Wr0ng-pass")).await;
            assert_eq!(told, incorrect());
        }
        // Nothing counts during a lockout, and a right password does not end it.
        for _ in 0..3 {
            assert_eq!(world.err("InitiateAuth", by_password(name, PASSWORD)).await, exceeded);
        }
        let srp = initiate("USER_SRP_AUTH", json!({ "USERNAME": name, "SRP_A": "ab12" }));
        assert_eq!(world.err("InitiateAuth", srp).await, exceeded);
        // A code is no password.
        world.start(name).await;
        for lockout in [1, 2, 4, 8] {
            world.pass(Duration::from_millis(lockout * 1_000 - 1));
            assert_eq!(world.err("InitiateAuth", by_password(name, PASSWORD)).await, exceeded);
            world.pass(Duration::from_millis(1));
            let told = world.err("InitiateAuth", by_password(name, "Wr0ng-pass")).await;
            assert_eq!(told, incorrect());
        }
    }
    world.pass(Duration::from_secs(16));
    world.sign_in(PHONE).await;
    let told = world.err("InitiateAuth", by_password(PHONE, "Wr0ng-pass")).await;
    assert_eq!(told, incorrect());
    world.sign_in(PHONE).await;
}

#[tokio::test]
async fn changed_attribute_must_be_verified_again() {
    let world = World::new();
    world.user(PHONE).await;
    let token = world.sign_in(PHONE).await["AccessToken"].take();
    let body = json!({
        "AccessToken": token,
        "UserAttributes": [{ "Name": "email", "Value": EMAIL }],
    });
    let reply = world.ok("UpdateUserAttributes", body).await;
    assert_eq!(reply["CodeDeliveryDetailsList"][0]["Destination"], "m***@e***");
    assert_eq!(attribute(&world, PHONE, "email_verified").await.as_deref(), Some("false"));
    let code_for = |name: &str| json!({ "AccessToken": token, "AttributeName": name });
    let first = world.last_word();
    let reply = world.ok("GetUserAttributeVerificationCode", code_for("email")).await;
    assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
    let code = world.last_word();
    let verify = |code: &str| with(code_for("email"), "/Code", code);
    if first != code {
        let told = world.err("VerifyUserAttribute", verify(&first)).await;
        assert_eq!(told.exception, "CodeMismatchException", "the last code counts");
    }
    world.ok("VerifyUserAttribute", verify(&code)).await;
    assert_eq!(attribute(&world, PHONE, "email_verified").await.as_deref(), Some("true"));
    let told = world.err("VerifyUserAttribute", verify(&code)).await;
    assert_eq!(told.exception, "ExpiredCodeException", "and once");
    world.sign_in(EMAIL).await;
    for name in ["name", "sub", "nothing"] {
        let told = world.err("GetUserAttributeVerificationCode", code_for(name)).await;
        assert_eq!(told.exception, "InvalidParameterException", "{name}");
    }
}

#[tokio::test]
async fn code_sent_to_previous_contact_does_not_verify_the_new_one() {
    let world = World::with_recovery();
    let moved = |name: &str| {
        let number = json!([{ "Name": "phone_number", "Value": "+819099999999" }]);
        with(pool_and(name), "/UserAttributes", number)
    };
    let body = json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": PHONE, "Password": PASSWORD });
    world.ok("SignUp", body).await;
    let code = world.last_word();
    let username = world.admin("AdminGetUser", PHONE).await["Username"].take();
    let username = username.as_str().unwrap();
    world.ok("AdminUpdateUserAttributes", moved(username)).await;
    let body = with(forgot(username), "/ConfirmationCode", code);
    let told = world.err("ConfirmSignUp", body).await;
    assert_eq!(told.exception, "ExpiredCodeException");
    let flag = attribute(&world, username, "phone_number_verified").await;
    assert_eq!(flag.as_deref(), Some("false"));
    world.admin("AdminDeleteUser", username).await;
    // The same for a new password, and once a password is set.
    let username = world.user(PHONE).await;
    world.ok("ForgotPassword", forgot(&username)).await;
    let code = world.last_word();
    let set = with(with(pool_and(&username), "/Password", PASSWORD), "/Permanent", true);
    world.ok("AdminSetUserPassword", set).await;
    let told = world.err("ConfirmForgotPassword", confirm_forgot(&username, &code)).await;
    assert_eq!(told.exception, "ExpiredCodeException");
    world.ok("ForgotPassword", forgot(&username)).await;
    let code = world.last_word();
    world.ok("AdminUpdateUserAttributes", moved(&username)).await;
    let told = world.err("ConfirmForgotPassword", confirm_forgot(&username, &code)).await;
    assert_eq!(told.exception, "ExpiredCodeException");
}

#[tokio::test]
async fn alias_belongs_to_the_first_user_to_verify_it() {
    let world = World::with(|settings| {
        let mut config = PoolConfig::new("us-east-1_Aliases", "aliases");
        config.user_names = UserNames::Chosen { aliases: [Contact::Email].into() };
        settings.pools.push(NewPool {
            config,
            clients: vec![Client::new("aliasclient", "aliases")],
            signing_key: SigningKey::new(),
        });
    });
    let mut tokens = Vec::new();
    for name in ["ann", "bob"] {
        let body = json!({
            "UserPoolId": "us-east-1_Aliases",
            "Username": name,
            "Password": PASSWORD,
            "Permanent": true,
            "UserAttributes": [{ "Name": "email", "Value": EMAIL }],
            "MessageAction": "SUPPRESS",
        });
        world.ok("AdminCreateUser", body.clone()).await;
        world.ok("AdminSetUserPassword", body).await;
        let body = with(by_password(name, PASSWORD), "/ClientId", "aliasclient");
        let mut reply = world.ok("InitiateAuth", body).await;
        tokens.push(reply["AuthenticationResult"]["AccessToken"].take());
    }
    let mut results = Vec::new();
    for token in &tokens {
        let body = json!({ "AccessToken": token, "AttributeName": "email" });
        world.ok("GetUserAttributeVerificationCode", body.clone()).await;
        let body = with(body, "/Code", world.last_word());
        results.push(world.call("VerifyUserAttribute", &body).await);
    }
    assert_eq!(results[0], Ok(json!({})));
    assert_eq!(
        results[1],
        Err(failure("AliasExists", "An account with the given email already exists."))
    );
    let body = with(by_password(EMAIL, PASSWORD), "/ClientId", "aliasclient");
    let mut reply = world.ok("InitiateAuth", body).await;
    let token = reply["AuthenticationResult"]["AccessToken"].take();
    assert_eq!(world.ok("GetUser", json!({ "AccessToken": token })).await["Username"], "ann");
}

#[tokio::test]
async fn deleted_attributes_and_users_are_not_found() {
    let world = World::new();
    world.user(PHONE).await;
    let mut body = pool_and(PHONE);
    body["UserAttributes"] = json!([
        { "Name": "email", "Value": EMAIL },
        { "Name": "email_verified", "Value": "true" },
        { "Name": "name", "Value": "Maya" },
    ]);
    world.ok("AdminUpdateUserAttributes", body).await;
    let token = world.sign_in(EMAIL).await["AccessToken"].take();
    let names = |names: Value| json!({ "AccessToken": token, "UserAttributeNames": names });
    world.ok("DeleteUserAttributes", names(json!(["name"]))).await;
    assert_eq!(attribute(&world, PHONE, "name").await, None);
    for wrong in ["sub", "phone_number", "nothing"] {
        let told = world.err("DeleteUserAttributes", names(json!([wrong]))).await;
        assert_eq!(told.exception, "InvalidParameterException", "{wrong}");
    }
    let body = with(pool_and(PHONE), "/UserAttributeNames", json!(["email"]));
    world.ok("AdminDeleteUserAttributes", body).await;
    assert_eq!(attribute(&world, PHONE, "email_verified").await, None);
    let told = world.err("InitiateAuth", by_password(EMAIL, PASSWORD)).await;
    assert_eq!(told, incorrect());
    world.ok("DeleteUser", json!({ "AccessToken": token })).await;
    let told = world.err("GetUser", json!({ "AccessToken": token })).await;
    assert_eq!(told.exception, "UserNotFoundException");
    assert_eq!(world.pools.counts(DEFAULT_POOL_ID).unwrap().users, 0);
}

#[tokio::test]
async fn admin_global_sign_out_revokes_every_token_of_the_user() {
    let world = World::with(|settings| {
        // One client whose tokens cannot be revoked one by one.
        let mut client = Client::new("unrevocable", "unrevocable");
        client.enable_token_revocation = false;
        settings.pools[0].clients.push(client);
    });
    world.user(PHONE).await;
    let body = with(by_password(PHONE, PASSWORD), "/ClientId", "unrevocable");
    let result = world.ok("InitiateAuth", body.clone()).await["AuthenticationResult"].take();
    for token in ["AccessToken", "IdToken"] {
        let claims =
            jsonwebtoken::dangerous::insecure_decode::<Value>(result[token].as_str().unwrap());
        let claims = claims.unwrap().claims;
        assert!(claims.get("jti").is_none() && claims.get("origin_jti").is_none());
    }
    let revoke = json!({ "Token": result["RefreshToken"], "ClientId": "unrevocable" });
    let told = world.err("RevokeToken", revoke).await;
    assert_eq!(told.exception, "UnsupportedOperationException");
    let other = world.sign_in(PHONE).await;
    world.pass(Duration::from_secs(1));
    world.admin("AdminUserGlobalSignOut", PHONE).await;
    for result in [&result, &other] {
        let told = world.err("GetUser", json!({ "AccessToken": result["AccessToken"] })).await;
        assert_eq!(told, failure("NotAuthorized", "Access Token has been revoked"));
    }
    world.pass(Duration::from_secs(1));
    let again = world.ok("InitiateAuth", body).await;
    let token = &again["AuthenticationResult"]["AccessToken"];
    world.ok("GetUser", json!({ "AccessToken": token })).await;
}

#[tokio::test]
async fn get_tokens_from_refresh_token_renews_until_sign_out() {
    let world = World::new();
    world.user(PHONE).await;
    let first = world.sign_in(PHONE).await;
    let body = json!({ "RefreshToken": first["RefreshToken"], "ClientId": ANY_FLOW_CLIENT_ID });
    let reply = world.ok("GetTokensFromRefreshToken", body.clone()).await;
    assert_eq!(reply.as_object().unwrap().len(), 1);
    let token = &reply["AuthenticationResult"]["AccessToken"];
    world.ok("GetUser", json!({ "AccessToken": token })).await;
    assert!(reply["AuthenticationResult"].get("RefreshToken").is_none());
    let secret = with(body.clone(), "/ClientSecret", "a".repeat(24));
    let told = world.err("GetTokensFromRefreshToken", secret).await;
    assert_eq!(told.exception, "NotAuthorizedException");
    world.admin("AdminUserGlobalSignOut", PHONE).await;
    let told = world.err("GetTokensFromRefreshToken", body).await;
    assert_eq!(told, failure("NotAuthorized", "Refresh Token has been revoked"));
}
