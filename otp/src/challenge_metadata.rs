//! What create notes with a challenge.

use crate::{Record, RecordError};

/// `challengeMetadata`: what kind of challenge it was, and for a code its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeMetadata {
    /// The user was asked which way the code shall go (`FIRST_ROUND=choose`); none was sent.
    Choice,
    /// The user was asked for a code.
    Code(Record),
}

impl ChallengeMetadata {
    const CHOICE: &str = "v1.choice";

    /// The note as text: `v1.choice`, or the record's.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Choice => Self::CHOICE.to_owned(),
            Self::Code(record) => record.encode(),
        }
    }

    /// Reads what [`ChallengeMetadata::encode`] wrote.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        if text == Self::CHOICE {
            return Ok(Self::Choice);
        }
        Record::parse(text).map(Self::Code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Medium, Nonce};

    #[test]
    fn parse_reads_what_encode_writes() {
        let record = Record {
            nonce: Nonce::from_bytes([0; 16]),
            issued_at: 1,
            sent_at: 2,
            medium: Medium::Email,
            sends: 1,
            wrong: 0,
        };
        for note in [ChallengeMetadata::Choice, ChallengeMetadata::Code(record)] {
            assert_eq!(ChallengeMetadata::parse(&note.encode()), Ok(note));
        }
        for text in ["", "v1.choice.", "V1.choice", "v2.choice", "choice", " v1.choice"] {
            assert!(ChallengeMetadata::parse(text).is_err(), "{text}");
        }
    }
}
