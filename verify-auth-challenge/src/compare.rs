//! The judgement.

use otp::{ClientRequest, Code, CodeParameters, Medium, UnixSeconds};
use settings::CodeSettings;
use subtle::ConstantTimeEq as _;

use crate::Answer;

/// Whose answer it is.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The user pool.
    pub pool_id: &'a str,
    /// The user's `sub`.
    pub user_sub: &'a str,
    /// There is no such user.
    pub not_found: bool,
}

/// Is `answer` the code of this sign-in, in its lifetime?
///
/// The comparison takes the same time wherever the digits differ (`subtle`), and an unknown user's
/// answer is compared like any other before it is refused. What timing still tells is whether an
/// answer has the form of a code, and whether it asked for a resend: what its sender knows.
#[must_use]
pub fn is_right(
    answer: Option<&str>,
    ask: ClientRequest,
    challenge: CodeParameters,
    subject: Subject<'_>,
    settings: &CodeSettings,
    now: UnixSeconds,
) -> bool {
    if ask.is_resend() {
        return false;
    }
    let Some(answer) = answer.and_then(|text| Answer::normalise(text, settings.length)) else {
        return false;
    };
    let Subject { pool_id, user_sub, not_found } = subject;
    let code = Code::derive(&settings.key, pool_id, user_sub, &challenge.nonce, settings.length);
    let equal: bool = code.expose().as_bytes().ct_eq(answer.digits()).into();
    equal & !not_found & (now < challenge.expires_at)
}

/// Is `answer` the name of `other`, the less preferred of the two media that the user was asked to
/// choose from? Nobody is signed in by it: whatever else the answer is chooses the preferred one.
#[must_use]
pub fn is_other_choice(answer: Option<&str>, other: Option<Medium>) -> bool {
    match (answer, other) {
        (Some(answer), Some(other)) => answer.trim().eq_ignore_ascii_case(other.name()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use otp::{CodeKey, CodeLength, Nonce};

    use super::*;

    const NOW: UnixSeconds = 1_767_225_600;

    fn settings() -> CodeSettings {
        CodeSettings {
            key: CodeKey::new("an example key of some 40 different bytes").unwrap(),
            length: CodeLength::MIN,
        }
    }

    fn subject() -> Subject<'static> {
        Subject { pool_id: "us-east-1_LocalPool", user_sub: "sub", not_found: false }
    }

    fn challenge() -> CodeParameters {
        CodeParameters { nonce: Nonce::from_bytes([1; 16]), expires_at: NOW + 300 }
    }

    fn code() -> String {
        let Subject { pool_id, user_sub, .. } = subject();
        let CodeSettings { key, length } = settings();
        Code::derive(&key, pool_id, user_sub, &challenge().nonce, length).expose().to_owned()
    }

    /// `code` with the digit in `place` changed.
    fn with_digit_changed(code: &str, place: usize) -> String {
        let change = |(i, digit): (usize, char)| {
            if i != place {
                digit
            } else if digit == '9' {
                '0'
            } else {
                char::from(digit as u8 + 1)
            }
        };
        code.chars().enumerate().map(change).collect()
    }

    #[test]
    fn the_right_answer_and_only_that() {
        let judge = |answer: &str| {
            is_right(Some(answer), ClientRequest::Answer, challenge(), subject(), &settings(), NOW)
        };
        let code = code();
        assert!(judge(&code));
        let (head, tail) = code.split_at(3);
        assert!(judge(&format!(" {head}-{tail} ")));
        assert!(!judge(head));
        for place in 0..6 {
            assert!(!judge(&with_digit_changed(&code, place)), "digit {place}");
        }
        for answer in ["", &format!("{code}0"), &code.repeat(1_000), "null", "true"] {
            assert!(!judge(answer));
        }
    }

    #[test]
    fn a_choice_is_the_other_medium_by_name() {
        for (answer, other, expected) in [
            (Some("EMAIL"), Some(Medium::Email), true),
            (Some(" email\n"), Some(Medium::Email), true),
            (Some("SMS"), Some(Medium::Sms), true),
            (Some("SMS"), Some(Medium::Email), false),
            (Some(""), Some(Medium::Email), false),
            (Some("EMAIL"), None, false),
            (Some(""), None, false),
            (None, Some(Medium::Email), false),
            (None, None, false),
        ] {
            assert_eq!(is_other_choice(answer, other), expected, "{answer:?} {other:?}");
        }
    }

    #[test]
    fn each_condition_refuses_by_itself() {
        let code = code();
        let expired = |now| {
            is_right(Some(&code), ClientRequest::Answer, challenge(), subject(), &settings(), now)
        };
        assert!(expired(NOW + 299));
        assert!(!expired(NOW + 300));
        assert!(!expired(UnixSeconds::MAX));

        let judge = |answer, ask, challenge, subject| {
            is_right(answer, ask, challenge, subject, &settings(), NOW)
        };
        let right = Some(code.as_str());
        assert!(judge(right, ClientRequest::Answer, challenge(), subject()));
        assert!(!judge(None, ClientRequest::Answer, challenge(), subject()));
        for medium in [None, Some(Medium::Email)] {
            assert!(!judge(right, ClientRequest::Resend { medium }, challenge(), subject()));
        }
        let other_nonce = CodeParameters { nonce: Nonce::from_bytes([2; 16]), ..challenge() };
        assert!(!judge(right, ClientRequest::Answer, other_nonce, subject()));
        for other in [
            Subject { not_found: true, ..subject() },
            Subject { user_sub: "another", ..subject() },
            Subject { pool_id: "us-east-1_Other", ..subject() },
        ] {
            assert!(!judge(right, ClientRequest::Answer, challenge(), other));
        }
    }
}
