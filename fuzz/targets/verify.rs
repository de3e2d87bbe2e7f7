//! Verify, from an event's bytes to its answer, over a ledger in memory in which the event's code is
//! live: right for the code of this user, nonce and contacts, sealed, in its lifetime, while the
//! contacts are verified, once and for repeats of the same round; and for nothing else, which uses
//! nothing up.

#![no_main]

use fuzz::{
    LEDGER_KEY, NOW, Owner, code_key, extract_response, is_resend, is_true, is_unknown_user,
    item_names, parse_json, run, seal, sealed_names, string_field,
};
use ledger::{CodeBinding, CodeRules, CodeState, Item, MemoryStore, Store as _};
use libfuzzer_sys::fuzz_target;
use otp::{CodeLength, LedgerKey, Medium, Nonce, RoundId};
use serde_json::{Value, json};
use settings::{CodeSettings, LedgerSettings};
use trigger::{Fault, Trigger};

const LENGTH: CodeLength = CodeLength::MIN;

const PARAMETERS: &str = "privateChallengeParameters";

fuzz_target!(|text: &str| {
    let event = parse_json(text);
    let seeded = || event.as_ref().map_or_else(MemoryStore::default, store);
    let first = seeded();
    let Some(verdict) = verify(text, &first) else { return };
    let Some(event) = &event else { return };
    if !is_sealed(event) {
        assert!(!verdict, "parameters without a seal are believed");
        assert_eq!(first.items(), seeded().items());
    }
    if parameter(event, "alternative").is_some() {
        check_choice(event, verdict);
    } else {
        check_code(event, verdict);
    }
});

/// A choice is right for the name of the less preferred medium, and uses nothing up.
fn check_choice(event: &Value, verdict: bool) {
    let alternative = parameter(event, "alternative").filter(|name| is_medium(name));
    let answer = event["request"]["challengeAnswer"].as_str();
    let is_named = alternative
        .is_some_and(|name| answer.is_some_and(|answer| answer.trim().eq_ignore_ascii_case(&name)));
    assert_eq!(verdict, is_named && is_sealed(event), "a choice is not compared by name");
    let store = store(event);
    let before = store.items();
    assert_eq!(verify(&resealed(event).to_string(), &store), Some(is_named));
    assert_eq!(store.items(), before);
}

fn check_code(event: &Value, verdict: bool) {
    let Some(nonce) = nonce(event) else { return assert!(!verdict, "a code of no nonce") };
    let Some(owner) = Owner::of(event) else { return };
    let code = owner.code(nonce, LENGTH);
    let is_valid = is_valid(event);
    if verdict {
        assert!(is_valid, "expired code is accepted");
        let typed = event["request"]["challengeAnswer"].as_str().map(digits);
        assert_eq!(typed.as_deref(), Some(code.as_str()), "wrong code is accepted");
    }

    // The same event, sealed and with the code in it, is right once and for repeats.
    let mut right = resealed(event);
    right["request"]["challengeAnswer"] = json!(code);
    let (main, round) = (store(event), RoundId::from_bytes([0xee; 16]).encode());
    let mut other_round = right.clone();
    other_round["request"][PARAMETERS]["round"] = json!(round);
    let is_other_round = parameter(event, "round") != Some(round);
    let check = |event: &Value, store: &MemoryStore, expected: bool, what: &str| {
        assert_eq!(verify(&event.to_string(), store), Some(expected), "{what}");
    };

    // What is wrong uses nothing up.
    let before = main.items();
    for changed in changes(&right, &code) {
        let is_right = is_valid && changed.is_sealed && changed.code == code;
        if !is_right {
            check(&changed.event, &main, false, changed.name);
            assert_eq!(main.items(), before, "{}", changed.name);
        }
    }
    check(&right, &main, is_valid, "the right code");
    assert_eq!(main.items() != before, is_valid, "the right code is used up");
    let after = main.items();
    check(&right, &main, is_valid, "the repeat of the same round");
    if is_valid && is_other_round {
        check(&resealed(&other_round), &main, false, "another round after the code was used");
        check(&right, &main, true, "a repeat after another round");
    }
    assert_eq!(main.items(), after);

    // The previous code is right; one that was replaced, was never issued or is of another account is not.
    let other = |byte| Nonce::from_bytes([byte; 16]);
    if nonce != other(1) && nonce != other(2) {
        let previous = store_of(&owner, &[nonce, other(1)]);
        check(&right, &previous, is_valid, "the previous code");
        check(&right, &store_of(&owner, &[nonce, other(1), other(2)]), false, "a replaced code");
        check(&right, &store_of(&owner, &[other(1)]), false, "a code that was not issued");
    }
    check(&right, &MemoryStore::default(), false, "a code without an account item");
    let another = Owner { user_sub: format!("{}x", owner.user_sub), ..owner.clone() };
    check(&right, &store_of(&another, &[nonce]), false, "a code of another account");
}

/// An event that is to be judged like another, but for one change.
struct Changed {
    name: &'static str,
    event: Value,
    /// Are its parameters sealed for its user?
    is_sealed: bool,
    /// The code of its owner.
    code: String,
}

/// The changes after which the answer `code` of the sealed event `right` is wrong, unless by chance the
/// code is the same.
fn changes(right: &Value, code: &str) -> Vec<Changed> {
    let changed = |name, change: &dyn Fn(&mut Value)| {
        let mut event = right.clone();
        change(&mut event);
        let code = Owner::of(&event).zip(nonce(&event));
        let code = code.map(|(owner, nonce)| owner.code(nonce, LENGTH)).unwrap_or_default();
        Changed { name, is_sealed: is_sealed(&event), event, code }
    };
    let mut all = Vec::new();
    for name in sealed_names(false).iter().chain(&["mac"]) {
        let value = parameter(right, name).unwrap_or_default();
        all.push(changed("a changed parameter", &|event| {
            event["request"][PARAMETERS][name] = json!(format!("{value}1"));
        }));
        all.push(changed("a missing parameter", &|event| {
            event["request"][PARAMETERS][name] = Value::Null;
        }));
    }
    for medium in [Medium::Sms, Medium::Email] {
        let (address, _) = medium.attributes();
        for value in ["+15550100", "joan@example.com", ""] {
            all.push(changed("a replaced contact", &|event| {
                event["request"]["userAttributes"][address] = json!(value);
            }));
        }
    }
    all.push(changed("another user", &|event| {
        event["request"]["userAttributes"]["sub"] = json!("another sub");
    }));
    all.push(changed("another pool", &|event| event["userPoolId"] = json!("us-east-1_Other")));
    // What follows makes no other code of it.
    let never = |changed: Changed| Changed { code: String::new(), ..changed };
    let last = if code.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &code[..code.len() - 1]);
    for answer in [json!(wrong), json!(""), Value::Null, json!(format!("{code}0"))] {
        all.push(never(changed("a wrong answer", &|event| {
            event["request"]["challengeAnswer"] = answer.clone();
        })));
    }
    all.push(never(changed("an unknown user", &|event| {
        event["request"]["userNotFound"] = json!(true);
    })));
    all.push(never(changed("a request to resend", &|event| {
        event["request"]["clientMetadata"] = json!({ "action": "resend" });
    })));
    let bound = parameter(right, "media").unwrap_or_default();
    for medium in [Medium::Sms, Medium::Email] {
        if bound.split(',').any(|name| name == medium.name()) {
            all.push(never(changed("a contact that is no longer verified", &|event| {
                event["request"]["userAttributes"][medium.attributes().1] = json!("false");
            })));
        }
    }
    let expired = changed("an expired code", &|event| {
        event["request"][PARAMETERS]["expires_at"] = json!(NOW.to_string());
        *event = resealed(event);
    });
    all.push(never(expired));
    all
}

/// What verify says to `event`; none if it is no event of verify's.
fn verify(event: &str, store: &MemoryStore) -> Option<bool> {
    let key = LedgerKey::new(LEDGER_KEY).expect("a good key");
    let ledger = LedgerSettings { key, table: "ledger".to_owned() };
    let codes = CodeSettings { key: code_key(), length: LENGTH };
    let verify = verify_auth_challenge::Verify::new(codes, ledger, store.clone());
    let respond = async |event: &trigger::Event| verify.respond(event, NOW * 1_000).await;
    match run(trigger::answer(Trigger::Verify, event, respond)) {
        Err(Fault::Internal(_)) => None,
        Err(fault) => panic!("verify fails with {fault}"),
        Ok(answer) => {
            let response = extract_response(event, &answer);
            let verdict = response["answerCorrect"].as_bool().expect("a verdict");
            assert_eq!(response, json!({ "answerCorrect": verdict }));
            Some(verdict)
        }
    }
}

/// A ledger in which the code of `event`, if it has one, is live.
fn store(event: &Value) -> MemoryStore {
    match Owner::of(event).zip(nonce(event)) {
        Some((owner, nonce)) => store_of(&owner, &[nonce]),
        None => MemoryStore::default(),
    }
}

/// A ledger in which the codes of `nonces` were issued to the account of `owner`, each after the one
/// before it had almost expired.
fn store_of(owner: &Owner, nonces: &[Nonce]) -> MemoryStore {
    const LIFETIME: u64 = 600;
    let rules = CodeRules { binding: CodeBinding("any".to_owned()), lifetime: LIFETIME };
    let mut codes = CodeState::default();
    for (nonce, at) in nonces.iter().zip((NOW..).step_by(LIFETIME as usize - 1)) {
        codes = codes.issue(*nonce, &rules, at).0;
    }
    let (store, item) = (MemoryStore::default(), Item { version: 1, codes, ..Item::default() });
    let account = item_names().account(&owner.pool_id, &owner.user_sub);
    run(store.write(&account, &item, u64::MAX)).expect("a first item");
    store
}

fn parameter(event: &Value, name: &str) -> Option<String> {
    string_field(&event["request"], PARAMETERS, name)
}

fn nonce(event: &Value) -> Option<Nonce> {
    Nonce::decode(&parameter(event, "nonce")?)
}

/// The parameters of `event` that a seal is made of; none if one is missing.
fn sealed_parameters(event: &Value) -> Option<Vec<(&'static str, String)>> {
    let names = sealed_names(parameter(event, "alternative").is_some());
    names.iter().map(|name| Some((*name, parameter(event, name)?))).collect()
}

fn right_seal(event: &Value) -> Option<String> {
    let (owner, fields) = (Owner::of(event)?, sealed_parameters(event)?);
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Some(seal(&owner.pool_id, &owner.user_sub, &fields))
}

/// Has `event` the right seal?
fn is_sealed(event: &Value) -> bool {
    right_seal(event).is_some_and(|seal| parameter(event, "mac") == Some(seal))
}

/// `event` with the right seal, if it has all that is sealed.
fn resealed(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(seal) = right_seal(&event) {
        event["request"][PARAMETERS]["mac"] = json!(seal);
    }
    event
}

/// Would the code of `event` be right if its parameters were sealed?
fn is_valid(event: &Value) -> bool {
    let request = &event["request"];
    let expires_at = parameter(event, "expires_at").and_then(|text| text.parse::<u64>().ok());
    let round = parameter(event, "round").and_then(|round| RoundId::decode(&round));
    let media = parameter(event, "media");
    let is_verified = |name: &str| match name {
        "SMS" => is_true(request, "phone_number_verified"),
        "EMAIL" => is_true(request, "email_verified"),
        _ => false,
    };
    !is_unknown_user(request)
        && !is_resend(request)
        && expires_at > Some(NOW)
        && round.is_some()
        && media.is_some_and(|media| media.is_empty() || media.split(',').all(is_verified))
}

fn is_medium(name: &str) -> bool {
    ["SMS", "EMAIL"].contains(&name)
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
