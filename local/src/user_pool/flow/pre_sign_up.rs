//! PreSignUp: its event, and what its response means for a user who signs up.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::protocol::error::{Error, Exception, Result};
use crate::user_pool::flow::trigger_events::{self, Caller};
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::new_user::{Confirmation, NewUser, TriggerData};

/// The event about `new`. Its attributes are those that were submitted, with the contact that is the
/// user name; there is no `sub`.
pub(crate) fn event(source: &str, caller: &Caller<'_>, new: &NewUser, data: &TriggerData) -> Bytes {
    let mut request = json!({
        "userAttributes": new.attributes(),
        "validationData": data.validation_data,
    });
    if let (Some(metadata), Some(request)) = (&data.client_metadata, request.as_object_mut()) {
        request.insert("clientMetadata".to_owned(), json!(metadata));
    }
    let response =
        json!({ "autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false });
    trigger_events::event(source, caller, &request, &response)
}

/// The response. A flag that is absent or null is false.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreSignUpResponse {
    auto_confirm_user: Option<bool>,
    auto_verify_email: Option<bool>,
    auto_verify_phone: Option<bool>,
}

impl PreSignUpResponse {
    pub(crate) fn read(output: &[u8]) -> Result<Self> {
        trigger_events::response(output)
    }

    /// What becomes of `new`: a contact is verified only with the user's confirmation, and only if
    /// it is there.
    pub(crate) fn confirmation(&self, new: &NewUser) -> Result<Confirmation> {
        let confirmed = self.auto_confirm_user == Some(true);
        let is_verified = |contact: &Contact| {
            let flag = match contact {
                Contact::PhoneNumber => self.auto_verify_phone,
                Contact::Email => self.auto_verify_email,
            };
            flag == Some(true)
        };
        let verified: Vec<Contact> = Contact::ALL.into_iter().filter(is_verified).collect();
        if !confirmed && !verified.is_empty() {
            return Err(invalid_response(
                "Phone or email cannot be auto verified, when user is not being auto confirmed.",
            ));
        }
        match verified.iter().find(|contact| !new.has(**contact)) {
            Some(contact) => Err(invalid_response(format!(
                "{} cannot be auto verified, because the user has none.",
                contact.name()
            ))),
            None => Ok(Confirmation { confirmed, verified }),
        }
    }
}

fn invalid_response(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Exception::INVALID_LAMBDA_RESPONSE, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::user_pool::model::user::{User, UserStatus};

    #[test]
    fn contacts_are_verified_only_with_the_confirmation_and_only_if_present() {
        use Contact::{Email, PhoneNumber};
        let user =
            User::new("maya".to_owned(), Uuid::nil(), UserStatus::Unconfirmed, Duration::ZERO);
        let writes = vec![("phone_number".to_owned(), "+819012345678".to_owned())];
        let new = NewUser { user, writes };
        let (yes, no) = (Some(true), Some(false));
        for (confirm, email, phone, expected) in [
            (None, None, None, Some((false, vec![]))),
            (no, no, no, Some((false, vec![]))),
            (yes, None, no, Some((true, vec![]))),
            (yes, None, yes, Some((true, vec![PhoneNumber]))),
            (yes, yes, None, None),
            (yes, yes, yes, None),
            (no, no, yes, None),
            (None, yes, None, None),
        ] {
            let response = PreSignUpResponse {
                auto_confirm_user: confirm,
                auto_verify_email: email,
                auto_verify_phone: phone,
            };
            let expected =
                expected.map(|(confirmed, verified)| Confirmation { confirmed, verified });
            assert_eq!(
                response.confirmation(&new).ok(),
                expected,
                "{confirm:?} {email:?} {phone:?}"
            );
        }
        let both = NewUser {
            user: User::new("b".to_owned(), Uuid::nil(), UserStatus::Unconfirmed, Duration::ZERO),
            writes: Contact::ALL.map(|it| (it.name().to_owned(), "x".to_owned())).into(),
        };
        let response = PreSignUpResponse {
            auto_confirm_user: yes,
            auto_verify_email: yes,
            auto_verify_phone: yes,
        };
        let verified = vec![PhoneNumber, Email];
        let expected = Confirmation { confirmed: true, verified };
        assert_eq!(response.confirmation(&both), Ok(expected));
    }
}
