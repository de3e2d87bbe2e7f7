//! What a client asks for in the `clientMetadata` of its response.

use crate::Medium;

/// What a response is: an answer to compare, or a request to send the code again.
///
/// Cognito shows the same `clientMetadata` to all three triggers, so all three read it with
/// [`ClientRequest::from_client_metadata`] and cannot disagree: verify compares nothing, define counts no wrong
/// answer, and create sends again, for exactly the same responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientRequest {
    /// Compare the answer.
    #[default]
    Answer,
    /// Compare nothing; send the code again (`action=resend`).
    Resend {
        /// Where to: another medium than before (`medium=SMS` or `EMAIL`), or the same.
        medium: Option<Medium>,
    },
}

impl ClientRequest {
    /// Reads `action` and `medium`, looked up with `get`. Case and surrounding spaces do not
    /// matter; any other `action` is an answer, and an unknown `medium` is none.
    #[must_use]
    pub fn from_client_metadata<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        match get("action") {
            Some(action) if action.trim().eq_ignore_ascii_case("resend") => Self::Resend {
                medium: get("medium")
                    .and_then(|medium| Medium::from_name(&medium.trim().to_ascii_uppercase())),
            },
            _ => Self::Answer,
        }
    }

    /// The medium that is asked for.
    #[must_use]
    pub fn medium(self) -> Option<Medium> {
        match self {
            Self::Answer => None,
            Self::Resend { medium } => medium,
        }
    }

    /// Is this a request to send again?
    #[must_use]
    pub fn is_resend(self) -> bool {
        matches!(self, Self::Resend { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_metadata_is_parsed_as_answer_or_resend() {
        let resend = |medium| ClientRequest::Resend { medium };
        for (action, medium, expected) in [
            (None, None, ClientRequest::Answer),
            (None, Some("SMS"), ClientRequest::Answer),
            (Some(""), None, ClientRequest::Answer),
            (Some("answer"), None, ClientRequest::Answer),
            (Some("resend!"), None, ClientRequest::Answer),
            (Some("resend"), None, resend(None)),
            (Some(" Resend "), None, resend(None)),
            (Some("resend"), Some("SMS"), resend(Some(Medium::Sms))),
            (Some("resend"), Some("email "), resend(Some(Medium::Email))),
            (Some("resend"), Some("pigeon"), resend(None)),
        ] {
            let ask = ClientRequest::from_client_metadata(|key| match key {
                "action" => action,
                "medium" => medium,
                _ => None,
            });
            assert_eq!(ask, expected, "{action:?} {medium:?}");
        }
    }
}
