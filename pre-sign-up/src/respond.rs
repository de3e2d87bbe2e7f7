//! One call, from Cognito's event to its response.

use destination::DestinationSettings;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use settings::{Lookup, Modes, SettingError, SignUpMode};
use trigger::{Event, Fault, MetricEvent, Metrics};

use crate::decide::{Applicant, Decision, Refusal, decide};

/// `response` of the event.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    auto_confirm_user: bool,
    auto_verify_email: bool,
    auto_verify_phone: bool,
}

/// The function: how users sign up, and where codes may go.
#[derive(Debug)]
pub struct PreSignUp {
    sign_up: SignUpMode,
    destinations: DestinationSettings,
    metrics: Metrics,
}

impl PreSignUp {
    /// Reads `SIGN_UP`, `SIGN_IN`, `MEDIA` and `SMS_COUNTRIES`. It counts nothing.
    ///
    /// # Errors
    /// When one has an impossible value, or `SMS_COUNTRIES` is missing.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            sign_up: Modes::read(lookup)?.sign_up,
            destinations: DestinationSettings::read(lookup)?,
            metrics: Metrics::default(),
        })
    }

    /// The same, counting confirmed users in `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Confirms the new user, leaves the matter to Cognito, or refuses.
    ///
    /// # Errors
    /// When the user may not sign up: `NO_DESTINATION`, `DESTINATION_NOT_ALLOWED`, `ONE_CONTACT_ONLY`
    /// or `SIGN_UP_CLOSED`.
    pub fn respond(&self, event: &Event) -> Result<Response, Fault> {
        let applicant = Applicant {
            is_self_sign_up: event.is_self_sign_up,
            user_name: event.user_name.expose_secret(),
            contacts: event.request.user_attributes.contacts(),
        };
        let auto_confirm_user = match decide(applicant, self.sign_up, &self.destinations) {
            Decision::Confirm => {
                self.metrics.record(MetricEvent::SignedUp);
                true
            }
            Decision::LeaveToCognito => false,
            Decision::Refuse(refusal) => return Err(fault(refusal)),
        };
        Ok(Response { auto_confirm_user, auto_verify_email: false, auto_verify_phone: false })
    }
}

fn fault(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoDestination => Fault::NoDestination,
        Refusal::DestinationNotAllowed => Fault::DestinationNotAllowed,
        Refusal::TwoContacts => Fault::OneContactOnly,
        Refusal::Closed => Fault::SignUpClosed,
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::cognito::CognitoEventUserPoolsPreSignupResponse;
    use serde_json::json;

    use super::*;

    fn function(sign_up: &str) -> PreSignUp {
        let lookup = |name: &str| match name {
            "SIGN_UP" => Some(sign_up.to_owned()),
            "SMS_COUNTRIES" => Some("JP".to_owned()),
            _ => None,
        };
        PreSignUp::read(&lookup).unwrap()
    }

    fn event(is_self_sign_up: bool, phone_number: &str) -> Event {
        let request = json!({ "userAttributes": { "phone_number": phone_number } });
        Event {
            is_self_sign_up,
            user_pool_id: "us-east-1_LocalPool".to_owned(),
            user_name: "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90".into(),
            request: serde_json::from_value(request).unwrap(),
        }
    }

    #[test]
    fn response_has_the_documented_shape_and_verifies_nothing() {
        for (sign_up, is_self_sign_up, confirms) in
            [("code", true, true), ("code", false, false), ("cognito", true, false)]
        {
            let response = function(sign_up).respond(&event(is_self_sign_up, "+819012345678"));
            let value = serde_json::to_value(response.unwrap()).unwrap();
            let theirs: CognitoEventUserPoolsPreSignupResponse =
                serde_json::from_value(value).unwrap();
            assert_eq!(theirs.auto_confirm_user, confirms, "{sign_up} {is_self_sign_up}");
            assert!(!theirs.auto_verify_email && !theirs.auto_verify_phone);
        }
    }

    #[test]
    fn refusals_are_faults() {
        for (sign_up, phone_number, expected) in [
            ("code", "", Fault::NoDestination),
            ("code", "+14155550123", Fault::DestinationNotAllowed),
            ("closed", "+819012345678", Fault::SignUpClosed),
        ] {
            let response = function(sign_up).respond(&event(true, phone_number));
            assert_eq!(response, Err(expected), "{sign_up}");
        }
    }

    #[test]
    fn second_factor_is_refused_with_code_sign_up() {
        let lookup = |name: &str| match name {
            "SIGN_UP" => Some("code".to_owned()),
            "SIGN_IN" => Some("second-factor".to_owned()),
            _ => Some("JP".to_owned()),
        };
        assert_eq!(PreSignUp::read(&lookup).unwrap_err().variable, "SIGN_UP");
    }
}
