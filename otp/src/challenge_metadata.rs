//! What create writes into a challenge's metadata.

use crate::{Record, RecordError};

/// `challengeMetadata`: what kind of challenge it was, and for a code its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeMetadata {
    /// The user was asked to choose SMS or email (`FIRST_ROUND=choose`); no code was sent.
    Choice,
    /// Nothing was sent, because of a limit: a request to resend from a known device may still get a
    /// code.
    Hold,
    /// The user was asked for a code.
    Code(Record),
}

impl ChallengeMetadata {
    const CHOICE: &str = "v2.choice";
    const HOLD: &str = "v2.hold";

    /// The metadata as text: `v2.choice`, `v2.hold`, or the record's.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Choice => Self::CHOICE.to_owned(),
            Self::Hold => Self::HOLD.to_owned(),
            Self::Code(record) => record.encode(),
        }
    }

    /// Reads what [`ChallengeMetadata::encode`] wrote.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        match text {
            Self::CHOICE => Ok(Self::Choice),
            Self::HOLD => Ok(Self::Hold),
            record => Record::parse(record).map(Self::Code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IssuedCode, Medium, Nonce};

    #[test]
    fn challenge_metadata_round_trips_and_other_text_is_refused() {
        let record = Record {
            code: IssuedCode { nonce: Nonce::from_bytes([0; 16]), issued_at: 1 },
            sent_at: 2,
            medium: Medium::Email,
            media: [Medium::Email].into_iter().collect(),
            sends: 1,
            wrong_answers: 0,
        };
        for note in
            [ChallengeMetadata::Choice, ChallengeMetadata::Hold, ChallengeMetadata::Code(record)]
        {
            assert_eq!(ChallengeMetadata::parse(&note.encode()), Ok(note));
        }
        for text in ["", "v2.choice.", "V2.choice", "v1.choice", "choice", " v2.choice", "v2.hold."]
        {
            assert!(ChallengeMetadata::parse(text).is_err(), "{text}");
        }
    }
}
