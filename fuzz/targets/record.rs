//! The note of a challenge, and in it the record of a sign-in: a text is refused, or has one reading,
//! which encodes to that text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otp::{ChallengeMetadata, ClientRequest, Record};

fuzz_target!(|text: &str| {
    let record = Record::parse(text);
    let note = ChallengeMetadata::parse(text);
    match (note, record) {
        (Ok(ChallengeMetadata::Choice), Err(_)) => assert_eq!(text, "v1.choice"),
        (Ok(ChallengeMetadata::Code(noted)), Ok(record)) => assert_eq!(noted, record),
        (Err(_), Err(_)) => {}
        both => panic!("{both:?}"),
    }
    assert!(note.is_err() || note.is_ok_and(|note| note.encode() == text));
    let Ok(record) = record else { return };
    assert_eq!(record.encode(), text);
    assert!(record.sends > 0 && text.len() <= 81);
    assert!(record.wrong_answers_after(ClientRequest::Answer) >= record.wrong);
    assert_eq!(record.wrong_answers_after(ClientRequest::Resend { medium: None }), record.wrong);
});
