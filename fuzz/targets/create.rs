//! Create, from an event's bytes to its answer, over a ledger and an outbox in memory: it sends at
//! most once a call and no more than the ledger's limit in all, to nobody but the event's own user,
//! and what it answers fits what it sent and gives no code away.

#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;

use create_auth_challenge::{Create, Destination, Message, MessageSender, SendError, Settings};
use fuzz::{CODE_KEY, NOW, is_unknown, response, run, subject, tree};
use ledger::{Item, ItemKey, Store, StoreError};
use libfuzzer_sys::fuzz_target;
use otp::{ChallengeMetadata, Code, CodeKey, CodeLength, PrivateChallengeParameters};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use serde_json::Value;
use trigger::{Fault, Trigger};

/// How often the event comes; the ledger admits one message less.
const CALLS: usize = 3;

/// Where messages went, and their texts.
#[derive(Default)]
struct Outbox(RefCell<Vec<(String, String)>>);

impl MessageSender for &Outbox {
    async fn send(&self, to: &Destination, message: &Message) -> Result<(), SendError> {
        let message = (to.expose().to_owned(), message.expose_text().to_owned());
        self.0.borrow_mut().push(message);
        Ok(())
    }
}

#[derive(Default)]
struct Table(RefCell<BTreeMap<ItemKey, Item>>);

impl Store for Table {
    async fn load(&self, key: &ItemKey) -> Result<Item, StoreError> {
        Ok(self.0.borrow().get(key).cloned().unwrap_or_default())
    }

    async fn store(&self, key: &ItemKey, item: &Item, _: u64) -> Result<(), StoreError> {
        let before = self.load(key).await?.version;
        assert_eq!(before + 1, item.version, "a store that skips a version");
        self.0.borrow_mut().insert(key.clone(), item.clone());
        Ok(())
    }
}

fn settings(first_round: &str) -> Settings {
    let read = |name: &str| match name {
        "CODE_KEY" => Some(CODE_KEY.to_owned()),
        // Longer than chance could have it in a time or a hash.
        "CODE_LENGTH" => Some("10".to_owned()),
        "EMAIL_FROM" => Some("sign-in@example.com".to_owned()),
        "FIRST_ROUND" => Some(first_round.to_owned()),
        "ISSUE_LIMITS" => Some(format!("{}/15m", CALLS - 1)),
        "LEDGER_TABLE" => Some("ledger".to_owned()),
        "SMS_COUNTRIES" => Some("*".to_owned()),
        _ => None,
    };
    Settings::read(&read).expect("good settings")
}

fuzz_target!(|event: &str| {
    for first_round in ["send", "choose"] {
        call(event, settings(first_round));
    }
});

fn call(event: &str, settings: Settings) {
    let outbox = Outbox::default();
    let create = Create::new(settings, &outbox, Table::default());
    for call in 0..CALLS {
        let mut generator = ChaCha20Rng::seed_from_u64(call as u64);
        let before = outbox.0.borrow().len();
        let respond =
            async |event: &trigger::Event| create.respond(event, NOW * 1_000, &mut generator).await;
        let result = run(trigger::answer(Trigger::Create, event, respond));
        let sent = outbox.0.borrow()[before..].to_vec();
        assert!(sent.len() <= 1, "two messages for one call");
        match result {
            Ok(answer) => check(event, &response(event, &answer), sent.first()),
            Err(Fault::Unavailable | Fault::DeliveryFailed) => panic!("nothing was the matter"),
            Err(_) => assert!(sent.is_empty(), "a message, and a fault"),
        }
    }
    let sent = outbox.0.borrow();
    for (to, _) in sent.iter() {
        let there = sent.iter().filter(|(other, _)| other == to).count();
        assert!(there < CALLS, "{there} messages to one destination");
    }
}

fn check(event: &str, response: &Value, sent: Option<&(String, String)>) {
    let note =
        response["challengeMetadata"].as_str().and_then(|text| ChallengeMetadata::parse(text).ok());
    let public = response["publicChallengeParameters"].as_object().expect("public parameters");
    assert!(public.values().all(Value::is_string));
    let private = PrivateChallengeParameters::parse(|name| {
        response["privateChallengeParameters"][name].as_str()
    });
    let record = match (note.expect("a note"), private.expect("private parameters")) {
        (ChallengeMetadata::Code(record), PrivateChallengeParameters::Code(private)) => {
            assert_eq!(private.nonce, record.nonce);
            record
        }
        (ChallengeMetadata::Choice, PrivateChallengeParameters::Choice { .. }) => {
            return assert!(sent.is_none(), "a message before the choice");
        }
        (note, private) => panic!("{note:?} and {private:?}"),
    };

    let Some(event) = tree(event) else { return };
    let (pool, subject) = (event["userPoolId"].as_str(), subject(&event));
    let (pool, subject) = (pool.expect("a pool"), subject.expect("a user"));
    let key = CodeKey::new(CODE_KEY).expect("a key");
    let code = Code::derive(&key, pool, &subject, &record.nonce, CodeLength::MAX);
    assert!(!response.to_string().contains(code.expose()), "the code is in the response");
    if let Some((to, text)) = sent {
        assert!(text.contains(code.expose()), "another code was sent");
        assert!(!is_unknown(&event["request"]), "a message for a user who does not exist");
        let attributes = &event["request"]["userAttributes"];
        let own = ["phone_number", "email"].map(|name| scalar(&attributes[name]));
        assert!(own.contains(&Some(to.clone())), "a message to somebody else");
    }
}

/// A text, or what is read as one.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
