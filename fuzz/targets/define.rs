//! Define, from an event's bytes to its answer: one of three outcomes, and tokens only after a
//! history of the one form that deserves them.

#![no_main]

use define_auth_challenge::{Rules, respond};
use fuzz::{extract_response, is_resend, is_unknown_user, parse_json, run};
use libfuzzer_sys::fuzz_target;
use otp::{ChallengeMetadata, Record};
use serde_json::{Value, json};
use settings::{Limits, SignInMode};
use trigger::{Fault, Trigger};

const LIMITS: Limits = Limits { attempts: 3, sends: 3 };

fuzz_target!(|event: &str| {
    for sign_in in [SignInMode::Passwordless, SignInMode::SecondFactor] {
        let rules = Rules { sign_in, limits: LIMITS };
        let respond = async |event: &trigger::Event| Ok(respond(&event.request, &rules));
        match run(trigger::answer(Trigger::Define, event, respond)) {
            Err(Fault::Internal(_)) => {}
            Err(fault) => panic!("define fails with {fault}"),
            Ok(answer) => check(event, &extract_response(event, &answer), sign_in),
        }
    }
});

fn check(event: &str, response: &Value, sign_in: SignInMode) {
    let outcome = |challenge: Value, tokens, fail| json!({ "challengeName": challenge, "issueTokens": tokens, "failAuthentication": fail });
    let tokens = *response == outcome(Value::Null, true, false);
    let others = [
        outcome(json!("CUSTOM_CHALLENGE"), false, false),
        outcome(json!("PASSWORD_VERIFIER"), false, false),
        outcome(Value::Null, false, true),
    ];
    assert!(tokens || others.contains(response), "{response}");
    let Some(event) = parse_json(event) else { return };
    let request = &event["request"];
    if tokens {
        assert!(grammar_allows_tokens(request, sign_in), "tokens for {request}");
    }
    if *response == others[0] {
        // Each challenge so far was a choice or a hold, was answered wrong, or had a request to resend.
        let most = usize::from(LIMITS.attempts + 2 * LIMITS.sends);
        assert!(
            session(request).len() - count_prior_challenges(request) <= most,
            "sign-in exceeds its limits"
        );
    }
}

fn session(request: &Value) -> &[Value] {
    request["session"].as_array().map_or(&[], Vec::as_slice)
}

/// How many steps come before the first code.
fn count_prior_challenges(request: &Value) -> usize {
    session(request).iter().take_while(|entry| entry["challengeName"] != "CUSTOM_CHALLENGE").count()
}

/// The grammar of `docs/SECURITY.md`: allowed opening, choices and holds, answers that were not right, a right one.
fn grammar_allows_tokens(request: &Value, sign_in: SignInMode) -> bool {
    const FACTORS: [&str; 5] = [
        "SMS_MFA",
        "EMAIL_OTP",
        "SOFTWARE_TOKEN_MFA",
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
    ];
    let (opening, codes) = session(request).split_at(count_prior_challenges(request));
    let names: Vec<&str> = opening.iter().filter_map(|e| e["challengeName"].as_str()).collect();
    let opened = match sign_in {
        SignInMode::Passwordless => matches!(names[..], [] | ["SRP_A"]),
        SignInMode::SecondFactor => match &names[..] {
            ["SRP_A", "PASSWORD_VERIFIER", factors @ ..] => {
                factors.iter().all(|name| FACTORS.contains(name))
            }
            _ => false,
        },
    };
    let is_without_code = |entry: &&Value| {
        let metadata = entry["challengeMetadata"].as_str().unwrap_or_default();
        let metadata = ChallengeMetadata::parse(metadata);
        entry["challengeName"] == "CUSTOM_CHALLENGE"
            && matches!(metadata, Ok(ChallengeMetadata::Choice | ChallengeMetadata::Hold(_)))
    };
    let codes = codes.get(codes.iter().take_while(is_without_code).count()..).unwrap_or_default();
    let Some((last, before)) = codes.split_last() else { return false };
    let ours = |entry: &Value| entry["challengeName"] == "CUSTOM_CHALLENGE";
    let record = last["challengeMetadata"].as_str().and_then(|text| Record::parse(text).ok());
    opened
        && opening.iter().all(|entry| entry["challengeResult"] == true)
        && codes.iter().all(ours)
        && before.iter().all(|entry| entry["challengeResult"] != true)
        && last["challengeResult"] == true
        && record.is_some_and(|record| record.wrong_answers < LIMITS.attempts)
        && !is_unknown_user(request)
        && !is_resend(request)
}
