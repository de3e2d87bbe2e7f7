//! The triggers' events and the functions' responses, in Cognito's format.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::protocol::arn::REGION;
use crate::protocol::error::{Error, Exception, Result};
use crate::user_pool::model::challenge::ChallengeResult;
use crate::user_pool::model::trigger::Trigger;

/// What every event names besides its trigger.
pub(crate) struct Caller<'a> {
    pub(crate) pool_id: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) username: &'a str,
}

/// An event in Cognito's format.
pub(crate) fn event(source: &str, caller: &Caller<'_>, request: &Value, response: &Value) -> Bytes {
    let event = json!({
        "version": "1",
        "triggerSource": source,
        "region": REGION,
        "userPoolId": caller.pool_id,
        "userName": caller.username,
        "callerContext": {
            "awsSdkVersion": "aws-sdk-unknown-unknown",
            "clientId": caller.client_id,
        },
        "request": request,
        "response": response,
    });
    event.to_string().into()
}

/// What all events of one request share.
pub(crate) struct TriggerContext {
    pub(crate) pool_id: String,
    pub(crate) client_id: String,
    /// The user name, or for an unknown user the name as typed.
    pub(crate) username: String,
    /// Empty for an unknown user.
    pub(crate) attributes: Map<String, Value>,
    pub(crate) user_not_found: bool,
    /// What the response carried; none on the request that starts a sign-in, whatever it carried.
    pub(crate) client_metadata: Option<BTreeMap<String, String>>,
}

impl TriggerContext {
    fn event(&self, trigger: Trigger, request: Value, response: Value) -> Bytes {
        let mut request = request;
        if let Some(request) = request.as_object_mut() {
            let mut set = |name: &str, value: Value| request.insert(name.to_owned(), value);
            set("userAttributes", json!(self.attributes));
            set("userNotFound", json!(self.user_not_found));
            set("clientMetadata", json!(self.client_metadata));
        }
        let source = format!("{}_Authentication", trigger.name());
        let caller =
            Caller { pool_id: &self.pool_id, client_id: &self.client_id, username: &self.username };
        event(&source, &caller, &request, &response)
    }

    pub(crate) fn define(&self, history: &[ChallengeResult]) -> Bytes {
        self.event(
            Trigger::DefineAuthChallenge,
            json!({ "session": history }),
            json!({ "challengeName": null, "issueTokens": null, "failAuthentication": null }),
        )
    }

    pub(crate) fn create(&self, history: &[ChallengeResult], challenge_name: &str) -> Bytes {
        self.event(
            Trigger::CreateAuthChallenge,
            json!({ "session": history, "challengeName": challenge_name }),
            json!({
                "publicChallengeParameters": null,
                "privateChallengeParameters": null,
                "challengeMetadata": null,
            }),
        )
    }

    pub(crate) fn verify(&self, private: &HashMap<String, String>, answer: &str) -> Bytes {
        // In order of name: a map's own order would differ from run to run.
        let private: BTreeMap<_, _> = private.iter().collect();
        self.event(
            Trigger::VerifyAuthChallengeResponse,
            json!({ "privateChallengeParameters": private, "challengeAnswer": answer }),
            json!({ "answerCorrect": null }),
        )
    }
}

/// The decision of Define.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DefineDecision {
    CustomChallenge,
    PasswordVerifier,
    IssueTokens,
    Fail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefineResponse {
    challenge_name: Option<String>,
    issue_tokens: Option<bool>,
    fail_authentication: Option<bool>,
}

/// The challenge that Create made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedChallenge {
    pub(crate) public_challenge_parameters: Option<BTreeMap<String, String>>,
    pub(crate) private_challenge_parameters: Option<HashMap<String, String>>,
    pub(crate) challenge_metadata: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifyResponse {
    answer_correct: bool,
}

pub(crate) fn unrecognizable_output() -> Error {
    Error::new(Exception::INVALID_LAMBDA_RESPONSE, "Unrecognizable lambda output")
}

/// The `response` of a function's output.
pub(crate) fn response<T: for<'a> Deserialize<'a>>(output: &[u8]) -> Result<T> {
    let mut output: Value = serde_json::from_slice(output).map_err(|_| {
        Error::new(
            Exception::INVALID_LAMBDA_RESPONSE,
            "Invalid lambda function output : Invalid JSON",
        )
    })?;
    match output.get_mut("response").map(Value::take) {
        // An array would do for serde, but it is not what a function answers with.
        Some(response @ Value::Object(_)) => {
            serde_json::from_value(response).map_err(|_| unrecognizable_output())
        }
        _ => Err(unrecognizable_output()),
    }
}

pub(crate) fn decision(output: &[u8]) -> Result<DefineDecision> {
    let response: DefineResponse = response(output)?;
    if response.fail_authentication == Some(true) {
        Ok(DefineDecision::Fail)
    } else if response.issue_tokens == Some(true) {
        Ok(DefineDecision::IssueTokens)
    } else {
        match response.challenge_name.as_deref() {
            Some("CUSTOM_CHALLENGE") => Ok(DefineDecision::CustomChallenge),
            Some("PASSWORD_VERIFIER") => Ok(DefineDecision::PasswordVerifier),
            _ => Err(unrecognizable_output()),
        }
    }
}

pub(crate) fn created(output: &[u8]) -> Result<CreatedChallenge> {
    response(output)
}

pub(crate) fn answer_correct(output: &[u8]) -> Result<bool> {
    response(output).map(|response: VerifyResponse| response.answer_correct)
}
