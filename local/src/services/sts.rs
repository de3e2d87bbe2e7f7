//! AWS STS: `AssumeRoleWithWebIdentity`, which exchanges tokens for credentials, and
//! `GetCallerIdentity`, in the query protocol.
//!
//! Not responsible for: trust policies. There is no IAM here, so a role trusts every valid token
//! for an audience that exists.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::CryptoRng;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Clock;
use crate::protocol::arn::ACCOUNT_ID;
use crate::protocol::credentials::{Origin, RoleArn, Vault};
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::http_reply::HttpReply;
use crate::protocol::jwt::InvalidToken;
use crate::protocol::query::{Form, field};
use crate::protocol::web_identity::{VerifyWebIdentity, WebIdentity};
use crate::protocol::xml::{Dialect, element, group};

/// The version of the API, which a form names: another service's differs.
const VERSION: &str = "2011-06-15";
const XML: Dialect = Dialect { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" };
const ASSUME_ROLE: &str = "AssumeRoleWithWebIdentity";
const CALLER_IDENTITY: &str = "GetCallerIdentity";

const EXPIRED_TOKEN: Exception = Exception::with_status(403, "ExpiredToken");
const EXPIRED_TOKEN_EXCEPTION: Exception = Exception::new("ExpiredTokenException");
const INTERNAL_FAILURE: Exception = Exception::with_status(500, "InternalFailure");
const INVALID_ACTION: Exception = Exception::new("InvalidAction");
const INVALID_CLIENT_TOKEN_ID: Exception = Exception::with_status(403, "InvalidClientTokenId");
const INVALID_IDENTITY_TOKEN: Exception = Exception::new("InvalidIdentityToken");
const MALFORMED_POLICY_DOCUMENT: Exception = Exception::new("MalformedPolicyDocument");
const MISSING_AUTHENTICATION_TOKEN: Exception =
    Exception::with_status(403, "MissingAuthenticationToken");
const VALIDATION_ERROR: Exception = Exception::new("ValidationError");

const SHORTEST_SESSION_SECONDS: u64 = 900;
const LONGEST_SESSION_SECONDS: u64 = 43_200;
const DEFAULT_SESSION_SECONDS: u64 = 3_600;
const LONGEST_POLICY: usize = 2_048;

/// Whether a form on `POST /` is for STS.
#[must_use]
pub fn is_sts_request(form: &Form) -> bool {
    match field(form, "Version") {
        Some(version) => version == VERSION,
        None => matches!(field(form, "Action"), Some(ASSUME_ROLE | CALLER_IDENTITY)),
    }
}

/// The headers of a request that name its signer. The signature itself is not verified.
#[derive(Clone, Copy, Default)]
pub struct Caller<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The `X-Amz-Security-Token` header.
    pub session_token: Option<&'a str>,
}

impl<'a> Caller<'a> {
    /// The access key that a request of signature version 4 names.
    fn access_key_id(&self) -> Option<&'a str> {
        let rest = self.authorization?.strip_prefix("AWS4-HMAC-SHA256")?;
        let credential =
            rest.split([',', ' ']).find_map(|part| part.strip_prefix("Credential="))?;
        credential.split('/').next().filter(|key| !key.is_empty())
    }
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller(..)")
    }
}

struct Shared {
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    identities: Arc<dyn VerifyWebIdentity>,
    vault: Vault,
    clock: Clock,
}

/// The service. Clones share it.
#[derive(Clone)]
pub struct Sts(Arc<Shared>);

impl Sts {
    /// Trusts the tokens that `identities` verifies, and issues credentials of `vault`.
    #[must_use]
    pub fn new(
        identities: Arc<dyn VerifyWebIdentity>,
        vault: Vault,
        clock: Clock,
        rng: impl CryptoRng + Send + 'static,
    ) -> Self {
        Self(Arc::new(Shared { rng: Mutex::new(Box::new(rng)), identities, vault, clock }))
    }

    /// Answers a call with the fields `form`.
    #[must_use]
    pub fn call(&self, form: &Form, caller: Caller<'_>, request_id: &str) -> HttpReply {
        let action = field(form, "Action").unwrap_or_default();
        let result = match action {
            ASSUME_ROLE => self.assume_role(form),
            CALLER_IDENTITY => caller_identity(&self.0.vault, caller, self.0.clock.now()),
            _ => {
                let message = format!("Could not find operation {action} for version {VERSION}");
                Err(Error::new(INVALID_ACTION, message))
            }
        };
        match result {
            Ok(result) => XML.response(action, &result, request_id),
            Err(error) => XML.error(&error, request_id),
        }
    }

    fn assume_role(&self, form: &Form) -> Result<String> {
        let request = AssumeRole::read(form)?;
        // Verifying a signature is slow: not under the lock.
        let identity = self.0.identities.verify_web_identity(request.token).map_err(token_error)?;
        let mut rng = self.0.rng.lock().unwrap_or_else(PoisonError::into_inner);
        request.issue_credentials(&identity, &self.0.vault, self.0.clock.now(), rng.as_mut())
    }
}

/// A field that the API model does not allow.
fn constraint_violation(name: &str, constraint: &str) -> Error {
    Error::constraint_violation_as(VALIDATION_ERROR, name, constraint)
}

/// A valid request for a role.
struct AssumeRole<'a> {
    role: RoleArn,
    session_name: &'a str,
    token: &'a str,
    duration: Duration,
}

impl<'a> AssumeRole<'a> {
    fn read(form: &'a Form) -> Result<Self> {
        let role = required_field(form, "RoleArn", "roleArn", 20, 2_048)?;
        let session_name = required_field(form, "RoleSessionName", "roleSessionName", 2, 64)?;
        if !session_name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
            let constraint = r"Member must satisfy regular expression pattern: [\w+=,.@-]*";
            return Err(constraint_violation("roleSessionName", constraint));
        }
        let token = required_field(form, "WebIdentityToken", "webIdentityToken", 4, 20_000)?;
        let seconds = duration(form)?;
        if let Some(policy) = field(form, "Policy") {
            check_policy(policy)?;
        }
        let role = RoleArn::parse(role)
            .ok_or_else(|| Error::new(VALIDATION_ERROR, "Request ARN is invalid"))?;
        Ok(Self { role, session_name, token, duration: Duration::from_secs(seconds) })
    }

    fn issue_credentials(
        self,
        identity: &WebIdentity,
        vault: &Vault,
        now: Duration,
        rng: &mut dyn CryptoRng,
    ) -> Result<String> {
        let role = self.role.assumed_role(self.session_name);
        let credentials = vault.issue(role.clone(), now + self.duration, rng);
        let expiration = timestamp(credentials.expires)
            .ok_or_else(|| Error::new(INTERNAL_FAILURE, "The clock has no valid date"))?;
        let user = [element("AssumedRoleId", &role.id), element("Arn", &role.arn)];
        let keys = [
            element("AccessKeyId", &credentials.access_key_id),
            element("SecretAccessKey", &credentials.secret_access_key),
            element("SessionToken", &credentials.session_token),
            element("Expiration", &expiration),
        ];
        Ok([
            element("SubjectFromWebIdentityToken", &identity.subject),
            element("Audience", &identity.audience),
            element("Provider", &identity.issuer),
            group("AssumedRoleUser", &user),
            group("Credentials", &keys),
        ]
        .concat())
    }
}

/// A required field, with its name in errors and its shortest and longest length.
fn required_field<'a>(
    form: &'a Form,
    name: &str,
    member: &str,
    min: usize,
    max: usize,
) -> Result<&'a str> {
    let value =
        field(form, name).ok_or_else(|| constraint_violation(member, "Member must not be null"))?;
    let length = value.chars().count();
    let (limit, bound) = match length {
        _ if length < min => ("greater", min),
        _ if length > max => ("less", max),
        _ => return Ok(value),
    };
    let constraint = format!("Member must have length {limit} than or equal to {bound}");
    Err(constraint_violation(member, &constraint))
}

fn duration(form: &Form) -> Result<u64> {
    let Some(text) = field(form, "DurationSeconds") else {
        return Ok(DEFAULT_SESSION_SECONDS);
    };
    let bad = |constraint: &str| Err(constraint_violation("durationSeconds", constraint));
    match text.parse::<i64>().map(u64::try_from) {
        Err(_) => bad("Member must be an integer"),
        Ok(Ok(seconds @ SHORTEST_SESSION_SECONDS..=LONGEST_SESSION_SECONDS)) => Ok(seconds),
        Ok(Ok(seconds)) if seconds > LONGEST_SESSION_SECONDS => {
            bad("Member must have value less than or equal to 43200")
        }
        Ok(_) => bad("Member must have value greater than or equal to 900"),
    }
}

/// A session's policy has no effect here, but must be valid JSON.
fn check_policy(policy: &str) -> Result<()> {
    let is_object =
        serde_json::from_str(policy).is_ok_and(|value: serde_json::Value| value.is_object());
    if policy.len() > LONGEST_POLICY {
        let constraint = "Member must have length less than or equal to 2048";
        return Err(constraint_violation("policy", constraint));
    }
    if !is_object {
        let message = "The policy is not in the valid JSON format.";
        return Err(Error::new(MALFORMED_POLICY_DOCUMENT, message));
    }
    Ok(())
}

fn token_error(error: InvalidToken) -> Error {
    let message = match error {
        InvalidToken::Expired { end, now } => {
            let message = format!(
                "Token expired: current date/time {now} must be before the expiration date/time \
                 {end}"
            );
            return Error::new(EXPIRED_TOKEN_EXCEPTION, message);
        }
        InvalidToken::Malformed | InvalidToken::WrongUse => {
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an \
             Access Token)"
                .to_owned()
        }
        InvalidToken::UnknownIssuer(issuer) => {
            format!("No OpenIDConnect provider found in your account for {issuer}")
        }
        InvalidToken::Signature => "The signature of the token is not valid".to_owned(),
        InvalidToken::MissingClaim(name) => format!("Missing a required claim: {name}"),
        InvalidToken::Audience => "Incorrect token audience".to_owned(),
    };
    Error::new(INVALID_IDENTITY_TOKEN, message)
}

fn caller_identity(vault: &Vault, caller: Caller<'_>, now: Duration) -> Result<String> {
    let Some(access_key_id) = caller.access_key_id() else {
        let message = "Request is missing Authentication Token";
        return Err(Error::new(MISSING_AUTHENTICATION_TOKEN, message));
    };
    let show = |user_id: &str, account: &str, arn: &str| {
        [element("UserId", user_id), element("Account", account), element("Arn", arn)].concat()
    };
    match caller.session_token.map(|token| vault.open(token)) {
        // Any other key is accepted here, as by every service.
        None | Some(Origin::Foreign) => {
            Ok(show(ACCOUNT_ID, ACCOUNT_ID, &format!("arn:aws:iam::{ACCOUNT_ID}:root")))
        }
        Some(Origin::Ours(session)) if session.access_key_id == access_key_id => {
            if session.is_expired(now) {
                let message = "The security token included in the request is expired";
                return Err(Error::new(EXPIRED_TOKEN, message));
            }
            let role = session.role;
            Ok(show(&role.id, &role.account, &role.arn))
        }
        Some(_) => {
            let message = "The security token included in the request is invalid.";
            Err(Error::new(INVALID_CLIENT_TOKEN_ID, message))
        }
    }
}

/// A time in XML, such as `2033-05-18T03:33:20Z`.
fn timestamp(time: Duration) -> Option<String> {
    let seconds = i64::try_from(time.as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_key_id_is_read_from_the_authorization_header() {
        let key = |authorization| {
            Caller { authorization: Some(authorization), session_token: None }.access_key_id()
        };
        assert_eq!(
            key("AWS4-HMAC-SHA256 Credential=AKIA1/20330518/us-east-1/sts/aws4_request, \
                 SignedHeaders=host, Signature=00"),
            Some("AKIA1")
        );
        for unsigned in ["", "Basic AKIA1", "AWS4-HMAC-SHA256 Credential=/x", "AWS4-HMAC-SHA256"] {
            assert_eq!(key(unsigned), None, "{unsigned}");
        }
    }

    #[test]
    fn timestamps_are_formatted_as_xml_datetime() {
        let written = timestamp(Duration::from_millis(2_000_000_000_999));
        assert_eq!(written.as_deref(), Some("2033-05-18T03:33:20Z"));
        assert_eq!(timestamp(Duration::MAX), None);
    }
}
