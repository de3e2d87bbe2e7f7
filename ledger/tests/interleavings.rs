//! Every order in which calls of create and verify can meet in one account's item: what create reads,
//! what it writes on condition that nobody has since, and the one step in which verify uses a code.

#![cfg(test)]

use ledger::{
    AdmittedTimes, CodeBinding, CodeRules, CodeState, Consumption, IssueLimit, Item, Lane,
    LaneLimits, admit,
};
use otp::{IssuedCode, Nonce, RoundId, UnixMillis};

const NOW: u64 = 1_767_225_600;
const LIFETIME: u64 = 300;

fn rules() -> CodeRules {
    CodeRules { binding: CodeBinding("key.SMS".to_owned()), lifetime: LIFETIME }
}

fn limits() -> LaneLimits {
    let limit = IssueLimit { count: 100, window: std::time::Duration::from_secs(900) };
    LaneLimits::without_owner_lane(vec![limit])
}

fn nonce(byte: u8) -> Nonce {
    Nonce::from_bytes([byte; 16])
}

fn round(byte: u8) -> RoundId {
    RoundId::from_bytes([byte; 16])
}

/// One caller and what it has done so far.
#[derive(Clone)]
enum Caller {
    /// A call of create with a nonce of its own.
    Create { fresh: u8, now: UnixMillis, read: Option<Item>, sent: Option<IssuedCode> },
    /// A call of verify with the right digits of a code.
    Verify { nonce: u8, round: u8, outcome: Option<Consumption> },
}

impl Caller {
    fn create(fresh: u8, second: u64) -> Self {
        Self::Create { fresh, now: (NOW + second) * 1_000, read: None, sent: None }
    }

    fn verify(nonce: u8, round: u8) -> Self {
        Self::Verify { nonce, round, outcome: None }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Create { sent, .. } => sent.is_some(),
            Self::Verify { outcome, .. } => outcome.is_some(),
        }
    }
}

/// The item, its callers, and what happened.
#[derive(Clone)]
struct World {
    item: Item,
    callers: Vec<Caller>,
    /// Which codes were used, in this order.
    used: Vec<(u8, u8)>,
}

impl World {
    /// The next step of the caller `at`, as `Ledger::admit` and `Store::consume` take it.
    fn step(&mut self, at: usize) {
        match &mut self.callers[at] {
            Caller::Create { fresh, now, read, sent } => match read.take() {
                None => *read = Some(self.item.clone()),
                // The conditional write fails: create reads the item again.
                Some(before) if before.version != self.item.version => {
                    *read = Some(self.item.clone());
                }
                Some(before) => {
                    let times = admit(&before.times, &limits(), Lane::Public, *now).unwrap();
                    let (codes, code) = before.codes.issue(nonce(*fresh), &rules(), *now / 1_000);
                    self.item = Item { version: before.version + 1, times, codes };
                    *sent = Some(code);
                }
            },
            Caller::Verify { nonce: of, round: by, outcome } => {
                let (consumption, codes) = self.item.codes.consume(nonce(*of), round(*by));
                if let Some(codes) = codes {
                    self.item = Item { version: self.item.version + 1, codes, ..self.item.clone() };
                    self.used.push((*of, *by));
                }
                *outcome = Some(consumption);
            }
        }
    }

    /// What holds after every step.
    fn assert_invariants(&self) {
        for (i, (code, _)) in self.used.iter().enumerate() {
            let again = self.used[i + 1..].iter().any(|(other, _)| other == code);
            assert!(!again, "code {code} was used twice: {:?}", self.used);
            let CodeState { live, previous, .. } = &self.item.codes;
            let is_live = live.as_ref().is_some_and(|live| live.code.nonce == nonce(*code));
            assert!(!is_live && *previous != Some(nonce(*code)), "code {code} came back");
        }
        let sent = self
            .callers
            .iter()
            .filter(|caller| matches!(caller, Caller::Create { sent: Some(_), .. }));
        assert_eq!(self.item.times.len(), sent.count(), "each message is counted");
    }

    /// What holds when all is done.
    fn assert_end(&self) {
        for caller in &self.callers {
            let Caller::Verify { nonce: code, round: by, outcome } = caller else { continue };
            let was_used = self.used.contains(&(*code, *by));
            match outcome {
                Some(Consumption::First) => assert!(was_used),
                // A repeat is right only for the round that used the code.
                Some(Consumption::Repeated) => assert!(was_used),
                // The calls of the round that used it all succeed, unless another code was used since.
                Some(Consumption::NotLive) => {
                    assert!(!was_used || self.used.last() != Some(&(*code, *by)));
                }
                None => panic!("not done"),
            }
        }
    }
}

/// Runs `world` in every order and returns how many there are.
fn explore(world: &World, at_end: &mut impl FnMut(&World)) -> u64 {
    let runnable: Vec<usize> =
        (0..world.callers.len()).filter(|at| !world.callers[*at].is_done()).collect();
    if runnable.is_empty() {
        world.assert_end();
        at_end(world);
        return 1;
    }
    let mut orders = 0;
    for at in runnable {
        let mut next = world.clone();
        next.step(at);
        next.assert_invariants();
        orders += explore(&next, at_end);
    }
    orders
}

fn world(codes: CodeState, callers: Vec<Caller>) -> World {
    let item = Item { version: 1, times: AdmittedTimes::default(), codes };
    World { item, callers, used: Vec::new() }
}

/// An account whose code 1 is live.
fn live() -> CodeState {
    CodeState::default().issue(nonce(1), &rules(), NOW).0
}

#[test]
fn live_code_is_used_once_in_every_order_of_creates_answers_and_repeats() {
    // Two sessions answer code 1, Cognito repeats both calls, and two more sessions start meanwhile.
    let mut orders = 0;
    for second in [10, LIFETIME - 50] {
        let callers = vec![
            Caller::verify(1, 1),
            Caller::verify(1, 1),
            Caller::verify(1, 2),
            Caller::verify(1, 2),
            Caller::create(2, second),
            Caller::create(3, second),
        ];
        orders += explore(&world(live(), callers), &mut |world| {
            assert_eq!(world.used.len(), 1, "one of the two sessions got in");
        });
    }
    assert!(orders > 2_000, "{orders}");
}

#[test]
fn previous_and_live_code_end_each_other_in_every_order() {
    // Code 1 has been renewed by code 2; both are answered, and another session starts.
    let (renewed, _) = live().issue(nonce(2), &rules(), NOW + LIFETIME - 50);
    let callers = vec![
        Caller::verify(1, 1),
        Caller::verify(1, 1),
        Caller::verify(2, 2),
        Caller::verify(2, 2),
        Caller::create(3, LIFETIME - 40),
    ];
    let orders = explore(&world(renewed, callers), &mut |world| {
        assert_eq!(world.used.len(), 1, "one sign-in for the two messages");
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn creates_at_once_send_one_code_in_every_order() {
    for creates in 2..=4 {
        let callers = (0..creates).map(|n| Caller::create(10 + n, 0)).collect();
        explore(&world(CodeState::default(), callers), &mut |world| {
            let sent = world.callers.iter().map(|caller| match caller {
                Caller::Create { sent: Some(code), .. } => code.nonce,
                _ => panic!("not sent"),
            });
            let sent: Vec<Nonce> = sent.collect();
            assert!(sent.iter().all(|nonce| *nonce == sent[0]), "one code in every message");
            assert_eq!(world.item.times.len(), usize::from(creates));
        });
    }
}
