//! The rule of sending.

use otp::{ClientRequest, Medium, Nonce, Record, UnixSeconds};
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
    /// The first second at which a code issued at `issued_at` is no longer accepted.
    #[must_use]
    pub fn expires_at(&self, issued_at: UnixSeconds) -> UnixSeconds {
        issued_at.saturating_add(self.lifetime)
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
    /// No code has been issued.
    First {
        /// The medium that the user chose, if there was a choice.
        wanted: Option<Medium>,
    },
    /// There was a challenge, and the response to it was not a right answer.
    Later {
        /// What that challenge noted.
        record: Record,
        /// What the response asked for.
        ask: ClientRequest,
    },
}

/// Which code the next challenge is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issue {
    /// The first of the sign-in: a new nonce.
    First,
    /// The one that follows an expired one: the nonce after this.
    After(Nonce),
    /// The one of before.
    Same {
        /// What it is derived from.
        nonce: Nonce,
        /// When it was issued.
        issued_at: UnixSeconds,
    },
}

/// What to do for the next challenge, and what there is to note with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The code.
    pub issue: Issue,
    /// Send it? If not, the one sent before goes on.
    pub send: bool,
    /// How it is, or was, sent.
    pub medium: Medium,
    /// When it is, or was last, sent.
    pub sent_at: UnixSeconds,
    /// The sends of this sign-in, with this one.
    pub sends: u8,
    /// The wrong answers of this sign-in.
    pub wrong: u8,
}

/// Plans the next challenge for a user who can be reached by `media` (in order of preference);
/// `None` when there is no medium.
///
/// - The first round sends a new code, to the medium chosen if there was a choice and the user has it.
/// - A wrong answer sends nothing: the same code goes on.
/// - A request to resend sends the same code again, to the medium asked for if the user has it;
///   too early, one too many, or to a medium that the user has not, it is refused: nothing is
///   sent and the same code goes on.
/// - In place of an expired code a new one is sent, as long as the sign-in has sends left; without,
///   the challenge goes on with the expired one and says so.
#[must_use]
pub fn plan(round: Round, media: &[Medium], policy: &Policy, now: UnixSeconds) -> Option<Plan> {
    let preferred = *media.first()?;
    let reachable = |medium: &Medium| media.contains(medium);
    let (record, ask) = match round {
        Round::First { wanted } => {
            let medium = wanted.filter(reachable).unwrap_or(preferred);
            let (issue, sent_at) = (Issue::First, now);
            return Some(Plan { issue, send: true, medium, sent_at, sends: 1, wrong: 0 });
        }
        Round::Later { record, ask } => (record, ask),
    };
    let go_on = go_on(round, media)?;
    let Record { nonce, issued_at, sent_at, sends, .. } = record;
    if sends >= policy.limits.sends {
        return Some(go_on);
    }
    let medium = go_on.medium;
    let send = Plan { send: true, sent_at: now, sends: sends.saturating_add(1), ..go_on };
    let expired = now >= policy.expires_at(issued_at);
    let wanted = match ask {
        ClientRequest::Resend { medium: Some(wanted) } => wanted,
        ClientRequest::Resend { medium: None } | ClientRequest::Answer => medium,
    };
    Some(if expired {
        let medium = Some(wanted).filter(reachable).unwrap_or(medium);
        Plan { issue: Issue::After(nonce), medium, ..send }
    } else if ask.is_resend() && reachable(&wanted) && now >= policy.resend_at(sent_at) {
        Plan { medium: wanted, ..send }
    } else {
        go_on
    })
}

/// Plans to go on with the code of before and to send nothing; `None` in the first round, which has
/// none. It is what is left when a later round's message cannot be sent, too: the sign-in lives on
/// with the code that its user may have.
#[must_use]
pub fn go_on(round: Round, media: &[Medium]) -> Option<Plan> {
    let Round::Later { record, ask } = round else { return None };
    let Record { nonce, issued_at, sent_at, medium, sends, .. } = record;
    let medium = if media.contains(&medium) { medium } else { *media.first()? };
    let (issue, wrong) = (Issue::Same { nonce, issued_at }, record.wrong_answers_after(ask));
    Some(Plan { issue, send: false, medium, sent_at, sends, wrong })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: UnixSeconds = 1_767_225_600;
    const SMS: Medium = Medium::Sms;
    const EMAIL: Medium = Medium::Email;
    const ANSWER: ClientRequest = ClientRequest::Answer;
    const RESEND: ClientRequest = ClientRequest::Resend { medium: None };
    const RESEND_EMAIL: ClientRequest = ClientRequest::Resend { medium: Some(EMAIL) };

    fn policy() -> Policy {
        Policy { limits: Limits { attempts: 3, sends: 3 }, lifetime: 300, resend_after: 30 }
    }

    fn record() -> Record {
        Record {
            nonce: Nonce::from_bytes([7; 16]),
            issued_at: START,
            sent_at: START,
            medium: SMS,
            sends: 1,
            wrong: 0,
        }
    }

    fn later(record: Record, ask: ClientRequest, media: &[Medium], now: UnixSeconds) -> Plan {
        plan(Round::Later { record, ask }, media, &policy(), now).unwrap()
    }

    const SAME: Issue = Issue::Same { nonce: Nonce::from_bytes([7; 16]), issued_at: START };

    #[test]
    fn the_first_round_sends_by_the_chosen_medium_or_the_preferred() {
        for (wanted, media, medium) in [
            (None, &[SMS, EMAIL][..], SMS),
            (None, &[EMAIL, SMS], EMAIL),
            (Some(SMS), &[SMS, EMAIL], SMS),
            (Some(EMAIL), &[SMS, EMAIL], EMAIL),
            (Some(EMAIL), &[SMS], SMS),
        ] {
            let (issue, sent_at) = (Issue::First, START);
            let expected = Plan { issue, send: true, medium, sent_at, sends: 1, wrong: 0 };
            let round = Round::First { wanted };
            assert_eq!(plan(round, media, &policy(), START), Some(expected));
        }
        assert_eq!(plan(Round::First { wanted: None }, &[], &policy(), START), None);
    }

    #[test]
    fn later_rounds() {
        let both = &[SMS, EMAIL][..];
        let used_up = Record { sends: 3, ..record() };
        let go_on =
            Plan { issue: SAME, send: false, medium: SMS, sent_at: START, sends: 1, wrong: 0 };
        let again = |at| Plan { send: true, sent_at: at, sends: 2, ..go_on };
        let new = |at| Plan { issue: Issue::After(Nonce::from_bytes([7; 16])), ..again(at) };
        let wrong = |plan| Plan { wrong: 1, ..plan };
        for (case, record, ask, media, after, expected) in [
            ("wrong", record(), ANSWER, both, 5, wrong(go_on)),
            ("wrong, at the end of the lifetime", record(), ANSWER, both, 299, wrong(go_on)),
            ("expired", record(), ANSWER, both, 300, wrong(new(START + 300))),
            (
                "expired, no sends left",
                used_up,
                ANSWER,
                both,
                300,
                Plan { sends: 3, ..wrong(go_on) },
            ),
            ("resend", record(), RESEND, both, 30, again(START + 30)),
            ("resend, too early", record(), RESEND, both, 29, go_on),
            ("resend, no sends left", used_up, RESEND, both, 30, Plan { sends: 3, ..go_on }),
            ("resend, expired", record(), RESEND, both, 300, new(START + 300)),
            (
                "switch",
                record(),
                RESEND_EMAIL,
                both,
                30,
                Plan { medium: EMAIL, ..again(START + 30) },
            ),
            ("switch, too early", record(), RESEND_EMAIL, both, 29, go_on),
            ("switch, not reachable", record(), RESEND_EMAIL, &[SMS], 30, go_on),
            (
                "switch, expired",
                record(),
                RESEND_EMAIL,
                both,
                300,
                Plan { medium: EMAIL, ..new(START + 300) },
            ),
            (
                "switch, expired, not reachable",
                record(),
                RESEND_EMAIL,
                &[SMS],
                300,
                new(START + 300),
            ),
            (
                "the medium is gone",
                record(),
                RESEND,
                &[EMAIL],
                30,
                Plan { medium: EMAIL, ..again(START + 30) },
            ),
            ("the clock went back", record(), RESEND, both, 0, go_on),
        ] {
            assert_eq!(later(record, ask, media, START + after), expected, "{case}");
        }
        let round = Round::Later { record: record(), ask: RESEND };
        assert_eq!(plan(round, &[], &policy(), START), None);
    }

    fn any_ask() -> impl Strategy<Value = ClientRequest> {
        prop::sample::select(vec![ANSWER, RESEND, RESEND_EMAIL])
    }

    proptest! {
        /// Whatever a client does, a sign-in sends at most `MAX_SENDS` messages, resends keep their
        /// distance, and a code that is alive is never replaced.
        #[test]
        fn a_sign_in_keeps_its_limits(
            rounds in prop::collection::vec((any_ask(), 0_u64..200, any::<bool>()), 0..40),
            most in 1_u8..=10,
        ) {
            let policy = Policy { limits: Limits { attempts: 5, sends: most }, ..policy() };
            let (mut now, mut sent, mut nonces) = (START, 0, 0_u8);
            let mut round = Round::First { wanted: None };
            for (ask, pause, has_email) in rounds {
                let media = if has_email { &[SMS, EMAIL][..] } else { &[SMS] };
                let plan = plan(round, media, &policy, now).unwrap();
                sent += u8::from(plan.send);
                prop_assert_eq!(sent, plan.sends);
                prop_assert!(sent <= most && media.contains(&plan.medium));
                if let Round::Later { record, .. } = round {
                    let expired = now >= record.issued_at + policy.lifetime;
                    let is_new = plan.issue == Issue::After(record.nonce);
                    prop_assert_eq!(is_new, expired && plan.send);
                    let apart = now >= record.sent_at + policy.resend_after;
                    prop_assert!(!plan.send || expired || apart);
                }
                let Plan { issue, medium, sent_at, sends, wrong, .. } = plan;
                let (nonce, issued_at) = match issue {
                    Issue::Same { nonce, issued_at } => (nonce, issued_at),
                    Issue::First | Issue::After(_) => {
                        nonces += 1;
                        (Nonce::from_bytes([nonces; 16]), now)
                    }
                };
                let record = Record { nonce, issued_at, sent_at, medium, sends, wrong };
                round = Round::Later { record, ask };
                now += pause;
            }
        }
    }
}
