//! The wire: what is no request, what a request lacks, and that nothing at all makes it panic.

use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_POOL_ID, UserPools};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::declared::MODEL;
use crate::harness::*;

/// A value that does for a required field.
fn value_of(field: &str) -> Value {
    match field {
        "ClientId" => json!(ANY_FLOW_CLIENT_ID),
        "UserPoolId" => json!(DEFAULT_POOL_ID),
        "Username" => json!(PHONE),
        "Password" | "PreviousPassword" | "ProposedPassword" => json!(PASSWORD),
        "ConfirmationCode" | "Code" => json!("123456"),
        "AuthFlow" => json!("CUSTOM_AUTH"),
        "ChallengeName" => json!("CUSTOM_CHALLENGE"),
        "UserAttributes" => json!([]),
        "UserAttributeNames" => json!(["name"]),
        "AttributeName" => json!("email"),
        "Token" | "RefreshToken" | "PoolName" | "ClientName" | "Identifier" | "Name" => json!("x"),
        "MaxResults" => json!(1),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn missing_required_fields_are_named() {
    let world = World::new();
    world.user(PHONE).await;
    let access = world.sign_in(PHONE).await["AccessToken"].take();
    for operation in UserPools::operations() {
        let required = &MODEL[operation].required;
        let mut body = json!({});
        for field in required {
            body[field] = match field.as_str() {
                "AccessToken" => access.clone(),
                field => value_of(field),
            };
        }
        for field in required {
            for missing in [true, false] {
                let mut body = body.clone();
                if missing {
                    body.as_object_mut().unwrap().remove(field);
                } else {
                    body[field] = Value::Null;
                }
                let mut letters = field.chars();
                let first = letters.next().unwrap().to_ascii_lowercase();
                let member = format!("{first}{}", letters.as_str());
                assert_eq!(
                    world.err(operation, body).await,
                    failure(
                        "InvalidParameter",
                        &format!(
                            "1 validation error detected: Value at '{member}' failed to satisfy \
                             constraint: Member must not be null"
                        )
                    ),
                    "{operation}"
                );
            }
        }
    }
}

#[tokio::test]
async fn missing_flow_parameters_are_named() {
    let world = World::new();
    world.user(PHONE).await;
    let session = world.start(PHONE).await["Session"].take();
    world.events();
    let missing =
        |name: &str| failure("InvalidParameter", &format!("Missing required parameter {name}"));
    for (flow, parameters, name) in [
        ("CUSTOM_AUTH", json!(null), "USERNAME"),
        ("CUSTOM_AUTH", json!({}), "USERNAME"),
        ("CUSTOM_AUTH", json!({ "USERNAME": "" }), "USERNAME"),
        ("USER_PASSWORD_AUTH", json!({ "PASSWORD": "x" }), "USERNAME"),
        ("USER_PASSWORD_AUTH", json!({ "USERNAME": PHONE }), "PASSWORD"),
        ("REFRESH_TOKEN_AUTH", json!({}), "REFRESH_TOKEN"),
    ] {
        let told = world.err("InitiateAuth", initiate(flow, parameters)).await;
        assert_eq!(told, missing(name), "{flow}");
    }
    for (challenge, responses, name) in [
        ("CUSTOM_CHALLENGE", json!(null), "USERNAME"),
        ("CUSTOM_CHALLENGE", json!({ "ANSWER": "x" }), "USERNAME"),
        ("CUSTOM_CHALLENGE", json!({ "USERNAME": PHONE }), "ANSWER"),
        ("NEW_PASSWORD_REQUIRED", json!({ "USERNAME": PHONE }), "NEW_PASSWORD"),
    ] {
        let body = json!({
            "ClientId": ANY_FLOW_CLIENT_ID,
            "ChallengeName": challenge,
            "Session": session,
            "ChallengeResponses": responses,
        });
        let told = world.err("RespondToAuthChallenge", body).await;
        assert_eq!(told, missing(name), "{challenge}");
    }
    assert!(world.triggers().is_empty());
    let body = answer(&json!({ "Session": session }), PHONE, ANSWER);
    world.ok("RespondToAuthChallenge", body).await;
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let world = World::new();
    for (target, body, exception) in [
        ("", "{}", "SerializationException"),
        ("GetUser", "{}", "SerializationException"),
        ("Other.GetUser", "{}", "SerializationException"),
        ("AWSCognitoIdentityProviderService.GetUser", "", "SerializationException"),
        ("AWSCognitoIdentityProviderService.GetUser", "[]", "SerializationException"),
        ("AWSCognitoIdentityProviderService.GetUser", "{", "SerializationException"),
        ("AWSCognitoIdentityProviderService.", "{}", "UnknownOperationException"),
        ("AWSCognitoIdentityProviderService.Nothing", "{}", "UnknownOperationException"),
    ] {
        let reply = world.pools.call(target, body.as_bytes()).await;
        assert_eq!((reply.status, reply.error_type), (400, Some(exception)), "{target} {body}");
    }
    let deep = "[".repeat(100_000);
    let target = "AWSCognitoIdentityProviderService.GetUser";
    let reply = world.pools.call(target, deep.as_bytes()).await;
    assert_eq!(reply.error_type, Some("SerializationException"));
}

#[tokio::test]
async fn wrong_types_are_refused_and_unknown_fields_ignored() {
    let world = World::new();
    world.user(PHONE).await;
    let good = with(pool_and(PHONE), "/FieldOfTheFuture", json!({ "a": [1] }));
    world.ok("AdminGetUser", good).await;
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    for (operation, body) in [
        ("AdminGetUser", with(pool_and(PHONE), "/Username", 1)),
        ("AdminGetUser", with(pool_and(PHONE), "/UserPoolId", json!([]))),
        ("InitiateAuth", with(start.clone(), "/AuthParameters", "x")),
        ("InitiateAuth", with(start.clone(), "/AuthParameters/USERNAME", 1)),
        ("InitiateAuth", with(start, "/ClientMetadata", json!({ "a": {} }))),
        ("ListUsers", with(pool_and(""), "/Limit", "x")),
        ("ListUsers", with(pool_and(""), "/Limit", 1.5)),
        ("ListUsers", with(pool_and(""), "/AttributesToGet", "email")),
        ("AdminCreateUser", with(pool_and(EMAIL), "/UserAttributes", json!({}))),
        ("AdminCreateUser", with(pool_and(EMAIL), "/UserAttributes", json!(["email"]))),
        (
            "AdminSetUserPassword",
            with(with(pool_and(PHONE), "/Password", PASSWORD), "/Permanent", "true"),
        ),
    ] {
        let told = world.err(operation, body.clone()).await;
        assert_eq!(told.exception, "SerializationException", "{operation} {body}");
    }
    assert!(world.triggers().is_empty());
}

#[tokio::test]
async fn fields_violating_the_api_model_are_refused() {
    let world = World::new();
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    for (operation, body, member) in [
        ("InitiateAuth", with(start.clone(), "/ClientId", ""), "clientId"),
        ("InitiateAuth", with(start.clone(), "/ClientId", "a b"), "clientId"),
        ("InitiateAuth", with(start.clone(), "/ClientId", "a".repeat(129)), "clientId"),
        ("InitiateAuth", with(start.clone(), "/AuthFlow", "PLEASE"), "authFlow"),
        ("InitiateAuth", with(start, "/AuthParameters/USERNAME", "a".repeat(129)), "username"),
        ("AdminGetUser", pool_and("a b"), "username"),
        ("AdminGetUser", with(pool_and("a"), "/UserPoolId", "pool"), "userPoolId"),
        ("GetUser", json!({ "AccessToken": "a b" }), "accessToken"),
        (
            "AdminCreateUser",
            with(
                pool_and(EMAIL),
                "/UserAttributes",
                json!([{ "Name": "name", "Value": "a".repeat(2_049) }]),
            ),
            "userAttributes.1.member.value",
        ),
    ] {
        let told = world.err(operation, body).await;
        assert_eq!(told.exception, "InvalidParameterException");
        let start = format!("1 validation error detected: Value at '{member}' failed");
        assert!(told.message.starts_with(&start), "{}", told.message);
    }
}

#[tokio::test]
async fn unknown_client_is_named() {
    let world = World::new();
    let expected = failure("ResourceNotFound", "User pool client nobodysclient does not exist.");
    let body = json!({
        "ClientId": "nobodysclient",
        "UserPoolId": DEFAULT_POOL_ID,
        "Username": PHONE,
        "Password": PASSWORD,
        "ConfirmationCode": "123456",
        "AuthFlow": "CUSTOM_AUTH",
        "AuthParameters": { "USERNAME": PHONE },
        "ChallengeName": "CUSTOM_CHALLENGE",
        "ChallengeResponses": { "USERNAME": PHONE, "ANSWER": "x" },
    });
    for operation in [
        "SignUp",
        "ConfirmSignUp",
        "ResendConfirmationCode",
        "InitiateAuth",
        "AdminInitiateAuth",
        "RespondToAuthChallenge",
        "AdminRespondToAuthChallenge",
        "DescribeUserPoolClient",
    ] {
        assert_eq!(world.err(operation, body.clone()).await, expected, "{operation}");
    }
}

/// Fields that operations know, with values that are sometimes what they expect.
fn fields() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        Just(json!(ANY_FLOW_CLIENT_ID)),
        Just(json!(DEFAULT_POOL_ID)),
        Just(json!(PHONE)),
        Just(json!(EMAIL)),
        Just(json!(PASSWORD)),
        Just(json!("CUSTOM_AUTH")),
        Just(json!("USER_PASSWORD_AUTH")),
        Just(json!("CUSTOM_CHALLENGE")),
        Just(json!({ "USERNAME": PHONE, "ANSWER": ANSWER, "PASSWORD": PASSWORD })),
        Just(json!([{ "Name": "email", "Value": EMAIL }, { "Name": "phone_number" }])),
        ".{0,40}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        prop::collection::vec(".{0,8}", 0..3).prop_map(Value::from),
        prop::collection::hash_map("[A-Z_]{1,9}", ".{0,9}", 0..3).prop_map(|map| json!(map)),
    ];
    let name = prop::sample::select(vec![
        "ClientId",
        "UserPoolId",
        "Username",
        "Password",
        "TemporaryPassword",
        "UserAttributes",
        "ConfirmationCode",
        "SecretHash",
        "AuthFlow",
        "AuthParameters",
        "ChallengeName",
        "ChallengeResponses",
        "Session",
        "AccessToken",
        "Token",
        "Filter",
        "Limit",
        "PaginationToken",
        "AttributesToGet",
        "DesiredDeliveryMediums",
        "MessageAction",
        "ClientMetadata",
        "PoolName",
        "Policies",
        "LambdaConfig",
        "AliasAttributes",
        "ClientName",
        "ExplicitAuthFlows",
        "AllowedOAuthScopes",
        "TokenValidityUnits",
        "AccessTokenValidity",
        "Identifier",
        "Name",
        "Scopes",
        "MaxResults",
        "NextToken",
        "AttributeName",
        "UserAttributeNames",
        "Code",
        "PreviousPassword",
        "ProposedPassword",
    ]);
    prop::collection::hash_map(name, value, 0..12).prop_map(|fields| {
        let fields: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(fields)
    })
}

/// One reply, whatever was asked: JSON, and an exception exactly when it is no success.
fn replies(world: &World, operation: &str, body: &[u8]) {
    let target = format!("AWSCognitoIdentityProviderService.{operation}");
    let call = futures_util::FutureExt::now_or_never(world.pools.call(&target, body));
    let reply = call.expect("scripted functions never wait");
    check_reply(operation, &reply);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_do_not_panic(
        body in prop::collection::vec(any::<u8>(), 0..200),
        target in ".{0,40}",
    ) {
        let world = World::new();
        replies(&world, &target, &body);
        for operation in UserPools::operations() {
            replies(&world, operation, &body);
        }
    }

    #[test]
    fn arbitrary_fields_do_not_panic(bodies in prop::collection::vec(fields(), 1..6)) {
        let world = World::new();
        for body in bodies {
            for operation in UserPools::operations() {
                replies(&world, operation, body.to_string().as_bytes());
            }
        }
    }
}
