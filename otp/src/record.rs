//! The record of a sign-in: all that Cognito carries for us from one round to the next.

use std::fmt::Write as _;
use std::str::FromStr;

use crate::{ClientRequest, Medium, MediumSet, Nonce, UnixSeconds};

/// A code as far as it may be written down: what it is derived from, and when that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuedCode {
    /// What the code is derived from.
    pub nonce: Nonce,
    /// When the nonce was drawn; the code's lifetime starts here.
    pub issued_at: UnixSeconds,
}

/// What a sign-in has come to, as create writes it into `challengeMetadata` with each challenge.
///
/// Cognito keeps the text in the session entry of that challenge and shows it to the later calls of
/// define and create, never to the client. [`Record::encode`] gives
///
/// ```text
/// v2.<nonce>.<issued at>.<sent at>.<medium>.<media>.<sends>.<wrong>
/// ```
///
/// with the nonce in base64url, times in Unix seconds, and numbers in decimal without leading
/// zeros. [`Record::parse`] takes exactly that: a text it does not know to the last character is
/// an error, never a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The code that the challenge asked for.
    pub code: IssuedCode,
    /// When the code was last sent; the wait before the next resend starts here.
    pub sent_at: UnixSeconds,
    /// How it was last sent.
    pub medium: Medium,
    /// The media on which the user could be reached then: the code is bound to these contacts.
    pub media: MediumSet,
    /// How many times this sign-in has sent a code, 1 or more.
    pub sends: u8,
    /// How many wrong answers came before this challenge.
    pub wrong_answers: u8,
}

impl IssuedCode {
    /// The first second at which a code that lives for `lifetime` seconds is no longer accepted.
    #[must_use]
    pub fn expires_at(self, lifetime: u64) -> UnixSeconds {
        self.issued_at.saturating_add(lifetime)
    }
}

/// Why a text is not a record. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It starts with another version, or with none: another release wrote it.
    #[error("unsupported record version")]
    UnknownVersion,
    /// This field is absent or not as [`Record::encode`] writes it.
    #[error("record field `{0}` is malformed")]
    Malformed(&'static str),
}

impl Record {
    const VERSION: &str = "v2";

    /// The text for `challengeMetadata`; at most 91 characters.
    #[must_use]
    pub fn encode(&self) -> String {
        let Self { code, sent_at, medium, media, sends, wrong_answers } = self;
        let (IssuedCode { nonce, issued_at }, media) = (code, media.encode());
        let mut text = format!("{}.{}", Self::VERSION, nonce.encode());
        // Writing to a `String` cannot fail.
        let _ = write!(text, ".{issued_at}.{sent_at}.{medium}.{media}.{sends}.{wrong_answers}");
        text
    }

    /// Reads what [`Record::encode`] wrote.
    ///
    /// # Errors
    /// When `text` is anything else.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let mut fields = text.split('.');
        if fields.next() != Some(Self::VERSION) {
            return Err(RecordError::UnknownVersion);
        }
        let mut field = |name| fields.next().ok_or(RecordError::Malformed(name)).map(|f| (name, f));
        let record = Self {
            code: IssuedCode {
                nonce: parse_field(field("nonce")?, Nonce::decode)?,
                issued_at: parse_field(field("issued at")?, parse_number)?,
            },
            sent_at: parse_field(field("sent at")?, parse_number)?,
            medium: parse_field(field("medium")?, Medium::from_name)?,
            media: parse_field(field("media")?, MediumSet::decode)?,
            sends: parse_field(field("sends")?, |text| {
                parse_number(text).filter(|sends| *sends > 0)
            })?,
            wrong_answers: parse_field(field("wrong")?, parse_number)?,
        };
        match fields.next() {
            None => Ok(record),
            Some(_) => Err(RecordError::Malformed("end")),
        }
    }

    /// How many wrong answers there are after a response to this challenge that was not right: a
    /// request to resend is none.
    #[must_use]
    pub fn wrong_answers_after(&self, ask: ClientRequest) -> u8 {
        self.wrong_answers.saturating_add(u8::from(!ask.is_resend()))
    }
}

fn parse_field<T>(
    (name, text): (&'static str, &str),
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, RecordError> {
    parse(text).ok_or(RecordError::Malformed(name))
}

/// A decimal number in its one spelling: no sign, no leading zero.
fn parse_number<T: FromStr>(text: &str) -> Option<T> {
    let canonical = match text.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "v2.AAAAAAAAAAAAAAAAAAAAAA.1767225600.1767225660.SMS.SMS,EMAIL.2.1";

    fn record() -> Record {
        Record {
            code: IssuedCode { nonce: Nonce::from_bytes([0; 16]), issued_at: 1_767_225_600 },
            sent_at: 1_767_225_660,
            medium: Medium::Sms,
            media: [Medium::Sms, Medium::Email].into_iter().collect(),
            sends: 2,
            wrong_answers: 1,
        }
    }

    #[test]
    fn encoding_matches_the_documented_grammar() {
        assert_eq!(record().encode(), TEXT);
        assert_eq!(Record::parse(TEXT), Ok(record()));
    }

    #[test]
    fn malformed_records_are_refused() {
        use RecordError::{Malformed, UnknownVersion};
        for (from, to, expected) in [
            (TEXT, "", UnknownVersion),
            ("v2.", "v1.", UnknownVersion),
            ("v2.", "v3.", UnknownVersion),
            ("v2.", "v2 ", UnknownVersion),
            ("v2.", " v2.", UnknownVersion),
            ("v2.", "V2.", UnknownVersion),
            (TEXT, "v2", Malformed("nonce")),
            ("AAAAAAAAAA.", "AAAAAAAAAA=.", Malformed("nonce")),
            ("1767225600", "01767225600", Malformed("issued at")),
            ("1767225600", "+1767225600", Malformed("issued at")),
            ("1767225600", "", Malformed("issued at")),
            ("1767225600", "18446744073709551616", Malformed("issued at")),
            ("1767225660", "1767225660 ", Malformed("sent at")),
            ("1767225660", "\u{661}", Malformed("sent at")),
            ("SMS", "sms", Malformed("medium")),
            ("SMS,EMAIL", "EMAIL,SMS", Malformed("media")),
            ("SMS,EMAIL", "SMS,", Malformed("media")),
            ("SMS", "PIGEON", Malformed("medium")),
            (".2.", ".0.", Malformed("sends")),
            (".2.", ".256.", Malformed("sends")),
            (".2.1", ".2", Malformed("wrong")),
            (".2.1", ".2.-1", Malformed("wrong")),
            (".2.1", ".2.1.", Malformed("end")),
            (".2.1", ".2.1.0", Malformed("end")),
            (".2.1", ".2.1\n", Malformed("wrong")),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT);
            assert_eq!(Record::parse(&text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn resend_does_not_count_as_wrong_answer() {
        assert_eq!(record().wrong_answers_after(ClientRequest::Answer), 2);
        assert_eq!(record().wrong_answers_after(ClientRequest::Resend { medium: None }), 1);
        assert_eq!(
            Record { wrong_answers: u8::MAX, ..record() }
                .wrong_answers_after(ClientRequest::Answer),
            u8::MAX
        );
    }

    proptest! {
        #[test]
        fn private_parameters_round_trip_and_invalid_ones_are_named(
            nonce: [u8; 16], issued_at: u64, sent_at: u64, email: bool, sends in 1_u8.., wrong_answers: u8,
        ) {
            let medium = if email { Medium::Email } else { Medium::Sms };
            let code = IssuedCode { nonce: Nonce::from_bytes(nonce), issued_at };
            let media = [medium, Medium::Sms].into_iter().collect();
            let record = Record { code, sent_at, medium, media, sends, wrong_answers };
            let text = record.encode();
            prop_assert!(text.len() <= 91, "{} characters", text.len());
            prop_assert_eq!(Record::parse(&text), Ok(record));
        }

        #[test]
        fn parsed_text_encodes_to_itself(text in "v2\\.[A-Za-z0-9_-]{22}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.(SMS|EMAIL)\\.(SMS|EMAIL|SMS,EMAIL)\\.[0-9]{1,3}\\.[0-9]{1,3}|\\PC*") {
            if let Ok(record) = Record::parse(&text) {
                prop_assert_eq!(record.encode(), text);
            }
        }
    }
}
