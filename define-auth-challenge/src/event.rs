//! From Cognito's event to the decision, and from the decision to Cognito's response.

use otp::{ChallengeMetadata, ClientRequest};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use trigger::{Request, SessionEntry};

use crate::decide::{Decision, NextChallenge, PriorChallenge, Rules, Step, decide};

/// `response` of the event.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    challenge_name: Option<&'static str>,
    issue_tokens: bool,
    fail_authentication: bool,
}

/// Decides what comes next.
#[must_use]
pub fn respond(request: &Request, rules: &Rules) -> Response {
    let steps: Vec<Step> = request.session.iter().map(step).collect();
    let ask = ClientRequest::from_client_metadata(|name| request.client_metadata.expose(name));
    decide(&steps, ask, request.user_not_found, rules).into()
}

fn step(entry: &SessionEntry) -> Step {
    let passed = entry.challenge_result;
    let challenge = match entry.challenge_name.as_str() {
        "CUSTOM_CHALLENGE" => {
            let metadata = entry.challenge_metadata.as_ref();
            let note =
                metadata.and_then(|text| ChallengeMetadata::parse(text.expose_secret()).ok());
            return match note {
                Some(ChallengeMetadata::Choice) => Step::Choice,
                Some(ChallengeMetadata::Hold(_)) => Step::Hold,
                Some(ChallengeMetadata::Code(record)) => {
                    Step::Code { passed, record: Some(record) }
                }
                None => Step::Code { passed, record: None },
            };
        }
        "SRP_A" => PriorChallenge::SrpA,
        "PASSWORD_VERIFIER" => PriorChallenge::PasswordVerifier,
        "SMS_MFA"
        | "EMAIL_OTP"
        | "SOFTWARE_TOKEN_MFA"
        | "DEVICE_SRP_AUTH"
        | "DEVICE_PASSWORD_VERIFIER" => PriorChallenge::PoolFactor,
        // `ADMIN_NO_SRP_AUTH` is one of these: no flow that we allow leads there.
        _ => PriorChallenge::Other,
    };
    Step::Prior { challenge, passed }
}

impl From<Decision> for Response {
    fn from(decision: Decision) -> Self {
        let challenge_name = match decision {
            Decision::Challenge(NextChallenge::CustomChallenge) => Some("CUSTOM_CHALLENGE"),
            Decision::Challenge(NextChallenge::PasswordVerifier) => Some("PASSWORD_VERIFIER"),
            Decision::IssueTokens | Decision::Fail => None,
        };
        Self {
            challenge_name,
            issue_tokens: decision == Decision::IssueTokens,
            fail_authentication: decision == Decision::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use settings::Limits;

    use super::*;
    use settings::SignInMode;

    const RECORD: &str = "v2.AAAAAAAAAAAAAAAAAAAAAA.1767225600.1767225600.SMS.SMS.1.0";

    fn respond_to(sign_in: SignInMode, request: &Value) -> Response {
        let rules = Rules { sign_in, limits: Limits { attempts: 3, sends: 3 } };
        respond(&serde_json::from_value(request.clone()).unwrap(), &rules)
    }

    #[test]
    fn decisions_are_encoded_as_cognito_response_fields() {
        let entry = |name: &str, result: bool| json!({ "challengeName": name, "challengeResult": result, "challengeMetadata": RECORD });
        let answered = |challenge: Option<&'static str>, issue_tokens, fail_authentication| {
            Response { challenge_name: challenge, issue_tokens, fail_authentication }
        };
        for (sign_in, session, expected) in [
            (
                SignInMode::Passwordless,
                json!(null),
                answered(Some("CUSTOM_CHALLENGE"), false, false),
            ),
            (
                SignInMode::SecondFactor,
                json!([entry("SRP_A", true)]),
                answered(Some("PASSWORD_VERIFIER"), false, false),
            ),
            (
                SignInMode::Passwordless,
                json!([entry("CUSTOM_CHALLENGE", true)]),
                answered(None, true, false),
            ),
            (
                SignInMode::Passwordless,
                json!([entry("ADMIN_NO_SRP_AUTH", true)]),
                answered(None, false, true),
            ),
        ] {
            assert_eq!(respond_to(sign_in, &json!({ "session": session })), expected, "{session}");
        }
    }

    #[test]
    fn response_is_readable_by_aws_lambda_events() {
        let response =
            serde_json::to_value(respond_to(SignInMode::Passwordless, &json!({}))).unwrap();
        let theirs: aws_lambda_events::cognito::CognitoEventUserPoolsDefineAuthChallengeResponse =
            serde_json::from_value(response).unwrap();
        assert_eq!(theirs.challenge_name.as_deref(), Some("CUSTOM_CHALLENGE"));
        assert!(!theirs.issue_tokens && !theirs.fail_authentication);
    }

    #[test]
    fn correct_answer_to_choice_or_foreign_challenge_gets_no_tokens() {
        // Nor does the right answer to a choice, which goes on.
        let choice = json!({ "challengeName": "CUSTOM_CHALLENGE", "challengeResult": true, "challengeMetadata": "v2.choice" });
        let response = respond_to(SignInMode::Passwordless, &json!({ "session": [choice] }));
        assert_eq!(response.challenge_name, Some("CUSTOM_CHALLENGE"));
        assert!(!response.fail_authentication && !response.issue_tokens);
        for metadata in [
            json!(null),
            json!(""),
            json!("v1.AAAAAAAAAAAAAAAAAAAAAA.1767225600.1767225600.SMS.1.0"),
            json!("CODE-123456"),
        ] {
            let entry = json!({
                "challengeName": "CUSTOM_CHALLENGE",
                "challengeResult": true,
                "challengeMetadata": metadata,
            });
            let response = respond_to(SignInMode::Passwordless, &json!({ "session": [entry] }));
            assert!(response.fail_authentication && !response.issue_tokens, "{metadata}");
        }
    }
}
