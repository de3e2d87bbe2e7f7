//! Pools, app clients and resource servers made by API: what is refused, what is kept, what is
//! enforced.

use std::time::Duration;

use local::lambda::Trigger;
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, AuthFlow, DEFAULT_CLIENT_ID, DEFAULT_POOL_ID, InitialPools,
    SECRET_CLIENT_ID, SignUpMode,
};
use serde_json::{Value, json};

use crate::harness::*;

async fn pool(world: &World, settings: Value) -> Value {
    let body = with(settings, "/PoolName", "made");
    world.ok("CreateUserPool", body).await["UserPool"].take()
}

async fn client(world: &World, settings: Value) -> Value {
    let settings = with(settings, "/UserPoolId", DEFAULT_POOL_ID);
    let body = with(settings, "/ClientName", "made");
    world.ok("CreateUserPoolClient", body).await["UserPoolClient"].take()
}

async fn client_err(world: &World, settings: Value) -> Failure {
    let settings = with(settings, "/UserPoolId", DEFAULT_POOL_ID);
    world.err("CreateUserPoolClient", with(settings, "/ClientName", "made")).await
}

fn id(client: &Value) -> &str {
    client["ClientId"].as_str().unwrap()
}

#[tokio::test]
async fn new_client_has_cognito_defaults() {
    let world = World::new();
    let made = client(&world, json!({})).await;
    assert_eq!(id(&made).len(), 26);
    assert!(made.get("ClientSecret").is_none());
    assert_eq!(made["PreventUserExistenceErrors"], "LEGACY");
    assert_eq!(made["EnableTokenRevocation"], true);
    assert_eq!(made["AuthSessionValidity"], 3);
    assert_eq!(made["RefreshTokenValidity"], 30);
    assert_eq!(
        made["TokenValidityUnits"],
        json!({ "AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days" })
    );
    assert_eq!(
        made["ExplicitAuthFlows"],
        json!(["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"])
    );
    let body = json!({ "UserPoolId": DEFAULT_POOL_ID, "ClientId": id(&made) });
    let told = world.ok("DescribeUserPoolClient", body).await;
    assert_eq!(told["UserPoolClient"], made);
}

#[tokio::test]
async fn generated_client_secret_is_required() {
    let world = World::new();
    world.user(PHONE).await;
    let made = client(&world, json!({ "GenerateSecret": true })).await;
    let secret = made["ClientSecret"].as_str().unwrap();
    assert_eq!(secret.len(), 51);
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    let start = with(start, "/ClientId", id(&made));
    let told = world.err("InitiateAuth", start.clone()).await;
    assert!(told.message.ends_with("but SECRET_HASH was not received"));
    let hash = local::user_pool::secret_hash(secret, PHONE, id(&made));
    world.ok("InitiateAuth", with(start, "/AuthParameters/SECRET_HASH", hash)).await;
}

#[tokio::test]
async fn explicit_auth_flows_are_enforced() {
    let world = World::new();
    world.user(PHONE).await;
    let flows = [
        ("ADMIN_USER_PASSWORD_AUTH", "AdminInitiateAuth"),
        ("USER_PASSWORD_AUTH", "InitiateAuth"),
        ("CUSTOM_AUTH", "InitiateAuth"),
        ("USER_SRP_AUTH", "InitiateAuth"),
    ];
    for (given, allowed) in [
        (json!(null), ["CUSTOM_AUTH", "USER_SRP_AUTH"].as_slice()),
        (json!([]), &["CUSTOM_AUTH", "USER_SRP_AUTH"]),
        (json!(["ALLOW_USER_PASSWORD_AUTH"]), &["USER_PASSWORD_AUTH"]),
        (json!(["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]), &["CUSTOM_AUTH"]),
        (json!(["ALLOW_ADMIN_USER_PASSWORD_AUTH"]), &["ADMIN_USER_PASSWORD_AUTH"]),
        (
            json!(["ADMIN_NO_SRP_AUTH"]),
            &["ADMIN_USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_SRP_AUTH"],
        ),
        (json!(["USER_PASSWORD_AUTH"]), &["USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_SRP_AUTH"]),
        (json!(["CUSTOM_AUTH_FLOW_ONLY"]), &["CUSTOM_AUTH"]),
    ] {
        let made = client(&world, json!({ "ExplicitAuthFlows": given })).await;
        if given.as_array().is_some_and(|given| !given.is_empty()) {
            assert_eq!(made["ExplicitAuthFlows"], given);
        }
        for (flow, operation) in flows {
            let parameters = json!({ "USERNAME": PHONE, "PASSWORD": PASSWORD, "SRP_A": "ab12" });
            let body = with(initiate(flow, parameters), "/ClientId", id(&made));
            let result = world.call(operation, &with(body, "/UserPoolId", DEFAULT_POOL_ID)).await;
            if allowed.contains(&flow) {
                assert!(result.is_ok(), "{given} {flow} {result:?}");
            } else {
                let message = format!("{flow} flow not enabled for this client");
                assert_eq!(result.unwrap_err(), failure("InvalidParameter", &message), "{given}");
            }
        }
    }
    let mixed = json!({ "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ADMIN_NO_SRP_AUTH"] });
    let told = client_err(&world, mixed).await;
    assert_eq!(told.exception, "InvalidParameterException");
    assert!(told.message.contains("cannot be mixed"));
}

#[tokio::test]
async fn default_clients_allow_what_the_templates_does() {
    let world = World::new();
    let describe = async |client: &str| {
        let of = json!({ "UserPoolId": DEFAULT_POOL_ID, "ClientId": client });
        world.ok("DescribeUserPoolClient", of).await["UserPoolClient"].take()
    };
    for client in [DEFAULT_CLIENT_ID, SECRET_CLIENT_ID] {
        let shown = describe(client).await;
        let flows = json!(["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
        assert_eq!(shown["ExplicitAuthFlows"], flows);
        assert_eq!(shown["PreventUserExistenceErrors"], "ENABLED");
        assert_eq!(shown["EnableTokenRevocation"], true);
    }
    let flows = json!([
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "ALLOW_CUSTOM_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_USER_SRP_AUTH",
    ]);
    assert_eq!(describe(ANY_FLOW_CLIENT_ID).await["ExplicitAuthFlows"], flows);
}

#[tokio::test]
async fn default_pool_is_the_templates_for_each_sign_up() {
    for (sign_up, has_trigger, sends, is_closed) in [
        (SignUpMode::Code, true, false, false),
        (SignUpMode::Cognito, false, true, false),
        (SignUpMode::Closed, false, false, true),
    ] {
        let world = World::with_sign_up(sign_up, |_| {});
        let pool = world.admin("DescribeUserPool", "").await["UserPool"].take();
        let mut triggers =
            vec!["CreateAuthChallenge", "DefineAuthChallenge", "VerifyAuthChallengeResponse"];
        if has_trigger {
            triggers.insert(2, "PreSignUp");
            let arn = "arn:aws:lambda:us-east-1:000000000000:function:pre-sign-up";
            assert_eq!(pool["LambdaConfig"]["PreSignUp"], arn);
        }
        let shown: Vec<_> = pool["LambdaConfig"].as_object().unwrap().keys().collect();
        assert_eq!(shown, triggers, "{sign_up:?}");
        assert_eq!(pool["SmsConfiguration"].is_object(), sends, "{sign_up:?}");
        let verified = if sends { json!(["phone_number", "email"]) } else { json!([]) };
        assert_eq!(pool["AutoVerifiedAttributes"], verified, "{sign_up:?}");
        assert_eq!(pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], is_closed);
        let admin_only = json!([{ "Priority": 1, "Name": "admin_only" }]);
        assert_eq!(pool["AccountRecoverySetting"]["RecoveryMechanisms"], admin_only);
    }
}

#[tokio::test]
async fn default_pools_of_code_and_closed_send_nothing_by_themselves() {
    for sign_up in [SignUpMode::Code, SignUpMode::Closed] {
        let world = World::with_sign_up(sign_up, |_| {});
        world.script_response(Trigger::PreSignUp, json!({ "autoConfirmUser": true }));
        let is_closed = sign_up == SignUpMode::Closed;
        for n in 0..20 {
            let name = format!("+819012345{n:03}");
            let of = json!({ "ClientId": DEFAULT_CLIENT_ID, "Username": name });
            let body = with(of.clone(), "/Password", PASSWORD);
            match world.call("SignUp", &body).await {
                Ok(reply) => {
                    assert_eq!((&reply["UserConfirmed"], is_closed), (&json!(true), false))
                }
                Err(told) => assert_eq!(
                    (told.exception.as_str(), is_closed),
                    ("NotAuthorizedException", true)
                ),
            }
            for operation in ["ResendConfirmationCode", "ForgotPassword"] {
                world.err(operation, of.clone()).await;
            }
            world.call("AdminCreateUser", &pool_and(&name)).await.unwrap_err();
        }
        let users = if is_closed { 0 } else { 20 };
        assert_eq!(world.pools.counts(DEFAULT_POOL_ID).unwrap().users, users);
        assert!(world.messages().is_empty());
    }
}

#[tokio::test]
async fn password_alone_gives_no_tokens_to_the_default_client() {
    let world = World::new();
    world.user(PHONE).await;
    let names = AuthFlow::ALL.map(AuthFlow::name).into_iter();
    for flow in names.chain(["ADMIN_NO_SRP_AUTH", "USER_AUTH"]) {
        for operation in ["InitiateAuth", "AdminInitiateAuth"] {
            let parameters = json!({
                "USERNAME": PHONE,
                "PASSWORD": PASSWORD,
                "SRP_A": "ab12",
                "REFRESH_TOKEN": PASSWORD,
            });
            let body = with(initiate(flow, parameters), "/UserPoolId", DEFAULT_POOL_ID);
            match world.call(operation, &with(body, "/ClientId", DEFAULT_CLIENT_ID)).await {
                Ok(reply) => assert_eq!(reply["ChallengeName"], "CUSTOM_CHALLENGE", "{flow}"),
                Err(told) => assert_ne!(told.exception, "InternalErrorException", "{flow}"),
            }
        }
    }
}

#[tokio::test]
async fn session_of_a_default_client_outlives_a_code() {
    const CODE_LIFETIME: Duration = Duration::from_secs(300);
    let world = World::with(|settings| {
        settings.pools[0].clients =
            InitialPools::new(ISSUER_BASE, CODE_LIFETIME, SignUpMode::Cognito).pools[0]
                .clients
                .clone();
    });
    world.user(PHONE).await;
    for client in [DEFAULT_CLIENT_ID, ANY_FLOW_CLIENT_ID] {
        let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
        let challenge = world.ok("InitiateAuth", with(start, "/ClientId", client)).await;
        world.pass(CODE_LIFETIME);
        let body = with(answer(&challenge, PHONE, ANSWER), "/ClientId", client);
        let reply = world.ok("RespondToAuthChallenge", body).await;
        assert!(reply["AuthenticationResult"]["IdToken"].is_string());
    }
}

fn recovery(mechanisms: Value) -> Value {
    json!({ "AccountRecoverySetting": { "RecoveryMechanisms": mechanisms } })
}

#[tokio::test]
async fn account_recovery_is_kept_and_shown() {
    let world = World::new();
    let described = async |id: &Value| {
        let of = json!({ "UserPoolId": id });
        world.ok("DescribeUserPool", of).await["UserPool"]["AccountRecoverySetting"].take()
    };
    let email = json!({ "Priority": 1, "Name": "verified_email" });
    let phone = json!({ "Priority": 2, "Name": "verified_phone_number" });
    let admin = json!({ "Priority": 1, "Name": "admin_only" });
    assert_eq!(described(&json!(DEFAULT_POOL_ID)).await["RecoveryMechanisms"], json!([admin]));
    for mechanisms in [json!([phone, email]), json!([email]), json!([phone]), json!([admin])] {
        let setting = recovery(mechanisms);
        let made = pool(&world, setting.clone()).await;
        assert_eq!(made["AccountRecoverySetting"], setting["AccountRecoverySetting"]);
        assert_eq!(described(&made["Id"]).await, setting["AccountRecoverySetting"]);
        // What an update does not name is as in a pool without it.
        world.ok("UpdateUserPool", json!({ "UserPoolId": made["Id"] })).await;
        assert_eq!(described(&made["Id"]).await, Value::Null);
        world.ok("UpdateUserPool", with(setting.clone(), "/UserPoolId", made["Id"].clone())).await;
        assert_eq!(described(&made["Id"]).await, setting["AccountRecoverySetting"]);
    }
    let made = pool(&world, json!({ "AccountRecoverySetting": {} })).await;
    assert!(made.get("AccountRecoverySetting").is_none());
}

#[tokio::test]
async fn contradicting_account_recovery_is_refused() {
    let world = World::new();
    let option = |priority: u32, name: &str| json!({ "Priority": priority, "Name": name });
    let (email, phone) = (option(1, "verified_email"), option(2, "verified_phone_number"));
    let at = "Value at 'accountRecoverySetting.recoveryMechanisms";
    for (mechanisms, part) in [
        (json!([]), format!("{at}' failed to satisfy constraint: Member must have length greater")),
        (json!([email, phone, email]), format!("{at}' failed to satisfy constraint")),
        (json!([option(1, "verified")]), format!("{at}.1.member.name' failed to satisfy")),
        (json!([email, option(3, "admin_only")]), format!("{at}.2.member.priority' failed")),
        (json!([option(0, "verified_email")]), format!("{at}.1.member.priority' failed")),
        (json!([{ "Priority": 1 }]), format!("{at}.1.member.name' failed")),
        (json!([{ "Name": "admin_only" }]), format!("{at}.1.member.priority' failed")),
        (json!([email, option(2, "admin_only")]), "admin_only excludes other".to_owned()),
        (json!([email, option(1, "verified_phone_number")]), "a priority of its own".to_owned()),
        (json!([email, option(2, "verified_email")]), "a name and a priority".to_owned()),
    ] {
        for operation in ["CreateUserPool", "UpdateUserPool"] {
            let body = with(recovery(mechanisms.clone()), "/UserPoolId", DEFAULT_POOL_ID);
            let told = world.err(operation, with(body, "/PoolName", "made")).await;
            assert_eq!(told.exception, "InvalidParameterException");
            assert!(told.message.contains(&part), "{}", told.message);
        }
    }
}

#[tokio::test]
async fn client_settings_out_of_range_are_refused() {
    let world = World::new();
    let range = failure("InvalidParameter", "Invalid range for token validity.");
    let units = |unit: &str| json!({ "AccessToken": unit, "IdToken": unit, "RefreshToken": unit });
    for (name, amount, unit) in [
        ("AccessTokenValidity", 299, "seconds"),
        ("AccessTokenValidity", 4, "minutes"),
        ("IdTokenValidity", 25, "hours"),
        ("IdTokenValidity", 2, "days"),
        ("RefreshTokenValidity", 59, "minutes"),
        ("RefreshTokenValidity", 3_651, "days"),
    ] {
        let settings = json!({ name: amount, "TokenValidityUnits": units(unit) });
        assert_eq!(client_err(&world, settings).await, range, "{name} {amount} {unit}");
    }
    for (settings, member) in [
        (json!({ "AuthSessionValidity": 2 }), "authSessionValidity"),
        (json!({ "AuthSessionValidity": 16 }), "authSessionValidity"),
        (json!({ "AccessTokenValidity": 0 }), "accessTokenValidity"),
        (json!({ "RefreshTokenValidity": -1 }), "refreshTokenValidity"),
        (json!({ "TokenValidityUnits": { "IdToken": "weeks" } }), "tokenValidityUnits.idToken"),
        (json!({ "PreventUserExistenceErrors": "MAYBE" }), "preventUserExistenceErrors"),
        (json!({ "ExplicitAuthFlows": ["ALLOW_ALL"] }), "explicitAuthFlows"),
    ] {
        let told = client_err(&world, settings).await;
        let start = format!("1 validation error detected: Value at '{member}' failed to satisfy");
        assert!(told.message.starts_with(&start), "{}", told.message);
    }
    let settings = json!({
        "AccessTokenValidity": 5,
        "TokenValidityUnits": { "AccessToken": "minutes" },
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    });
    let made = client(&world, settings).await;
    world.user(PHONE).await;
    let parameters = json!({ "USERNAME": PHONE, "PASSWORD": PASSWORD });
    let body = with(initiate("USER_PASSWORD_AUTH", parameters), "/ClientId", id(&made));
    let reply = world.ok("InitiateAuth", body).await;
    assert_eq!(reply["AuthenticationResult"]["ExpiresIn"], 300);
}

#[tokio::test]
async fn client_update_resets_omitted_settings_and_delete_removes_it() {
    let world = World::new();
    let made = client(
        &world,
        json!({ "AuthSessionValidity": 15, "PreventUserExistenceErrors": "ENABLED" }),
    )
    .await;
    let of = json!({ "UserPoolId": DEFAULT_POOL_ID, "ClientId": id(&made) });
    let body = with(of.clone(), "/ClientName", "renamed");
    let updated = world.ok("UpdateUserPoolClient", body).await["UserPoolClient"].take();
    assert_eq!(updated["ClientName"], "renamed");
    assert_eq!(updated["AuthSessionValidity"], 3);
    assert_eq!(updated["PreventUserExistenceErrors"], "LEGACY");
    world.ok("DeleteUserPoolClient", of.clone()).await;
    for operation in ["DescribeUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient"] {
        let told = world.err(operation, of.clone()).await;
        assert_eq!(told.exception, "ResourceNotFoundException");
    }
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    let told = world.err("InitiateAuth", with(start, "/ClientId", id(&made))).await;
    assert_eq!(told.exception, "ResourceNotFoundException");
}

#[tokio::test]
async fn pools_and_clients_are_listed_in_pages() {
    let world = World::new();
    for _ in 0..5 {
        client(&world, json!({})).await;
        pool(&world, json!({})).await;
    }
    for (operation, list, key, total) in [
        ("ListUserPoolClients", "UserPoolClients", "ClientId", 9),
        ("ListUserPools", "UserPools", "Id", 6),
    ] {
        let mut body = json!({ "UserPoolId": DEFAULT_POOL_ID, "MaxResults": 3 });
        let mut seen = Vec::new();
        loop {
            let reply = world.ok(operation, body.clone()).await;
            let page = reply[list].as_array().unwrap();
            assert!((1..=3).contains(&page.len()));
            seen.extend(page.iter().map(|item| item[key].as_str().unwrap().to_owned()));
            match reply.get("NextToken") {
                Some(token) => body["NextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(seen.len(), total);
        seen.dedup();
        assert_eq!(seen.len(), total, "none twice");
        body["NextToken"] = json!("elsewhere");
        assert_eq!(world.err(operation, body).await.exception, "InvalidParameterException");
    }
}

#[tokio::test]
async fn created_pool_signs_users_in_independently() {
    let world = World::new();
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:";
    let made = pool(
        &world,
        json!({
            "UsernameAttributes": ["phone_number"],
            "AutoVerifiedAttributes": ["phone_number"],
            "SmsConfiguration": sms_configuration(),
            "LambdaConfig": {
                "DefineAuthChallenge": format!("{arn}define-auth-challenge"),
                "CreateAuthChallenge": format!("{arn}create-auth-challenge:live"),
                "VerifyAuthChallengeResponse": format!("{arn}verify-auth-challenge"),
            },
            "UserPoolTags": { "stage": "test" },
        }),
    )
    .await;
    let pool_id = made["Id"].as_str().unwrap();
    let (region, name) = pool_id.split_once('_').unwrap();
    assert_eq!((region, name.len()), ("us-east-1", 9));
    assert_eq!(made["UserPoolTags"], json!({ "stage": "test" }));
    assert_eq!(made["UsernameAttributes"], json!(["phone_number"]));
    let body = json!({ "UserPoolId": pool_id, "ClientName": "web" });
    let client = world.ok("CreateUserPoolClient", body).await["UserPoolClient"].take();
    let body = json!({ "UserPoolId": pool_id, "Username": PHONE, "MessageAction": "SUPPRESS" });
    world.ok("AdminCreateUser", body).await;
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    let challenge = world.ok("InitiateAuth", with(start, "/ClientId", id(&client))).await;
    let body = with(answer(&challenge, PHONE, ANSWER), "/ClientId", id(&client));
    let reply = world.ok("RespondToAuthChallenge", body).await;
    let token = reply["AuthenticationResult"]["AccessToken"].clone();
    let user = world.ok("GetUser", json!({ "AccessToken": token })).await;
    assert_eq!(user["UserAttributes"][1], json!({ "Name": "phone_number", "Value": PHONE }));
    assert!(world.pools.jwks(pool_id).is_some());
    // The default pool has no such user.
    let told = world.err("AdminGetUser", pool_and(PHONE)).await;
    assert_eq!(told.exception, "UserNotFoundException");
    world.ok("DeleteUserPool", json!({ "UserPoolId": pool_id })).await;
    let told = world.err("GetUser", json!({ "AccessToken": token })).await;
    assert_eq!(told, failure("NotAuthorized", "Invalid Access Token"));
    let told = world.err("DescribeUserPool", json!({ "UserPoolId": pool_id })).await;
    assert_eq!(told.exception, "ResourceNotFoundException");
    assert!(world.pools.jwks(pool_id).is_none());
}

#[tokio::test]
async fn invalid_pool_settings_are_refused() {
    let world = World::new();
    let function = "arn:aws:lambda:us-east-1:000000000000:function:";
    for (settings, part) in [
        (
            json!({ "UsernameAttributes": ["email"], "AliasAttributes": ["email"] }),
            "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.",
        ),
        (
            json!({ "LambdaConfig": { "DefineAuthChallenge": format!("{function}another") } }),
            "function:another names no function that runs here; local runs arn:aws:lambda:",
        ),
        (
            json!({ "LambdaConfig": { "UserMigration": format!("{function}pre-sign-up") } }),
            "LambdaConfig.UserMigration: local runs the triggers DefineAuthChallenge, \
             CreateAuthChallenge, VerifyAuthChallengeResponse, PreSignUp only.",
        ),
        (
            json!({ "LambdaConfig": { "DefineAuthChallenge": "define-auth-challenge" } }),
            "Value at 'lambdaConfig.defineAuthChallenge' failed to satisfy constraint",
        ),
        (
            json!({ "Policies": { "PasswordPolicy": { "MinimumLength": 5 } } }),
            "Value at 'policies.passwordPolicy.minimumLength' failed to satisfy constraint: Member \
             must have value greater than or equal to 6",
        ),
        (
            json!({ "AutoVerifiedAttributes": ["email", "phone_number"] }),
            "SMS configuration is required when phone_number is selected for auto verification",
        ),
        (
            json!({ "SmsConfiguration": { "ExternalId": "a" } }),
            "Value at 'smsConfiguration.snsCallerArn' failed to satisfy constraint: Member must not be \
             null",
        ),
        (
            json!({ "SmsConfiguration": { "SnsCallerArn": "role" } }),
            "Value at 'smsConfiguration.snsCallerArn' failed to satisfy constraint",
        ),
        (
            json!({ "SmsConfiguration": with(sms_configuration(), "/EumsSms", json!({})) }),
            "SmsConfiguration takes SnsCallerArn or EumsSms, not both.",
        ),
        (json!({ "MfaConfiguration": "ON" }), "MfaConfiguration: local has OFF only."),
        (json!({ "UsernameConfiguration": {} }), "usernameConfiguration.caseSensitive"),
        (json!({ "Schema": [{ "Name": "a" }] }), "Schema: local has the standard attributes only."),
        (json!({ "PoolName": "a/b" }), "Value at 'poolName' failed to satisfy constraint"),
    ] {
        let body = match settings.get("PoolName") {
            Some(_) => settings,
            None => with(settings, "/PoolName", "made"),
        };
        let told = world.err("CreateUserPool", body).await;
        assert_eq!(told.exception, "InvalidParameterException");
        assert!(told.message.contains(part), "{}", told.message);
    }
}

#[tokio::test]
async fn pool_update_takes_effect_immediately() {
    let world = World::new();
    world.user(PHONE).await;
    let of = json!({ "UserPoolId": DEFAULT_POOL_ID });
    let body = json!({
        "UserPoolId": DEFAULT_POOL_ID,
        "PoolName": "renamed",
        "DeletionProtection": "ACTIVE",
        "Policies": { "PasswordPolicy": { "MinimumLength": 20 } },
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true },
        // The function that answers is the one that the ARN names.
        "LambdaConfig": {
            "DefineAuthChallenge":
                "arn:aws:lambda:us-east-1:000000000000:function:verify-auth-challenge",
        },
    });
    world.ok("UpdateUserPool", body).await;
    let told = world.ok("DescribeUserPool", of.clone()).await["UserPool"].take();
    assert_eq!(told["Name"], "renamed");
    assert_eq!(told["Policies"]["PasswordPolicy"]["MinimumLength"], 20);
    assert_eq!(told["Policies"]["PasswordPolicy"]["RequireSymbols"], false);
    assert_eq!(told["AutoVerifiedAttributes"], json!([]));
    assert_eq!(
        world.err("DeleteUserPool", of.clone()).await,
        failure(
            "InvalidParameter",
            "The user pool cannot be deleted because deletion protection is activated. Deletion \
             protection must be inactivated first."
        )
    );
    let body = json!({ "ClientId": ANY_FLOW_CLIENT_ID, "Username": EMAIL, "Password": PASSWORD });
    assert_eq!(
        world.err("SignUp", body).await,
        failure("NotAuthorized", "SignUp is not permitted for this user pool")
    );
    world.script_response(Trigger::VerifyAuthChallengeResponse, json!({ "issueTokens": true }));
    world.start(PHONE).await;
    assert_eq!(world.triggers(), [Trigger::VerifyAuthChallengeResponse]);
    world.ok("UpdateUserPool", of.clone()).await;
    let start = initiate("CUSTOM_AUTH", json!({ "USERNAME": PHONE }));
    let told = world.err("InitiateAuth", start).await;
    assert_eq!(told.message, "Custom auth lambda trigger is not configured for the user pool.");
    world.ok("DeleteUserPool", of).await;
}

#[tokio::test]
async fn unknown_scopes_are_refused() {
    let world = World::new();
    let scopes = |scopes: Value| json!({ "AllowedOAuthScopes": scopes });
    let built_in = json!(["openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"]);
    let made = client(&world, scopes(built_in.clone())).await;
    assert_eq!(made["AllowedOAuthScopes"], built_in);
    let custom = scopes(json!(["openid", "https://api.example.com/read"]));
    let told = client_err(&world, custom.clone()).await;
    assert_eq!(told.exception, "ScopeDoesNotExistException");
    let server = json!({
        "UserPoolId": DEFAULT_POOL_ID,
        "Identifier": "https://api.example.com",
        "Name": "api",
        "Scopes": [{ "ScopeName": "read", "ScopeDescription": "To read" }],
    });
    let made = world.ok("CreateResourceServer", server.clone()).await;
    assert_eq!(made["ResourceServer"], server);
    let told = world.err("CreateResourceServer", server.clone()).await;
    assert_eq!(told.exception, "InvalidParameterException");
    client(&world, custom.clone()).await;
    let told = client_err(&world, scopes(json!(["https://api.example.com/write"]))).await;
    assert_eq!(told.exception, "ScopeDoesNotExistException");
    let updated = with(server.clone(), "/Scopes/0/ScopeName", "write");
    world.ok("UpdateResourceServer", updated.clone()).await;
    client_err(&world, custom).await;
    assert_eq!(world.ok("DescribeResourceServer", server.clone()).await["ResourceServer"], updated);
    let list = world.ok("ListResourceServers", json!({ "UserPoolId": DEFAULT_POOL_ID })).await;
    assert_eq!(list, json!({ "ResourceServers": [updated] }));
    let wrong = with(server.clone(), "/Scopes/0/ScopeName", "a/b");
    let told = world.err("UpdateResourceServer", wrong).await;
    assert!(told.message.contains("'scopes.1.member.scopeName'"), "{}", told.message);
    world.ok("DeleteResourceServer", server.clone()).await;
    for operation in ["DescribeResourceServer", "UpdateResourceServer", "DeleteResourceServer"] {
        let told = world.err(operation, server.clone()).await;
        assert_eq!(told.exception, "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn invalid_oauth_settings_are_refused() {
    let world = World::new();
    for (settings, exception) in [
        (json!({ "AllowedOAuthFlows": ["client_credentials"] }), "InvalidOAuthFlowException"),
        (
            json!({ "AllowedOAuthFlows": ["client_credentials", "code"], "GenerateSecret": true }),
            "InvalidOAuthFlowException",
        ),
        (json!({ "AllowedOAuthFlows": ["password"] }), "InvalidParameterException"),
        (json!({ "SupportedIdentityProviders": ["Google"] }), "InvalidParameterException"),
        (json!({ "DefaultRedirectURI": "https://a.example" }), "InvalidParameterException"),
        (json!({ "WriteAttributes": ["shoe_size"] }), "InvalidParameterException"),
        (json!({ "RefreshTokenRotation": {} }), "InvalidParameterException"),
        (json!({ "RefreshTokenRotation": { "Feature": "ENABLED" } }), "InvalidParameterException"),
    ] {
        assert_eq!(client_err(&world, settings.clone()).await.exception, exception, "{settings}");
    }
    let settings = json!({
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthFlowsUserPoolClient": true,
        "CallbackURLs": ["https://a.example"],
        "DefaultRedirectURI": "https://a.example",
        "SupportedIdentityProviders": ["COGNITO"],
    });
    let made = client(&world, settings.clone()).await;
    for (name, value) in settings.as_object().unwrap() {
        assert_eq!(&made[name], value);
    }
}
