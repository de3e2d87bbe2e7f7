//! Create, from an event's bytes to its answer, over a ledger and an outbox in memory: it sends at
//! most once a call and no more than the ledger's limit for the account and for each destination, to
//! nobody but the event's own user, and always the account's one live code. To an unverified contact it
//! sends with `SIGN_UP=code` only, while that is the only contact of an account without linked
//! identities of which no contact was ever proven. What it answers fits what it sent, is sealed for
//! this user and gives no code away. A hold sends nothing.

#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;

use create_auth_challenge::{Create, Destination, Message, MessageSender, SendError, Settings};
use fuzz::{
    CODE_KEY, LEDGER_KEY, NOW, Owner, code_key, extract_response, has_linked_identities, is_true,
    is_unknown_user, item_names, only_contact, parse_json, run, string_field,
};
use ledger::{MemoryStore, SpendTicket, Store as _};
use libfuzzer_sys::fuzz_target;
use otp::{
    ChallengeMetadata, CodeLength, CodeParameters, Medium, MediumSet, Nonce,
    PrivateChallengeParameters,
};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use serde_json::{Value, json};
use trigger::{Fault, Trigger};

/// How often the event comes; the ledger admits one message less.
const CALLS: usize = 3;

/// How many seconds a code lives.
const LIFETIME: u64 = 300;

/// A message: where it went, and its text.
type Sent = (String, String);

/// Keeps what is sent.
#[derive(Default)]
struct RecordingSender(RefCell<Vec<Sent>>);

impl MessageSender for &RecordingSender {
    async fn send(&self, to: &Destination, message: &Message) -> Result<(), SendError> {
        let message = (to.expose().to_owned(), message.expose_text().to_owned());
        self.0.borrow_mut().push(message);
        Ok(())
    }
}

/// What the answers to an event depend on.
#[derive(Clone, Copy)]
struct Context {
    first_round: &'static str,
    sign_up: &'static str,
    when_limited: &'static str,
    /// The ledger has it that a contact of the account was proven.
    is_proven: bool,
}

impl Context {
    /// May a code be sent to `contact`, which is not verified, of the user in `request`?
    fn may_prove(self, request: &Value, contact: &(Medium, String)) -> bool {
        self.sign_up == "code"
            && !self.is_proven
            && only_contact(request).as_ref() == Some(contact)
            && !has_linked_identities(request)
    }
}

fn settings(Context { first_round, sign_up, when_limited, .. }: Context) -> Settings {
    let read = |name: &str| match name {
        "CODE_KEY" => Some(CODE_KEY.to_owned()),
        // Longer than chance could have it in a time or a hash.
        "CODE_LENGTH" => Some("10".to_owned()),
        "CODE_LIFETIME_SECONDS" => Some(LIFETIME.to_string()),
        "EMAIL_FROM" => Some("sign-in@example.com".to_owned()),
        "FIRST_ROUND" => Some(first_round.to_owned()),
        "ISSUE_LIMITS" => Some(format!("{}/15m", CALLS - 1)),
        "LEDGER_KEY" => Some(LEDGER_KEY.to_owned()),
        "LEDGER_TABLE" => Some("ledger".to_owned()),
        "SIGN_UP" => Some(sign_up.to_owned()),
        "SMS_COUNTRIES" => Some("*".to_owned()),
        "WHEN_LIMITED" => Some(when_limited.to_owned()),
        _ => None,
    };
    Settings::read(&read).expect("good settings")
}

fuzz_target!(|event: &str| {
    for (first_round, when_limited) in [("send", "fail"), ("send", "hold"), ("choose", "hold")] {
        for (sign_up, is_proven) in [("cognito", false), ("code", false), ("code", true)] {
            check_calls(event, Context { first_round, sign_up, when_limited, is_proven });
        }
    }
});

fn check_calls(event: &str, context: Context) {
    let (sender, store) = (RecordingSender::default(), MemoryStore::default());
    let create = Create::new(settings(context), &sender, store.clone());
    let value = parse_json(event);
    if context.is_proven {
        let Some(owner) = value.as_ref().and_then(Owner::of) else { return };
        let proven = item_names().proven(&owner.pool_id, &owner.user_sub);
        run(store.note(&proven, NOW, None)).expect("a store in memory");
    }
    let of_one = call(&create, &sender, event, context);
    let Some(mut value) = value else { return };
    check_ledger(&value, &store, of_one, context);
    // The proof is of one account.
    let context = Context { is_proven: false, ..context };
    // Another user with the same contacts, and a user who differs in one contact's case alone, are
    // other accounts with the same destinations.
    if of_one == 0 {
        return;
    }
    value["request"]["userAttributes"]["sub"] = json!("another sub");
    call(&create, &sender, &value.to_string(), context);
    if let Some(email) = string_field(&value["request"], "userAttributes", "email") {
        value["request"]["userAttributes"]["sub"] = json!("a third sub");
        value["request"]["userAttributes"]["email"] = json!(email.to_ascii_uppercase());
        call(&create, &sender, &value.to_string(), context);
    }
    let mut counts = BTreeMap::new();
    for (to, _) in sender.0.borrow().iter() {
        *counts.entry(to.to_ascii_lowercase()).or_insert(0) += 1;
    }
    for (_, there) in counts {
        assert!(there < CALLS, "{there} messages to one destination");
    }
}

/// Calls create with `event` again and again, and returns how many messages that sent.
fn call(
    create: &Create<&RecordingSender, MemoryStore>,
    sender: &RecordingSender,
    event: &str,
    context: Context,
) -> usize {
    let mut nonces = Vec::new();
    for call in 0..CALLS {
        let mut generator = ChaCha20Rng::seed_from_u64(call as u64);
        let before = sender.0.borrow().len();
        let respond =
            async |event: &trigger::Event| create.respond(event, NOW * 1_000, &mut generator).await;
        let result = run(trigger::answer(Trigger::Create, event, respond));
        let sent = sender.0.borrow()[before..].to_vec();
        assert!(sent.len() <= 1, "two messages for one call");
        match result {
            Ok(answer) => {
                let sent = sent.first();
                let nonce = check_response(event, &extract_response(event, &answer), sent, context);
                nonces.extend(nonce.filter(|_| sent.is_some()));
            }
            Err(Fault::Unavailable | Fault::DeliveryFailed) => panic!("fault without a failure"),
            Err(_) => assert!(sent.is_empty(), "message sent despite a fault"),
        }
    }
    assert!(nonces.windows(2).all(|pair| pair[0] == pair[1]), "two live codes of one account");
    assert!(nonces.len() < CALLS, "{} messages to one account", nonces.len());
    nonces.len()
}

/// Checks a response, and returns the nonce of its code; none before the choice.
fn check_response(
    event: &str,
    response: &Value,
    sent: Option<&Sent>,
    context: Context,
) -> Option<Nonce> {
    let metadata = response["challengeMetadata"].as_str().expect("metadata");
    let metadata = ChallengeMetadata::parse(metadata).expect("metadata of this version");
    let public = response["publicChallengeParameters"].as_object().expect("public parameters");
    assert!(public.values().all(Value::is_string));
    let private = |name: &str| response["privateChallengeParameters"][name].as_str();
    let record = match metadata {
        ChallengeMetadata::Code(record) => Some(record),
        ChallengeMetadata::Choice => None,
        ChallengeMetadata::Hold(_) => {
            assert!(public["NOT_SENT"].is_string() && sent.is_none(), "message sent with a hold");
            assert!(!public.keys().any(|name| name.starts_with("CODE_DELIVERY")));
            None
        }
    };
    let nonce = record.map(|record| record.code.nonce);
    assert_eq!(private("nonce"), nonce.map(|nonce| nonce.encode()).as_deref());
    assert!(nonce.is_some() || sent.is_none(), "message sent before the choice");

    let Some(event) = parse_json(event) else { return nonce };
    let request = &event["request"];
    let owner = Owner::of(&event).expect("a pool and a user");
    let open = |user_sub: &str| {
        PrivateChallengeParameters::open(private, &code_key(), &owner.pool_id, user_sub)
    };
    assert!(open(&format!("{}x", owner.user_sub)).is_err(), "parameters of any user");
    let names = public["MEDIA"].as_str().expect("media").split(',');
    let media: Vec<Medium> = names.filter_map(Medium::from_name).collect();
    let is_unknown = is_unknown_user(request);
    let is_verified = |medium: &Medium| is_unknown || is_true(request, medium.attributes().1);
    if let Some(unverified) = media.iter().find(|medium| !is_verified(medium)) {
        let (only, contact) = ([*unverified], only_contact(request));
        let contact = contact.filter(|(medium, _)| medium == unverified).expect("another contact");
        assert_eq!(media, only, "an unverified contact beside another");
        let may_be_asked = Context { is_proven: false, ..context }.may_prove(request, &contact);
        assert!(may_be_asked, "an unverified contact that no code may prove");
        assert!(sent.is_none() || !context.is_proven, "message sent to a changed contact");
    }
    match open(&owner.user_sub).expect("parameters sealed for the user") {
        PrivateChallengeParameters::Code(CodeParameters {
            nonce,
            expires_at,
            round: _,
            media: bound,
            is_proven,
            spend,
        }) => {
            let record = record.expect("a code's record");
            let code = record.code;
            assert_eq!(nonce, code.nonce);
            assert_eq!(expires_at, code.issued_at.saturating_add(LIFETIME));
            assert_eq!(bound, record.media);
            let verified: MediumSet = media.iter().copied().filter(&is_verified).collect();
            assert!(sent.is_none() || bound == verified);
            let is_noted = context.is_proven && !is_unknown;
            assert_eq!(is_proven, context.sign_up != "code" || is_noted, "another proof");
            let ticket = SpendTicket::decode(&spend).expect("what the message is counted in");
            assert_eq!(ticket.country().is_none(), record.medium == Medium::Email);
            let digits = owner.code(nonce, CodeLength::MAX);
            assert!(!response.to_string().contains(&digits), "the code is in the response");
            assert!(sent.is_none_or(|(_, text)| text.contains(&digits)), "another code was sent");
        }
        PrivateChallengeParameters::Choice { alternative } => {
            assert!(record.is_none());
            let is_hold = matches!(metadata, ChallengeMetadata::Hold(_));
            assert_eq!(alternative, media.get(1).copied().filter(|_| !is_hold));
        }
    }
    if let Some((to, _)) = sent {
        assert!(!is_unknown, "message sent for an unknown user");
        let is_own = |medium: Medium| {
            let (address, verified) = medium.attributes();
            let address = string_field(request, "userAttributes", address);
            let contact = (medium, to.clone());
            address.as_ref() == Some(to)
                && (is_true(request, verified) || context.may_prove(request, &contact))
        };
        let own = [Medium::Sms, Medium::Email].into_iter().find(|medium| is_own(*medium));
        let medium = own.expect("message sent to another recipient");
        assert_eq!(record.map(|record| record.medium), Some(medium));
        assert!(media.contains(&medium));
    }
    nonce
}

/// Checks what the calls of `event` left in the ledger, after they sent so many messages: all of them
/// are counted, the items of an unknown user are not those of a user, and no contact is proven.
fn check_ledger(event: &Value, store: &MemoryStore, sent: usize, context: Context) {
    let (Some(owner), mut items) = (Owner::of(event), store.items()) else { return };
    let proven = items.remove(&item_names().proven(&owner.pool_id, &owner.user_sub));
    assert_eq!(proven.is_some(), context.is_proven, "a message proves a contact");
    assert!(items.values().all(|item| item.times.len() < CALLS));
    let (names, pool_id) = (item_names(), &owner.pool_id);
    let own: Vec<_> = [&owner.phone_number, &owner.email]
        .into_iter()
        .map(|address| names.destination(address))
        .chain([names.account(pool_id, &owner.user_sub)])
        .collect();
    if is_unknown_user(&event["request"]) {
        assert!(own.iter().all(|key| !items.contains_key(key)), "an unknown user's item");
        return;
    }
    assert!(items.keys().all(|key| own.contains(key)), "another user's item");
    let account = items.get(&names.account(pool_id, &owner.user_sub));
    let counted = account.map_or(0, |item| item.times.len());
    assert!(sent <= counted, "message sent without being counted");
    let live = account.and_then(|item| item.codes.live.clone());
    assert!(live.is_none_or(|live| live.binding.0.starts_with(&code_key().tag().0)));
}
