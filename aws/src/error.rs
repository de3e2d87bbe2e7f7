//! Why a call failed, in words that may be logged.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Why a call failed, for the log: the service's error code, never its message, which may quote the
/// request.
pub fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    match error {
        SdkError::ServiceError(error) => error.err().code().and_then(plain).unwrap_or("unknown"),
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "unreachable",
        SdkError::ResponseError(_) => "unreadable response",
        _ => "request not made",
    }
}

/// An error code such as AWS's: letters only, so that it can hold no number and no address,
/// whatever answered.
fn plain(code: &str) -> Option<&str> {
    (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_with_anything_but_letters_are_not_logged() {
        assert_eq!(plain("InvalidParameter"), Some("InvalidParameter"));
        for code in ["", "+819012345678", "123456", "jane@example.com", "a b", &"x".repeat(65)] {
            assert_eq!(plain(code).filter(|code| !code.is_empty()), None, "{code}");
        }
    }
}
