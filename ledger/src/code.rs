//! Which code of an account is live, and that it is used once.

use otp::{CodeKeyTag, IssuedCode, MediumSet, Nonce, RoundId, UnixSeconds};

/// The codes of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeState {
    /// The code that messages carry.
    pub live: Option<LiveCode>,
    /// The live code before it, which may still be on its way or about to be typed.
    pub previous: Option<Nonce>,
    /// The code that last signed the user in.
    pub used: Option<UsedCode>,
}

/// A live code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCode {
    /// What it is derived from, and since when it lives.
    pub code: IssuedCode,
    /// What it is bound to.
    pub binding: CodeBinding,
}

/// What a live code is bound to beside its account: the key that it is derived with, and the media on
/// which the user could be reached. Once either changes, it is sent no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeBinding(pub String);

impl CodeBinding {
    /// The binding to a key and to media.
    #[must_use]
    pub fn new(key: &CodeKeyTag, media: MediumSet) -> Self {
        Self(format!("{}.{}", key.0, media.encode()))
    }
}

/// A used code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedCode {
    /// What it was derived from.
    pub nonce: Nonce,
    /// The challenge that it answered.
    pub round: RoundId,
}

/// What came of using a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumption {
    /// It was live and is used now.
    First,
    /// The same challenge used it before: Cognito calls again when it got no answer.
    Repeated,
    /// It is not live: used by another challenge, replaced, or never issued.
    NotLive,
}

/// How codes are issued.
#[derive(Clone, Debug)]
pub struct CodeRules {
    /// What codes of this account are bound to now.
    pub binding: CodeBinding,
    /// How many seconds a code lives.
    pub lifetime: u64,
}

impl CodeRules {
    /// How many seconds a live code must have left to be sent again: a minute, or half its life if
    /// that is shorter.
    fn least_left(&self) -> u64 {
        (self.lifetime / 2).min(60)
    }
}

impl CodeState {
    /// The live code, if it is bound as codes are now and has not expired.
    #[must_use]
    pub fn current(&self, rules: &CodeRules, now: UnixSeconds) -> Option<IssuedCode> {
        let live = self.live.as_ref().filter(|live| live.binding == rules.binding)?;
        (now < live.code.expires_at(rules.lifetime)).then_some(live.code)
    }

    /// Was the code that was issued last used?
    #[must_use]
    pub fn is_last_code_used(&self) -> bool {
        self.live.is_none() && self.used.is_some()
    }

    /// Issues a code at `now`: the live one again if it has enough of its life left, otherwise a new one
    /// of `nonce`, which becomes the live one. Returns the codes as they are then, and the code.
    #[must_use]
    pub fn issue(&self, nonce: Nonce, rules: &CodeRules, now: UnixSeconds) -> (Self, IssuedCode) {
        let lasting = self.current(rules, now.saturating_add(rules.least_left().saturating_sub(1)));
        if let Some(code) = lasting {
            return (self.clone(), code);
        }
        let code = IssuedCode { nonce, issued_at: now };
        let live = Some(LiveCode { code, binding: rules.binding.clone() });
        let previous = self.live.as_ref().map(|live| live.code.nonce);
        (Self { live, previous, used: self.used }, code)
    }

    /// Uses the code of `nonce` in `round`. Returns the codes as they are then, if they change.
    ///
    /// This is the rule; a store carries it out as one conditional update.
    #[must_use]
    pub fn consume(&self, nonce: Nonce, round: RoundId) -> (Consumption, Option<Self>) {
        let used = UsedCode { nonce, round };
        let is_live = self.live.as_ref().is_some_and(|live| live.code.nonce == nonce);
        if is_live || self.previous == Some(nonce) {
            (Consumption::First, Some(Self { used: Some(used), ..Self::default() }))
        } else if self.used == Some(used) {
            (Consumption::Repeated, None)
        } else {
            (Consumption::NotLive, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixSeconds = 1_767_225_600;

    fn binding(key: &str, media: &str) -> CodeBinding {
        CodeBinding::new(&CodeKeyTag(key.to_owned()), MediumSet::decode(media).unwrap())
    }

    fn rules(lifetime: u64) -> CodeRules {
        CodeRules { binding: binding("key", "SMS,EMAIL"), lifetime }
    }

    fn nonce(byte: u8) -> Nonce {
        Nonce::from_bytes([byte; 16])
    }

    fn round(byte: u8) -> RoundId {
        RoundId::from_bytes([byte; 16])
    }

    fn issued(lifetime: u64) -> CodeState {
        CodeState::default().issue(nonce(1), &rules(lifetime), START).0
    }

    #[test]
    fn live_code_is_issued_again_while_it_has_a_minute_or_half_its_life() {
        for (lifetime, after, again) in [
            (300, 0, true),
            (300, 240, true),
            (300, 241, false),
            (300, 299, false),
            (300, 300, false),
            (600, 540, true),
            (600, 541, false),
            (60, 30, true),
            (60, 31, false),
            (90, 45, true),
            (90, 46, false),
        ] {
            let state = issued(lifetime);
            let (next, code) = state.issue(nonce(2), &rules(lifetime), START + after);
            if again {
                assert_eq!((&next, code.nonce, code.issued_at), (&state, nonce(1), START));
            } else {
                assert_eq!((code.nonce, code.issued_at), (nonce(2), START + after));
                assert_eq!(next.previous, Some(nonce(1)));
            }
        }
        // A clock that is behind does not shorten it.
        assert_eq!(issued(300).issue(nonce(2), &rules(300), START - 50).1.nonce, nonce(1));
    }

    #[test]
    fn code_of_another_key_or_contact_or_expired_is_not_current() {
        let state = issued(300);
        assert_eq!(state.current(&rules(300), START + 299).map(|code| code.nonce), Some(nonce(1)));
        assert_eq!(state.current(&rules(300), START + 300), None);
        for (key, media) in [("new", "SMS,EMAIL"), ("key", "SMS"), ("key", "EMAIL"), ("key", "")] {
            let other = CodeRules { binding: binding(key, media), lifetime: 300 };
            assert_eq!(state.current(&other, START), None);
            assert_eq!(state.issue(nonce(2), &other, START).1.nonce, nonce(2));
        }
    }

    #[test]
    fn live_and_previous_code_are_used_once_and_end_each_other() {
        let state = issued(300);
        let (both, _) = state.issue(nonce(2), &rules(300), START + 250);
        assert!(!both.is_last_code_used() && !CodeState::default().is_last_code_used());
        for used in [1, 2] {
            let (first, after) = both.consume(nonce(used), round(1));
            let after = after.unwrap();
            assert_eq!(first, Consumption::First);
            assert!(after.is_last_code_used());
            assert_eq!(after.consume(nonce(used), round(1)), (Consumption::Repeated, None));
            for other in [1, 2] {
                assert_eq!(after.consume(nonce(other), round(2)), (Consumption::NotLive, None));
            }
            assert_eq!(after.current(&rules(300), START + 251), None);
            // Nothing brings it back: the next code is another, and the repeat is still known.
            let (next, code) = after.issue(nonce(3), &rules(300), START + 252);
            assert_eq!((code.nonce, next.previous), (nonce(3), None));
            assert!(!next.is_last_code_used());
            assert_eq!(next.consume(nonce(used), round(1)), (Consumption::Repeated, None));
            assert_eq!(next.consume(nonce(used), round(2)), (Consumption::NotLive, None));
        }
        assert_eq!(both.consume(nonce(9), round(1)), (Consumption::NotLive, None));
        assert_eq!(CodeState::default().consume(nonce(1), round(1)).0, Consumption::NotLive);
    }
}
