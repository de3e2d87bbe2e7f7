//! From Cognito's event to the judgement, and from the verdict to Cognito's response.

use otp::{ClientRequest, PrivateChallengeParameters, UnixSeconds};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use settings::CodeSettings;
use trigger::{Event, Fault, MetricEvent};

use crate::compare::{Subject, is_other_choice, is_right};

/// `response` of the event.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    answer_correct: bool,
    #[serde(skip)]
    count: Option<MetricEvent>,
}

impl Response {
    /// What is to be counted: nothing, if there was no code to answer with.
    #[must_use]
    pub fn count(&self) -> Option<MetricEvent> {
        self.count
    }
}

/// Judges the answer.
///
/// # Errors
/// When the private parameters are not what create writes: then the challenge was not ours.
pub fn respond(
    event: &Event,
    settings: &CodeSettings,
    now: UnixSeconds,
) -> Result<Response, Fault> {
    let request = &event.request;
    let expected =
        PrivateChallengeParameters::parse(|name| request.private_challenge_parameters.expose(name))
            .map_err(|_| Fault::Internal("the private challenge parameters are not create's"))?;
    let answer = request.challenge_answer.as_ref().map(|answer| answer.expose_secret());
    let ask = ClientRequest::from_client_metadata(|name| request.client_metadata.expose(name));
    let subject = Subject {
        pool_id: &event.user_pool_id,
        user_sub: event.subject(),
        not_found: request.user_not_found,
    };
    Ok(match expected {
        PrivateChallengeParameters::Code(challenge) => {
            let answer_correct = is_right(answer, ask, challenge, subject, settings, now);
            let count = match answer_correct {
                true => Some(MetricEvent::Verified),
                false if ask.is_resend() => None,
                false if now >= challenge.expires_at => Some(MetricEvent::Expired),
                false => Some(MetricEvent::Wrong),
            };
            Response { answer_correct, count }
        }
        PrivateChallengeParameters::Choice { alternative } => {
            Response { answer_correct: is_other_choice(answer, alternative), count: None }
        }
    })
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::cognito::CognitoEventUserPoolsVerifyAuthChallengeResponse;
    use otp::{Code, CodeKey, CodeLength, Nonce};
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_event_and_answers_as_cognito_expects() {
        let settings = CodeSettings {
            key: CodeKey::new("an example key of some 40 different bytes").unwrap(),
            length: CodeLength::MIN,
        };
        let nonce = Nonce::from_bytes([1; 16]);
        let derive = |sub| Code::derive(&settings.key, "pool", sub, &nonce, settings.length);
        let judge = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut request = json!({
                "userAttributes": { "sub": "the sub" },
                "privateChallengeParameters": { "nonce": nonce.encode(), "expires_at": "100" },
                "challengeAnswer": derive("the sub").expose(),
            });
            change(&mut request);
            let event = Event {
                user_pool_id: "pool".to_owned(),
                user_name: "the name".into(),
                request: serde_json::from_value(request).unwrap(),
            };
            respond(&event, &settings, 99).map(|response| {
                let value = serde_json::to_value(response).unwrap();
                let theirs: CognitoEventUserPoolsVerifyAuthChallengeResponse =
                    serde_json::from_value(value).unwrap();
                theirs.answer_correct
            })
        };
        assert_eq!(judge(&|_| ()), Ok(true));
        assert_eq!(judge(&|r| r["challengeAnswer"] = json!("")), Ok(false));
        assert_eq!(judge(&|r| r["challengeAnswer"] = json!(null)), Ok(false));
        assert_eq!(judge(&|r| r["clientMetadata"] = json!({ "action": "resend" })), Ok(false));
        assert_eq!(judge(&|r| r["userNotFound"] = json!(true)), Ok(false));
        // Without a `sub` the name stands for it.
        assert_eq!(judge(&|r| r["userAttributes"] = json!({})), Ok(false));
        let by_name = derive("the name").expose().to_owned();
        assert_eq!(
            judge(&|r| {
                r["userAttributes"] = json!(null);
                r["challengeAnswer"] = json!(by_name);
            }),
            Ok(true)
        );
        let choice = |other: &str, answer: &str| {
            judge(&|r| {
                r["privateChallengeParameters"] = json!({ "other_choice": other });
                r["challengeAnswer"] = json!(answer);
            })
        };
        assert_eq!(choice("EMAIL", "email "), Ok(true));
        assert_eq!(choice("EMAIL", "SMS"), Ok(false));
        assert_eq!(choice("", ""), Ok(false));
        for bad in [json!(null), json!({}), json!({ "nonce": "x", "expires_at": "100" })] {
            let fault = judge(&|r| r["privateChallengeParameters"] = bad.clone());
            assert!(matches!(fault, Err(Fault::Internal(_))), "{bad}");
        }
    }
}
