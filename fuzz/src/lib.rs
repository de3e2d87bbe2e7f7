//! What the fuzz targets share.
//!
//! Each target takes bytes, has the code under test read them, and checks the outcome against a
//! rule that it works out in its own way. A panic anywhere is a finding.

use std::future::Future;

use ledger::ItemNames;
use otp::{Code, CodeKey, CodeLength, CodeOwner, LedgerKey, Medium, Nonce};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

/// The `CODE_KEY` of the events in `tests/events`, so that their answers are right.
pub const CODE_KEY: &str = "0123456789abcdef0123456789abcdef-events";

/// The `LEDGER_KEY`.
pub const LEDGER_KEY: &str = "another example key of some 40 different bytes";

/// The time of day, in seconds: in the lifetime of the codes of those events.
pub const NOW: u64 = 4_102_444_600;

thread_local! {
    /// Its clock stands still while there is work, and jumps where all that is left is to wait.
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
}

/// Runs `future` to its end without waiting.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// The key of [`CODE_KEY`].
pub fn code_key() -> CodeKey {
    CodeKey::new(CODE_KEY).expect("a good key")
}

/// The names of the ledger's items with [`LEDGER_KEY`].
pub fn item_names() -> ItemNames {
    ItemNames::new(LedgerKey::new(LEDGER_KEY).expect("a good key"))
}

/// `text` as one value, if it is JSON through and through and no object has a name twice. An event
/// need not be: what nobody reads may hold what no value can, such as a number beyond all ranges, and
/// of two values the functions take the one that they can read.
pub fn parse_json(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (count_members(text) == count_members(&value.to_string())).then_some(value)
}

/// How many members the objects of `json` have: one for each colon that is not in a string.
fn count_members(json: &str) -> usize {
    let (mut is_string, mut is_escaped, mut count) = (false, false, 0);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            b':' if !is_string => count += 1,
            _ => {}
        }
    }
    count
}

/// The response in `answer`, which must be `event` but for that.
pub fn extract_response(event: &str, answer: &RawValue) -> Value {
    let mut response = Value::Null;
    let without = |text: &str, response: &mut Value| {
        let mut value: Value = serde_json::from_str(text).ok()?;
        *response = value.as_object_mut()?.remove("response").unwrap_or_default();
        Some(value)
    };
    let before = without(event, &mut response);
    let after = without(answer.get(), &mut response);
    assert!(before.is_none() || before == after, "event is not returned unchanged");
    if after.is_none() {
        // What nobody reads cannot be read: but the response, written by us, can.
        let fields: std::collections::BTreeMap<String, &RawValue> =
            serde_json::from_str(answer.get()).expect("an object");
        response = serde_json::from_str(fields["response"].get()).expect("JSON");
    }
    response
}

/// The string of `name` in `map` (attributes, metadata, parameters) of `request`, or what is read as
/// one: a boolean or a number.
pub fn string_field(request: &Value, map: &str, name: &str) -> Option<String> {
    match &request[map][name] {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => {
            let whole =
                number.as_u64().map(|n| n.to_string()).or(number.as_i64().map(|n| n.to_string()));
            whole.or(number.as_f64().map(|n| n.to_string()))
        }
        _ => None,
    }
}

/// Is the attribute `name` the text "true", in any case?
pub fn is_true(request: &Value, name: &str) -> bool {
    let text = string_field(request, "userAttributes", name);
    text.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Did the client ask for a resend?
pub fn is_resend(request: &Value) -> bool {
    let action = string_field(request, "clientMetadata", "action");
    action.is_some_and(|action| action.trim().eq_ignore_ascii_case("resend"))
}

/// Is there no such user?
pub fn is_unknown_user(request: &Value) -> bool {
    match &request["userNotFound"] {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The only contact among the attributes; none if there are two or neither.
pub fn only_contact(request: &Value) -> Option<(Medium, String)> {
    let contact = |medium: Medium| {
        let value = string_field(request, "userAttributes", medium.attributes().0)?;
        Some((medium, value)).filter(|(_, value)| !value.is_empty())
    };
    match (contact(Medium::Sms), contact(Medium::Email)) {
        (Some(only), None) | (None, Some(only)) => Some(only),
        _ => None,
    }
}

/// Is the account linked with one of another provider?
pub fn has_linked_identities(request: &Value) -> bool {
    let identities = string_field(request, "userAttributes", "identities").unwrap_or_default();
    !["", "[]"].contains(&identities.trim())
}

/// What a code of an event is bound to.
#[derive(Clone, PartialEq, Eq)]
pub struct Owner {
    /// The pool.
    pub pool_id: String,
    /// The user's `sub`, or the lower-cased name.
    pub user_sub: String,
    /// The attribute `phone_number`.
    pub phone_number: String,
    /// The attribute `email`.
    pub email: String,
}

impl Owner {
    /// The owner of a code in `event`, if that is one.
    pub fn of(event: &Value) -> Option<Self> {
        let attribute = |name| string_field(&event["request"], "userAttributes", name);
        let name = event["userName"].as_str()?.to_ascii_lowercase();
        Some(Self {
            pool_id: event["userPoolId"].as_str()?.to_owned(),
            user_sub: attribute("sub").unwrap_or(name),
            phone_number: attribute("phone_number").unwrap_or_default(),
            email: attribute("email").unwrap_or_default(),
        })
    }

    /// The code that `nonce` makes for this owner.
    pub fn code(&self, nonce: Nonce, length: CodeLength) -> String {
        let Self { pool_id, user_sub, phone_number, email } = self;
        let owner = CodeOwner { pool_id, user_sub, phone_number, email };
        Code::derive(&code_key(), owner, &nonce, length).expose().to_owned()
    }
}

/// The seal of private challenge parameters, worked out from its definition: the MAC of the pool, the
/// user, and each name and value in the order of [`sealed_names`].
pub fn seal(pool_id: &str, user_sub: &str, fields: &[(&str, &str)]) -> String {
    use base64::Engine as _;
    let mut parts = vec![pool_id.as_bytes(), user_sub.as_bytes()];
    for (name, value) in fields {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    // Both keys are HMACs of the same form.
    let key = LedgerKey::new(CODE_KEY).expect("a good key");
    let mac = key.mac(b"cognito-otp private challenge parameters v2", &parts);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*mac)
}

/// The names of the private challenge parameters that are sealed: those of a choice or of a code.
pub fn sealed_names(is_choice: bool) -> &'static [&'static str] {
    if is_choice {
        &["alternative"]
    } else {
        &["nonce", "expires_at", "round", "media", "proven", "spend"]
    }
}
