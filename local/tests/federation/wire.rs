//! The wire: what is no request, what a request lacks, and that nothing at all makes it panic.

use local::services::sts::Caller;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::*;

/// Every operation with its required fields.
const OPERATIONS: [(&str, &[&str]); 10] = [
    ("CreateIdentityPool", &["IdentityPoolName", "AllowUnauthenticatedIdentities"]),
    (
        "UpdateIdentityPool",
        &["IdentityPoolId", "IdentityPoolName", "AllowUnauthenticatedIdentities"],
    ),
    ("DescribeIdentityPool", &["IdentityPoolId"]),
    ("DeleteIdentityPool", &["IdentityPoolId"]),
    ("ListIdentityPools", &["MaxResults"]),
    ("SetIdentityPoolRoles", &["IdentityPoolId", "Roles"]),
    ("GetIdentityPoolRoles", &["IdentityPoolId"]),
    ("GetId", &["IdentityPoolId"]),
    ("GetCredentialsForIdentity", &["IdentityId"]),
    ("GetOpenIdToken", &["IdentityId"]),
];

fn value(field: &str, id: &str) -> Value {
    match field {
        "IdentityPoolName" => json!("name"),
        "AllowUnauthenticatedIdentities" => json!(true),
        "MaxResults" => json!(1),
        "Roles" => json!({}),
        _ => json!(id),
    }
}

#[test]
fn missing_required_fields_are_named() {
    let world = World::new();
    let id = world.pool(|_| {});
    for (operation, required) in OPERATIONS {
        for missing in required {
            let mut body = json!({ *missing: null });
            for field in required.iter().filter(|field| *field != missing) {
                body[field] = value(field, &id);
            }
            let mut letters = missing.chars();
            let first = letters.next().unwrap().to_ascii_lowercase();
            let member = format!("{first}{}", letters.as_str());
            let message = format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
                 Member must not be null"
            );
            assert_eq!(world.err(operation, body), failure("InvalidParameter", &message));
        }
    }
}

#[test]
fn malformed_requests_are_refused() {
    let world = World::new();
    for (operation, required) in OPERATIONS {
        for body in ["", "x", "[]", "null", "\"x\"", "{", &"[".repeat(100_000)] {
            let target = format!("AWSCognitoIdentityService.{operation}");
            let reply = world.identities.call(&target, body.as_bytes());
            assert_eq!(check(operation, &reply).unwrap_err().0, "SerializationException");
        }
        for field in required {
            for wrong in [json!([1]), json!(1.5), json!({ "a": 1 }), json!("\u{0}")] {
                let mut body = json!({});
                for field in required {
                    body[field] = value(field, "us-east-1:00");
                }
                body[field] = wrong;
                let (exception, _) = world.err(operation, body);
                let expected = ["SerializationException", "InvalidParameterException"];
                assert!(expected.contains(&exception.as_str()), "{operation} {field}");
            }
        }
    }
    for operation in ["DeleteIdentities", "", "getid"] {
        assert_eq!(world.err(operation, json!({})).0, "UnknownOperationException");
    }
    let reply = world.identities.call("GetId", b"{}");
    assert_eq!(check("", &reply).unwrap_err().0, "UnknownOperationException");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|it| json!(it)),
        any::<i64>().prop_map(|it| json!(it)),
        any::<String>().prop_map(|it| json!(it)),
        Just(json!("us-east-1:00000000-0000-4000-8000-000000000000")),
        Just(json!("e30.e30.e30")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(any_name(), inner, 0..4).prop_map(|it| json!(it)),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known = [
        "IdentityPoolId",
        "IdentityPoolName",
        "AllowUnauthenticatedIdentities",
        "CognitoIdentityProviders",
        "ProviderName",
        "ClientId",
        "Logins",
        PROVIDER,
        "MaxResults",
        "NextToken",
        "Roles",
        "authenticated",
        "RoleMappings",
        "Type",
        "RulesConfiguration",
        "Rules",
        "IdentityId",
        "CustomRoleArn",
    ];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), any::<String>()]
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(
        at in 0..OPERATIONS.len(),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (operation, _) = OPERATIONS[at];
        let target = format!("AWSCognitoIdentityService.{operation}");
        let _ = check(operation, &World::new().identities.call(&target, &body));
    }

    #[test]
    fn arbitrary_fields_do_not_panic(
        at in 0..OPERATIONS.len(),
        fields in prop::collection::btree_map(any_name(), any_json(), 0..6),
    ) {
        let (operation, required) = OPERATIONS[at];
        let world = World::new();
        let mut body = json!(fields);
        let _ = world.call(operation, &body);
        // And with what is needed to get further.
        let pool = world.pool(|_| {});
        let id = world.get_id(&pool, json!({}));
        for field in required {
            body[field] = value(field, if *field == "IdentityId" { &id } else { &pool });
        }
        let _ = world.call(operation, &body);
    }

    #[test]
    fn arbitrary_tokens_are_refused_without_panic(parts in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
        use base64::Engine;
        let world = World::new();
        let pool = world.pool(|_| {});
        let encode = |part: &Vec<u8>| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(part);
        let token = parts.iter().map(encode).collect::<Vec<_>>().join(".");
        prop_assume!(!token.is_empty());
        let body = json!({ "IdentityPoolId": pool, "Logins": login(&token) });
        prop_assert_eq!(world.err("GetId", body).0, "NotAuthorizedException");
        prop_assert_eq!(world.assume(&format!("{token:.<4}"), &[]).0, 400);
    }

    #[test]
    fn arbitrary_sts_forms_are_refused_without_panic(
        fields in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        action in prop::sample::select(vec!["AssumeRoleWithWebIdentity", "GetCallerIdentity", "<x>"]),
        values in prop::collection::vec(any::<String>(), 4),
    ) {
        let mut all: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let names = ["RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds"];
        all.extend(names.into_iter().zip(values.iter().map(String::as_str)));
        all.push(("Action", action));
        let caller = Caller { authorization: values.first().map(String::as_str), session_token: None };
        let (status, body) = World::new().sts(&all, caller);
        prop_assert_ne!(status, 200, "{}", body);
    }
}
