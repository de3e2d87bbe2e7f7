//! Two user pools, identity pools and STS, on a clock that moves only when told to.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use local::clock::Clock;
use local::identity_pool::IdentityPools;
use local::lambda::{Invoke, InvokeError, Trigger};
use local::outbox::Outbox;
use local::protocol::credentials::Vault;
use local::protocol::http_reply::HttpReply;
use local::services::sts::{Caller, Sts};
use local::user_pool::{
    ANY_FLOW_CLIENT_ID, Client, DEFAULT_POOL_ID, InitialPools, NewPool, PoolConfig, SignUpMode,
    SigningKey, UserPools,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rsa::pkcs1::EncodeRsaPrivateKey;
use serde_json::{Value, json};
use test_support::clock::ManualClock;

pub(crate) const PHONE: &str = "+819012345678";
pub(crate) const EMAIL: &str = "maya@example.com";
const PASSWORD: &str = "Passw0rd!";
pub(crate) const BASE: &str = "http://127.0.0.1:9500";
pub(crate) const OTHER_POOL_ID: &str = "us-east-1_OtherPool";
pub(crate) const OTHER_POOL_CLIENT_ID: &str = "clientofotherpool00000000";
/// A client of the default pool that no identity pool trusts.
pub(crate) const OTHER_CLIENT_ID: &str = "otherclient00000000000000";
pub(crate) const PROVIDER: &str = "cognito-idp.us-east-1.amazonaws.com/us-east-1_LocalPool";
pub(crate) const OTHER_PROVIDER: &str = "cognito-idp.us-east-1.amazonaws.com/us-east-1_OtherPool";
pub(crate) const USER_ROLE: &str = "arn:aws:iam::000000000000:role/User";
pub(crate) const GUEST_ROLE: &str = "arn:aws:iam::000000000000:role/Guest";
/// 2033-05-18T03:33:20Z.
pub(crate) const START: u64 = 2_000_000_000;

/// Keys for all tests: making one takes a while.
static KEYS: LazyLock<[SigningKey; 3]> =
    LazyLock::new(|| [SigningKey::new(), SigningKey::new(), SigningKey::new()]);
/// A key that nobody trusts.
static STRANGER: LazyLock<EncodingKey> = LazyLock::new(|| {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2_048).unwrap();
    EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes())
});

/// No sign-in here calls a function.
struct NoFunctions;

impl Invoke for NoFunctions {
    fn invoke(&self, _: Trigger, _: Bytes) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async { Err(InvokeError::TimedOut) })
    }
}

/// The exceptions that the API model declares, of those that can be raised here.
const DECLARED: [(&str, &[&str]); 10] = [
    ("CreateIdentityPool", &["ResourceConflictException"]),
    ("UpdateIdentityPool", &["ResourceNotFoundException", "ResourceConflictException"]),
    ("DescribeIdentityPool", &["ResourceNotFoundException"]),
    ("DeleteIdentityPool", &["ResourceNotFoundException"]),
    ("ListIdentityPools", &["ResourceNotFoundException"]),
    ("SetIdentityPoolRoles", &["ResourceNotFoundException", "ResourceConflictException"]),
    ("GetIdentityPoolRoles", &["ResourceNotFoundException", "ResourceConflictException"]),
    ("GetId", &["ResourceNotFoundException", "ResourceConflictException"]),
    (
        "GetCredentialsForIdentity",
        &[
            "ResourceNotFoundException",
            "ResourceConflictException",
            "InvalidIdentityPoolConfigurationException",
        ],
    ),
    ("GetOpenIdToken", &["ResourceNotFoundException", "ResourceConflictException"]),
];
/// Those that every operation declares, and the protocol's own.
const COMMON: [&str; 3] =
    ["InvalidParameterException", "NotAuthorizedException", "SerializationException"];

/// An exception as a client reads it: its name and its message.
pub(crate) type Failure = (String, String);

pub(crate) fn failure(exception: &str, message: &str) -> Failure {
    (format!("{exception}Exception"), message.to_owned())
}

pub(crate) fn not_authorized(message: &str) -> Failure {
    failure("NotAuthorized", message)
}

/// What holds of every reply: a refusal says nothing but why, and is one that the operation declares.
pub(crate) fn check(operation: &str, reply: &HttpReply) -> Result<Value, Failure> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let Some(exception) = reply.error_type else {
        assert_eq!(reply.status, 200);
        return Ok(body);
    };
    assert_eq!(reply.status, 400);
    assert_eq!(body["__type"], exception);
    assert_eq!(body.as_object().unwrap().len(), 2, "nothing but the error: {body}");
    assert!(!body.to_string().contains("ASIA"));
    let declared = DECLARED.iter().find(|(name, _)| *name == operation).map(|(_, names)| *names);
    match declared {
        None => assert_eq!(exception, "UnknownOperationException"),
        Some(names) => assert!(
            names.contains(&exception) || COMMON.contains(&exception),
            "{operation} does not declare {exception}"
        ),
    }
    Err((exception.to_owned(), body["message"].as_str().unwrap().to_owned()))
}

/// The tokens of a sign-in.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) id: String,
    pub(crate) access: String,
}

pub(crate) struct World {
    pub(crate) users: UserPools,
    pub(crate) identities: IdentityPools,
    sts: Sts,
    now: ManualClock,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut settings = InitialPools::new(BASE, Duration::from_secs(300), SignUpMode::Cognito);
        settings.pools[0].signing_key = KEYS[0].clone();
        settings.pools[0].clients.push(Client::new(OTHER_CLIENT_ID, "other"));
        settings.pools.push(NewPool {
            config: PoolConfig::new(OTHER_POOL_ID, "other"),
            clients: vec![Client::new(OTHER_POOL_CLIENT_ID, "other pool")],
            signing_key: KEYS[1].clone(),
        });
        let now = ManualClock::new(Duration::from_secs(START));
        let read = now.clone();
        let clock = Clock::new(move || read.now());
        let functions = Arc::new(NoFunctions);
        let rng = StdRng::seed_from_u64;
        let users = UserPools::new(settings, clock.clone(), Outbox::default(), functions, rng(1));
        let vault = Vault::generate(&mut rng(2));
        let key = KEYS[2].clone();
        let identities =
            IdentityPools::new(BASE, key, users.clone(), vault.clone(), clock.clone(), rng(3));
        let sts = Sts::new(Arc::new(identities.clone()), vault, clock, rng(4));
        Self { users, identities, sts, now }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.now.advance(Duration::from_secs(seconds));
    }

    /// An operation of the user pools, which succeeds.
    pub(crate) async fn user_pool(&self, operation: &str, body: Value) -> Value {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let reply = self.users.call(&target, body.to_string().as_bytes()).await;
        assert_eq!(reply.error_type, None, "{operation}");
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// Makes a user of a pool, once.
    pub(crate) async fn user_of(&self, pool_id: &str, username: &str) {
        let user = json!({ "UserPoolId": pool_id, "Username": username });
        let with = |name: &str, value: Value| {
            let mut user = user.clone();
            user[name] = value;
            user
        };
        self.user_pool("AdminCreateUser", with("MessageAction", json!("SUPPRESS"))).await;
        let mut password = with("Password", json!(PASSWORD));
        password["Permanent"] = json!(true);
        self.user_pool("AdminSetUserPassword", password).await;
    }

    pub(crate) async fn sign_in_at(&self, client_id: &str, username: &str) -> Tokens {
        let body = json!({
            "ClientId": client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": username, "PASSWORD": PASSWORD },
        });
        let reply = self.user_pool("InitiateAuth", body).await;
        let token = |name: &str| {
            reply["AuthenticationResult"][name].as_str().expect("a sign-in gives tokens").to_owned()
        };
        Tokens { id: token("IdToken"), access: token("AccessToken") }
    }

    /// Makes a user of the default pool and signs in.
    pub(crate) async fn signed_in(&self, username: &str) -> Tokens {
        self.user_of(DEFAULT_POOL_ID, username).await;
        self.sign_in_at(ANY_FLOW_CLIENT_ID, username).await
    }

    pub(crate) fn call(&self, operation: &str, body: &Value) -> Result<Value, Failure> {
        let target = format!("AWSCognitoIdentityService.{operation}");
        check(operation, &self.identities.call(&target, body.to_string().as_bytes()))
    }

    pub(crate) fn ok(&self, operation: &str, body: Value) -> Value {
        self.call(operation, &body).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    pub(crate) fn err(&self, operation: &str, body: Value) -> Failure {
        match self.call(operation, &body) {
            Ok(_) => panic!("{operation} succeeded"),
            Err(failure) => failure,
        }
    }

    /// An identity pool with both roles, which trusts the default client and lets guests in; with
    /// its settings changed by `change`.
    pub(crate) fn pool(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut body = json!({
            "IdentityPoolName": "pool",
            "AllowUnauthenticatedIdentities": true,
            "CognitoIdentityProviders": [
                { "ProviderName": PROVIDER, "ClientId": ANY_FLOW_CLIENT_ID },
            ],
        });
        change(&mut body);
        let made = self.ok("CreateIdentityPool", body);
        let id = made["IdentityPoolId"].as_str().unwrap().to_owned();
        self.set_roles(&id, json!({ "authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE }));
        id
    }

    pub(crate) fn set_roles(&self, pool_id: &str, roles: Value) {
        self.ok("SetIdentityPoolRoles", json!({ "IdentityPoolId": pool_id, "Roles": roles }));
    }

    pub(crate) fn get_id(&self, pool_id: &str, logins: Value) -> String {
        let reply = self.ok("GetId", json!({ "IdentityPoolId": pool_id, "Logins": logins }));
        reply["IdentityId"].as_str().unwrap().to_owned()
    }

    /// Calls STS; the status and the XML.
    pub(crate) fn sts(&self, fields: &[(&str, &str)], caller: Caller<'_>) -> (u16, String) {
        let form: BTreeMap<String, String> =
            fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let HttpReply { status, body, .. } = self.sts.call(&form, caller, "request-id");
        let body = String::from_utf8(body).unwrap();
        if status != 200 {
            for secret in ["ASIA", "SecretAccessKey", "SessionToken", "Credentials"] {
                assert!(!body.contains(secret), "{body}");
            }
        }
        (status, body)
    }

    /// AssumeRoleWithWebIdentity with `token`, and `more` fields.
    pub(crate) fn assume(&self, token: &str, more: &[(&str, &str)]) -> (u16, String) {
        let mut fields = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", USER_ROLE),
            ("RoleSessionName", "maya"),
            ("WebIdentityToken", token),
        ];
        fields.extend(more);
        self.sts(&fields, Caller::default())
    }

    /// Who STS says that these credentials are.
    pub(crate) fn whoami(&self, access_key_id: &str, session_token: &str) -> (u16, String) {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={access_key_id}/20330518/us-east-1/sts/aws4_request, \
             SignedHeaders=host, Signature=00"
        );
        let caller = Caller {
            authorization: Some(&authorization),
            session_token: Some(session_token).filter(|token| !token.is_empty()),
        };
        self.sts(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")], caller)
    }

    /// The role of credentials as JSON replies have them.
    pub(crate) fn role_of(&self, credentials: &Value) -> String {
        let text = |name: &str| credentials[name].as_str().unwrap();
        let (status, body) = self.whoami(text("AccessKeyId"), text("SessionToken"));
        assert_eq!(status, 200, "{body}");
        element(&body, "Arn").unwrap()
    }
}

pub(crate) fn login(token: &str) -> Value {
    json!({ PROVIDER: token })
}

/// The text of an element of XML.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
}

/// The claims of a token, whoever signed it.
pub(crate) fn read(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap()
}

/// The claims of a token whose signature holds with published keys.
pub(crate) fn verified(token: &str, keys: Value, issuer: &str, audience: &str) -> Value {
    let keys: JwkSet = serde_json::from_value(keys).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::RS256);
    let key = keys.find(&header.kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
}

/// The token with its claims changed and everything else as it was, its signature too.
pub(crate) fn tampered(token: &str, name: &str, value: Value) -> String {
    let mut claims = read(token);
    claims[name] = value;
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[1] = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

/// What attackers make of a token, with a name for each.
pub(crate) fn forgeries(token: &str, keys: &Value) -> Vec<(&'static str, String)> {
    let claims = read(token);
    let kid = jsonwebtoken::decode_header(token).unwrap().kid;
    let signed = |algorithm, key: &EncodingKey| {
        let mut header = Header::new(algorithm);
        header.kid = kid.clone();
        jsonwebtoken::encode(&header, &claims, key).unwrap()
    };
    let modulus = keys["keys"][0]["n"].as_str().unwrap();
    let public_key = keys["keys"][0].to_string();
    let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let none = |name: &str| {
        let header = json!({ "alg": name, "kid": kid }).to_string();
        format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(header))
    };
    let (unsigned, signature) = token.rsplit_once('.').unwrap();
    let mut letters = signature.chars();
    let flipped = if letters.next() == Some('A') { 'B' } else { 'A' };
    vec![
        ("another key", signed(Algorithm::RS256, &STRANGER)),
        ("HS256, modulus", signed(Algorithm::HS256, &EncodingKey::from_secret(modulus.as_bytes()))),
        ("HS256, JWK", signed(Algorithm::HS256, &EncodingKey::from_secret(public_key.as_bytes()))),
        ("none", none("none")),
        ("None", none("None")),
        ("no signature", format!("{unsigned}.")),
        ("changed signature", format!("{unsigned}.{flipped}{}", letters.as_str())),
        ("sub", tampered(token, "sub", json!("2e1a3d0e-0000-4000-8000-000000000000"))),
        ("exp", tampered(token, "exp", json!(START + 1_000_000))),
        ("no dots", unsigned.replace('.', "")),
        ("nothing", ".".to_owned()),
        ("text", "token".to_owned()),
    ]
}
