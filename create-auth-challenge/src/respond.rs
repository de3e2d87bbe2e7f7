//! From Cognito's event to the plan, and from its outcome to Cognito's response.

use std::time::Duration;

use otp::{ChallengeMetadata, ClientRequest, Code, Nonce, Record, UnixSeconds};
use rand::TryCryptoRng;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout_at};
use trigger::{Event, Fault, MetricEvent, Metrics, Request};

use crate::challenge::{NotSent, Response, Terms};
use crate::pace::{Pace, Sent};
use crate::plan::{Issue, Plan, Policy, Round, go_on, plan};
use crate::settings::FirstRound;
use crate::{Destination, Destinations, Message, MessageSender, SendError, Settings, decoy};
use ledger::{Admission, Ledger, NotAdmitted, Refused, Store, UnixMillis, Wanted};

/// Within this time of being called the function has answered or failed, whatever the services that
/// it waits for do. Cognito gives up at 5 seconds and calls again.
pub const TIME_LIMIT: Duration = Duration::from_millis(3_700);

/// The function: its settings, what it sends with, and what bounds that.
pub struct Create<D, S> {
    settings: Settings,
    deliver: D,
    ledger: Ledger<S>,
    pace: Pace,
    metrics: Metrics,
}

/// One call: what it is about, its time of day, and when it must be over.
#[derive(Clone, Copy)]
struct Call<'a> {
    event: &'a Event,
    now: UnixMillis,
    deadline: Instant,
}

impl<'a> Call<'a> {
    #[expect(clippy::disallowed_methods, reason = "bounds the waits of one call")]
    fn new(event: &'a Event, now: UnixMillis) -> Self {
        Self { event, now, deadline: Instant::now() + TIME_LIMIT }
    }

    fn seconds(self) -> UnixSeconds {
        self.now / 1_000
    }

    /// How much of the call's time is left.
    #[expect(clippy::disallowed_methods, reason = "times a send")]
    fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

impl<D: MessageSender, S: Store> Create<D, S> {
    /// The function with `settings`, sending with `deliver` what the ledger in `store` admits. It
    /// counts nothing.
    pub fn new(settings: Settings, deliver: D, store: S) -> Self {
        let ledger = Ledger::new(store, settings.codes.key.clone(), settings.issue_limits.clone());
        Self { settings, deliver, ledger, pace: Pace::default(), metrics: Metrics::default() }
    }

    /// The same, counting what it issues and sends in `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Issues the challenge, in at most [`TIME_LIMIT`].
    ///
    /// # Errors
    /// When the user has no destination, the first message is not admitted or could not be sent, or
    /// the event is not one that our define leads to.
    pub async fn respond<R: TryCryptoRng>(
        &self,
        event: &Event,
        now: UnixMillis,
        generator: &mut R,
    ) -> Result<Response, Fault> {
        let call = Call::new(event, now);
        let Settings { codes, policy, first_round, .. } = &self.settings;
        let last = last(&event.request, policy)?;
        let destinations = self.destinations(event);
        let terms = Terms { codes, policy, destinations: &destinations };
        let media = destinations.media();
        let round = match last {
            Last::Nothing if *first_round == FirstRound::Choose => return terms.choice(None),
            Last::Nothing => Round::First { wanted: None },
            Last::Choice { ask: ClientRequest::Resend { medium: Some(wanted) }, .. } => {
                Round::First { wanted: Some(wanted) }
            }
            Last::Choice { other, .. } => {
                Round::First { wanted: media.get(1).copied().filter(|_| other) }
            }
            Last::Code { record, ask } => Round::Later { record, ask },
        };
        let plan = plan(round, &media, policy, call.seconds());
        let plan = plan.ok_or_else(|| destinations.fault())?;
        if !plan.send {
            return terms.code(&self.later_record(call, &plan)?, None);
        }
        let destination = destinations.get(plan.medium)?;
        let not_sent = |fault| Some(NotSent { fault, now: call.seconds() });
        let Some(instead) = go_on(round, &media) else {
            let sent = self.first_code(call, &plan, destination, generator).await;
            return match (sent, last) {
                (Ok(record), _) => terms.code(&record, None),
                (Err(fault @ Fault::Internal(_)), _) | (Err(fault), Last::Nothing) => Err(fault),
                // Another way may do.
                (Err(fault), _) => terms.choice(not_sent(fault)),
            };
        };
        let record = self.later_record(call, &plan)?;
        match self.another_message(call, &record, destination, generator).await {
            Ok(()) => terms.code(&record, None),
            // The sign-in lives on with the code that its user may have.
            Err(fault) => terms.code(&self.later_record(call, &instead)?, not_sent(fault)),
        }
    }

    /// Admits, sends and closes a sign-in's first code: a new one, or that of the call which this
    /// one repeats.
    async fn first_code<R: TryCryptoRng>(
        &self,
        call: Call<'_>,
        plan: &Plan,
        destination: &Destination,
        generator: &mut R,
    ) -> Result<Record, Fault> {
        let nonce = Nonce::generate(generator)
            .map_err(|_| Fault::Internal("the system has no randomness to give"))?;
        let user = self.ledger.user(&call.event.user_pool_id, call.event.subject());
        let admission = self.admit(call, destination, &Wanted::New(user, nonce)).await?;
        let (nonce, issued_at) = admission.issue.unwrap_or((nonce, call.now));
        let Plan { medium, sent_at, sends, wrong, .. } = *plan;
        let record = Record { nonce, issued_at: issued_at / 1_000, sent_at, medium, sends, wrong };
        self.send(call, &record, destination, generator).await?;
        // From here on the code is this sign-in's alone. A challenge whose issue stayed open could
        // be another's too, so there is none.
        let closed = self.ledger.close(admission, call.now);
        match timeout_at(call.deadline, closed).await {
            Ok(Ok(())) => {
                if !call.event.request.user_not_found {
                    self.metrics.record(MetricEvent::Issued);
                }
                Ok(record)
            }
            Ok(Err(_)) | Err(_) => Err(Fault::Unavailable),
        }
    }

    /// Admits and sends a later message: the same code again, or the one after an expired one.
    async fn another_message<R: TryCryptoRng>(
        &self,
        call: Call<'_>,
        record: &Record,
        destination: &Destination,
        generator: &mut R,
    ) -> Result<(), Fault> {
        self.admit(call, destination, &Wanted::Same).await?;
        self.send(call, record, destination, generator).await
    }

    async fn admit(
        &self,
        call: Call<'_>,
        destination: &Destination,
        wanted: &Wanted,
    ) -> Result<Admission, Fault> {
        let admitted = self.ledger.admit(destination.expose(), wanted, call.now);
        match timeout_at(call.deadline, admitted).await {
            Ok(Ok(admission)) => Ok(admission),
            Ok(Err(NotAdmitted::TooMany(Refused { retry_after }))) => {
                Err(Fault::TooManyCodes(retry_after.div_ceil(1_000)))
            }
            Ok(Err(NotAdmitted::Unavailable)) => Err(Fault::Unavailable),
            Err(_) => {
                tracing::warn!(limit = ?TIME_LIMIT, "the ledger did not answer");
                Err(Fault::Unavailable)
            }
        }
    }

    fn destinations(&self, event: &Event) -> Destinations {
        let Settings { codes, media, require_verified, sms_countries, .. } = &self.settings;
        let Event { user_pool_id, user_name, request } = event;
        if request.user_not_found {
            let name = user_name.expose_secret();
            decoy::destinations(&codes.key, user_pool_id, name, media, sms_countries)
        } else {
            let attributes = &request.user_attributes;
            Destinations::of_user(attributes, media, *require_verified, sms_countries)
        }
    }

    /// The record of a later round's plan.
    fn later_record(&self, call: Call<'_>, plan: &Plan) -> Result<Record, Fault> {
        let Plan { issue, medium, sent_at, sends, wrong, .. } = *plan;
        let (nonce, issued_at) = match issue {
            Issue::Same { nonce, issued_at } => (nonce, issued_at),
            Issue::After(expired) => {
                let key = &self.settings.codes.key;
                (expired.next(key, &call.event.user_pool_id, call.event.subject()), call.seconds())
            }
            Issue::First => return Err(Fault::Internal("a later round has a first code")),
        };
        Ok(Record { nonce, issued_at, sent_at, medium, sends, wrong })
    }

    /// Sends the code. For an unknown user it writes the message, too, but goes as a recent send went
    /// and sends nothing.
    async fn send<R: TryCryptoRng>(
        &self,
        call: Call<'_>,
        record: &Record,
        destination: &Destination,
        generator: &mut R,
    ) -> Result<(), Fault> {
        let Settings { codes, policy, catalog, .. } = &self.settings;
        let Record { nonce, issued_at, .. } = record;
        let code = Code::derive(
            &codes.key,
            &call.event.user_pool_id,
            call.event.subject(),
            nonce,
            codes.length,
        );
        let seconds = policy.expires_at(*issued_at).saturating_sub(call.seconds());
        let Request { client_metadata, user_attributes, .. } = &call.event.request;
        let language = catalog
            .language([client_metadata, user_attributes].map(|texts| texts.expose("locale")));
        let message = Message::new(catalog, language, destination.medium(), &code, seconds);
        if call.event.request.user_not_found {
            let Sent { took, outcome } = self.pace.draw(generator);
            let pause = timeout_at(call.deadline, tokio::time::sleep(took)).await;
            return pause.map_or(Err(SendError), |()| outcome).map_err(|_| Fault::DeliveryFailed);
        }
        let before = call.left();
        let delivery = timeout_at(call.deadline, self.deliver.send(destination, &message));
        let outcome = delivery.await.unwrap_or_else(|_| {
            let medium = destination.medium().name();
            tracing::warn!(medium, limit = ?TIME_LIMIT, "not sent: no answer");
            Err(SendError)
        });
        let (medium, took) = (destination.medium(), before.saturating_sub(call.left()));
        self.metrics.record(match outcome {
            Ok(()) => MetricEvent::Delivered { medium, country: destination.country(), took },
            Err(SendError) => MetricEvent::Undelivered { medium },
        });
        self.pace.note(Sent { took, outcome });
        outcome.map_err(|SendError| Fault::DeliveryFailed)
    }
}

/// The challenge of ours that came last, and the response to it.
#[derive(Clone, Copy)]
enum Last {
    /// There was none.
    Nothing,
    /// It asked which way the code shall go.
    Choice {
        /// Verify found the name of the less preferred medium.
        other: bool,
        ask: ClientRequest,
    },
    /// It asked for a code, and the answer was not right.
    Code { record: Record, ask: ClientRequest },
}

/// Reads the history. One that our define ends is a fault.
fn last(request: &Request, policy: &Policy) -> Result<Last, Fault> {
    const OURS: &str = "CUSTOM_CHALLENGE";
    if request.challenge_name.as_deref() != Some(OURS) {
        return Err(Fault::Internal("the event asks for a challenge that is not ours"));
    }
    let Some(last) = request.session.iter().rposition(|entry| entry.challenge_name == OURS) else {
        return Ok(Last::Nothing);
    };
    let [last] = request.session.get(last..).unwrap_or_default() else {
        return Err(Fault::Internal("another challenge came after ours"));
    };
    let metadata = last.challenge_metadata.as_ref().map(|text| text.expose_secret());
    let note = ChallengeMetadata::parse(metadata.unwrap_or_default())
        .map_err(|_| Fault::Internal("the last challenge's metadata is not create's"))?;
    let ask = ClientRequest::from_client_metadata(|name| request.client_metadata.expose(name));
    let record = match note {
        ChallengeMetadata::Choice => {
            return Ok(Last::Choice { other: last.challenge_result, ask });
        }
        ChallengeMetadata::Code(record) => record,
    };
    if last.challenge_result {
        return Err(Fault::Internal("the last challenge was answered right"));
    }
    if record.wrong_answers_after(ask) >= policy.limits.attempts {
        return Err(Fault::Internal("the attempts are used up"));
    }
    Ok(Last::Code { record, ask })
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use aws_lambda_events::cognito::CognitoEventUserPoolsCreateAuthChallengeResponse;
    use numbering::{AllowedCountries, Region};
    use otp::Medium;
    use otp::{CodeKey, CodeLength};
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;
    use serde_json::{Value, json};
    use settings::{CodeSettings, Limits};

    use super::*;
    use crate::{EmailOptions, MessageCatalog, SmsOptions};
    use ledger::{IssueLimit, Item, ItemKey, StoreError};

    const NOW: UnixSeconds = 1_767_225_600;

    /// What was sent: medium, address, text.
    #[derive(Default)]
    struct Outbox {
        sent: RefCell<Vec<(Medium, String, String)>>,
        refuse: Cell<bool>,
        stall: Cell<bool>,
    }

    impl MessageSender for Outbox {
        async fn send(&self, to: &Destination, message: &Message) -> Result<(), SendError> {
            if self.stall.get() {
                std::future::pending::<()>().await;
            }
            if self.refuse.get() {
                return Err(SendError);
            }
            let text = message.expose_text().to_owned();
            self.sent.borrow_mut().push((to.medium(), to.expose().to_owned(), text));
            Ok(())
        }
    }

    /// A table that others may write to between any two calls.
    #[derive(Clone, Default)]
    struct Table {
        items: Rc<RefCell<BTreeMap<ItemKey, Item>>>,
        down: Rc<Cell<bool>>,
        loads: Rc<Cell<u32>>,
    }

    impl Store for Table {
        async fn load(&self, key: &ItemKey) -> Result<Item, StoreError> {
            tokio::task::yield_now().await;
            self.loads.set(self.loads.get() + 1);
            if self.down.get() {
                return Err(StoreError::Unavailable);
            }
            Ok(self.items.borrow().get(key).cloned().unwrap_or_default())
        }

        async fn store(&self, key: &ItemKey, item: &Item, _: u64) -> Result<(), StoreError> {
            tokio::task::yield_now().await;
            let mut items = self.items.borrow_mut();
            let before = items.get(key).map_or(0, |item| item.version);
            if before + 1 != item.version {
                return Err(StoreError::Conflict);
            }
            items.insert(key.clone(), item.clone());
            Ok(())
        }
    }

    type Subject = Create<Outbox, Table>;

    fn create(outbox: Outbox) -> Subject {
        create_on(outbox, Table::default())
    }

    fn create_on(outbox: Outbox, table: Table) -> Subject {
        Create::new(settings(), outbox, table)
    }

    fn settings() -> Settings {
        Settings {
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
            first_round: FirstRound::Send,
            sms_countries: AllowedCountries::Only(vec![Region::from_code("JP").unwrap()]),
            email_from: Some("sign-in@example.com".to_owned()),
            catalog: MessageCatalog::default(),
            sms: SmsOptions::default(),
            email: EmailOptions::default(),
            ledger_table: "ledger".to_owned(),
            issue_limits: vec![IssueLimit { count: 5, window: Duration::from_secs(15 * 60) }],
        }
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

    async fn respond(create: &Subject, event: &Event, now: UnixSeconds) -> Result<Value, Fault> {
        let mut generator = ChaCha20Rng::seed_from_u64(now);
        let response = create.respond(event, now * 1_000, &mut generator).await?;
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
                "MEDIA": "SMS,EMAIL",
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
        let runs = |n: usize| sent[n].2.split(|c: char| !c.is_ascii_digit());
        let code = |n| runs(n).find(|run| run.len() == 6).unwrap();
        assert_eq!(sent.len(), 3);
        assert_eq!((sent[1].0, sent[1].1.as_str()), (Medium::Email, "jane@example.com"));
        assert_eq!(code(0), code(1));
        assert_ne!(code(0), code(2));
    }

    #[tokio::test]
    async fn a_choice_sends_nothing_and_then_where_it_is_asked_to() {
        let settings = Settings { first_round: FirstRound::Choose, ..settings() };
        let create = Create::new(settings, Outbox::default(), Table::default());
        let choice = respond(&create, &event(|_| ()), NOW).await.unwrap();
        assert_eq!(
            choice,
            json!({
                "publicChallengeParameters": {
                    "MEDIA": "SMS,EMAIL",
                    "DESTINATION_SMS": "+*******5678",
                    "DESTINATION_EMAIL": "j***@e***",
                    "CODE_LENGTH": "6",
                    "ATTEMPTS_LEFT": "3",
                },
                "privateChallengeParameters": { "other_choice": "EMAIL" },
                "challengeMetadata": "v1.choice",
            })
        );
        assert!(create.deliver.sent.borrow().is_empty());
        let resend = |medium| json!({ "action": "resend", "medium": medium });
        for (other, ask, medium) in [
            (false, json!(null), Medium::Sms),
            (true, json!(null), Medium::Email),
            (false, resend("EMAIL"), Medium::Email),
            (true, resend("SMS"), Medium::Sms),
        ] {
            let mut chosen = after(&choice, &ask);
            chosen.request.session[1].challenge_result = other;
            let response = respond(&create, &chosen, NOW).await.unwrap();
            let public = &response["publicChallengeParameters"];
            assert_eq!(public["CODE_DELIVERY_DELIVERY_MEDIUM"], medium.name());
            assert_eq!(public["RESENDS_LEFT"], "2");
            assert_eq!(public["ATTEMPTS_LEFT"], "3");
            let (sent, ..) = create.deliver.sent.borrow_mut().pop().unwrap();
            assert_eq!(sent, medium);
            assert!(create.deliver.sent.borrow().is_empty());
        }
    }

    #[tokio::test]
    async fn a_choice_that_cannot_be_sent_to_is_asked_for_again() {
        let settings = Settings { first_round: FirstRound::Choose, ..settings() };
        let create = Create::new(settings, Outbox::default(), Table::default());
        let choice = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let chosen = after(&choice, &json!(null));
        create.deliver.refuse.set(true);
        let again = respond(&create, &chosen, NOW).await.unwrap();
        assert_eq!(again["publicChallengeParameters"]["NOT_SENT"], "DELIVERY_FAILED");
        assert_eq!(again["challengeMetadata"], "v1.choice");
        create.deliver.refuse.set(false);
        for n in 1..5 {
            let response = respond(&create, &chosen, NOW + n).await.unwrap();
            assert_eq!(response["publicChallengeParameters"]["NOT_SENT"], Value::Null);
        }
        let again = respond(&create, &chosen, NOW + 5).await.unwrap();
        let public = &again["publicChallengeParameters"];
        assert_eq!(public["NOT_SENT"], "TOO_MANY_CODES");
        assert_eq!(public["RESEND_AT"], (NOW + 900).to_string());
        assert_eq!(create.deliver.sent.borrow().len(), 4);
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
            let started = Instant::now();
            let fault = respond(&create, &event(|_| ()), NOW).await.unwrap_err();
            assert_eq!(fault, Fault::DeliveryFailed);
            assert!(started.elapsed() < Duration::from_secs(4));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_delivery_in_a_later_round_goes_on_with_the_code_of_before() {
        let by_email = json!({ "action": "resend", "medium": "EMAIL" });
        for (refuse, stall) in [(true, false), (false, true)] {
            let create = create(Outbox::default());
            let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
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
                assert_eq!(public["NOT_SENT"], "DELIVERY_FAILED");
            }
            assert_eq!(create.deliver.sent.borrow().len(), 1);
        }
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

    fn nonce(response: &Value) -> &Value {
        &response["privateChallengeParameters"]["nonce"]
    }

    fn unknown() -> Event {
        event(|request| {
            request["userNotFound"] = json!(true);
            request["userAttributes"] = json!({});
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_gets_no_more_than_its_limit() {
        for event in [event(|_| ()), unknown()] {
            let create = create(Outbox::default());
            for n in 0..5 {
                respond(&create, &event, NOW + 60 * n).await.unwrap();
            }
            let sent = create.deliver.sent.borrow().len();
            assert_eq!(sent, if event.request.user_not_found { 0 } else { 5 });
            for (now, seconds) in [(NOW + 300, 600), (NOW + 899, 1)] {
                let fault = respond(&create, &event, now).await.unwrap_err();
                assert_eq!(fault, Fault::TooManyCodes(seconds));
            }
            assert_eq!(create.deliver.sent.borrow().len(), sent);
            respond(&create, &event, NOW + 900).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_resend_over_the_limit_keeps_the_sign_in_and_says_when() {
        let create = create(Outbox::default());
        let mut last = Value::Null;
        for n in 0..5 {
            last = respond(&create, &event(|_| ()), NOW + n).await.unwrap();
        }
        let ask = json!({ "action": "resend" });
        let response = respond(&create, &after(&last, &ask), NOW + 100).await.unwrap();
        assert_eq!(nonce(&response), nonce(&last));
        let public = &response["publicChallengeParameters"];
        assert_eq!(public["RESEND_AT"], (NOW + 900).to_string());
        assert_eq!(public["RESENDS_LEFT"], "2");
        assert_eq!(public["NOT_SENT"], "TOO_MANY_CODES");
        assert_eq!(create.deliver.sent.borrow().len(), 5);
    }

    #[tokio::test]
    async fn a_call_that_is_repeated_sends_the_same_code_and_the_next_sign_in_another() {
        let table = Table::default();
        let create = create_on(Outbox::default(), table.clone());
        // The first call fails after its issue is open: in its send, here.
        create.deliver.refuse.set(true);
        respond(&create, &event(|_| ()), NOW).await.unwrap_err();
        create.deliver.refuse.set(false);
        let open = table.items.borrow().values().next().cloned().unwrap();
        let open = open.account.open.unwrap().nonce.encode();
        let repeated = respond(&create, &event(|_| ()), NOW + 5).await.unwrap();
        assert_eq!(nonce(&repeated), &open);
        assert_eq!(repeated["publicChallengeParameters"]["EXPIRES_AT"], (NOW + 300).to_string());
        let next = respond(&create, &event(|_| ()), NOW + 6).await.unwrap();
        assert_ne!(nonce(&next), &open);
    }

    #[tokio::test]
    async fn an_issue_is_closed_without_another_look_unless_someone_else_was_there() {
        let table = Table::default();
        let create = create_on(Outbox::default(), table.clone());
        respond(&create, &event(|_| ()), NOW).await.unwrap();
        assert_eq!(table.loads.get(), 1);
        // Two people with one phone: one's message goes while the other's is on its way.
        let joan = event(|request| request["userAttributes"]["sub"] = json!("another sub"));
        let event = event(|_| ());
        let (jane, joan) =
            tokio::join!(respond(&create, &event, NOW + 1), respond(&create, &joan, NOW + 2));
        assert_ne!(nonce(&jane.unwrap()), nonce(&joan.unwrap()));
        assert!(table.loads.get() > 3, "each read it, and who found it changed read it again");
        let items = table.items.borrow();
        let account = &items.values().next().unwrap().account;
        assert_eq!((account.times.len(), &account.open), (3, &None));
    }

    #[tokio::test]
    async fn without_the_ledger_nothing_is_sent() {
        let table = Table::default();
        let create = create_on(Outbox::default(), table.clone());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        table.down.set(true);
        let fault = respond(&create, &event(|_| ()), NOW + 1).await.unwrap_err();
        assert_eq!(fault, Fault::Unavailable);
        // A sign-in that has its code goes on.
        for ask in [json!(null), json!({ "action": "resend" })] {
            let response = respond(&create, &after(&first, &ask), NOW + 40).await.unwrap();
            assert_eq!(nonce(&response), nonce(&first));
        }
        assert_eq!(create.deliver.sent.borrow().len(), 1);
    }

    #[tokio::test]
    async fn fifty_calls_at_once_share_one_limit() {
        let create = create(Outbox::default());
        let event = event(|_| ());
        let calls = (0..50).map(|n| {
            let mut generator = ChaCha20Rng::seed_from_u64(n);
            let (create, event) = (&create, &event);
            async move { create.respond(event, NOW * 1_000, &mut generator).await.err() }
        });
        let faults = futures_util::future::join_all(calls).await;
        let admitted = faults.iter().filter(|fault| fault.is_none()).count();
        let told_to_wait = faults.iter().filter(|f| **f == Some(Fault::TooManyCodes(900))).count();
        assert_eq!((admitted, told_to_wait), (5, 45), "{faults:?}");
        assert_eq!(create.deliver.sent.borrow().len(), 5);
    }

    #[tokio::test]
    async fn the_ledger_holds_nothing_personal_and_nothing_that_signs_in() {
        let table = Table::default();
        let create = create_on(Outbox::default(), table.clone());
        respond(&create, &event(|_| ()), NOW).await.unwrap();
        let text = format!("{:?}", table.items.borrow());
        let sent = create.deliver.sent.borrow();
        let code = sent[0].2.split(' ').next().unwrap();
        for secret in ["819012345678", "jane", "the sub", code] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
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
            (
                "userAttributes",
                json!({ "phone_number": "+12065550123", "phone_number_verified": "true" }),
                Some(Fault::DestinationNotAllowed),
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
