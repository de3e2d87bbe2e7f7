//! Verify, from an event's bytes to its answer: right for the code of this user and nonce, in its
//! lifetime, and for nothing else.

#![no_main]

use fuzz::{CODE_KEY, NOW, is_resend, is_unknown, response, run, subject, text, tree};
use libfuzzer_sys::fuzz_target;
use otp::{Code, CodeKey, CodeLength, Nonce};
use serde_json::{Value, json};
use settings::CodeSettings;
use trigger::{Fault, Trigger};

fuzz_target!(|event: &str| {
    let settings =
        CodeSettings { key: CodeKey::new(CODE_KEY).expect("a key"), length: CodeLength::MIN };
    let Some(verdict) = judge(event, &settings) else { return };
    let Some(mut event) = tree(event) else { return };
    let Some(code) = code(&event, &settings) else { return };
    let request = &event["request"];
    let lives = !is_unknown(request) && !is_resend(request) && expires_at(request) > Some(NOW);
    if verdict {
        assert!(lives, "a dead code is right");
        let typed = text(&event, "request", "challengeAnswer").map(digits);
        assert_eq!(typed.as_deref(), Some(code.as_str()), "another code is right");
    }
    // The same event with the code in it is right, and with another it is not.
    event["request"]["challengeAnswer"] = json!(code);
    assert_eq!(judge(&event.to_string(), &settings), Some(lives));
    let last = if code.ends_with('0') { "1" } else { "0" };
    event["request"]["challengeAnswer"] = json!(format!("{}{last}", &code[..code.len() - 1]));
    assert_eq!(judge(&event.to_string(), &settings), Some(false));
});

fn judge(event: &str, settings: &CodeSettings) -> Option<bool> {
    let respond =
        async |event: &trigger::Event| verify_auth_challenge::respond(event, settings, NOW);
    match run(trigger::answer(Trigger::Verify, event, respond)) {
        Err(Fault::Internal(_)) => None,
        Err(fault) => panic!("verify says {fault}"),
        Ok(answer) => {
            let response = response(event, &answer);
            let verdict = response["answerCorrect"].as_bool().expect("a verdict");
            assert_eq!(response, json!({ "answerCorrect": verdict }));
            Some(verdict)
        }
    }
}

/// The code of the event, if its parts are texts; numbers in their place are read as texts too, but
/// not by this.
fn code(event: &Value, settings: &CodeSettings) -> Option<String> {
    // With this the answer is a choice.
    if !matches!(event["request"]["privateChallengeParameters"]["other_choice"], Value::Null) {
        return None;
    }
    let nonce = Nonce::decode(text(&event["request"], "privateChallengeParameters", "nonce")?)?;
    let (pool, subject) = (event["userPoolId"].as_str()?, subject(event)?);
    expires_at(&event["request"])?;
    Some(Code::derive(&settings.key, pool, &subject, &nonce, settings.length).expose().to_owned())
}

fn expires_at(request: &Value) -> Option<u64> {
    match &request["privateChallengeParameters"]["expires_at"] {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// The digits of an answer, in ASCII.
fn digits(answer: &str) -> String {
    let zeros = ['0', '\u{660}', '\u{6f0}', '\u{ff10}'].map(u32::from);
    let digit = |character: char| {
        zeros.iter().find_map(|zero| {
            let value = u32::from(character).checked_sub(*zero)?;
            char::from_digit(value, 10)
        })
    };
    answer.chars().filter_map(digit).collect()
}
