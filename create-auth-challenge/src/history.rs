//! What came before: the session's last challenge of ours, and the response to it.

use otp::{ChallengeMetadata, ClientRequest, Hold, Record};
use secrecy::ExposeSecret as _;
use trigger::{Fault, Request};

use crate::Policy;

/// The last challenge of ours, and the response to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum History {
    /// There was none.
    Empty,
    /// It asked the user to choose a medium.
    Choice {
        /// Verify found the name of the less preferred medium.
        is_alternative: bool,
        /// What the response asked for.
        request: ClientRequest,
    },
    /// It asked for nothing: a message was not admitted.
    Hold {
        /// Why.
        hold: Hold,
        /// What the response asked for.
        request: ClientRequest,
    },
    /// It asked for a code, and the answer was not right.
    Code {
        /// What its metadata says.
        record: Record,
        /// What the response asked for.
        request: ClientRequest,
    },
}

impl History {
    /// Reads the session of `request`.
    ///
    /// # Errors
    /// When it is one that our define ends, or not ours.
    pub(crate) fn read(request: &Request, policy: &Policy) -> Result<Self, Fault> {
        const OURS: &str = "CUSTOM_CHALLENGE";
        if request.challenge_name.as_deref() != Some(OURS) {
            return Err(Fault::Internal("the event's `challengeName` is not CUSTOM_CHALLENGE"));
        }
        let last = request.session.iter().rposition(|entry| entry.challenge_name == OURS);
        let Some(last) = last else { return Ok(Self::Empty) };
        let [last] = request.session.get(last..).unwrap_or_default() else {
            return Err(Fault::Internal(
                "the session has another challenge after CUSTOM_CHALLENGE",
            ));
        };
        let metadata = last.challenge_metadata.as_ref().map(|text| text.expose_secret());
        let metadata = ChallengeMetadata::parse(metadata.unwrap_or_default())
            .map_err(|_| Fault::Internal("the last challenge's metadata is invalid"))?;
        let request =
            ClientRequest::from_client_metadata(|name| request.client_metadata.expose(name));
        let record = match metadata {
            ChallengeMetadata::Choice => {
                return Ok(Self::Choice { is_alternative: last.challenge_result, request });
            }
            ChallengeMetadata::Hold(hold) => return Ok(Self::Hold { hold, request }),
            ChallengeMetadata::Code(record) => record,
        };
        if last.challenge_result {
            return Err(Fault::Internal("the last challenge was already answered right"));
        }
        if record.wrong_answers_after(request) >= policy.limits.attempts {
            return Err(Fault::Internal("no attempts are left"));
        }
        Ok(Self::Code { record, request })
    }
}
