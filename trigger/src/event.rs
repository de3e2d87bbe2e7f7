//! Cognito's trigger events, read tolerantly.
//!
//! AWS may add fields at any time, and nulls and absences have been seen where its documentation
//! shows values. So everything that a decision can do without is optional here, unknown fields are
//! ignored, and the event goes back as it came but for its `response`. The types of
//! `aws_lambda_events` 1.2 refuse a null `userNotFound` and an absent `session`, which is why they
//! are not used (the tests check against them that our answers have the documented shape).
//!
//! Values that came from the event have no `Debug` and no `Display`: `secrecy` holds them.

use std::collections::BTreeMap;
use std::fmt;

use otp::{CodeOwner, Medium};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::Fault;

/// The trigger that a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Which step comes next.
    Define,
    /// Issue a challenge.
    Create,
    /// Is this answer right?
    Verify,
    /// May this user sign up?
    PreSignUp,
}

impl Trigger {
    /// The values of `triggerSource` that mean this trigger.
    #[must_use]
    pub fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Define => &["DefineAuthChallenge_Authentication"],
            Self::Create => &["CreateAuthChallenge_Authentication"],
            // One table of AWS's guide has the shorter name.
            Self::Verify => &[
                "VerifyAuthChallengeResponse_Authentication",
                "VerifyAuthChallenge_Authentication",
            ],
            Self::PreSignUp => {
                &[PRE_SIGN_UP, "PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider"]
            }
        }
    }
}

/// The source of an event that is a user's own `SignUp`.
const PRE_SIGN_UP: &str = "PreSignUp_SignUp";

/// A trigger event, as much of it as the functions use.
pub struct Event {
    /// It is about a user's own `SignUp`, not one of an administrator or another provider.
    pub is_self_sign_up: bool,
    /// The user pool, `us-east-1_abcDEF123`.
    pub user_pool_id: String,
    /// The user's name; for an unknown user, what the client typed. Empty if a PreSignUp event has
    /// none.
    pub user_name: SecretString,
    /// What the trigger is asked.
    pub request: Request,
}

impl Event {
    /// Whom a code is for: the user's `sub`, or the lower-cased name where there is none (an unknown
    /// user).
    #[must_use]
    pub fn subject(&self) -> Zeroizing<String> {
        Zeroizing::new(match self.request.user_attributes.expose("sub") {
            Some(sub) => sub.to_owned(),
            None => self.user_name.expose_secret().to_ascii_lowercase(),
        })
    }

    /// What a code for `subject` is bound to: the pool, the user, and both contacts as they are now.
    #[must_use]
    pub fn code_owner<'a>(&'a self, subject: &'a str) -> CodeOwner<'a> {
        let contact = |name| self.request.user_attributes.expose(name).unwrap_or_default();
        CodeOwner {
            pool_id: &self.user_pool_id,
            user_sub: subject,
            phone_number: contact("phone_number"),
            email: contact("email"),
        }
    }
}

/// The `request` of any of the triggers. A field that this trigger does not have, or that is
/// null, is empty.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// The user's attributes; none for an unknown user.
    #[serde(deserialize_with = "null_is_default")]
    pub user_attributes: StringMap,
    /// The challenges so far and how they went, oldest first (define and create).
    #[serde(deserialize_with = "null_is_default")]
    pub session: Vec<SessionEntry>,
    /// What the client passed to `RespondToAuthChallenge`.
    #[serde(deserialize_with = "null_is_default")]
    pub client_metadata: StringMap,
    /// There is no such user, and the app client asks not to let it show.
    #[serde(deserialize_with = "flag")]
    pub user_not_found: bool,
    /// The challenge that define chose (create).
    pub challenge_name: Option<String>,
    /// What create told verify (verify).
    #[serde(deserialize_with = "null_is_default")]
    pub private_challenge_parameters: StringMap,
    /// The answer (verify).
    pub challenge_answer: Option<SecretString>,
}

/// An entry of `session`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionEntry {
    /// Such as `CUSTOM_CHALLENGE`.
    pub challenge_name: String,
    /// Was it passed? Anything but `true` is no.
    #[serde(default, deserialize_with = "null_is_default")]
    pub challenge_result: bool,
    /// What create noted with the challenge.
    #[serde(default)]
    pub challenge_metadata: Option<SecretString>,
}

/// Names and texts, such as attributes. A value that Cognito would send as a text but is a boolean
/// or a number is taken as its text; any other is left out.
#[derive(Default)]
pub struct StringMap(BTreeMap<String, SecretString>);

impl StringMap {
    /// The text of `name`.
    #[must_use]
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.expose_secret())
    }

    /// Is `name` the text "true"? In any case: `True` has been seen. `"false"` is not.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.expose(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }
}

/// The contacts among a user's attributes, verified or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Contacts<'a> {
    /// Neither `phone_number` nor `email`, or both empty.
    None,
    /// One of them, with its value.
    Only(Medium, &'a str),
    /// Both.
    Both,
}

impl StringMap {
    /// Is the account linked with one of another provider?
    #[must_use]
    pub fn has_linked_identities(&self) -> bool {
        self.expose("identities").is_some_and(|list| !matches!(list.trim(), "" | "[]"))
    }

    /// The contacts among these attributes.
    #[must_use]
    pub fn contacts(&self) -> Contacts<'_> {
        let value =
            |medium: Medium| self.expose(medium.attributes().0).filter(|value| !value.is_empty());
        match (value(Medium::Sms), value(Medium::Email)) {
            (None, None) => Contacts::None,
            (Some(phone_number), None) => Contacts::Only(Medium::Sms, phone_number),
            (None, Some(email)) => Contacts::Only(Medium::Email, email),
            (Some(_), Some(_)) => Contacts::Both,
        }
    }
}

impl FromIterator<(String, SecretString)> for StringMap {
    fn from_iter<I: IntoIterator<Item = (String, SecretString)>>(texts: I) -> Self {
        Self(texts.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = StringMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StringMap, A::Error> {
                let mut texts = BTreeMap::new();
                while let Some((name, Text(value))) = map.next_entry()? {
                    if let Some(text) = value {
                        texts.insert(name, text);
                    }
                }
                Ok(StringMap(texts))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// One value of [`StringMap`]: a text, a boolean or a number as its text, or something else.
struct Text(Option<SecretString>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl<'de> Visitor<'de> for Scalar {
            type Value = Option<SecretString>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Some(text.into()))
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Some(flag.to_string().into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Some(number.to_string().into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Some(number.to_string().into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Some(number.to_string().into()))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(None)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(None)
            }
        }
        deserializer.deserialize_any(Scalar).map(Self)
    }
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A boolean, its text, or null for `false`.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let Some(Text(value)) = Option::deserialize(deserializer)? else { return Ok(false) };
    match value.as_ref().map(|text| text.expose_secret().to_ascii_lowercase()).as_deref() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(serde::de::Error::custom("expected a boolean")),
    }
}

/// Answers an event: reads it, has `respond` make the response, and gives the event back with that
/// response in it, all else as it came.
///
/// # Errors
/// [`Fault::Internal`] when `event` is no JSON object or not one of `trigger`'s; else `respond`'s.
pub async fn answer<R, F>(trigger: Trigger, event: &str, respond: F) -> Result<Box<RawValue>, Fault>
where
    R: Serialize,
    F: AsyncFnOnce(&Event) -> Result<R, Fault>,
{
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(event).map_err(|_| Fault::Internal("event is not a JSON object"))?;
    let response = respond(&read(trigger, &fields)?).await?;
    let response = serde_json::value::to_raw_value(&response)
        .map_err(|_| Fault::Internal("response cannot be serialized"))?;
    fields.insert("response".to_owned(), &response);
    serde_json::value::to_raw_value(&fields)
        .map_err(|_| Fault::Internal("event cannot be serialized"))
}

fn read(trigger: Trigger, fields: &BTreeMap<String, &RawValue>) -> Result<Event, Fault> {
    let source: String = field(fields, "triggerSource").ok_or(Fault::Internal(
        "event field `triggerSource` is missing: not a Cognito trigger event",
    ))?;
    if !trigger.sources().contains(&source.as_str()) {
        return Err(Fault::Internal("event belongs to another trigger"));
    }
    let user_name = field(fields, "userName");
    Ok(Event {
        is_self_sign_up: source == PRE_SIGN_UP,
        user_pool_id: field(fields, "userPoolId")
            .ok_or(Fault::Internal("event field `userPoolId` is missing or malformed"))?,
        user_name: match (trigger, user_name) {
            (_, Some(name)) => name,
            // The user is not there yet.
            (Trigger::PreSignUp, None) => SecretString::default(),
            _ => return Err(Fault::Internal("event field `userName` is missing or malformed")),
        },
        request: field(fields, "request")
            .ok_or(Fault::Internal("event field `request` is missing or malformed"))?,
    })
}

fn field<'a, T: Deserialize<'a>>(fields: &BTreeMap<String, &'a RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(request: &Value) -> Value {
        json!({
            "version": "1",
            "triggerSource": "DefineAuthChallenge_Authentication",
            "region": "us-east-1",
            "userPoolId": "us-east-1_LocalPool",
            "userName": "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90",
            "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client" },
            "request": request,
            "response": { "challengeName": null },
        })
    }

    fn run<T>(event: &str, look: impl Fn(&Event) -> T) -> Result<(T, Value), Fault> {
        let mut seen = None;
        let answer =
            futures_util::FutureExt::now_or_never(answer(Trigger::Define, event, async |event| {
                seen = Some(look(event));
                Ok(json!({ "issueTokens": true }))
            }))
            .unwrap()?;
        Ok((seen.unwrap(), serde_json::from_str(answer.get()).unwrap()))
    }

    #[test]
    fn event_is_returned_unchanged_except_its_response() {
        let mut event = event(&json!({ "userAttributes": { "sub": "1" }, "new": [1.50, "é"] }));
        event["addedByAws"] = json!({ "deep": [null, { "x": 12345678901234567890_u64 }] });
        let ((), answer) = run(&event.to_string(), |_| ()).unwrap();
        let mut expected = event;
        expected["response"] = json!({ "issueTokens": true });
        assert_eq!(answer, expected);
    }

    #[test]
    fn null_and_absent_fields_are_empty() {
        let nulls = json!({
            "userAttributes": null, "session": null, "clientMetadata": null, "userNotFound": null,
            "challengeName": null, "privateChallengeParameters": null, "challengeAnswer": null,
        });
        for request in [json!({}), nulls] {
            let (empty, _) = run(&event(&request).to_string(), |event| {
                let Request {
                    user_attributes,
                    session,
                    client_metadata,
                    user_not_found,
                    challenge_name,
                    private_challenge_parameters,
                    challenge_answer,
                } = &event.request;
                [user_attributes, client_metadata, private_challenge_parameters]
                    .iter()
                    .all(|texts| texts.0.is_empty())
                    && session.is_empty()
                    && !user_not_found
                    && challenge_name.is_none()
                    && challenge_answer.is_none()
            })
            .unwrap();
            assert!(empty, "{request}");
        }
    }

    #[test]
    fn scalar_attributes_are_read_as_strings() {
        let request = json!({ "userAttributes": {
            "sub": "1", "flag": true, "number": 7, "null": null, "list": ["x"],
            "yes": "True", "no": "false",
        }});
        let (seen, _) = run(&event(&request).to_string(), |event| {
            let texts = &event.request.user_attributes;
            let read = ["sub", "flag", "number", "null", "list", "absent"]
                .map(|name| texts.expose(name).map(str::to_owned));
            (read, [texts.is_true("yes"), texts.is_true("flag"), texts.is_true("no")])
        })
        .unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen,
            ([text("1"), text("true"), text("7"), None, None, None], [true, true, false])
        );
    }

    #[test]
    fn ambiguous_user_not_found_is_refused() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!(false), Some(false)),
            (json!("True"), Some(true)),
            (json!("false"), Some(false)),
            (json!("yes"), None),
            (json!(1), None),
            (json!({}), None),
        ] {
            let seen = run(&event(&json!({ "userNotFound": value })).to_string(), |e| {
                e.request.user_not_found
            });
            assert_eq!(seen.ok().map(|(flag, _)| flag), expected, "{value}");
        }
    }

    #[test]
    fn session_entries_tolerate_nulls_and_unknown_fields() {
        let request = json!({ "session": [
            { "challengeName": "SRP_A", "challengeResult": true, "challengeMetadata": null },
            { "challengeName": "CUSTOM_CHALLENGE", "challengeResult": null, "added": 1 },
            { "challengeName": "CUSTOM_CHALLENGE", "challengeMetadata": "text" },
        ]});
        let (seen, _) = run(&event(&request).to_string(), |event| {
            let entry = |entry: &SessionEntry| {
                let metadata = entry.challenge_metadata.as_ref();
                (entry.challenge_result, metadata.map(|text| text.expose_secret().to_owned()))
            };
            event.request.session.iter().map(entry).collect::<Vec<_>>()
        })
        .unwrap();
        assert_eq!(seen, [(true, None), (false, None), (false, Some("text".to_owned()))]);
    }

    #[test]
    fn unsupported_event_is_an_internal_fault_without_event_data() {
        let change = |name: &str, value: Value| {
            let mut event = event(&json!({ "userAttributes": {} }));
            event[name] = value;
            event.to_string()
        };
        let secret = "+819012345678";
        for event in [
            String::new(),
            "null".to_owned(),
            "[]".to_owned(),
            format!("\"{secret}\""),
            "{".to_owned(),
            format!("{{\"{secret}\": }}"),
            "{}".to_owned(),
            "[".repeat(100_000),
            format!("{{\"request\": {}", "{\"a\":".repeat(100_000)),
            change("triggerSource", json!("CreateAuthChallenge_Authentication")),
            change("triggerSource", json!("PreSignUp_SignUp")),
            change("triggerSource", json!(secret)),
            change("triggerSource", Value::Null),
            change("userPoolId", json!([secret])),
            change("userName", json!({ "name": secret })),
            change("request", Value::Null),
            change("request", json!(secret)),
            change("request", json!([secret])),
            change("request", json!({ "session": secret })),
            change("request", json!({ "session": [secret] })),
            change("request", json!({ "session": [null] })),
            change("request", json!({ "session": [{ "challengeResult": true }] })),
            change(
                "request",
                json!({ "session": [{ "challengeName": "SRP_A", "challengeResult": "true" }] }),
            ),
            change("request", json!({ "userAttributes": [secret] })),
            change("request", json!({ "challengeAnswer": { "code": secret } })),
        ] {
            let fault = run(&event, |_| ()).unwrap_err();
            assert!(matches!(fault, Fault::Internal(_)));
            assert!(!format!("{fault} {fault:?}").contains(secret));
        }
    }

    #[test]
    fn both_verify_trigger_sources_are_accepted() {
        for source in ["VerifyAuthChallengeResponse", "VerifyAuthChallenge"] {
            let mut event = event(&json!({ "challengeAnswer": "1" }));
            event["triggerSource"] = json!(format!("{source}_Authentication"));
            let event = event.to_string();
            let answer = answer(Trigger::Verify, &event, async |_| Ok(json!({})));
            assert!(futures_util::FutureExt::now_or_never(answer).unwrap().is_ok());
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC*".prop_map(Value::from),
            Just(Value::from("CUSTOM_CHALLENGE")),
        ];
        let name = prop_oneof![
            Just("session".to_owned()),
            Just("userAttributes".to_owned()),
            Just("challengeName".to_owned()),
            Just("challengeResult".to_owned()),
            "\\PC{0,8}",
        ];
        leaf.prop_recursive(4, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..6)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn arbitrary_requests_do_not_panic(request in any_json()) {
            let _ = run(&event(&request).to_string(), |_| ());
        }

        #[test]
        fn arbitrary_text_is_refused_without_panic(text in "\\PC*|[\\[\\]{}\":,0-9a-z ]*") {
            prop_assert!(run(&text, |_| ()).is_err());
        }
    }
}
