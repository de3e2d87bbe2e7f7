//! The metadata of a challenge, and in it the record of a sign-in: a text is refused, or has one
//! reading, which encodes to that text. Version 1 is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otp::{ChallengeMetadata, ClientRequest, Record, RecordError};

fuzz_target!(|text: &str| {
    let record = Record::parse(text);
    let metadata = ChallengeMetadata::parse(text);
    match (metadata, record) {
        (Ok(ChallengeMetadata::Choice), Err(_)) => assert_eq!(text, "v2.choice"),
        (Ok(ChallengeMetadata::Hold(_)), Err(_)) => assert!(text.starts_with("v2.hold.")),
        (Ok(ChallengeMetadata::Code(noted)), Ok(record)) => assert_eq!(noted, record),
        (Err(_), Err(_)) => {}
        both => panic!("{both:?}"),
    }
    assert!(metadata.is_err() || metadata.is_ok_and(|metadata| metadata.encode() == text));
    assert!(metadata.is_err() || text.starts_with("v2."));
    let Ok(record) = record else { return };
    assert_eq!(record.encode(), text);
    assert!(record.sends > 0 && text.len() <= 91);
    assert!(record.wrong_answers_after(ClientRequest::Answer) >= record.wrong_answers);
    let resend = ClientRequest::Resend { medium: None };
    assert_eq!(record.wrong_answers_after(resend), record.wrong_answers);
    for version in ["v1", "v3", "V2", ""] {
        let other = text.replacen("v2", version, 1);
        assert_eq!(Record::parse(&other), Err(RecordError::UnknownVersion));
        assert!(ChallengeMetadata::parse(&other).is_err());
    }
});
