//! From Cognito's event to the plan, and from its outcome to Cognito's response.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use otp::{Ask, Code, Nonce, PrivateParameters, Record, UnixSeconds};
use rand::TryCryptoRng;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use trigger::{Event, Fault, Request};

use crate::plan::{self, Plan, Round, plan};
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
    /// When the user has no destination, the message could not be sent, or the event is not one
    /// that our define leads to.
    pub async fn respond<R: TryCryptoRng>(
        &self,
        event: &Event,
        now: UnixSeconds,
        generator: &mut R,
    ) -> Result<Response, Fault> {
        let challenge = self.challenge(event, now, generator);
        tokio::time::timeout(TIME_LIMIT, challenge).await.unwrap_or(Err(Fault::DeliveryFailed))
    }

    async fn challenge<R: TryCryptoRng>(
        &self,
        event: &Event,
        now: UnixSeconds,
        generator: &mut R,
    ) -> Result<Response, Fault> {
        let round = round(&event.request)?;
        let destinations = self.destinations(event);
        let plan = plan(round, &destinations.media(), &self.settings.policy, now)
            .ok_or(Fault::NoDestination)?;
        let destination = destinations.get(plan.medium).ok_or(Fault::NoDestination)?;
        let record = record(&plan, now, generator)?;
        // Unknown users get everything but the message.
        if plan.send && !event.request.user_not_found {
            self.send(event, &record, destination, now).await?;
        }
        Ok(self.response(&record, destination))
    }

    fn destinations(&self, event: &Event) -> Destinations {
        let Settings { codes, media, require_verified, .. } = &self.settings;
        let Event { user_pool_id, user_name, request } = event;
        let decoy =
            || decoy::destination(&codes.key, user_pool_id, user_name.expose_secret(), media);
        match request.user_not_found.then(decoy).flatten() {
            Some(decoy) => Destinations::only(decoy),
            None => Destinations::of_user(&request.user_attributes, media, *require_verified),
        }
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
        let delivery = self.deliver.deliver(destination, &message).await;
        delivery.map_err(|Undelivered| Fault::DeliveryFailed)
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

/// Which round this is: after a challenge of ours it is a later one.
fn round(request: &Request) -> Result<Round, Fault> {
    if request.challenge_name.as_deref() != Some("CUSTOM_CHALLENGE") {
        return Err(Fault::Internal("the event asks for a challenge that is not ours"));
    }
    let last = request.session.last().filter(|entry| entry.challenge_name == "CUSTOM_CHALLENGE");
    let Some(last) = last else { return Ok(Round::First) };
    let metadata = last.challenge_metadata.as_ref().map(|text| text.expose_secret());
    let record = Record::parse(metadata.unwrap_or_default())
        .map_err(|_| Fault::Internal("the last challenge's metadata is not create's"))?;
    let ask = Ask::from_metadata(|name| request.client_metadata.expose(name));
    Ok(Round::Later { record, ask })
}

/// The record of the planned challenge; draws the nonce of a new code.
fn record<R: TryCryptoRng>(
    plan: &Plan,
    now: UnixSeconds,
    generator: &mut R,
) -> Result<Record, Fault> {
    let Plan { code, medium, sent_at, sends, wrong, .. } = *plan;
    let (nonce, issued_at) = match code {
        plan::Code::Same { nonce, issued_at } => (nonce, issued_at),
        plan::Code::New => {
            let nonce = Nonce::generate(generator)
                .map_err(|_| Fault::Internal("the system has no randomness to give"))?;
            (nonce, now)
        }
    };
    Ok(Record { nonce, issued_at, sent_at, medium, sends, wrong })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use aws_lambda_events::cognito::CognitoEventUserPoolsCreateAuthChallengeResponse;
    use otp::Medium;
    use otp::settings::{CodeSettings, Limits};
    use otp::{CodeKey, CodeLength};
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;
    use serde_json::{Value, json};

    use super::*;
    use crate::Policy;

    const NOW: UnixSeconds = 1_767_225_600;

    /// What was sent: medium, address, text.
    #[derive(Default)]
    struct Outbox {
        sent: RefCell<Vec<(Medium, String, String)>>,
        refuse: bool,
        stall: bool,
    }

    impl Deliver for Outbox {
        async fn deliver(&self, to: &Destination, message: &Message) -> Result<(), Undelivered> {
            if self.stall {
                std::future::pending::<()>().await;
            }
            if self.refuse {
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
                "CODE_DELIVERY_DESTINATION": "+********5678",
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
            Outbox { refuse: true, ..Outbox::default() },
            Outbox { stall: true, ..Outbox::default() },
        ] {
            let create = create(outbox);
            let started = tokio::time::Instant::now();
            let fault = respond(&create, &event(|_| ()), NOW).await.unwrap_err();
            assert_eq!(fault, Fault::DeliveryFailed);
            assert!(started.elapsed() < Duration::from_secs(4));
        }
    }

    #[tokio::test]
    async fn what_define_does_not_lead_to_is_a_fault_and_sends_nothing() {
        let create = create(Outbox::default());
        let entry = |metadata: Value| {
            json!([{
                "challengeName": "CUSTOM_CHALLENGE",
                "challengeResult": false,
                "challengeMetadata": metadata,
            }])
        };
        for (field, value, expected) in [
            ("challengeName", json!(null), None),
            ("challengeName", json!("PASSWORD_VERIFIER"), None),
            ("session", entry(json!(null)), None),
            ("session", entry(json!("v2.x")), None),
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
