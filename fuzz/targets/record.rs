//! The record of a sign-in: a text is refused, or has one reading, which encodes to that text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otp::{Ask, Record};

fuzz_target!(|text: &str| {
    let Ok(record) = Record::parse(text) else { return };
    assert_eq!(record.encode(), text);
    assert!(record.sends > 0 && text.len() <= 81);
    assert!(record.wrong_after(Ask::Answer) >= record.wrong);
    assert_eq!(record.wrong_after(Ask::Resend { medium: None }), record.wrong);
});
