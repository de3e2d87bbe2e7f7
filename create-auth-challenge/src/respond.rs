//! From Cognito's event to the plan, and from its outcome to Cognito's response.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use otp::{Ask, Code, Nonce, PrivateParameters, Record, UnixSeconds};
use rand::TryCryptoRng;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use trigger::{Event, Fault, Request};

use crate::plan::{Issue, Plan, Policy, Round, go_on, plan};
use crate::{Destination, Destinations, Message, Settings, decoy};

/// Within this time of being called the function has answered or failed, whatever the services that
/// it waits for do. Cognito gives up at 5 seconds and calls again.
pub const TIME_LIMIT: Duration = Duration::from_millis(3_700);

/// Sends messages.
pub trait Deliver {
    /// Sends `message` to `to`.
    fn deliver(
        &self,
        to: &Destination,
        message: &Message,
    ) -> impl Future<Output = Result<(), Undelivered>>;
}

/// The service refused the message or could not be reached.
#[derive(Debug)]
pub struct Undelivered;

/// The function: its settings and what it sends with.
pub struct Create<D> {
    settings: Settings,
    deliver: D,
}

/// `response` of the event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// What the client sees.
    public_challenge_parameters: BTreeMap<&'static str, String>,
    /// What verify sees.
    private_challenge_parameters: BTreeMap<&'static str, String>,
    /// What the later rounds see.
    challenge_metadata: String,
}

impl<D: Deliver> Create<D> {
    /// The function with `settings`, sending with `deliver`.
    pub fn new(settings: Settings, deliver: D) -> Self {
        Self { settings, deliver }
    }

    /// Issues the challenge, in at most [`TIME_LIMIT`].
    ///
    /// # Errors
    /// When the user has no destination, the first message could not be sent, or the event is not
    /// one that our define leads to.
    pub async fn respond<R: TryCryptoRng>(
        &self,
        event: &Event,
        now: UnixSeconds,
        generator: &mut R,
    ) -> Result<Response, Fault> {
        let Settings { policy, .. } = &self.settings;
        let round = round(&event.request, policy)?;
        let destinations = self.destinations(event)?;
        let media = destinations.media();
        let plan = plan(round, &media, policy, now).ok_or(Fault::NoDestination)?;
        let destination = destinations.get(plan.medium).ok_or(Fault::NoDestination)?;
        let record = self.record(event, &plan, now, generator)?;
        // Unknown users get everything but the message.
        if plan.send && !event.request.user_not_found {
            let sent = self.send(event, &record, destination, now).await;
            match (sent, go_on(round, &media)) {
                (Ok(()), _) => {}
                (Err(fault), None) => return Err(fault),
                (Err(_), Some(plan)) => {
                    let destination = destinations.get(plan.medium).ok_or(Fault::NoDestination)?;
                    let record = self.record(event, &plan, now, generator)?;
                    return Ok(self.response(&record, destination));
                }
            }
        }
        Ok(self.response(&record, destination))
    }

    fn destinations(&self, event: &Event) -> Result<Destinations, Fault> {
        let Settings { codes, media, require_verified, .. } = &self.settings;
        let Event { user_pool_id, user_name, request } = event;
        if !request.user_not_found {
            return Ok(Destinations::of_user(&request.user_attributes, media, *require_verified));
        }
        let name = user_name.expose_secret();
        let decoy = decoy::destination(&codes.key, user_pool_id, name, media);
        decoy.map(Destinations::only).ok_or(Fault::Internal("no medium is enabled"))
    }

    /// The record of the planned challenge; draws the nonce of a sign-in's first code.
    fn record<R: TryCryptoRng>(
        &self,
        event: &Event,
        plan: &Plan,
        now: UnixSeconds,
        generator: &mut R,
    ) -> Result<Record, Fault> {
        let Plan { issue, medium, sent_at, sends, wrong, .. } = *plan;
        let (nonce, issued_at) = match issue {
            Issue::Same { nonce, issued_at } => (nonce, issued_at),
            Issue::After(expired) => {
                let key = &self.settings.codes.key;
                (expired.next(key, &event.user_pool_id, event.subject()), now)
            }
            Issue::First => {
                let nonce = Nonce::generate(generator)
                    .map_err(|_| Fault::Internal("the system has no randomness to give"))?;
                (nonce, now)
            }
        };
        Ok(Record { nonce, issued_at, sent_at, medium, sends, wrong })
    }

    async fn send(
        &self,
        event: &Event,
        record: &Record,
        destination: &Destination,
        now: UnixSeconds,
    ) -> Result<(), Fault> {
        let Settings { codes, policy, app_name, .. } = &self.settings;
        let Record { nonce, issued_at, .. } = record;
        let code =
            Code::derive(&codes.key, &event.user_pool_id, event.subject(), nonce, codes.length);
        let seconds = policy.expires_at(*issued_at).saturating_sub(now);
        let message = Message::new(&code, seconds, app_name.as_deref());
        let delivery = self.deliver.deliver(destination, &message);
        match tokio::time::timeout(TIME_LIMIT, delivery).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Undelivered)) => Err(Fault::DeliveryFailed),
            Err(_) => {
                let medium = destination.medium().name();
                tracing::warn!(medium, limit = ?TIME_LIMIT, "not sent: no answer");
                Err(Fault::DeliveryFailed)
            }
        }
    }

    fn response(&self, record: &Record, destination: &Destination) -> Response {
        let Settings { codes, policy, .. } = &self.settings;
        let Record { nonce, issued_at, sent_at, sends, wrong, .. } = *record;
        let expires_at = policy.expires_at(issued_at);
        Response {
            public_challenge_parameters: BTreeMap::from([
                ("CODE_DELIVERY_DELIVERY_MEDIUM", destination.medium().to_string()),
                ("CODE_DELIVERY_DESTINATION", destination.masked()),
                ("CODE_LENGTH", codes.length.digits().to_string()),
                ("EXPIRES_AT", expires_at.to_string()),
                ("ATTEMPTS_LEFT", policy.limits.attempts.saturating_sub(wrong).to_string()),
                ("RESENDS_LEFT", policy.limits.sends.saturating_sub(sends).to_string()),
                ("RESEND_AT", policy.resend_at(sent_at).to_string()),
            ]),
            private_challenge_parameters: PrivateParameters { nonce, expires_at }.encode().into(),
            challenge_metadata: record.encode(),
        }
    }
}

/// Which round this is: after a challenge of ours it is a later one. A history that our define ends
/// is no round at all.
fn round(request: &Request, policy: &Policy) -> Result<Round, Fault> {
    const OURS: &str = "CUSTOM_CHALLENGE";
    if request.challenge_name.as_deref() != Some(OURS) {
        return Err(Fault::Internal("the event asks for a challenge that is not ours"));
    }
    let Some(last) = request.session.iter().rposition(|entry| entry.challenge_name == OURS) else {
        return Ok(Round::First);
    };
    let [last] = request.session.get(last..).unwrap_or_default() else {
        return Err(Fault::Internal("another challenge came after ours"));
    };
    if last.challenge_result {
        return Err(Fault::Internal("the last challenge was answered right"));
    }
    let metadata = last.challenge_metadata.as_ref().map(|text| text.expose_secret());
    let record = Record::parse(metadata.unwrap_or_default())
        .map_err(|_| Fault::Internal("the last challenge's metadata is not create's"))?;
    let ask = Ask::from_metadata(|name| request.client_metadata.expose(name));
    if record.wrong_after(ask) >= policy.limits.attempts {
        return Err(Fault::Internal("the attempts are used up"));
    }
    Ok(Round::Later { record, ask })
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use aws_lambda_events::cognito::CognitoEventUserPoolsCreateAuthChallengeResponse;
    use otp::Medium;
    use otp::settings::{CodeSettings, Limits};
    use otp::{CodeKey, CodeLength};
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;
    use serde_json::{Value, json};

    use super::*;

    const NOW: UnixSeconds = 1_767_225_600;

    /// What was sent: medium, address, text.
    #[derive(Default)]
    struct Outbox {
        sent: RefCell<Vec<(Medium, String, String)>>,
        refuse: Cell<bool>,
        stall: Cell<bool>,
    }

    impl Deliver for Outbox {
        async fn deliver(&self, to: &Destination, message: &Message) -> Result<(), Undelivered> {
            if self.stall.get() {
                std::future::pending::<()>().await;
            }
            if self.refuse.get() {
                return Err(Undelivered);
            }
            let text = message.expose_text().to_owned();
            self.sent.borrow_mut().push((to.medium(), to.expose().to_owned(), text));
            Ok(())
        }
    }

    fn create(outbox: Outbox) -> Create<Outbox> {
        let settings = Settings {
            codes: CodeSettings {
                key: CodeKey::new("an example key of some 40 different bytes").unwrap(),
                length: CodeLength::MIN,
            },
            policy: Policy {
                limits: Limits { attempts: 3, sends: 3 },
                lifetime: 300,
                resend_after: 30,
            },
            media: vec![Medium::Sms, Medium::Email],
            require_verified: true,
            email_from: Some("sign-in@example.com".to_owned()),
            app_name: None,
        };
        Create::new(settings, outbox)
    }

    fn event(change: impl Fn(&mut Value)) -> Event {
        let mut request = json!({
            "userAttributes": {
                "sub": "the sub",
                "phone_number": "+819012345678",
                "phone_number_verified": "true",
                "email": "jane@example.com",
                "email_verified": "true",
            },
            "challengeName": "CUSTOM_CHALLENGE",
            "session": [],
        });
        change(&mut request);
        Event {
            user_pool_id: "us-east-1_LocalPool".to_owned(),
            user_name: "jane".into(),
            request: serde_json::from_value(request).unwrap(),
        }
    }

    async fn respond(
        create: &Create<Outbox>,
        event: &Event,
        now: UnixSeconds,
    ) -> Result<Value, Fault> {
        let mut generator = ChaCha20Rng::seed_from_u64(now);
        let response = create.respond(event, now, &mut generator).await?;
        Ok(serde_json::to_value(response).unwrap())
    }

    fn after(response: &Value, ask: &Value) -> Event {
        event(|request| {
            request["session"] = json!([
                { "challengeName": "SRP_A", "challengeResult": true },
                {
                    "challengeName": "CUSTOM_CHALLENGE",
                    "challengeResult": false,
                    "challengeMetadata": response["challengeMetadata"],
                },
            ]);
            request["clientMetadata"] = ask.clone();
        })
    }

    #[tokio::test]
    async fn the_first_round_sends_and_says_what_the_client_may_know() {
        let create = create(Outbox::default());
        let response = respond(&create, &event(|_| ()), NOW).await.unwrap();
        assert_eq!(
            response["publicChallengeParameters"],
            json!({
                "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS",
                "CODE_DELIVERY_DESTINATION": "+*******5678",
                "CODE_LENGTH": "6",
                "EXPIRES_AT": "1767225900",
                "ATTEMPTS_LEFT": "3",
                "RESENDS_LEFT": "2",
                "RESEND_AT": "1767225630",
            })
        );
        let record = Record::parse(response["challengeMetadata"].as_str().unwrap()).unwrap();
        assert_eq!(
            response["privateChallengeParameters"],
            json!({ "nonce": record.nonce.encode(), "expires_at": "1767225900" })
        );
        let sent = create.deliver.sent.borrow();
        let [(Medium::Sms, to, text)] = sent.as_slice() else { panic!("{} sent", sent.len()) };
        assert_eq!(to, "+819012345678");
        let codes = &create.settings.codes;
        let pool = "us-east-1_LocalPool";
        let code = Code::derive(&codes.key, pool, "the sub", &record.nonce, codes.length);
        assert!(text.starts_with(code.expose()));
        // The code itself is nowhere in the response.
        assert!(!response.to_string().contains(code.expose()));
        let _: CognitoEventUserPoolsCreateAuthChallengeResponse =
            serde_json::from_value(response).unwrap();
    }

    #[tokio::test]
    async fn rounds_repeat_the_code_until_it_expires() {
        let create = create(Outbox::default());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let wrong = respond(&create, &after(&first, &json!(null)), NOW + 10).await.unwrap();
        assert_eq!(create.deliver.sent.borrow().len(), 1);
        assert_eq!(wrong["privateChallengeParameters"], first["privateChallengeParameters"]);
        assert_eq!(wrong["publicChallengeParameters"]["ATTEMPTS_LEFT"], "2");

        let ask = json!({ "action": "resend", "medium": "EMAIL" });
        let resent = respond(&create, &after(&wrong, &ask), NOW + 40).await.unwrap();
        assert_eq!(resent["privateChallengeParameters"], first["privateChallengeParameters"]);
        assert_eq!(resent["publicChallengeParameters"]["ATTEMPTS_LEFT"], "2");
        assert_eq!(resent["publicChallengeParameters"]["RESENDS_LEFT"], "1");
        assert_eq!(resent["publicChallengeParameters"]["CODE_DELIVERY_DESTINATION"], "j***@e***");

        let expired = respond(&create, &after(&resent, &json!(null)), NOW + 300).await.unwrap();
        assert_ne!(expired["privateChallengeParameters"], first["privateChallengeParameters"]);
        assert_eq!(expired["publicChallengeParameters"]["EXPIRES_AT"], "1767226200");

        let sent = create.deliver.sent.borrow();
        let code = |n: usize| sent[n].2.split(' ').next().unwrap();
        assert_eq!(sent.len(), 3);
        assert_eq!((sent[1].0, sent[1].1.as_str()), (Medium::Email, "jane@example.com"));
        assert_eq!(code(0), code(1));
        assert_ne!(code(0), code(2));
    }

    #[tokio::test]
    async fn an_unknown_user_sees_the_same_and_nothing_is_sent() {
        let create = create(Outbox::default());
        let known = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let unknown = event(|request| {
            request["userNotFound"] = json!(true);
            request["userAttributes"] = json!({});
        });
        let unknown = respond(&create, &unknown, NOW).await.unwrap();
        assert_eq!(create.deliver.sent.borrow().len(), 1);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for part in ["publicChallengeParameters", "privateChallengeParameters"] {
            assert_eq!(names(&known[part]), names(&unknown[part]));
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "reads the test's own, paused clock")]
    async fn a_failed_delivery_is_a_fault_in_time() {
        for outbox in [
            Outbox { refuse: true.into(), ..Outbox::default() },
            Outbox { stall: true.into(), ..Outbox::default() },
        ] {
            let create = create(outbox);
            let started = tokio::time::Instant::now();
            let fault = respond(&create, &event(|_| ()), NOW).await.unwrap_err();
            assert_eq!(fault, Fault::DeliveryFailed);
            assert!(started.elapsed() < Duration::from_secs(4));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_delivery_in_a_later_round_goes_on_with_the_code_of_before() {
        let create = create(Outbox::default());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let by_email = json!({ "action": "resend", "medium": "EMAIL" });
        for (refuse, stall) in [(true, false), (false, true)] {
            create.deliver.refuse.set(refuse);
            create.deliver.stall.set(stall);
            for (ask, later) in [(&by_email, 40), (&json!(null), 300), (&by_email, 300)] {
                let response = respond(&create, &after(&first, ask), NOW + later).await.unwrap();
                let same = |part: &str| response[part] == first[part];
                assert!(same("privateChallengeParameters"));
                let wrong = if ask.is_null() { "2" } else { "3" };
                let public = &response["publicChallengeParameters"];
                assert_eq!(public["ATTEMPTS_LEFT"], wrong);
                assert_eq!(public["RESENDS_LEFT"], "2", "what was not sent does not count");
                assert_eq!(public["CODE_DELIVERY_DELIVERY_MEDIUM"], "SMS");
            }
        }
        assert_eq!(create.deliver.sent.borrow().len(), 1);
    }

    #[tokio::test]
    async fn a_call_that_is_repeated_replaces_an_expired_code_by_the_same() {
        let create = create(Outbox::default());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let expired = after(&first, &json!(null));
        let once = respond(&create, &expired, NOW + 300).await.unwrap();
        let again = respond(&create, &expired, NOW + 305).await.unwrap();
        let nonce = |response: &Value| response["privateChallengeParameters"]["nonce"].clone();
        assert_ne!(nonce(&once), nonce(&first));
        assert_eq!(nonce(&once), nonce(&again));
        let sent = create.deliver.sent.borrow();
        assert_eq!(sent[1].2, sent[2].2);
    }

    #[tokio::test]
    async fn what_define_does_not_lead_to_is_a_fault_and_sends_nothing() {
        let create = create(Outbox::default());
        let record = |wrong: u8| json!(format!("v1.{}.1.1.SMS.1.{wrong}", "A".repeat(22)));
        let answered = |result: bool, metadata: Value| {
            json!({
                "challengeName": "CUSTOM_CHALLENGE",
                "challengeResult": result,
                "challengeMetadata": metadata,
            })
        };
        let entry = |metadata: Value| json!([answered(false, metadata)]);
        let srp_a = json!({ "challengeName": "SRP_A", "challengeResult": true });
        for (field, value, expected) in [
            ("challengeName", json!(null), None),
            ("challengeName", json!("PASSWORD_VERIFIER"), None),
            ("session", entry(json!(null)), None),
            ("session", entry(json!("v2.x")), None),
            ("session", json!([answered(true, record(0))]), None),
            ("session", json!([answered(false, record(2))]), None),
            ("session", json!([answered(false, record(0)), srp_a]), None),
            ("userAttributes", json!(null), Some(Fault::NoDestination)),
            (
                "userAttributes",
                json!({ "phone_number": "+819012345678" }),
                Some(Fault::NoDestination),
            ),
        ] {
            let event = event(|request| request[field] = value.clone());
            let fault = respond(&create, &event, NOW).await.unwrap_err();
            match expected {
                Some(expected) => assert_eq!(fault, expected),
                None => assert!(matches!(fault, Fault::Internal(_)), "{field} {value}"),
            }
        }
        assert!(create.deliver.sent.borrow().is_empty());
    }
}
