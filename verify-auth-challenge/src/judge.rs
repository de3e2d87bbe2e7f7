//! The judgement of an answer, without the ledger.

use otp::{ClientRequest, Code, CodeOwner, CodeParameters, Medium, UnixSeconds};
use settings::CodeSettings;
use subtle::ConstantTimeEq as _;

use crate::Answer;

/// Whose answer it is, as of now.
#[derive(Clone, Copy)]
pub struct User<'a> {
    /// The pool, the user and the contacts that the code must be bound to.
    pub owner: CodeOwner<'a>,
    /// Does this medium's contact count as verified?
    pub is_verified: &'a dyn Fn(Medium) -> bool,
    /// May a code prove a contact that is not verified (`SIGN_UP=code`)?
    pub may_prove: bool,
    /// There is no such user.
    pub not_found: bool,
}

impl User<'_> {
    fn has_one_contact(&self) -> bool {
        self.owner.phone_number.is_empty() != self.owner.email.is_empty()
    }
}

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The right digits in time: right if the code is used by it.
    RightDigits,
    /// The code's time is over.
    Expired,
    /// Anything else that was compared.
    Wrong,
    /// A request to resend: nothing was compared.
    NotAnAnswer,
}

/// Judges `answer` to the challenge of `parameters`.
///
/// The comparison takes the same time wherever the digits differ (`subtle`), and an unknown user's
/// answer is compared like any other before it is refused. What timing still tells is whether an
/// answer has the form of a code, and whether it asked for a resend: what its sender knows; and
/// whether it has the right digits, which is what the response says.
///
/// The code is derived for the user's contacts as they are now, so that it died with those it was
/// issued for; and each contact that the user could be reached at must still be verified, or, if the
/// code was sent to the only contact to prove it, that must be allowed.
#[must_use]
pub fn judge(
    answer: Option<&str>,
    request: ClientRequest,
    parameters: &CodeParameters,
    user: User<'_>,
    codes: &CodeSettings,
    now: UnixSeconds,
) -> Judgement {
    if request.is_resend() {
        return Judgement::NotAnAnswer;
    }
    let is_equal =
        answer.and_then(|text| Answer::normalise(text, codes.length)).is_some_and(|answer| {
            let code = Code::derive(&codes.key, user.owner, &parameters.nonce, codes.length);
            code.expose().as_bytes().ct_eq(answer.digits()).into()
        });
    let is_in_time = now < parameters.expires_at;
    let is_verified = match parameters.media.is_empty() {
        true => user.may_prove && user.has_one_contact(),
        false => parameters.media.iter().all(user.is_verified),
    };
    match (is_equal & is_in_time & is_verified & !user.not_found, is_in_time) {
        (true, _) => Judgement::RightDigits,
        (false, true) => Judgement::Wrong,
        (false, false) => Judgement::Expired,
    }
}

/// Is `answer` the name of `alternative`, the less preferred of the two media that the user was asked
/// to choose from? Nobody is signed in by it: whatever else the answer is chooses the preferred one.
#[must_use]
pub fn is_alternative_medium(answer: Option<&str>, alternative: Option<Medium>) -> bool {
    match (answer, alternative) {
        (Some(answer), Some(medium)) => answer.trim().eq_ignore_ascii_case(medium.name()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use otp::{CodeKey, CodeLength, MediumSet, Nonce, RoundId};

    use super::*;

    const NOW: UnixSeconds = 1_767_225_600;

    fn codes() -> CodeSettings {
        CodeSettings {
            key: CodeKey::new("an example key of some 40 different bytes").unwrap(),
            length: CodeLength::MIN,
        }
    }

    fn owner() -> CodeOwner<'static> {
        CodeOwner {
            pool_id: "us-east-1_LocalPool",
            user_sub: "sub",
            phone_number: "+819012345678",
            email: "jane@example.com",
        }
    }

    fn user() -> User<'static> {
        User { owner: owner(), is_verified: &|_| true, may_prove: false, not_found: false }
    }

    fn parameters() -> CodeParameters {
        CodeParameters {
            nonce: Nonce::from_bytes([1; 16]),
            expires_at: NOW + 300,
            round: RoundId::from_bytes([2; 16]),
            media: [Medium::Sms, Medium::Email].into_iter().collect(),
            is_proven: true,
            spend: String::new(),
        }
    }

    fn code() -> String {
        let CodeSettings { key, length } = codes();
        Code::derive(&key, owner(), &parameters().nonce, length).expose().to_owned()
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
    fn only_the_exact_code_has_the_right_digits() {
        let is_right = |answer: &str| {
            let request = ClientRequest::Answer;
            judge(Some(answer), request, &parameters(), user(), &codes(), NOW)
                == Judgement::RightDigits
        };
        let code = code();
        assert!(is_right(&code));
        let (head, tail) = code.split_at(3);
        assert!(is_right(&format!(" {head}-{tail} ")));
        assert!(!is_right(head));
        for place in 0..6 {
            assert!(!is_right(&with_digit_changed(&code, place)), "digit {place}");
        }
        for answer in ["", &format!("{code}0"), &code.repeat(1_000), "null", "true"] {
            assert!(!is_right(answer));
        }
    }

    #[test]
    fn each_condition_alone_refuses_the_code() {
        let code = code();
        let right = Some(code.as_str());
        let at = |now| judge(right, ClientRequest::Answer, &parameters(), user(), &codes(), now);
        assert_eq!(at(NOW + 299), Judgement::RightDigits);
        assert_eq!(at(NOW + 300), Judgement::Expired);
        assert_eq!(at(UnixSeconds::MAX), Judgement::Expired);

        let judge = |answer, request, parameters: &CodeParameters, user| {
            judge(answer, request, parameters, user, &codes(), NOW)
        };
        let answer = ClientRequest::Answer;
        assert_eq!(judge(None, answer, &parameters(), user()), Judgement::Wrong);
        for medium in [None, Some(Medium::Email)] {
            let resend = ClientRequest::Resend { medium };
            assert_eq!(judge(right, resend, &parameters(), user()), Judgement::NotAnAnswer);
        }
        let other = CodeParameters { nonce: Nonce::from_bytes([2; 16]), ..parameters() };
        assert_eq!(judge(right, answer, &other, user()), Judgement::Wrong);
        let owned_by = |owner| User { owner, ..user() };
        for other in [
            User { not_found: true, ..user() },
            owned_by(CodeOwner { user_sub: "another", ..owner() }),
            owned_by(CodeOwner { pool_id: "us-east-1_Other", ..owner() }),
            owned_by(CodeOwner { phone_number: "+819099999999", ..owner() }),
            owned_by(CodeOwner { phone_number: "", ..owner() }),
            owned_by(CodeOwner { email: "joan@example.com", ..owner() }),
            owned_by(CodeOwner { email: "", ..owner() }),
            User { is_verified: &|medium| medium == Medium::Sms, ..user() },
            User { is_verified: &|medium| medium == Medium::Email, ..user() },
        ] {
            assert_eq!(judge(right, answer, &parameters(), other), Judgement::Wrong);
        }
        // A contact that the user could not be reached at need not be verified.
        let sms_only =
            CodeParameters { media: [Medium::Sms].into_iter().collect(), ..parameters() };
        let user = User { is_verified: &|medium| medium == Medium::Sms, ..user() };
        assert_eq!(judge(right, answer, &sms_only, user), Judgement::RightDigits);
    }

    #[test]
    fn code_for_an_unverified_contact_is_right_only_where_it_may_prove_the_only_one() {
        let unverified = CodeParameters { media: MediumSet::default(), ..parameters() };
        let (phone, email) = (owner().phone_number, owner().email);
        for (phone_number, email, is_only) in
            [(phone, "", true), ("", email, true), (phone, email, false), ("", "", false)]
        {
            let owner = CodeOwner { phone_number, email, ..owner() };
            let CodeSettings { key, length } = codes();
            let code = Code::derive(&key, owner, &parameters().nonce, length);
            for may_prove in [false, true] {
                let user = User { owner, is_verified: &|_| false, may_prove, not_found: false };
                let judge = |parameters: &CodeParameters| {
                    let (answer, request) = (Some(code.expose()), ClientRequest::Answer);
                    judge(answer, request, parameters, user, &codes(), NOW)
                };
                let is_right = may_prove && is_only;
                let expected = if is_right { Judgement::RightDigits } else { Judgement::Wrong };
                assert_eq!(judge(&unverified), expected, "{phone_number} {email} {may_prove}");
                assert_eq!(judge(&parameters()), Judgement::Wrong);
            }
        }
    }

    #[test]
    fn choice_matches_the_alternative_medium_by_name() {
        for (answer, alternative, expected) in [
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
            let is_it = is_alternative_medium(answer, alternative);
            assert_eq!(is_it, expected, "{answer:?} {alternative:?}");
        }
    }
}
