//! What administrators and signed-in users do to accounts, and what is listed of them.

use local::user_pool::{
    ANY_FLOW_CLIENT_ID, DEFAULT_CLIENT_ID, DEFAULT_POOL_ID, SECRET_CLIENT_ID, SECRET_CLIENT_SECRET,
};
use serde_json::{Value, json};

use crate::harness::*;

fn attribute(user: &Value, name: &str) -> Option<String> {
    let list = user.get("UserAttributes").or(user.get("Attributes"))?;
    let found = list.as_array()?.iter().find(|it| it["Name"] == name)?;
    Some(found["Value"].as_str()?.to_owned())
}

fn update(username: &str, attributes: Value) -> Value {
    with(pool_and(username), "/UserAttributes", attributes)
}

#[tokio::test]
async fn created_user_is_invited_unless_suppressed() {
    let world = World::new();
    let reply = world.admin("AdminCreateUser", PHONE).await;
    let user = &reply["User"];
    assert_eq!(user["UserStatus"], "FORCE_CHANGE_PASSWORD");
    assert_eq!(user["Enabled"], true);
    assert_eq!(attribute(user, "sub"), user["Username"].as_str().map(str::to_owned));
    assert_eq!(attribute(user, "phone_number_verified").as_deref(), Some("false"));
    let password = world.last_word();
    let message = world.messages().pop().unwrap();
    assert_eq!(message.to, PHONE);
    assert_eq!(
        message.body,
        format!("Your username is {PHONE} and temporary password is {password}")
    );
    let body = initiate("USER_PASSWORD_AUTH", json!({ "USERNAME": PHONE, "PASSWORD": password }));
    let challenge = world.ok("InitiateAuth", body.clone()).await;
    assert_eq!(challenge["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    // Again, with a new password that replaces the first.
    let again = with(pool_and(PHONE), "/MessageAction", "RESEND");
    world.ok("AdminCreateUser", again.clone()).await;
    assert_eq!(world.messages().len(), 2);
    assert_eq!(world.err("InitiateAuth", body).await, incorrect());
    let silent = with(pool_and(EMAIL), "/MessageAction", "SUPPRESS");
    world.ok("AdminCreateUser", silent).await;
    assert_eq!(world.messages().len(), 2);
    let told = world.err("AdminCreateUser", with(again, "/Username", "+15550100")).await;
    assert_eq!(told, failure("UserNotFound", "User does not exist."));
}

#[tokio::test]
async fn invitation_uses_the_desired_delivery_medium() {
    let world = World::new();
    let mut body = update(PHONE, json!([{ "Name": "email", "Value": EMAIL }]));
    body["DesiredDeliveryMediums"] = json!(["EMAIL"]);
    world.ok("AdminCreateUser", body.clone()).await;
    let to: Vec<String> = world.messages().into_iter().map(|it| it.to).collect();
    assert_eq!(to, [EMAIL]);
    body["DesiredDeliveryMediums"] = json!(["FAX"]);
    let told = world.err("AdminCreateUser", body).await;
    assert_eq!(told.exception, "InvalidParameterException");
}

#[tokio::test]
async fn invalid_create_user_requests_create_nothing() {
    let world = World::new();
    world.user(PHONE).await;
    let resend = with(pool_and(PHONE), "/MessageAction", "RESEND");
    for (body, exception) in [
        (pool_and(PHONE), "UsernameExistsException"),
        (pool_and("maya"), "InvalidParameterException"),
        (resend, "UnsupportedUserStateException"),
        (with(pool_and(EMAIL), "/TemporaryPassword", "weak"), "InvalidPasswordException"),
        (
            update(EMAIL, json!([{ "Name": "phone_number_verified", "Value": "true" }])),
            "InvalidParameterException",
        ),
        (with(pool_and(EMAIL), "/UserPoolId", "us-east-1_Other"), "ResourceNotFoundException"),
    ] {
        let told = world.err("AdminCreateUser", body.clone()).await;
        assert_eq!(told.exception, exception, "{body}");
    }
    assert!(world.messages().is_empty());
    assert_eq!(world.pools.counts(DEFAULT_POOL_ID).unwrap().users, 1);
}

#[tokio::test]
async fn admin_operations_report_unknown_user() {
    let world = World::new();
    for operation in [
        "AdminGetUser",
        "AdminDeleteUser",
        "AdminConfirmSignUp",
        "AdminSetUserPassword",
        "AdminUpdateUserAttributes",
        "AdminDisableUser",
        "AdminEnableUser",
    ] {
        let mut body = update(PHONE, json!([]));
        body["Password"] = json!(PASSWORD);
        assert_eq!(
            world.err(operation, body).await,
            failure("UserNotFound", "User does not exist."),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn admin_confirmation_does_not_verify_contacts() {
    let world = World::new();
    world
        .ok(
            "SignUp",
            json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": PHONE, "Password": PASSWORD }),
        )
        .await;
    world.admin("AdminConfirmSignUp", PHONE).await;
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(user["UserStatus"], "CONFIRMED");
    assert_eq!(attribute(&user, "phone_number_verified").as_deref(), Some("false"));
    world.sign_in(PHONE).await;
}

#[tokio::test]
async fn only_admin_sets_verified_attributes() {
    let world = World::new();
    world.user(PHONE).await;
    let access = world.sign_in(PHONE).await["AccessToken"].take();
    let mine = |attributes: Value| json!({ "AccessToken": access, "UserAttributes": attributes });
    let reply =
        world.ok("UpdateUserAttributes", mine(json!([{ "Name": "email", "Value": EMAIL }]))).await;
    assert_eq!(
        reply["CodeDeliveryDetailsList"],
        json!([{
            "AttributeName": "email",
            "DeliveryMedium": "EMAIL",
            "Destination": "m***@e***",
        }])
    );
    assert_eq!(world.messages().pop().unwrap().to, EMAIL);
    let verified = json!([{ "Name": "email_verified", "Value": "true" }]);
    assert_eq!(
        world.err("UpdateUserAttributes", mine(verified.clone())).await,
        failure("NotAuthorized", "A client attempted to write unauthorized attribute")
    );
    world.ok("AdminUpdateUserAttributes", update(PHONE, verified)).await;
    let user = world.admin("AdminGetUser", EMAIL).await;
    assert_eq!(attribute(&user, "email_verified").as_deref(), Some("true"));
    // The same value again changes nothing; another falls back, and gets a code.
    let same = json!([{ "Name": "email", "Value": EMAIL }]);
    let reply = world.ok("UpdateUserAttributes", mine(same)).await;
    assert_eq!(reply["CodeDeliveryDetailsList"], json!([]));
    assert_eq!(world.messages().len(), 1);
    let other = json!([{ "Name": "email", "Value": "b@example.com" }]);
    world.ok("UpdateUserAttributes", mine(other)).await;
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(attribute(&user, "email_verified").as_deref(), Some("false"));
    assert_eq!(world.messages().len(), 2);
    // An administrator who says that it is verified needs no code.
    let both = json!([
        { "Name": "email", "Value": EMAIL },
        { "Name": "email_verified", "Value": "true" },
        { "Name": "given_name", "Value": "Maya" },
    ]);
    world.ok("AdminUpdateUserAttributes", update(PHONE, both)).await;
    assert_eq!(world.messages().len(), 2);
    let gone = json!([{ "Name": "given_name", "Value": "" }]);
    world.ok("UpdateUserAttributes", mine(gone)).await;
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(attribute(&user, "given_name"), None);
}

#[tokio::test]
async fn contact_of_another_user_is_refused() {
    let world = World::new();
    world.user(PHONE).await;
    world.user(EMAIL).await;
    let theirs = json!([{ "Name": "email", "Value": EMAIL }]);
    let exists = failure("AliasExists", "An account with the given email already exists.");
    let told = world.err("AdminUpdateUserAttributes", update(PHONE, theirs.clone())).await;
    assert_eq!(told, exists);
    let access = world.sign_in(PHONE).await["AccessToken"].take();
    let body = json!({ "AccessToken": access, "UserAttributes": theirs });
    assert_eq!(world.err("UpdateUserAttributes", body).await, exists);
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn user_lists_are_filtered_and_paged() {
    let world = World::new();
    let mut names = Vec::new();
    for n in 0..5 {
        names.push(world.user(&format!("+155501000{n}")).await);
    }
    names.push(world.user(EMAIL).await);
    world.admin("AdminDisableUser", EMAIL).await;
    let silent = with(pool_and("b@example.com"), "/MessageAction", "SUPPRESS");
    let made = world.ok("AdminCreateUser", silent).await;
    names.push(made["User"]["Username"].as_str().unwrap().to_owned());
    let found = async |filter: &str| -> Vec<usize> {
        let body = json!({ "UserPoolId": DEFAULT_POOL_ID, "Filter": filter });
        let reply = world.ok("ListUsers", body).await;
        let users = reply["Users"].as_array().unwrap();
        users
            .iter()
            .map(|user| names.iter().position(|name| user["Username"] == *name).unwrap())
            .collect()
    };
    for (filter, expected) in [
        ("", vec![0, 1, 2, 3, 4, 5, 6]),
        (r#"phone_number = "+1555010003""#, vec![3]),
        (r#"phone_number ^= "+155501""#, vec![0, 1, 2, 3, 4]),
        (r#"email = "MAYA@example.com""#, vec![5]),
        (r#"email ^= "b@""#, vec![6]),
        (r#"cognito:user_status = "confirmed""#, vec![0, 1, 2, 3, 4, 5]),
        (r#"status = "Disabled""#, vec![5]),
        (r#"name = "Maya""#, vec![]),
        (&format!(r#"username = "{}""#, names[2]), vec![2]),
        (&format!(r#"sub = "{}""#, names[4]), vec![4]),
        (&format!(r#"sub ^= "{}""#, names[1].split_at(30).0), vec![1]),
    ] {
        assert_eq!(found(filter).await, expected, "{filter}");
    }
    let mut seen = Vec::new();
    let mut body = json!({ "UserPoolId": DEFAULT_POOL_ID, "Limit": 3 });
    loop {
        let reply = world.ok("ListUsers", body.clone()).await;
        for user in reply["Users"].as_array().unwrap() {
            seen.push(user["Username"].as_str().unwrap().to_owned());
        }
        match reply.get("PaginationToken") {
            Some(token) => body["PaginationToken"] = token.clone(),
            None => break,
        }
        assert_eq!(seen.len() % 3, 0);
    }
    assert_eq!(seen, names);
    let body = json!({ "UserPoolId": DEFAULT_POOL_ID, "AttributesToGet": ["email"], "Limit": 6 });
    let reply = world.ok("ListUsers", body).await;
    assert_eq!(reply["Users"][0]["Attributes"], json!([]));
    assert_eq!(reply["Users"][5]["Attributes"], json!([{ "Name": "email", "Value": EMAIL }]));
    for wrong in [
        json!({ "Filter": "email" }),
        json!({ "Filter": "nickname = \"a\"" }),
        json!({ "PaginationToken": "x" }),
        json!({ "AttributesToGet": ["shoe_size"] }),
        json!({ "Limit": 61 }),
        json!({ "Limit": -1 }),
    ] {
        let mut body = wrong.clone();
        body["UserPoolId"] = json!(DEFAULT_POOL_ID);
        let told = world.err("ListUsers", body).await;
        assert_eq!(told.exception, "InvalidParameterException", "{wrong}");
    }
}

#[tokio::test]
async fn described_pool_and_clients_match_their_settings() {
    let world = World::new();
    let reply = world.admin("DescribeUserPool", "").await;
    let pool = &reply["UserPool"];
    assert_eq!(pool["Id"], DEFAULT_POOL_ID);
    assert_eq!(pool["UsernameAttributes"], json!(["phone_number", "email"]));
    assert_eq!(pool["AutoVerifiedAttributes"], json!(["phone_number", "email"]));
    assert_eq!(pool["Policies"]["PasswordPolicy"]["MinimumLength"], 8);
    assert_eq!(
        pool["LambdaConfig"]["CreateAuthChallenge"],
        "arn:aws:lambda:us-east-1:000000000000:function:create-auth-challenge"
    );
    for (client, secret, flows) in [
        (DEFAULT_CLIENT_ID, None, 2),
        (ANY_FLOW_CLIENT_ID, None, 5),
        (SECRET_CLIENT_ID, Some(SECRET_CLIENT_SECRET), 2),
    ] {
        assert_eq!(client.len(), 26);
        let body = json!({ "UserPoolId": DEFAULT_POOL_ID, "ClientId": client });
        let reply = world.ok("DescribeUserPoolClient", body).await;
        let shown = &reply["UserPoolClient"];
        assert_eq!(shown.get("ClientSecret").and_then(Value::as_str), secret);
        assert_eq!(shown["PreventUserExistenceErrors"], "ENABLED");
        assert_eq!(shown["AuthSessionValidity"], 3);
        assert_eq!(shown["ExplicitAuthFlows"].as_array().unwrap().len(), flows);
    }
}
