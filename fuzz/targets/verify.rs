//! Verify, from an event's bytes to its answer, over a ledger and a user directory in memory, in which
//! the event's code is live: right for the code of this user, nonce and contacts, sealed, in its
//! lifetime, while the contacts are verified, or, with `SIGN_UP=code`, for the only contact that it
//! proves; once and for repeats of the same round; and for nothing else, which uses nothing up. A
//! contact is marked after a code of it was used, if it still is the account's only one, and never else.

#![no_main]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use fuzz::{
    LEDGER_KEY, NOW, Owner, code_key, extract_response, has_linked_identities, is_resend, is_true,
    is_unknown_user, item_names, only_contact, parse_json, run, seal, sealed_names, string_field,
};
use ledger::{CodeBinding, CodeRules, CodeState, Item, MemoryStore, Store as _};
use libfuzzer_sys::fuzz_target;
use otp::{CodeLength, LedgerKey, Medium, Nonce, RoundId};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use settings::{CodeSettings, LedgerSettings, SignUpMode};
use trigger::{Fault, StringMap, Trigger};
use verify_auth_challenge::{Contact, Failed, UserDirectory, Verify};

const LENGTH: CodeLength = CodeLength::MIN;

const PARAMETERS: &str = "privateChallengeParameters";

/// The calls that mark a contact, in their order.
const STEPS: [&str; 3] = ["AdminGetUser", "AdminSetUserPassword", "AdminUpdateUserAttributes"];

fuzz_target!(|text: &str| {
    let event = parse_json(text);
    let seeded = || event.as_ref().map_or_else(MemoryStore::default, store);
    for mode in [SignUpMode::Code, SignUpMode::Cognito] {
        let (first, users) = (seeded(), Users::of(event.as_ref()));
        let function = Function { mode, users: &users };
        let Some(verdict) = function.verify(text, &first) else { return };
        let Some(event) = &event else { return };
        if !is_sealed(event) {
            assert!(!verdict, "parameters without a seal are believed");
            assert_eq!(first.items(), seeded().items());
        }
        if !verdict || mode != SignUpMode::Code {
            users.assert_untouched();
        }
        if parameter(event, "alternative").is_some() {
            check_choice(event, function, verdict);
        } else {
            check_code(event, mode, verdict);
        }
    }
});

/// The function and the users that it may change.
#[derive(Clone, Copy)]
struct Function<'a> {
    mode: SignUpMode,
    users: &'a Users,
}

impl Function<'_> {
    /// What verify says to `event`; none if it is no event of verify's.
    fn verify(self, event: &str, store: &MemoryStore) -> Option<bool> {
        let key = LedgerKey::new(LEDGER_KEY).expect("a good key");
        let ledger = LedgerSettings { key, table: "ledger".to_owned() };
        let codes = CodeSettings { key: code_key(), length: LENGTH };
        let users = (self.mode == SignUpMode::Code).then_some(self.users);
        let verify = Verify::new(codes, ledger, store.clone(), users);
        let mut generator = ChaCha20Rng::seed_from_u64(self.users.passwords.borrow().len() as u64);
        let respond =
            async |event: &trigger::Event| verify.respond(event, NOW * 1_000, &mut generator).await;
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
}

/// A user pool with one user. It notes what was asked of it.
#[derive(Default)]
struct Users {
    attributes: Vec<(String, String)>,
    /// The step and what it is about.
    calls: RefCell<Vec<(&'static str, String)>>,
    passwords: RefCell<Vec<String>>,
    /// This step fails.
    failing: Cell<Option<&'static str>>,
}

impl Users {
    /// The user of `event`, as it is there.
    fn of(event: Option<&Value>) -> Self {
        let mut attributes = Vec::new();
        if let Some((event, owner)) = event.and_then(|event| Some((event, Owner::of(event)?))) {
            let own = ["phone_number_verified", "email_verified", "identities"];
            let value = |name| string_field(&event["request"], "userAttributes", name);
            attributes.extend([("sub", owner.user_sub), ("phone_number", owner.phone_number)]);
            attributes.push(("email", owner.email));
            attributes.extend(own.into_iter().filter_map(|name| Some((name, value(name)?))));
        }
        let own = |(name, value): (&str, String)| (name.to_owned(), value);
        Self { attributes: attributes.into_iter().map(own).collect(), ..Self::default() }
    }

    /// The same with the attribute `name` changed.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.retain(|(other, _)| other != name);
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    fn assert_untouched(&self) {
        assert!(self.calls.borrow().is_empty(), "a user is read or changed without a proof");
    }

    /// The names of the calls so far.
    fn steps(&self) -> Vec<&'static str> {
        self.calls.borrow().iter().map(|(step, _)| *step).collect()
    }

    fn call(&self, step: usize, about: &[&str]) -> Result<(), Failed> {
        self.calls.borrow_mut().push((STEPS[step], about.join(" ")));
        match self.failing.get() == Some(STEPS[step]) {
            true => Err(Failed(STEPS[step])),
            false => Ok(()),
        }
    }
}

impl UserDirectory for &Users {
    async fn attributes(&self, pool_id: &str, sub: &str) -> Result<StringMap, Failed> {
        self.call(0, &[pool_id, sub])?;
        let own = self.attributes.iter();
        Ok(own.map(|(name, value)| (name.clone(), SecretString::from(value.as_str()))).collect())
    }

    async fn set_password(
        &self,
        pool_id: &str,
        sub: &str,
        password: &SecretString,
    ) -> Result<(), Failed> {
        let password = password.expose_secret().to_owned();
        assert!((99..=256).contains(&password.len()), "a password that a pool may refuse");
        assert!(!self.passwords.borrow().contains(&password), "a password that was there before");
        self.passwords.borrow_mut().push(password);
        self.call(1, &[pool_id, sub])
    }

    async fn mark_verified(
        &self,
        pool_id: &str,
        sub: &str,
        Contact { medium, value }: Contact<'_>,
    ) -> Result<(), Failed> {
        self.call(2, &[pool_id, sub, medium.attributes().0, value])
    }
}

/// A choice is right for the name of the less preferred medium, and uses nothing up.
fn check_choice(event: &Value, function: Function<'_>, verdict: bool) {
    let alternative = parameter(event, "alternative").filter(|name| is_medium(name));
    let answer = event["request"]["challengeAnswer"].as_str();
    let is_named = alternative
        .is_some_and(|name| answer.is_some_and(|answer| answer.trim().eq_ignore_ascii_case(&name)));
    assert_eq!(verdict, is_named && is_sealed(event), "a choice is not compared by name");
    let store = store(event);
    let before = store.items();
    assert_eq!(function.verify(&resealed(event).to_string(), &store), Some(is_named));
    assert_eq!(store.items(), before);
    function.users.assert_untouched();
}

fn check_code(event: &Value, mode: SignUpMode, verdict: bool) {
    let Some(nonce) = nonce(event) else { return assert!(!verdict, "a code of no nonce") };
    let Some(owner) = Owner::of(event) else { return };
    let code = owner.code(nonce, LENGTH);
    let is_valid = is_valid(event, mode);
    if verdict {
        assert!(is_valid, "expired code is accepted");
        let typed = event["request"]["challengeAnswer"].as_str().map(digits);
        assert_eq!(typed.as_deref(), Some(code.as_str()), "wrong code is accepted");
    }

    // The same event, sealed and with the code in it, is right once and for repeats.
    let mut right = resealed(event);
    right["request"]["challengeAnswer"] = json!(code);
    let (main, round) = (store(event), RoundId::from_bytes([0xee; 16]).encode());
    let users = Users::of(Some(event));
    let function = Function { mode, users: &users };
    let mut other_round = right.clone();
    other_round["request"][PARAMETERS]["round"] = json!(round);
    let is_other_round = parameter(event, "round") != Some(round);
    let check = |event: &Value, store: &MemoryStore, expected: bool, what: &str| {
        assert_eq!(function.verify(&event.to_string(), store), Some(expected), "{what}");
    };

    // What is wrong uses nothing up.
    let before = main.items();
    for changed in changes(&right, &code) {
        // A change may make a seal right that was made for it.
        let is_valid = self::is_valid(&changed.event, mode);
        let is_right = is_valid && changed.is_sealed && changed.code == code;
        if !is_right {
            check(&changed.event, &main, false, changed.name);
            assert_eq!(main.items(), before, "{}", changed.name);
            users.assert_untouched();
        }
    }
    check(&right, &main, is_valid, "the right code");
    assert_eq!(main.items() != before, is_valid, "the right code is used up");
    let after = main.items();
    check_proof(&right, function, &main, is_valid);
    let steps = users.steps();
    check(&right, &main, is_valid, "the repeat of the same round");
    if is_valid && is_other_round {
        check(&resealed(&other_round), &main, false, "another round after the code was used");
        check(&right, &main, true, "a repeat after another round");
    }
    assert_eq!(main.items(), after);
    assert_eq!(users.steps(), steps, "a repeat marks a contact");
    if is_valid {
        check_other_users(&right, mode);
    }

    // The previous code is right; one that was replaced, was never issued or is of another account is not.
    let other = |byte| Nonce::from_bytes([byte; 16]);
    if nonce != other(1) && nonce != other(2) {
        let previous = store_of(&owner, &[nonce, other(1)]);
        check(&right, &previous, is_valid, "the previous code");
        users.calls.borrow_mut().clear();
        check(&right, &store_of(&owner, &[nonce, other(1), other(2)]), false, "a replaced code");
        check(&right, &store_of(&owner, &[other(1)]), false, "a code that was not issued");
    }
    users.calls.borrow_mut().clear();
    check(&right, &MemoryStore::default(), false, "a code without an account item");
    let another = Owner { user_sub: format!("{}x", owner.user_sub), ..owner.clone() };
    check(&right, &store_of(&another, &[nonce]), false, "a code of another account");
    users.assert_untouched();
}

/// Checks what followed the answer `right`, which used its code up in `store` if it is valid, for the
/// user as it is in the event.
fn check_proof(right: &Value, function: Function<'_>, store: &MemoryStore, is_valid: bool) {
    let Function { mode, users } = function;
    let (request, owner) = (&right["request"], Owner::of(right).expect("an owner"));
    let proves = is_valid && mode == SignUpMode::Code;
    let is_of_unverified = parameter(right, "media").is_some_and(|media| media.is_empty());
    let mut steps = Vec::new();
    let mut is_noted = proves && parameter(right, "proven").is_some_and(|proven| proven == "false");
    if proves && is_of_unverified {
        let (medium, value) = only_contact(request).expect("an only contact");
        let (name, verified) = medium.attributes();
        let user = format!("{} {}", owner.pool_id, owner.user_sub);
        let is_linked = has_linked_identities(request);
        let marks = !is_linked && !is_true(request, verified);
        let about = [user.clone(), user.clone(), format!("{user} {name} {value}")];
        let count = if marks { STEPS.len() } else { 1 };
        steps = STEPS.into_iter().zip(about).take(count).collect();
        is_noted = !is_linked;
    }
    assert_eq!(*users.calls.borrow(), steps, "other calls than those that follow a proof");
    check_items(&owner, store, is_noted);
}

/// `store` has an item of the account of `owner`, and that of its proof if `is_noted`; none else.
fn check_items(owner: &Owner, store: &MemoryStore, is_noted: bool) {
    let (names, items) = (item_names(), store.items());
    let account = names.account(&owner.pool_id, &owner.user_sub);
    let proven = names.proven(&owner.pool_id, &owner.user_sub);
    let expected: BTreeSet<_> = [account].into_iter().chain(is_noted.then_some(proven)).collect();
    assert_eq!(items.into_keys().collect::<BTreeSet<_>>(), expected, "another proof");
}

/// The answer `right` is right, and marks nothing, while the user pool fails or has it that the proven
/// contact is not the user's only one any more.
fn check_other_users(right: &Value, mode: SignUpMode) {
    let owner = Owner::of(right).expect("an owner");
    let marks = parameter(right, "media").is_some_and(|media| media.is_empty());
    if !marks || mode != SignUpMode::Code {
        return;
    }
    let check = |users: &Users, expected: &[&str], is_noted| {
        let (store, function) = (store(right), Function { mode, users });
        for _ in 0..2 {
            assert_eq!(function.verify(&right.to_string(), &store), Some(true));
            assert_eq!(users.steps(), expected, "steps after one that failed or forbade them");
            check_items(&owner, &store, is_noted);
        }
    };
    let users = || Users::of(Some(right));
    let (medium, value) = only_contact(&right["request"]).expect("an only contact");
    let (name, verified) = medium.attributes();
    let other = if medium == Medium::Sms { Medium::Email } else { Medium::Sms };
    let other_sub = format!("{}x", owner.user_sub);
    for (changed, new) in [
        (name, format!("{value}0")),
        (name, String::new()),
        (other.attributes().0, "another contact".to_owned()),
        ("sub", other_sub),
        ("identities", r#"[{"userId":"1"}]"#.to_owned()),
    ] {
        for is_verified in ["true", "false"] {
            let users = users().with(changed, &new).with(verified, is_verified);
            check(&users, &STEPS[..1], false);
        }
    }
    if has_linked_identities(&right["request"]) {
        return;
    }
    check(&users().with(verified, "true"), &STEPS[..1], true);
    for (n, step) in STEPS.into_iter().enumerate() {
        let users = users().with(verified, "false");
        users.failing.set(Some(step));
        check(&users, &STEPS[..=n], false);
    }
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
    let is_proven = parameter(right, "proven").is_some_and(|proven| proven == "true");
    all.push(changed("a made-up proof", &|event| {
        event["request"][PARAMETERS]["proven"] = json!((!is_proven).to_string());
    }));
    all.push(changed("an unverified contact that was not sent to", &|event| {
        let media = parameter(right, "media").filter(|media| media.is_empty());
        event["request"][PARAMETERS]["media"] = json!(media.map_or("", |_| "SMS"));
    }));
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
fn is_valid(event: &Value, mode: SignUpMode) -> bool {
    let request = &event["request"];
    let expires_at = parameter(event, "expires_at").and_then(|text| text.parse::<u64>().ok());
    let round = parameter(event, "round").and_then(|round| RoundId::decode(&round));
    let media = parameter(event, "media");
    let is_proof = parameter(event, "proven").is_some_and(|text| text == "true" || text == "false");
    let is_phone_verified = is_true(request, "phone_number_verified");
    let is_email_verified = is_true(request, "email_verified");
    let is_verified = |media: &str| match media {
        "" => mode == SignUpMode::Code && only_contact(request).is_some(),
        "SMS" => is_phone_verified,
        "EMAIL" => is_email_verified,
        "SMS,EMAIL" => is_phone_verified && is_email_verified,
        _ => false,
    };
    !is_unknown_user(request)
        && !is_resend(request)
        && expires_at > Some(NOW)
        && round.is_some()
        && is_proof
        && parameter(event, "spend").is_some()
        && media.is_some_and(|media| is_verified(&media))
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
