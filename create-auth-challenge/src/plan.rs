//! The rule of sending.

use otp::{ClientRequest, Hold, IssuedCode, Medium, MediumSet, Record, UnixSeconds};
use settings::Limits;

/// A duration, as whole seconds.
pub type Seconds = u64;

/// How often a code is sent and for how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What one sign-in may use up.
    pub limits: Limits,
    /// `CODE_LIFETIME_SECONDS`: 60 to 600, 300 by default. NIST SP 800-63B allows ten minutes at
    /// most.
    pub lifetime: Seconds,
    /// `RESEND_AFTER_SECONDS`: how long after a send the next may be asked for, 0 to 300, 30 by
    /// default.
    pub resend_after: Seconds,
}

impl Policy {
    /// The first second at which `code` is no longer accepted.
    #[must_use]
    pub fn expires_at(&self, code: IssuedCode) -> UnixSeconds {
        code.expires_at(self.lifetime)
    }

    /// The first second at which, after a send at `sent_at`, another may be asked for.
    #[must_use]
    pub fn resend_at(&self, sent_at: UnixSeconds) -> UnixSeconds {
        sent_at.saturating_add(self.resend_after)
    }
}

/// Where the sign-in is.
#[derive(Clone, Copy, Debug)]
pub enum Round {
    /// No code has been sent yet, and the user was not asked to choose a medium.
    First,
    /// The user was asked to choose a medium; no code has been sent yet.
    Chosen(Medium),
    /// No message was admitted; the response asks for one again, perhaps by this medium.
    Held {
        /// Why it was not.
        hold: Hold,
        /// The medium that is asked for.
        medium: Option<Medium>,
    },
    /// There was a code challenge, and the response to it was not a right answer.
    Later {
        /// What that challenge's metadata says.
        record: Record,
        /// What the response asked for.
        request: ClientRequest,
    },
}

impl Round {
    /// The medium that a message of this round would go by, for a user who can be reached by `media` (in
    /// order of preference); `None` when there is no medium.
    #[must_use]
    pub fn medium(&self, media: &[Medium]) -> Option<Medium> {
        let wanted = match *self {
            Self::First => None,
            Self::Chosen(medium) => Some(medium),
            Self::Held { medium, .. } => medium,
            Self::Later { request: ClientRequest::Resend { medium: Some(medium) }, .. } => {
                Some(medium).filter(|medium| media.contains(medium)).or(self.last_medium())
            }
            Self::Later { .. } => self.last_medium(),
        };
        wanted.filter(|medium| media.contains(medium)).or(media.first().copied())
    }

    fn last_medium(&self) -> Option<Medium> {
        match self {
            Self::Later { record, .. } => Some(record.medium),
            Self::First | Self::Chosen(_) | Self::Held { .. } => None,
        }
    }
}

/// What to do for the next challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Send nothing: the challenge asks for this record's code.
    Keep(Record),
    /// Send a message with the account's code.
    Send(PlannedMessage),
}

/// A message to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedMessage {
    /// How it goes.
    pub medium: Medium,
    /// The media whose contacts are verified: what its code is bound to.
    pub media: MediumSet,
    /// The sends of this sign-in, with this one.
    pub sends: u8,
    /// The wrong answers of this sign-in.
    pub wrong_answers: u8,
    /// What is left if it cannot be sent.
    pub fallback: Fallback,
}

/// What is left when a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing: the sign-in does not begin.
    Fail,
    /// Ask again which medium: another may do.
    Choose,
    /// Stay as it is: a hold.
    Hold(Hold),
    /// The sign-in goes on with the code that its user may have.
    Keep(Record),
}

impl Fallback {
    /// What is left where a code was issued before its message failed: a user whose code has expired
    /// may still get the message, so the sign-in goes on with the issued one.
    #[must_use]
    pub fn after_issue(
        self,
        code: IssuedCode,
        media: MediumSet,
        policy: &Policy,
        now: UnixSeconds,
    ) -> Self {
        match self {
            Self::Keep(record) if now >= policy.expires_at(record.code) => {
                Self::Keep(Record { code, media, ..record })
            }
            other => other,
        }
    }
}

impl PlannedMessage {
    /// The record once it was sent at `now` with `code`.
    #[must_use]
    pub fn record(&self, code: IssuedCode, now: UnixSeconds) -> Record {
        let Self { medium, media, sends, wrong_answers, .. } = *self;
        Record { code, sent_at: now, medium, media, sends, wrong_answers }
    }
}

/// Plans the next challenge for a user who can be reached by `media` (in order of preference), with
/// `verified` contacts, and whose account's live code is `current`; `None` when there is no medium.
///
/// - The first round sends a message, to the medium chosen if there was a choice and the user has it.
///   So does one that a hold held up.
/// - A wrong answer sends nothing: the challenge goes on with the account's live code, which another
///   session may have renewed, or else with its own.
/// - A request to resend sends a message, to the medium asked for if the user has it; too early, one
///   too many, or to a medium that the user does not have, it sends nothing.
/// - When its code has expired, a message with the account's code is sent, as long as the sign-in has
///   sends left; without, nothing is sent.
#[must_use]
pub fn plan(
    round: Round,
    media: &[Medium],
    verified: MediumSet,
    current: Option<IssuedCode>,
    policy: &Policy,
    now: UnixSeconds,
) -> Option<Plan> {
    let medium = round.medium(media)?;
    let first = |fallback| {
        let (sends, wrong_answers) = (1, 0);
        Some(Plan::Send(PlannedMessage { medium, media: verified, sends, wrong_answers, fallback }))
    };
    let (record, request) = match round {
        Round::First => return first(Fallback::Fail),
        Round::Chosen(_) => return first(Fallback::Choose),
        Round::Held { hold, .. } => return first(Fallback::Hold(hold)),
        Round::Later { record, request } => (record, request),
    };
    let answer = Round::Later { record, request: ClientRequest::Answer };
    let kept = Record {
        code: current.unwrap_or(record.code),
        // What `current` is bound to; its own code stays bound to what it was sent for.
        media: current.map_or(record.media, |_| verified),
        medium: answer.medium(media)?,
        wrong_answers: record.wrong_answers_after(request),
        ..record
    };
    let is_expired = now >= policy.expires_at(record.code);
    let may_resend = match request {
        ClientRequest::Answer => false,
        ClientRequest::Resend { medium: wanted } => {
            wanted.is_none_or(|wanted| media.contains(&wanted))
                && now >= policy.resend_at(record.sent_at)
        }
    };
    let has_sends = record.sends < policy.limits.sends;
    Some(if has_sends && (is_expired || may_resend) {
        Plan::Send(PlannedMessage {
            medium,
            media: verified,
            sends: record.sends.saturating_add(1),
            wrong_answers: kept.wrong_answers,
            fallback: Fallback::Keep(kept),
        })
    } else {
        Plan::Keep(kept)
    })
}

#[cfg(test)]
mod tests {
    use otp::Nonce;
    use proptest::prelude::*;

    use super::*;

    const START: UnixSeconds = 1_767_225_600;
    const SMS: Medium = Medium::Sms;
    const EMAIL: Medium = Medium::Email;
    const ANSWER: ClientRequest = ClientRequest::Answer;
    const RESEND: ClientRequest = ClientRequest::Resend { medium: None };
    const RESEND_EMAIL: ClientRequest = ClientRequest::Resend { medium: Some(EMAIL) };

    /// The code of the record, and one that another session made the live one later.
    const OWN: IssuedCode = IssuedCode { nonce: Nonce::from_bytes([7; 16]), issued_at: START };
    const NEWER: IssuedCode =
        IssuedCode { nonce: Nonce::from_bytes([8; 16]), issued_at: START + 250 };

    /// The plan for a user whose contacts are all verified.
    fn plan_verified(
        round: Round,
        media: &[Medium],
        current: Option<IssuedCode>,
        policy: &Policy,
        now: UnixSeconds,
    ) -> Option<Plan> {
        plan(round, media, media.iter().copied().collect(), current, policy, now)
    }

    fn policy() -> Policy {
        Policy { limits: Limits { attempts: 3, sends: 3 }, lifetime: 300, resend_after: 30 }
    }

    fn set(media: &[Medium]) -> MediumSet {
        media.iter().copied().collect()
    }

    fn record() -> Record {
        Record {
            code: OWN,
            sent_at: START,
            medium: SMS,
            media: set(&[SMS, EMAIL]),
            sends: 1,
            wrong_answers: 0,
        }
    }

    #[test]
    fn first_round_sends_by_the_chosen_or_preferred_medium() {
        for (round, media, medium, fallback) in [
            (Round::First, &[SMS, EMAIL][..], SMS, Fallback::Fail),
            (Round::First, &[EMAIL, SMS], EMAIL, Fallback::Fail),
            (Round::Chosen(SMS), &[SMS, EMAIL], SMS, Fallback::Choose),
            (Round::Chosen(EMAIL), &[SMS, EMAIL], EMAIL, Fallback::Choose),
            (Round::Chosen(EMAIL), &[SMS], SMS, Fallback::Choose),
        ] {
            for current in [None, Some(OWN)] {
                let message = PlannedMessage {
                    medium,
                    media: set(media),
                    sends: 1,
                    wrong_answers: 0,
                    fallback,
                };
                assert_eq!(
                    plan_verified(round, media, current, &policy(), START),
                    Some(Plan::Send(message))
                );
            }
        }
        assert_eq!(plan_verified(Round::First, &[], None, &policy(), START), None);
    }

    #[test]
    fn later_rounds_keep_or_send_by_request_time_and_live_code() {
        let (both, own) = (&[SMS, EMAIL][..], Some(OWN));
        let used_up = Record { sends: 3, ..record() };
        let keep = |record: Record| Plan::Keep(record);
        let send = |medium, kept: Record| {
            let Record { sends, wrong_answers, .. } = kept;
            let fallback = Fallback::Keep(kept);
            let (sends, media) = (sends + 1, MediumSet::default());
            Plan::Send(PlannedMessage { medium, media, sends, wrong_answers, fallback })
        };
        let wrong = |record: Record| Record { wrong_answers: 1, ..record };
        let newer = |record: Record| Record { code: NEWER, ..record };
        let by_email = |record: Record| Record { medium: EMAIL, ..record };
        for (case, record, request, media, current, after, expected) in [
            ("wrong", record(), ANSWER, both, own, 5, keep(wrong(record()))),
            (
                "wrong, at the end of its life",
                record(),
                ANSWER,
                both,
                own,
                299,
                keep(wrong(record())),
            ),
            (
                "wrong, renewed elsewhere",
                record(),
                ANSWER,
                both,
                Some(NEWER),
                260,
                keep(wrong(newer(record()))),
            ),
            ("wrong, used elsewhere", record(), ANSWER, both, None, 5, keep(wrong(record()))),
            ("expired", record(), ANSWER, both, None, 300, send(SMS, wrong(record()))),
            (
                "expired, renewed elsewhere",
                record(),
                ANSWER,
                both,
                Some(NEWER),
                300,
                send(SMS, wrong(newer(record()))),
            ),
            (
                "expired, renewed elsewhere, no sends left",
                used_up,
                ANSWER,
                both,
                Some(NEWER),
                300,
                keep(wrong(newer(used_up))),
            ),
            ("expired, no sends left", used_up, ANSWER, both, None, 300, keep(wrong(used_up))),
            ("resend", record(), RESEND, both, own, 30, send(SMS, record())),
            ("resend, used elsewhere", record(), RESEND, both, None, 30, send(SMS, record())),
            ("resend, too early", record(), RESEND, both, own, 29, keep(record())),
            ("resend, no sends left", used_up, RESEND, both, own, 30, keep(used_up)),
            ("resend, expired", record(), RESEND, both, None, 300, send(SMS, record())),
            ("switch", record(), RESEND_EMAIL, both, own, 30, send(EMAIL, record())),
            ("switch, too early", record(), RESEND_EMAIL, both, own, 29, keep(record())),
            ("switch, not reachable", record(), RESEND_EMAIL, &[SMS], own, 30, keep(record())),
            ("switch, expired", record(), RESEND_EMAIL, both, None, 300, send(EMAIL, record())),
            (
                "switch, expired, not reachable",
                record(),
                RESEND_EMAIL,
                &[SMS],
                None,
                300,
                send(SMS, record()),
            ),
            (
                "the medium is gone",
                record(),
                RESEND,
                &[EMAIL],
                own,
                30,
                send(EMAIL, by_email(record())),
            ),
            ("the clock went back", record(), RESEND, both, own, 0, keep(record())),
        ] {
            // A code is bound to the contacts that it was sent for, the live one to all there are.
            let kept = |record: Record| match current {
                Some(_) => Record { media: set(media), ..record },
                None => record,
            };
            let expected = match expected {
                Plan::Keep(record) => Plan::Keep(kept(record)),
                Plan::Send(message) => {
                    let Fallback::Keep(record) = message.fallback else { panic!("{case}") };
                    let fallback = Fallback::Keep(kept(record));
                    Plan::Send(PlannedMessage { media: set(media), fallback, ..message })
                }
            };
            let round = Round::Later { record, request };
            let planned = plan_verified(round, media, current, &policy(), START + after);
            assert_eq!(planned, Some(expected), "{case}");
        }
        let round = Round::Later { record: record(), request: RESEND };
        assert_eq!(plan_verified(round, &[], own, &policy(), START), None);
    }

    fn any_request() -> impl Strategy<Value = ClientRequest> {
        prop::sample::select(vec![ANSWER, RESEND, RESEND_EMAIL])
    }

    proptest! {
        /// Whatever a client does, a sign-in sends at most `MAX_SENDS` messages, to media that the user
        /// has, and resends keep their distance.
        #[test]
        fn sign_in_keeps_its_limits(
            rounds in prop::collection::vec(
                (any_request(), 0_u64..200, any::<bool>(), any::<bool>()),
                0..40,
            ),
            most in 1_u8..=10,
        ) {
            let policy = Policy { limits: Limits { attempts: 5, sends: most }, ..policy() };
            let (mut now, mut sent) = (START, 0);
            let mut round = Round::First;
            for (request, pause, has_email, is_live) in rounds {
                let media = if has_email { &[SMS, EMAIL][..] } else { &[SMS] };
                let live = IssuedCode { issued_at: now.saturating_sub(10), ..NEWER };
                let current = is_live.then_some(live);
                let record = match plan_verified(round, media, current, &policy, now).unwrap() {
                    Plan::Keep(record) => record,
                    Plan::Send(message) => {
                        sent += 1;
                        prop_assert_eq!(round.medium(media), Some(message.medium));
                        if let Round::Later { record, .. } = round {
                            let expired = now >= policy.expires_at(record.code);
                            prop_assert!(expired || now >= policy.resend_at(record.sent_at));
                            prop_assert_eq!(
                                message.wrong_answers,
                                record.wrong_answers_after(request_of(round))
                            );
                        }
                        message.record(current.unwrap_or(IssuedCode { issued_at: now, ..OWN }), now)
                    }
                };
                prop_assert_eq!(sent, record.sends);
                prop_assert!(sent <= most && media.contains(&record.medium));
                now += pause;
                round = Round::Later { record, request };
            }
        }
    }

    fn request_of(round: Round) -> ClientRequest {
        match round {
            Round::Later { request, .. } => request,
            Round::First | Round::Chosen(_) | Round::Held { .. } => ANSWER,
        }
    }
}
