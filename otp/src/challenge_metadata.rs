//! What create writes into a challenge's metadata.

use crate::{Record, RecordError, UnixSeconds};

/// `challengeMetadata`: what kind of challenge it was, and for a code its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeMetadata {
    /// The user was asked to choose SMS or email (`FIRST_ROUND=choose`); no code was sent.
    Choice,
    /// Nothing was sent: a request to resend from a known device may still get a code.
    Hold(Hold),
    /// The user was asked for a code.
    Code(Record),
}

/// Why nothing was sent, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A limit is reached. After this second nobody needs a known device.
    Limited {
        /// The first second after the whole window of the limit.
        until: UnixSeconds,
    },
    /// The contact was changed and not proven since.
    UnprovenContact,
}

impl ChallengeMetadata {
    const CHOICE: &str = "v2.choice";
    const HOLD: &str = "v2.hold.";

    /// The metadata as text: `v2.choice`, `v2.hold.` and a time in Unix seconds if there is one, or the
    /// record's.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Choice => Self::CHOICE.to_owned(),
            Self::Hold(Hold::Limited { until }) => format!("{}{until}", Self::HOLD),
            Self::Hold(Hold::UnprovenContact) => Self::HOLD.to_owned(),
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
        match text.strip_prefix(Self::HOLD) {
            None => Record::parse(text).map(Self::Code),
            Some("") => Ok(Self::Hold(Hold::UnprovenContact)),
            Some(until) => {
                let hold = until.parse().ok().map(|until| Self::Hold(Hold::Limited { until }));
                // Numbers can be written in several ways.
                hold.filter(|hold| hold.encode() == text).ok_or(RecordError::Malformed("hold"))
            }
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
        for note in [
            ChallengeMetadata::Choice,
            ChallengeMetadata::Hold(Hold::UnprovenContact),
            ChallengeMetadata::Hold(Hold::Limited { until: 1_767_225_600 }),
            ChallengeMetadata::Code(record),
        ] {
            assert_eq!(ChallengeMetadata::parse(&note.encode()), Ok(note));
        }
        for text in [
            "",
            "v2.choice.",
            "V2.choice",
            "v1.choice",
            "choice",
            " v2.choice",
            "v2.hold",
            "v2.hold.+1",
            "v2.hold.01",
            "v2.hold.x",
        ] {
            assert!(ChallengeMetadata::parse(text).is_err(), "{text}");
        }
    }
}
