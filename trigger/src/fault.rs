//! What a function says when it cannot answer.

use lambda_runtime::Diagnostic;

/// Why a function gives no response.
///
/// Cognito shows the text to its client ("CreateAuthChallenge failed with error …"), so each fault
/// is a stable code and, where it helps, a bland sentence. Nothing here can hold a value of the
/// event: the reason of an internal fault is a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The user has no address that a code may go to.
    #[error(
        "NO_DESTINATION: this account has no phone number or email address that codes are sent to"
    )]
    NoDestination,
    /// A user who signs up has a phone number and an email address; one code can prove one contact.
    #[error("ONE_CONTACT_ONLY: sign up with a phone number or an email address, not both")]
    OneContactOnly,
    /// Administrators create the users.
    #[error("SIGN_UP_CLOSED: this application has no self-service sign-up")]
    SignUpClosed,
    /// The user's phone number is in a country, or of a kind, that texts do not go to.
    #[error("DESTINATION_NOT_ALLOWED: codes are not sent to this number")]
    DestinationNotAllowed,
    /// The service that sends the message refused it, or did not answer in time.
    #[error("DELIVERY_FAILED: the code could not be sent; try again")]
    DeliveryFailed,
    /// The destination has had all the messages that it may for now. Says how many seconds to wait.
    #[error("TOO_MANY_CODES: try again in {0} seconds")]
    TooManyCodes(u64),
    /// The ledger cannot be reached, so nothing is sent.
    #[error("UNAVAILABLE: try again later")]
    Unavailable,
    /// Anything else: an event that we cannot read, a bug. The reason is for the log only.
    #[error("INTERNAL")]
    Internal(&'static str),
}

impl Fault {
    /// The stable code: what clients and alarms match on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDestination => "NO_DESTINATION",
            Self::OneContactOnly => "ONE_CONTACT_ONLY",
            Self::SignUpClosed => "SIGN_UP_CLOSED",
            Self::DestinationNotAllowed => "DESTINATION_NOT_ALLOWED",
            Self::DeliveryFailed => "DELIVERY_FAILED",
            Self::TooManyCodes(_) => "TOO_MANY_CODES",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        Self { error_type: fault.code().to_owned(), error_message: fault.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_message_starts_with_its_code_and_hides_the_reason() {
        for fault in [
            Fault::NoDestination,
            Fault::OneContactOnly,
            Fault::SignUpClosed,
            Fault::DestinationNotAllowed,
            Fault::DeliveryFailed,
            Fault::TooManyCodes(7),
            Fault::Unavailable,
            Fault::Internal("a bug"),
        ] {
            let diagnostic = Diagnostic::from(fault);
            assert_eq!(diagnostic.error_type, fault.code());
            assert!(diagnostic.error_message.starts_with(fault.code()));
            assert!(!diagnostic.error_message.contains("a bug"));
        }
    }
}
