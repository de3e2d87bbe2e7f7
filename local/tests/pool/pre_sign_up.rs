//! PreSignUp: its event, the effect of its response, and that no user is created where it fails.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use local::lambda::{InvokeError, Trigger};
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, Client, Contact, DEFAULT_POOL_ID, NewPool, PoolConfig, SigningKey,
    UserNames,
};
use serde_json::{Value, json};

use crate::harness::*;

const FAULT: &str = "ONE_CONTACT_ONLY: sign up with a phone number or an email address";

fn attach(config: &mut PoolConfig) {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:pre-sign-up";
    config.lambda_config.insert(Trigger::PreSignUp, arn.to_owned());
}

/// A world whose default pool has the trigger.
fn world() -> World {
    World::with(|settings| attach(&mut settings.pools[0].config))
}

/// The same, with this response of PreSignUp.
fn responding(response: Value) -> World {
    let world = world();
    world.script_response(Trigger::PreSignUp, response);
    world
}

fn sign_up(username: &str, attributes: Value) -> Value {
    json!({
        "ClientId": ANY_FLOW_CLIENT_ID,
        "Username": username,
        "Password": PASSWORD,
        "UserAttributes": attributes,
    })
}

fn create(username: &str) -> Value {
    with(pool_and(username), "/MessageAction", "SUPPRESS")
}

fn users(world: &World) -> usize {
    world.pools.counts(DEFAULT_POOL_ID).unwrap().users
}

fn flag(user: &Value, name: &str) -> Value {
    let attributes = user["UserAttributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["Name"] == name);
    found.map_or(Value::Null, |attribute| attribute["Value"].clone())
}

#[tokio::test]
async fn pre_sign_up_event_matches_cognito() {
    let world = responding(json!({ "autoConfirmUser": true }));
    let mut body = sign_up(PHONE, json!([{ "Name": "given_name", "Value": "Maya" }]));
    let reply = world.ok("SignUp", body.clone()).await;
    let false_flags =
        json!({ "autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false });
    let expected = json!({
        "version": "1",
        "triggerSource": "PreSignUp_SignUp",
        "region": "us-east-1",
        "userPoolId": DEFAULT_POOL_ID,
        // The user name that the user will have.
        "userName": reply["UserSub"],
        "callerContext": {
            "awsSdkVersion": "aws-sdk-unknown-unknown",
            "clientId": ANY_FLOW_CLIENT_ID,
        },
        "request": {
            "userAttributes": { "given_name": "Maya", "phone_number": PHONE },
            "validationData": null,
        },
        "response": false_flags,
    });
    assert_eq!(world.events(), [(Trigger::PreSignUp, expected)]);

    body["Username"] = json!(EMAIL);
    body["ValidationData"] = json!([{ "Name": "invitation", "Value": "17" }]);
    body["ClientMetadata"] = json!({ "locale": "de" });
    world.ok("SignUp", body).await;
    let (_, event) = world.events().pop().unwrap();
    assert_eq!(event["request"]["validationData"], json!({ "invitation": "17" }));
    assert_eq!(event["request"]["clientMetadata"], json!({ "locale": "de" }));
    assert_eq!(event["request"]["userAttributes"]["email"], EMAIL);

    let mut body = create("b@example.com");
    body["ValidationData"] = json!([{ "Name": "by", "Value": "desk" }]);
    body["ClientMetadata"] = json!({ "locale": "fr" });
    let made = world.ok("AdminCreateUser", body).await;
    let (_, event) = world.events().pop().unwrap();
    assert_eq!(event["triggerSource"], "PreSignUp_AdminCreateUser");
    assert_eq!(event["userName"], made["User"]["Username"]);
    assert_eq!(event["callerContext"]["clientId"], "CLIENT_ID_NOT_APPLICABLE");
    assert_eq!(
        event["request"],
        json!({
            "userAttributes": { "email": "b@example.com" },
            "validationData": { "by": "desk" },
            "clientMetadata": { "locale": "fr" },
        })
    );
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn pool_without_the_trigger_calls_no_function() {
    let world = World::new();
    let reply = world.ok("SignUp", sign_up(PHONE, json!([]))).await;
    assert_eq!(reply["UserConfirmed"], false);
    world.ok("AdminCreateUser", create(EMAIL)).await;
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn confirmed_user_gets_no_message_and_stays_unverified() {
    let world = responding(json!({ "autoConfirmUser": true, "autoVerifyPhone": false }));
    let reply = world.ok("SignUp", sign_up(PHONE, json!([]))).await;
    assert_eq!(reply["UserConfirmed"], true);
    assert!(reply.get("CodeDeliveryDetails").is_none(), "{reply}");
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(user["UserStatus"], "CONFIRMED");
    assert_eq!(flag(&user, "phone_number_verified"), "false");
    assert!(world.messages().is_empty());
    // The custom challenge is open to the user at once.
    assert_eq!(world.start(PHONE).await["ChallengeName"], "CUSTOM_CHALLENGE");
}

#[tokio::test]
async fn unconfirmed_user_gets_a_code_as_without_the_trigger() {
    for response in
        [json!({}), json!({ "autoConfirmUser": null }), json!({ "autoConfirmUser": false })]
    {
        let world = responding(response);
        let reply = world.ok("SignUp", sign_up(PHONE, json!([]))).await;
        assert_eq!(reply["UserConfirmed"], false);
        assert_eq!(reply["CodeDeliveryDetails"]["DeliveryMedium"], "SMS");
        assert_eq!(world.messages().len(), 1);
        assert_eq!(world.admin("AdminGetUser", PHONE).await["UserStatus"], "UNCONFIRMED");
    }
}

#[tokio::test]
async fn auto_verify_marks_the_contact_it_names() {
    let both = json!([{ "Name": "email", "Value": EMAIL }]);
    for (phone, email) in [(true, false), (false, true), (true, true)] {
        let response =
            json!({ "autoConfirmUser": true, "autoVerifyPhone": phone, "autoVerifyEmail": email });
        let world = responding(response);
        world.ok("SignUp", sign_up(PHONE, both.clone())).await;
        let user = world.admin("AdminGetUser", PHONE).await;
        assert_eq!(flag(&user, "phone_number_verified"), phone.to_string());
        assert_eq!(flag(&user, "email_verified"), email.to_string());
        assert!(world.messages().is_empty());
    }
}

#[tokio::test]
async fn auto_verify_without_confirmation_or_contact_creates_no_user() {
    let unconfirmed =
        "Phone or email cannot be auto verified, when user is not being auto confirmed.";
    for (response, message) in [
        (json!({ "autoVerifyPhone": true }), unconfirmed),
        (json!({ "autoConfirmUser": false, "autoVerifyPhone": true }), unconfirmed),
        (
            json!({ "autoConfirmUser": true, "autoVerifyEmail": true }),
            "email cannot be auto verified, because the user has none.",
        ),
    ] {
        let world = responding(response);
        let told = world.err("SignUp", sign_up(PHONE, json!([]))).await;
        assert_eq!(told, failure("InvalidLambdaResponse", message));
        assert_eq!(users(&world), 0);
        assert!(world.messages().is_empty());
    }
}

/// A world with a second pool, where a verified address is an alias, and this response of PreSignUp.
fn with_aliases(response: Value) -> World {
    let world = World::with(|settings| {
        let mut config = PoolConfig::new("us-east-1_Alias", "alias");
        config.user_names = UserNames::Chosen { aliases: [Contact::Email].into() };
        attach(&mut config);
        settings.pools[0].clients.retain(|client| client.client_id != ANY_FLOW_CLIENT_ID);
        settings.pools.push(NewPool {
            config,
            clients: vec![Client::new(ANY_FLOW_CLIENT_ID, "alias")],
            signing_key: SigningKey::new(),
        });
    });
    world.script_response(Trigger::PreSignUp, response);
    world
}

#[tokio::test]
async fn auto_verify_moves_an_alias_and_confirmation_alone_does_not() {
    let address = json!([{ "Name": "email", "Value": EMAIL }]);
    for (verify, expected) in [(true, "maya2"), (false, "maya")] {
        let world = with_aliases(json!({ "autoConfirmUser": true, "autoVerifyEmail": true }));
        world.ok("SignUp", sign_up("maya", address.clone())).await;
        let response = json!({ "autoConfirmUser": true, "autoVerifyEmail": verify });
        world.script_response(Trigger::PreSignUp, response);
        world.ok("SignUp", sign_up("maya2", address.clone())).await;
        let (_, event) = world.events().pop().unwrap();
        assert_eq!(event["userName"], "maya2");
        world.start(EMAIL).await;
        assert_eq!(world.events()[0].1["userName"], expected);
        for name in ["maya", "maya2"] {
            let of = json!({ "UserPoolId": "us-east-1_Alias", "Username": name });
            let user = world.ok("AdminGetUser", of).await;
            assert_eq!(flag(&user, "email_verified"), (name == expected).to_string());
        }
        assert!(world.messages().is_empty());
    }
}

#[tokio::test]
async fn administrators_users_ignore_the_flags() {
    let world = responding(json!({ "autoConfirmUser": true, "autoVerifyPhone": true }));
    // No email address, and still no fault.
    for response in [
        json!({ "autoConfirmUser": true, "autoVerifyPhone": true, "autoVerifyEmail": true }),
        json!({ "autoVerifyPhone": true }),
    ] {
        world.script_response(Trigger::PreSignUp, response);
        let made = world.ok("AdminCreateUser", create(PHONE)).await;
        assert_eq!(made["User"]["UserStatus"], "FORCE_CHANGE_PASSWORD");
        let user = world.admin("AdminGetUser", PHONE).await;
        assert_eq!(flag(&user, "phone_number_verified"), "false");
        world.admin("AdminDeleteUser", PHONE).await;
    }
    // An administrator's own flag stays.
    let verified = json!([{ "Name": "phone_number_verified", "Value": "true" }]);
    world.ok("AdminCreateUser", with(create(PHONE), "/UserAttributes", verified)).await;
    let (_, event) = world.events().pop().unwrap();
    assert_eq!(event["request"]["userAttributes"]["phone_number_verified"], "true");
    let user = world.admin("AdminGetUser", PHONE).await;
    assert_eq!(flag(&user, "phone_number_verified"), "true");
}

#[tokio::test]
async fn resent_invitation_does_not_call_the_trigger() {
    let world = world();
    world.ok("AdminCreateUser", create(PHONE)).await;
    assert_eq!(world.triggers(), [Trigger::PreSignUp]);
    world.ok("AdminCreateUser", with(pool_and(PHONE), "/MessageAction", "RESEND")).await;
    assert!(world.triggers().is_empty());
    assert_eq!(world.messages().len(), 1);
}

/// What a client is told when PreSignUp ends with `output`, for both operations; no user is created.
async fn fail(output: impl Fn() -> Output + Send + Copy + 'static, calls: usize) -> Vec<Failure> {
    let mut told = Vec::new();
    for (operation, body) in
        [("SignUp", sign_up(PHONE, json!([]))), ("AdminCreateUser", pool_and(PHONE))]
    {
        let world = world();
        world.script(move |trigger, _| (trigger == Trigger::PreSignUp).then(output));
        told.push(world.err(operation, body).await);
        assert_eq!(world.triggers().len(), calls, "{operation}");
        assert_eq!(users(&world), 0, "{operation}");
        assert!(world.messages().is_empty(), "{operation}");
    }
    told
}

#[tokio::test]
async fn fault_of_the_trigger_creates_no_user() {
    let fault =
        || Err(InvokeError::Function { error_type: "Fault".to_owned(), message: FAULT.to_owned() });
    let expected =
        failure("UserLambdaValidation", &format!("PreSignUp failed with error {FAULT}."));
    for told in fail(fault, 1).await {
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn silent_trigger_is_called_three_times_and_creates_no_user() {
    let expected = failure(
        "UnexpectedLambda",
        "PreSignUp invocation failed due to error Socket timeout while invoking Lambda function.",
    );
    for told in fail(|| Err(InvokeError::TimedOut), 3).await {
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn response_after_a_timeout_creates_one_user() {
    let world = world();
    let mut silent = 2;
    world.script(move |_, event| {
        if silent > 0 {
            silent -= 1;
            return Some(Err(InvokeError::TimedOut));
        }
        Some(respond(event, &json!({ "autoConfirmUser": true })))
    });
    let reply = world.ok("SignUp", sign_up(PHONE, json!([]))).await;
    let events = world.events();
    assert_eq!(events.len(), 3);
    // The same user is asked about each time.
    assert!(events.iter().all(|(_, event)| event["userName"] == reply["UserSub"]));
    assert_eq!(users(&world), 1);
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn unrecognizable_output_creates_no_user() {
    let expected = failure("InvalidLambdaResponse", "Unrecognizable lambda output");
    for told in fail(|| Ok("{}".into()), 1).await {
        assert_eq!(told, expected);
    }
    let flag = || Ok(json!({ "response": { "autoConfirmUser": "true" } }).to_string().into());
    for told in fail(flag, 1).await {
        assert_eq!(told, expected);
    }
    for told in fail(|| Ok("nonsense".into()), 1).await {
        let text = "Invalid lambda function output : Invalid JSON";
        assert_eq!(told, failure("InvalidLambdaResponse", text));
    }
}

#[tokio::test]
async fn invalid_requests_do_not_reach_the_trigger() {
    let world = world();
    world.ok("AdminCreateUser", create(PHONE)).await;
    world.events();
    let valid = || sign_up(EMAIL, json!([]));
    for (body, exception) in [
        (with(valid(), "/Username", PHONE), "UsernameExistsException"),
        (with(valid(), "/Username", "maya"), "InvalidParameterException"),
        (with(valid(), "/Password", "weak"), "InvalidPasswordException"),
        (with(valid(), "/SecretHash", "x/"), "NotAuthorizedException"),
        (with(valid(), "/ClientId", "unknown"), "ResourceNotFoundException"),
        (
            with(valid(), "/UserAttributes", json!([{ "Name": "sub", "Value": "x" }])),
            "InvalidParameterException",
        ),
        (
            with(
                valid(),
                "/UserAttributes",
                json!([{ "Name": "email_verified", "Value": "true" }]),
            ),
            "NotAuthorizedException",
        ),
        (with(valid(), "/ValidationData", json!({})), "SerializationException"),
    ] {
        let told = world.err("SignUp", body.clone()).await;
        assert_eq!(told.exception, exception, "{body}");
    }
    for body in [create(PHONE), with(create(EMAIL), "/TemporaryPassword", "weak")] {
        world.err("AdminCreateUser", body).await;
    }
    assert!(world.events().is_empty());
    assert_eq!(users(&world), 1);
}

#[tokio::test]
async fn only_one_of_two_sign_ups_at_once_creates_a_user() {
    let world = world();
    let pools = world.pools.clone();
    let inner = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&inner);
    // While PreSignUp is asked about the first, a second signs up with the same number.
    world.while_called(move |_| {
        let (pools, seen) = (pools.clone(), Arc::clone(&seen));
        let body = sign_up(PHONE, json!([])).to_string();
        async move {
            if seen.lock().unwrap().is_empty() {
                seen.lock().unwrap().push(String::new());
                let target = "AWSCognitoIdentityProviderService.SignUp";
                let reply = pools.call(target, body.as_bytes()).await;
                assert_eq!(reply.status, 200);
                seen.lock().unwrap().push(String::from_utf8(reply.body.to_vec()).unwrap());
            }
        }
        .boxed()
    });
    assert_eq!(
        world.err("SignUp", sign_up(PHONE, json!([]))).await,
        failure("UsernameExists", "An account with the given phone_number already exists.")
    );
    assert_eq!(users(&world), 1);
    let second: Value = serde_json::from_str(&inner.lock().unwrap()[1]).unwrap();
    assert_eq!(world.admin("AdminGetUser", PHONE).await["Username"], second["UserSub"]);
    // The one that succeeded sent its code, and the other sent none.
    assert_eq!(world.messages().len(), 1);
}

#[tokio::test]
async fn deleted_pool_creates_no_user() {
    let world = world();
    let pools = world.pools.clone();
    world.while_called(move |_| {
        let pools = pools.clone();
        async move {
            let target = "AWSCognitoIdentityProviderService.DeleteUserPool";
            let body = json!({ "UserPoolId": DEFAULT_POOL_ID }).to_string();
            assert_eq!(pools.call(target, body.as_bytes()).await.status, 200);
        }
        .boxed()
    });
    let told = world.err("SignUp", sign_up(PHONE, json!([]))).await;
    assert_eq!(told.exception, "ResourceNotFoundException");
    assert!(world.pools.counts(DEFAULT_POOL_ID).is_none());
    assert!(world.messages().is_empty());
}
