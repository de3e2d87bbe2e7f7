//! What a person typed, as digits.

use otp::CodeLength;
use zeroize::Zeroizing;

/// The longest answer that is looked at, in bytes: far more than ten digits of three bytes each
/// with separators between them. A longer one is wrong before any work.
pub const MAX_ANSWER_BYTES: usize = 128;

/// An answer that has the form of a code: as many ASCII digits as a code has.
///
/// Wiped when dropped; has no `Debug`.
pub struct Answer(Zeroizing<Vec<u8>>);

impl Answer {
    /// Reads what a person typed or a keyboard inserted: spaces (of any kind) and hyphens are
    /// dropped wherever they are; full-width and Arabic-Indic digits are digits. `None` when what is
    /// left is not exactly `length` digits.
    #[must_use]
    pub fn normalise(text: &str, length: CodeLength) -> Option<Self> {
        if text.len() > MAX_ANSWER_BYTES {
            return None;
        }
        let mut digits = Zeroizing::new(Vec::with_capacity(length.digits()));
        for character in text.chars().filter(|character| !is_separator(*character)) {
            let digit = digit(character)?;
            // Within its capacity the vector never moves and leaves nothing behind.
            if digits.len() == length.digits() {
                return None;
            }
            digits.push(digit);
        }
        (digits.len() == length.digits()).then_some(Self(digits))
    }

    /// The digits, ASCII.
    #[must_use]
    pub fn digits(&self) -> &[u8] {
        &self.0
    }
}

/// White space, the hyphens and dashes that keyboards make of `-`, and the invisible marks of
/// direction and joining that come along when a code is copied from a right-to-left message.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '-' | '\u{ad}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2010}'..='\u{2015}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'
                | '\u{2066}'..='\u{2069}'
                | '\u{2212}'
                | '\u{feff}'
                | '\u{ff0d}'
        )
}

/// The ASCII digit for a digit of any of the keyboards: ASCII, Arabic-Indic, its Persian and Urdu
/// form, full-width.
fn digit(character: char) -> Option<u8> {
    let zero = match character {
        '0'..='9' => '0',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        _ => return None,
    };
    u8::try_from(u32::from(character) - u32::from(zero)).ok().map(|value| b'0' + value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalise(text: &str) -> Option<String> {
        let answer = Answer::normalise(text, CodeLength::MIN)?;
        Some(String::from_utf8(answer.digits().to_vec()).unwrap())
    }

    #[test]
    fn keyboard_variants_of_a_code_are_normalized() {
        for text in [
            "012345",
            " 012345",
            "012345\n",
            "012 345",
            "012-345",
            "0 1 2 3 4 5",
            "\u{3000}012\u{a0}345\u{2009}",
            "012\u{2010}345",
            "012\u{2013}345",
            "012\u{2212}345",
            "012\u{ff0d}345",
            "０１２３４５",
            "٠١٢٣٤٥",
            "۰۱۲۳۴۵",
            "０1٢۳45",
            "\u{200f}٠١٢ ٣٤٥\u{200e}",
            "\u{2066}012345\u{2069}",
            "\u{feff}012345",
        ] {
            assert_eq!(normalise(text).as_deref(), Some("012345"), "{text:?}");
        }
    }

    #[test]
    fn answers_without_the_form_of_a_code_are_refused() {
        let long = format!("{}012345", " ".repeat(MAX_ANSWER_BYTES));
        for text in [
            "",
            " ",
            "12345",
            "0123456",
            "01234a",
            "+12345",
            "-",
            "12.345",
            "012,345",
            "0x1234",
            "०१२३४५",
            "①②③④⑤⑥",
            "𝟎𝟏𝟐𝟑𝟒𝟓",
            "null",
            "\0",
            "012345\0",
            &long,
        ] {
            assert_eq!(normalise(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn normalization_returns_only_digits_for_any_text(text in "\\PC*", digits in 6_u8..=10) {
            let length = CodeLength::new(digits).unwrap();
            if let Some(answer) = Answer::normalise(&text, length) {
                prop_assert_eq!(answer.digits().len(), length.digits());
                prop_assert!(answer.digits().iter().all(u8::is_ascii_digit));
            }
        }

        #[test]
        fn separators_are_ignored(code in "[0-9]{6}", separators in "[ \\-\u{a0}\u{200e}]{7}") {
            let mut text = String::new();
            for (separator, digit) in separators.chars().zip(code.chars()) {
                text.extend([separator, digit]);
            }
            prop_assert_eq!(normalise(&text), Some(code));
        }
    }
}
