//! The rule of sequence.

use otp::{ClientRequest, Record};
use settings::{Limits, SignInMode};

/// What the decision depends on beside the sign-in itself.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Which start of a sign-in is allowed. In passwordless mode a first `SRP_A`, which old iOS SDKs
    /// send, is tolerated and proves nothing.
    pub sign_in: SignInMode,
    /// What a sign-in may use up.
    pub limits: Limits,
}

/// A step of the sign-in that has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A step that may come before the code.
    Prior {
        /// Which.
        challenge: PriorChallenge,
        /// Was it passed?
        passed: bool,
    },
    /// A `CUSTOM_CHALLENGE` that asked the user to choose SMS or email, and the response to it, which
    /// is neither right nor wrong.
    Choice,
    /// A `CUSTOM_CHALLENGE` that asked for nothing, because a limit was reached, and the response to it,
    /// which is neither right nor wrong.
    Hold,
    /// A `CUSTOM_CHALLENGE` that asked for a code, or for nobody knows what, and the response to it.
    Code {
        /// Was the answer right?
        passed: bool,
        /// What create noted with the challenge, if that can be read.
        record: Option<Record>,
    },
}

/// The steps that may come before the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorChallenge {
    /// The client's half of an SRP key exchange. Proves nothing yet.
    SrpA,
    /// The proof of the password.
    PasswordVerifier,
    /// A factor of the pool itself: its MFA, a remembered device.
    PoolFactor,
    /// A step that no flow of ours leads to.
    Other,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on with this challenge.
    Challenge(NextChallenge),
    /// The user is signed in.
    IssueTokens,
    /// The sign-in is over.
    Fail,
}

/// The challenges that go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextChallenge {
    /// A code.
    CustomChallenge,
    /// Prove the password.
    PasswordVerifier,
}

/// Decides what comes after `steps`, where `ask` is what the client's last response asked for.
///
/// Tokens are issued for one thing only: the last step is a code answered right, every step before
/// it is one that the mode allows, and the limits were kept.
#[must_use]
pub fn decide(steps: &[Step], ask: ClientRequest, user_not_found: bool, rules: &Rules) -> Decision {
    match (rules.sign_in, after_prior_challenges(steps, rules.sign_in)) {
        (_, Some(codes)) => after_codes(codes, ask, user_not_found, rules.limits),
        (SignInMode::SecondFactor, None) if steps == [passed(PriorChallenge::SrpA)] => {
            Decision::Challenge(NextChallenge::PasswordVerifier)
        }
        (_, None) => Decision::Fail,
    }
}

const fn passed(challenge: PriorChallenge) -> Step {
    Step::Prior { challenge, passed: true }
}

/// The steps that follow the challenges that must come before the code in `sign_in`; `None` when they are incomplete.
fn after_prior_challenges(steps: &[Step], sign_in: SignInMode) -> Option<&[Step]> {
    const SRP_A: Step = passed(PriorChallenge::SrpA);
    const PASSWORD: Step = passed(PriorChallenge::PasswordVerifier);
    const FACTOR: Step = passed(PriorChallenge::PoolFactor);
    match (sign_in, steps) {
        (SignInMode::Passwordless, [SRP_A, rest @ ..] | rest) => Some(rest),
        (SignInMode::SecondFactor, [SRP_A, PASSWORD, rest @ ..]) => {
            let factors = rest.iter().take_while(|step| **step == FACTOR).count();
            rest.get(factors..)
        }
        (SignInMode::SecondFactor, _) => None,
    }
}

/// Decides after `rest`, what follows the challenge: choices and holds, then codes. Anything else fails
/// it.
fn after_codes(
    rest: &[Step],
    ask: ClientRequest,
    user_not_found: bool,
    limits: Limits,
) -> Decision {
    let is_without_code = |step: &&Step| matches!(step, Step::Choice | Step::Hold);
    let without_code = rest.iter().take_while(is_without_code).count();
    // A choice is asked for again when its code could not be sent, and a hold while it lasts.
    let again = without_code.saturating_sub(1);
    let codes = rest.get(without_code..).unwrap_or_default();
    let Some((last, before)) = codes.split_last() else {
        let within = again <= max_resend_requests(limits);
        return if within {
            Decision::Challenge(NextChallenge::CustomChallenge)
        } else {
            Decision::Fail
        };
    };
    // A right answer ended its sign-in: one that goes on after it was not ours.
    if !before.iter().all(|step| matches!(step, Step::Code { passed: false, .. })) {
        return Decision::Fail;
    }
    let Step::Code { passed, record: Some(record) } = last else { return Decision::Fail };
    let within = if *passed {
        record.wrong_answers < limits.attempts
    } else {
        let wrong = record.wrong_answers_after(ask);
        // Every response that was not right is a wrong answer or asked for a resend.
        let resends = codes.len().saturating_sub(usize::from(wrong));
        wrong < limits.attempts && again.saturating_add(resends) <= max_resend_requests(limits)
    };
    match (within, *passed) {
        // Verify never passes a request to resend, nor the answer of a user who does not exist.
        (true, true) if !ask.is_resend() && !user_not_found => Decision::IssueTokens,
        (true, false) => Decision::Challenge(NextChallenge::CustomChallenge),
        _ => Decision::Fail,
    }
}

/// How often a sign-in may ask for another send. Create refuses what comes too early or is too many
/// without ending the sign-in, so there is room for an impatient thumb, but not for an endless row.
fn max_resend_requests(limits: Limits) -> usize {
    2 * usize::from(limits.sends)
}

#[cfg(test)]
mod tests {
    use otp::{IssuedCode, Medium, Nonce};
    use proptest::prelude::*;

    use super::*;

    const CODE: Decision = Decision::Challenge(NextChallenge::CustomChallenge);
    const PASSWORD: Decision = Decision::Challenge(NextChallenge::PasswordVerifier);
    const TOKENS: Decision = Decision::IssueTokens;
    const FAIL: Decision = Decision::Fail;
    const RESEND: ClientRequest = ClientRequest::Resend { medium: None };

    fn record(wrong: u8) -> Record {
        Record {
            code: IssuedCode { nonce: Nonce::from_bytes([0; 16]), issued_at: 0 },
            sent_at: 0,
            medium: Medium::Sms,
            media: [Medium::Sms].into_iter().collect(),
            sends: 1,
            wrong_answers: wrong,
        }
    }

    fn right(wrong_before: u8) -> Step {
        Step::Code { passed: true, record: Some(record(wrong_before)) }
    }

    fn wrong(wrong_before: u8) -> Step {
        Step::Code { passed: false, record: Some(record(wrong_before)) }
    }

    fn failed(challenge: PriorChallenge) -> Step {
        Step::Prior { challenge, passed: false }
    }

    fn unread(passed: bool) -> Step {
        Step::Code { passed, record: None }
    }

    fn rules(sign_in: SignInMode) -> Rules {
        Rules { sign_in, limits: Limits { attempts: 3, sends: 3 } }
    }

    #[test]
    fn passwordless_histories_lead_to_expected_decisions() {
        use PriorChallenge::{Other, PasswordVerifier, PoolFactor, SrpA};
        use Step::{Choice, Hold};
        let srp_a = passed(SrpA);
        for (steps, ask, expected) in [
            // The start.
            (vec![], ClientRequest::Answer, CODE),
            (vec![srp_a], ClientRequest::Answer, CODE),
            (vec![failed(SrpA)], ClientRequest::Answer, FAIL),
            (vec![srp_a, srp_a], ClientRequest::Answer, FAIL),
            (vec![passed(PasswordVerifier)], ClientRequest::Answer, FAIL),
            (vec![srp_a, passed(PasswordVerifier)], ClientRequest::Answer, FAIL),
            (vec![passed(PoolFactor)], ClientRequest::Answer, FAIL),
            (vec![passed(Other)], ClientRequest::Answer, FAIL),
            // Answers.
            (vec![right(0)], ClientRequest::Answer, TOKENS),
            (vec![wrong(0)], ClientRequest::Answer, CODE),
            (vec![wrong(0), right(1)], ClientRequest::Answer, TOKENS),
            (vec![wrong(0), wrong(1)], ClientRequest::Answer, CODE),
            (vec![wrong(0), wrong(1), right(2)], ClientRequest::Answer, TOKENS),
            (vec![wrong(0), wrong(1), wrong(2)], ClientRequest::Answer, FAIL),
            // `SRP_A` costs no attempt.
            (vec![srp_a, right(0)], ClientRequest::Answer, TOKENS),
            (vec![srp_a, wrong(0), wrong(1)], ClientRequest::Answer, CODE),
            (vec![srp_a, wrong(0), wrong(1), right(2)], ClientRequest::Answer, TOKENS),
            (vec![srp_a, wrong(0), wrong(1), wrong(2)], ClientRequest::Answer, FAIL),
            // What cannot have happened.
            (vec![wrong(0), wrong(1), wrong(2), right(3)], ClientRequest::Answer, FAIL),
            (vec![right(0), right(0)], ClientRequest::Answer, FAIL),
            (vec![right(0), wrong(0)], ClientRequest::Answer, FAIL),
            (vec![wrong(0), srp_a], ClientRequest::Answer, FAIL),
            (vec![right(0), srp_a], ClientRequest::Answer, FAIL),
            (vec![wrong(0), srp_a, right(1)], ClientRequest::Answer, FAIL),
            // A record that cannot be read.
            (vec![unread(true)], ClientRequest::Answer, FAIL),
            (vec![unread(false)], ClientRequest::Answer, FAIL),
            (vec![unread(false), right(1)], ClientRequest::Answer, TOKENS),
            // Requests to resend are no wrong answers.
            (vec![wrong(0)], RESEND, CODE),
            (vec![wrong(0), wrong(1), wrong(2)], RESEND, CODE),
            (vec![wrong(0), wrong(0), right(0)], ClientRequest::Answer, TOKENS),
            (vec![wrong(0), wrong(0), wrong(0), wrong(0)], ClientRequest::Answer, CODE),
            // A right answer that asks for a resend was never compared.
            (vec![right(0)], RESEND, FAIL),
            // A choice comes first, is no attempt, and is worth nothing by itself.
            (vec![Choice], ClientRequest::Answer, CODE),
            (vec![Choice], RESEND, CODE),
            (vec![srp_a, Choice], ClientRequest::Answer, CODE),
            (vec![Choice, right(0)], ClientRequest::Answer, TOKENS),
            (vec![Choice, Choice, wrong(0), right(1)], ClientRequest::Answer, TOKENS),
            (vec![Choice, wrong(0), wrong(1)], ClientRequest::Answer, CODE),
            (vec![Choice, wrong(0), wrong(1), wrong(2)], ClientRequest::Answer, FAIL),
            (vec![wrong(0), Choice], ClientRequest::Answer, FAIL),
            (vec![right(0), Choice], ClientRequest::Answer, FAIL),
            (vec![wrong(0), Choice, right(1)], ClientRequest::Answer, FAIL),
            (vec![Choice, srp_a, right(0)], ClientRequest::Answer, FAIL),
            (vec![Hold], ClientRequest::Answer, CODE),
            (vec![Hold], RESEND, CODE),
            (vec![srp_a, Hold], RESEND, CODE),
            (vec![Hold, right(0)], ClientRequest::Answer, TOKENS),
            (vec![Hold, Hold, wrong(0), right(1)], ClientRequest::Answer, TOKENS),
            (vec![Choice, Hold, right(0)], ClientRequest::Answer, TOKENS),
            (vec![wrong(0), Hold], RESEND, FAIL),
            (vec![right(0), Hold], RESEND, FAIL),
            (vec![wrong(0), Hold, right(1)], ClientRequest::Answer, FAIL),
            (vec![Hold, srp_a, right(0)], ClientRequest::Answer, FAIL),
            (vec![Hold; 7], RESEND, CODE),
            (vec![Hold; 8], RESEND, FAIL),
            (vec![Choice; 7], ClientRequest::Answer, CODE),
            (vec![Choice; 8], ClientRequest::Answer, FAIL),
            // Twice as many requests as there are sends, and no more.
            (vec![wrong(0); 6], RESEND, CODE),
            (vec![wrong(0); 7], RESEND, FAIL),
            (vec![wrong(0); 7], ClientRequest::Answer, CODE),
            (vec![wrong(0); 8], ClientRequest::Answer, FAIL),
        ] {
            assert_eq!(
                decide(&steps, ask, false, &rules(SignInMode::Passwordless)),
                expected,
                "{steps:?} {ask:?}"
            );
        }
    }

    #[test]
    fn second_factor_histories_lead_to_expected_decisions() {
        use PriorChallenge::{Other, PasswordVerifier, PoolFactor, SrpA};
        let (srp_a, password, factor) =
            (passed(SrpA), passed(PasswordVerifier), passed(PoolFactor));
        for (steps, ask, expected) in [
            (vec![], ClientRequest::Answer, FAIL),
            (vec![srp_a], ClientRequest::Answer, PASSWORD),
            (vec![failed(SrpA)], ClientRequest::Answer, FAIL),
            (vec![srp_a, password], ClientRequest::Answer, CODE),
            (vec![srp_a, failed(PasswordVerifier)], ClientRequest::Answer, FAIL),
            (vec![password], ClientRequest::Answer, FAIL),
            (vec![srp_a, password, factor], ClientRequest::Answer, CODE),
            (vec![srp_a, password, factor, factor], ClientRequest::Answer, CODE),
            (vec![srp_a, password, failed(PoolFactor)], ClientRequest::Answer, FAIL),
            (vec![srp_a, factor], ClientRequest::Answer, FAIL),
            (vec![srp_a, password, passed(Other)], ClientRequest::Answer, FAIL),
            (vec![srp_a, password, right(0)], ClientRequest::Answer, TOKENS),
            (vec![srp_a, password, factor, right(0)], ClientRequest::Answer, TOKENS),
            (vec![srp_a, password, wrong(0)], ClientRequest::Answer, CODE),
            (vec![srp_a, password, wrong(0), right(1)], ClientRequest::Answer, TOKENS),
            (vec![srp_a, password, wrong(0), wrong(1), wrong(2)], ClientRequest::Answer, FAIL),
            (vec![srp_a, password, wrong(0)], RESEND, CODE),
            // Without the password a right code is worth nothing.
            (vec![right(0)], ClientRequest::Answer, FAIL),
            (vec![srp_a, right(0)], ClientRequest::Answer, FAIL),
            (vec![srp_a, failed(PasswordVerifier), right(0)], ClientRequest::Answer, FAIL),
            (vec![srp_a, password, failed(PoolFactor), right(0)], ClientRequest::Answer, FAIL),
            (vec![srp_a, password, wrong(0), factor, right(1)], ClientRequest::Answer, FAIL),
            (vec![srp_a, password, wrong(0), password], ClientRequest::Answer, FAIL),
        ] {
            assert_eq!(
                decide(&steps, ask, false, &rules(SignInMode::SecondFactor)),
                expected,
                "{steps:?} {ask:?}"
            );
        }
    }

    #[test]
    fn unknown_user_takes_the_same_steps_and_gets_no_tokens() {
        for (steps, ask, expected) in [
            (vec![], ClientRequest::Answer, CODE),
            (vec![wrong(0)], ClientRequest::Answer, CODE),
            (vec![wrong(0)], RESEND, CODE),
            (vec![wrong(0), wrong(1), wrong(2)], ClientRequest::Answer, FAIL),
            (vec![right(0)], ClientRequest::Answer, FAIL),
        ] {
            assert_eq!(
                decide(&steps, ask, true, &rules(SignInMode::Passwordless)),
                expected,
                "{steps:?}"
            );
        }
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let challenge = prop::sample::select(vec![
            PriorChallenge::SrpA,
            PriorChallenge::PasswordVerifier,
            PriorChallenge::PoolFactor,
            PriorChallenge::Other,
        ]);
        prop_oneof![
            (challenge, prop::bool::weighted(0.9))
                .prop_map(|(challenge, passed)| Step::Prior { challenge, passed }),
            Just(Step::Choice),
            Just(Step::Hold),
            (prop::bool::weighted(0.3), prop::option::weighted(0.9, 0_u8..5))
                .prop_map(|(passed, wrong)| Step::Code { passed, record: wrong.map(record) }),
        ]
    }

    /// A sign-in that ends well, by the rules of some mode.
    fn good_history() -> impl Strategy<Value = Vec<Step>> {
        let without_code = prop::sample::select(vec![Step::Choice, Step::Hold]);
        let without_code = prop::collection::vec(without_code, 0..3);
        (0_usize..4, without_code, 0_u8..5).prop_map(|(opening, without_code, wrong_answers)| {
            let mut steps = vec![
                vec![],
                vec![passed(PriorChallenge::SrpA)],
                vec![passed(PriorChallenge::SrpA), passed(PriorChallenge::PasswordVerifier)],
                [
                    PriorChallenge::SrpA,
                    PriorChallenge::PasswordVerifier,
                    PriorChallenge::PoolFactor,
                ]
                .map(passed)
                .to_vec(),
            ]
            .swap_remove(opening);
            steps.extend(without_code);
            steps.extend((0..wrong_answers).map(wrong));
            steps.push(right(wrong_answers));
            steps
        })
    }

    /// What may go wrong in a history: a step more, less, elsewhere or of another outcome.
    fn mutation() -> impl Strategy<Value = (u8, prop::sample::Index, prop::sample::Index, Step)> {
        (0_u8..4, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any_step())
    }

    fn any_history() -> impl Strategy<Value = Vec<Step>> {
        let mutated = (good_history(), prop::collection::vec(mutation(), 0..3));
        let mutated = mutated.prop_map(|(mut steps, mutations)| {
            for (kind, at, other, step) in mutations {
                let len = steps.len();
                match kind {
                    0 => steps.insert(at.index(len + 1), step),
                    _ if len == 0 => {}
                    1 => drop(steps.remove(at.index(len))),
                    2 => steps.swap(at.index(len), other.index(len)),
                    _ => steps[at.index(len)] = step,
                }
            }
            steps
        });
        prop_oneof![4 => mutated, 1 => prop::collection::vec(any_step(), 0..9)]
    }

    /// The rule said again, as a grammar: an opening of the mode, choices and holds,
    /// wrong answers, a right one.
    fn deserves_tokens(
        steps: &[Step],
        ask: ClientRequest,
        user_not_found: bool,
        rules: &Rules,
    ) -> bool {
        let is_factor = |step: &&Step| **step == passed(PriorChallenge::PoolFactor);
        let mut rest = steps.iter().peekable();
        match rules.sign_in {
            SignInMode::Passwordless => {
                rest.next_if(|step| **step == passed(PriorChallenge::SrpA));
            }
            SignInMode::SecondFactor => {
                let opening = [PriorChallenge::SrpA, PriorChallenge::PasswordVerifier].map(passed);
                if !opening.iter().all(|step| rest.next() == Some(step)) {
                    return false;
                }
                while rest.next_if(is_factor).is_some() {}
            }
        }
        while rest.next_if(|step| matches!(step, Step::Choice | Step::Hold)).is_some() {}
        while rest.next_if(|step| matches!(step, Step::Code { passed: false, .. })).is_some() {}
        let last = (rest.next(), rest.next());
        let right = matches!(
            last,
            (Some(Step::Code { passed: true, record: Some(record) }), None)
                if record.wrong_answers < rules.limits.attempts
        );
        right && ask == ClientRequest::Answer && !user_not_found
    }

    fn any_ask() -> impl Strategy<Value = ClientRequest> {
        prop_oneof![4 => Just(ClientRequest::Answer), 1 => Just(RESEND)]
    }

    fn any_rules() -> impl Strategy<Value = Rules> {
        let modes = prop::sample::select(vec![SignInMode::Passwordless, SignInMode::SecondFactor]);
        (modes, 1_u8..=5, 1_u8..=10).prop_map(|(sign_in, attempts, sends)| Rules {
            sign_in,
            limits: Limits { attempts, sends },
        })
    }

    #[test]
    fn generated_histories_reach_tokens_in_both_modes() {
        use proptest::strategy::ValueTree as _;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut tokens = [0; 2];
        for _ in 0..1_000 {
            let steps = any_history().new_tree(&mut runner).unwrap().current();
            for (mode, count) in
                [SignInMode::Passwordless, SignInMode::SecondFactor].iter().zip(&mut tokens)
            {
                *count += usize::from(
                    decide(&steps, ClientRequest::Answer, false, &rules(*mode)) == TOKENS,
                );
            }
        }
        assert!(tokens.iter().all(|count| *count > 50), "{tokens:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Tokens for a history of the grammar, and for no other: above all none without a right
        /// code as its last entry.
        #[test]
        fn tokens_are_issued_only_after_a_final_correct_code(
            steps in any_history(),
            ask in any_ask(),
            user_not_found in prop::bool::weighted(0.1),
            rules in any_rules(),
        ) {
            let decision = decide(&steps, ask, user_not_found, &rules);
            let deserved = deserves_tokens(&steps, ask, user_not_found, &rules);
            prop_assert_eq!(decision == TOKENS, deserved);
            let last_is_right =
                matches!(steps.last(), Some(Step::Code { passed: true, record: Some(_) }));
            prop_assert!(decision != TOKENS || last_is_right);
        }

        /// Whatever a client does, a sign-in ends, and after no more wrong answers than allowed.
        #[test]
        fn every_sign_in_ends_within_its_limits(asks in prop::collection::vec(any_ask(), 64), rules in any_rules()) {
            let rules = Rules { sign_in: SignInMode::Passwordless, ..rules };
            let (mut steps, mut wrong_answers) = (Vec::new(), 0);
            for ask in asks {
                steps.push(wrong(wrong_answers));
                wrong_answers += u8::from(!ask.is_resend());
                if decide(&steps, ask, false, &rules) == FAIL {
                    break;
                }
            }
            prop_assert!(wrong_answers <= rules.limits.attempts);
            let most = usize::from(rules.limits.attempts) + 2 * usize::from(rules.limits.sends);
            prop_assert!(steps.len() <= most, "{} rounds", steps.len());
        }
    }
}
