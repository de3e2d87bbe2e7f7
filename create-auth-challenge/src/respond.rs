//! One call, from Cognito's event to its response: read, plan, admit, send, respond.

use std::time::Duration;

use destination::{Destination, Destinations};
use ledger::{
    AdmissionError, CodeBinding, CodeRules, ItemKeys, ItemNames, Lane, Lanes, Ledger, NotTaken,
    RateLimited, Reading, SPEND_WINDOW, SpendClass, SpendKeys, SpendMode, SpendRefusal, Store,
    TakeError, Taken,
};
use otp::{
    ClientRequest, Code, CodeKeyTag, DeviceId, Hold, IssuedCode, Medium, Nonce, RoundId,
    UnixMillis, UnixSeconds,
};
use rand::TryCryptoRng;
use secrecy::ExposeSecret as _;
use settings::SignUpMode;
use tokio::time::{Instant, timeout_at};
use trigger::{Event, Fault, MetricEvent, Metrics, Request, SpendEvent, TIME_LIMIT};

use crate::challenge::{ChallengeContext, Counting, Response};
use crate::history::History;
use crate::plan::{Fallback, Plan, Round, plan};
use crate::send_history::{SendHistory, SendSample};
use crate::settings::{FirstRound, WhenLimited};
use crate::{Message, MessageSender, SendError, Settings, decoy};

/// The function: its settings, what it sends with, and what bounds that.
pub struct Create<M, S> {
    settings: Settings,
    key: CodeKeyTag,
    sender: M,
    ledger: Ledger<S>,
    names: ItemNames,
    history: SendHistory,
    metrics: Metrics,
}

/// One call: what it is about, its time of day, and when it must be over.
#[derive(Clone, Copy)]
struct Call<'a> {
    event: &'a Event,
    subject: &'a str,
    now: UnixMillis,
    deadline: Instant,
}

impl<'a> Call<'a> {
    #[expect(clippy::disallowed_methods, reason = "bounds the waits of one call")]
    fn new(event: &'a Event, subject: &'a str, now: UnixMillis) -> Self {
        Self { event, subject, now, deadline: Instant::now() + TIME_LIMIT }
    }

    fn seconds(self) -> UnixSeconds {
        self.now / 1_000
    }

    fn is_unknown_user(self) -> bool {
        self.event.request.user_not_found
    }

    /// How much of the call's time is left.
    #[expect(clippy::disallowed_methods, reason = "times a send")]
    fn remaining(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

impl<M: MessageSender, S: Store> Create<M, S> {
    /// The function with `settings`, sending with `sender` what the ledger in `store` admits. It
    /// counts nothing.
    pub fn new(settings: Settings, sender: M, store: S) -> Self {
        Self {
            ledger: Ledger::new(store, settings.bounds.clone()),
            names: ItemNames::new(settings.ledger.key.clone()),
            key: settings.codes.key.tag(),
            settings,
            sender,
            history: SendHistory::default(),
            metrics: Metrics::default(),
        }
    }

    /// The same, counting what it issues and sends in `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Issues the challenge, in at most [`TIME_LIMIT`].
    ///
    /// # Errors
    /// When the user has no destination, the first message could not be sent, or with
    /// `WHEN_LIMITED=fail` was not admitted, or the event is not one that our define leads to.
    pub async fn respond<R: TryCryptoRng>(
        &self,
        event: &Event,
        now: UnixMillis,
        rng: &mut R,
    ) -> Result<Response, Fault> {
        let subject = event.subject();
        let call = Call::new(event, &subject, now);
        let Settings { codes, policy, first_round, sign_up, when_limited, .. } = &self.settings;
        let history = History::read(&event.request, policy)?;
        let destinations = self.destinations(call);
        let media = destinations.media();
        let counting = Counting {
            names: (self.settings.bounds.spend.mode != SpendMode::Off).then_some(&self.names),
            class: match destinations.is_unverified() {
                true => SpendClass::New,
                false => SpendClass::Proven,
            },
        };
        let challenge = ChallengeContext {
            codes,
            policy,
            destinations: &destinations,
            pool_id: &event.user_pool_id,
            subject: &subject,
            round: RoundId::generate(rng).map_err(|_| NO_RANDOMNESS)?,
            is_proven: true,
            when_limited: *when_limited,
            counting,
        };
        let round = match history {
            History::Empty if *first_round == FirstRound::Choose => {
                return challenge.choice_challenge();
            }
            History::Empty => Round::First,
            History::Choice { is_alternative, request } => {
                let alternative = media.get(1).copied().filter(|_| is_alternative);
                let chosen = request.medium().or(alternative).or(media.first().copied());
                Round::Chosen(chosen.ok_or_else(|| destinations.fault())?)
            }
            History::Hold { hold, request: ClientRequest::Answer } => {
                return Ok(challenge.hold_challenge(hold));
            }
            History::Hold { hold, request } => Round::Held { hold, medium: request.medium() },
            History::Code { record, request } => Round::Later { record, request },
        };
        let medium = round.medium(&media).ok_or_else(|| destinations.fault())?;
        let destination = destinations.get(medium)?;
        let rules = CodeRules {
            binding: CodeBinding::new(&self.key, destinations.verified_media()),
            lifetime: policy.lifetime,
        };
        let reading = self.read(call, destination, counting).await;
        let read = reading.as_ref().ok();
        let is_known_device = read.is_some_and(Reading::is_known_device);
        let is_proven = read.and_then(Reading::is_proven);
        let current = read.and_then(|reading| reading.current_code(&rules, call.seconds()));
        let challenge = ChallengeContext {
            is_proven: is_proven.unwrap_or(*sign_up != SignUpMode::Code),
            ..challenge
        };
        if let (Round::Held { hold, .. }, Ok(_), false) = (round, &reading, is_known_device) {
            return Ok(challenge.hold_challenge(hold));
        }
        let verified = destinations.verified_media();
        let planned = plan(round, &media, verified, current, policy, call.seconds());
        let message = match planned.ok_or_else(|| destinations.fault())? {
            Plan::Keep(record) => return challenge.code_challenge(&record),
            Plan::Send(message) => message,
        };
        if destinations.is_unverified() && is_proven == Some(true) && !is_known_device {
            // The contact was changed since. What was proven stays the only way in.
            return match (message.fallback, when_limited) {
                (Fallback::Fail, WhenLimited::Hold) => {
                    self.metrics.record(MetricEvent::Held(Fault::NoDestination));
                    Ok(challenge.hold_challenge(Hold::UnprovenContact))
                }
                (fallback, _) => challenge.fallback(fallback, Fault::NoDestination, call.seconds()),
            };
        }
        let lanes = match (is_known_device, destinations.is_unverified()) {
            (true, false) => Lanes { account: Lane::Owner, destination: Lane::Owner },
            (true, true) => Lanes { account: Lane::Owner, destination: Lane::Public },
            (false, _) => Lanes::PUBLIC,
        };
        let counted = Counted { destination, class: counting.class };
        let taken = match self.issue(call, counted, reading, lanes, &rules, rng).await {
            Ok(taken) => taken,
            Err(NotIssued { fault, code }) => {
                if let (Fallback::Fail, Fault::TooManyCodes(_), WhenLimited::Hold) =
                    (message.fallback, fault, when_limited)
                {
                    self.metrics.record(MetricEvent::Held(fault));
                }
                let fallback = match code {
                    None => message.fallback,
                    Some(code) => {
                        message.fallback.after_issue(code, message.media, policy, call.seconds())
                    }
                };
                return challenge.fallback(fallback, fault, call.seconds());
            }
        };
        let code = taken.code();
        match self.send(call, code, destination, rng).await {
            Ok(()) => {
                self.count_sent(call, counted, &taken);
                if message.sends == 1 && !call.is_unknown_user() {
                    self.metrics.record(MetricEvent::Issued);
                }
                challenge.code_challenge(&message.record(code, call.seconds()))
            }
            Err(fault) => {
                // What cannot be given back in time stays counted.
                drop(timeout_at(call.deadline, self.ledger.give_back(taken)).await);
                let fallback =
                    message.fallback.after_issue(code, message.media, policy, call.seconds());
                challenge.fallback(fallback, fault, call.seconds())
            }
        }
    }

    /// Admits a message and takes its credit. What is taken has the account's code that the message
    /// is to carry: the live one, or a new one.
    async fn issue<R: TryCryptoRng>(
        &self,
        call: Call<'_>,
        counted: Counted<'_>,
        reading: Result<Reading, Fault>,
        lanes: Lanes,
        rules: &CodeRules,
        rng: &mut R,
    ) -> Result<Taken, NotIssued> {
        let fresh = Nonce::generate(rng).map_err(|_| NO_RANDOMNESS)?;
        let jitter = rng.try_next_u32().map_err(|_| NO_RANDOMNESS)?;
        let refused = |by: SpendRefusal| {
            self.count_spend(call, counted, SpendEvent::Refused(by.name()));
            Fault::TooManyCodes(SPEND_WINDOW.as_secs())
        };
        let assessed = self.ledger.assess(reading?).map_err(refused)?;
        let admitted = self.ledger.admit(assessed, lanes, rules, fresh, call.now, jitter);
        let admitted = within(call, admitted).await.inspect_err(|fault| {
            if matches!(fault, Fault::TooManyCodes(_)) {
                self.count_spend(call, counted, SpendEvent::Limited);
            }
        })?;
        match timeout_at(call.deadline, self.ledger.take(admitted)).await {
            Ok(Ok(taken)) => Ok(taken),
            Ok(Err(TakeError { code, reason })) => {
                let fault = match reason {
                    NotTaken::Refused(by) => refused(by),
                    NotTaken::Unavailable => Fault::Unavailable,
                };
                Err(NotIssued { fault, code: Some(code) })
            }
            Err(_) => Err(late().into()),
        }
    }

    fn count_sent(&self, call: Call<'_>, counted: Counted<'_>, taken: &Taken) {
        self.count_spend(call, counted, SpendEvent::Sent);
        if let Some(by) = taken.unenforced() {
            self.count_spend(call, counted, SpendEvent::WouldRefuse(by.name()));
        }
        if taken.is_country_low() {
            self.count_spend(call, counted, SpendEvent::Low);
        }
    }

    fn count_spend(&self, call: Call<'_>, counted: Counted<'_>, event: SpendEvent) {
        // Of an unknown user nothing is sent and nothing taken.
        if !call.is_unknown_user() {
            let Counted { destination, class } = counted;
            let country = match destination.medium() {
                Medium::Sms => destination.country().unwrap_or("none"),
                Medium::Email => "email",
            };
            self.metrics.record(MetricEvent::Spend { country, class: class.name(), event });
        }
    }

    /// Reads what the ledger has of the account, of `destination` and of what a message there would
    /// be counted in.
    async fn read(
        &self,
        call: Call<'_>,
        destination: &Destination,
        counting: Counting<'_>,
    ) -> Result<Reading, Fault> {
        let (pool_id, subject) = (call.event.user_pool_id.as_str(), call.subject);
        let (names, address) = (&self.names, destination.expose());
        let metadata = &call.event.request.client_metadata;
        let device = DeviceId::from_client_metadata(|name| metadata.expose(name));
        let scopes = counting.scopes(destination);
        let keys = if call.is_unknown_user() {
            ItemKeys {
                account: names.unknown_account(pool_id, subject),
                destination: names.unknown_destination(pool_id, subject, address),
                proven: Some(names.unknown_proven(pool_id, subject)),
                device: device.map(|device| names.unknown_device(pool_id, subject, &device)),
                spend: scopes.map(|scopes| names.unknown_spend(pool_id, subject, scopes)),
            }
        } else {
            ItemKeys {
                account: names.account(pool_id, subject),
                destination: names.destination(address),
                proven: Some(names.proven(pool_id, subject)),
                device: device.map(|device| names.device(pool_id, subject, &device)),
                spend: scopes.map(|scopes| SpendKeys::new(scopes, counting.class)),
            }
        };
        let proven = keys.proven.filter(|_| self.settings.sign_up == SignUpMode::Code);
        within(call, self.ledger.read(ItemKeys { proven, ..keys }, call.now)).await
    }

    fn destinations(&self, call: Call<'_>) -> Destinations {
        let Settings { ledger, destinations, sign_up, .. } = &self.settings;
        let Event { user_pool_id, user_name, request, .. } = call.event;
        if call.is_unknown_user() {
            decoy::destinations(&ledger.key, user_pool_id, user_name.expose_secret(), destinations)
        } else {
            let or_only_contact = *sign_up == SignUpMode::Code;
            Destinations::of_user(&request.user_attributes, destinations, or_only_contact)
        }
    }

    /// Sends the code. For an unknown user it writes the message, too, but goes as a recent send went
    /// and sends nothing.
    async fn send<R: TryCryptoRng>(
        &self,
        call: Call<'_>,
        issued: IssuedCode,
        destination: &Destination,
        rng: &mut R,
    ) -> Result<(), Fault> {
        let Settings { codes, policy, catalog, .. } = &self.settings;
        let owner = call.event.code_owner(call.subject);
        let code = Code::derive(&codes.key, owner, &issued.nonce, codes.length);
        let seconds = policy.expires_at(issued).saturating_sub(call.seconds());
        let Request { client_metadata, user_attributes, .. } = &call.event.request;
        let locales = [client_metadata, user_attributes].map(|texts| texts.expose("locale"));
        let language = catalog.language(locales);
        let message = Message::new(catalog, language, destination.medium(), &code, seconds);
        if call.is_unknown_user() {
            let SendSample { duration, outcome } = self.history.sample(rng);
            let pause = timeout_at(call.deadline, tokio::time::sleep(duration)).await;
            return pause.map_or(Err(SendError), |()| outcome).map_err(|_| Fault::DeliveryFailed);
        }
        let before = call.remaining();
        let sending = timeout_at(call.deadline, self.sender.send(destination, &message));
        let outcome = sending.await.unwrap_or_else(|_| {
            let medium = destination.medium().name();
            tracing::warn!(medium, limit = ?TIME_LIMIT, "message not sent: no response in time");
            Err(SendError)
        });
        let (medium, duration) = (destination.medium(), before.saturating_sub(call.remaining()));
        self.metrics.record(match outcome {
            Ok(()) => {
                let country = destination.country();
                MetricEvent::Delivered { medium, country, took: duration }
            }
            Err(SendError) => MetricEvent::Undelivered { medium },
        });
        self.history.record(SendSample { duration, outcome });
        outcome.map_err(|SendError| Fault::DeliveryFailed)
    }
}

/// What a message is counted as.
#[derive(Clone, Copy)]
struct Counted<'a> {
    destination: &'a Destination,
    class: SpendClass,
}

/// A message that is not sent.
struct NotIssued {
    fault: Fault,
    /// The account's live code, if it was admitted all the same.
    code: Option<IssuedCode>,
}

impl From<Fault> for NotIssued {
    fn from(fault: Fault) -> Self {
        Self { fault, code: None }
    }
}

fn late() -> Fault {
    tracing::warn!(limit = ?TIME_LIMIT, "ledger did not respond in time");
    Fault::Unavailable
}

const NO_RANDOMNESS: Fault = Fault::Internal("the system returned no random bytes");

/// What the ledger answers within the call's time.
async fn within<T>(
    call: Call<'_>,
    answer: impl Future<Output = Result<T, AdmissionError>>,
) -> Result<T, Fault> {
    match timeout_at(call.deadline, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(AdmissionError::RateLimited(RateLimited { window }))) => {
            Err(Fault::TooManyCodes(window.as_secs()))
        }
        Ok(Err(AdmissionError::Unavailable)) => Err(Fault::Unavailable),
        Err(_) => Err(late()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use aws_lambda_events::cognito::CognitoEventUserPoolsCreateAuthChallengeResponse;
    use destination::DestinationSettings;
    use ledger::{
        Consumption, IssueLimit, LaneLimits, LedgerRules, MemoryStore, SpendCredit, SpendRules,
    };
    use numbering::{AllowedCountries, Region};
    use otp::{CodeKey, CodeLength, CodeOwner, LedgerKey, Medium, Record};
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;
    use serde_json::{Value, json};
    use settings::{CodeSettings, LedgerSettings, Limits};

    use super::*;
    use crate::{EmailOptions, MessageCatalog, Policy, SmsOptions};

    const NOW: UnixSeconds = 1_767_225_600;
    const POOL: &str = "us-east-1_LocalPool";

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

    type Subject = Create<Outbox, MemoryStore>;

    fn create(outbox: Outbox) -> Subject {
        create_on(outbox, MemoryStore::default())
    }

    fn create_on(outbox: Outbox, table: MemoryStore) -> Subject {
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
            destinations: DestinationSettings {
                media: vec![Medium::Sms, Medium::Email],
                sms_countries: AllowedCountries::Only(vec![Region::from_code("JP").unwrap()]),
            },
            first_round: FirstRound::Send,
            sign_up: SignUpMode::Cognito,
            email_from: Some("sign-in@example.com".to_owned()),
            catalog: MessageCatalog::default(),
            sms: SmsOptions::default(),
            email: EmailOptions::default(),
            ledger: LedgerSettings {
                key: LedgerKey::new("another example key of some 40 different bytes").unwrap(),
                table: "ledger".to_owned(),
            },
            bounds: LedgerRules {
                limits: LaneLimits::without_owner_lane(vec![IssueLimit {
                    count: 5,
                    window: Duration::from_secs(15 * 60),
                }]),
                spend: SpendRules::off(),
            },
            when_limited: WhenLimited::Fail,
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
            is_self_sign_up: false,
            user_pool_id: POOL.to_owned(),
            user_name: "jane".into(),
            request: serde_json::from_value(request).unwrap(),
        }
    }

    fn owner() -> CodeOwner<'static> {
        CodeOwner {
            pool_id: POOL,
            user_sub: "the sub",
            phone_number: "+819012345678",
            email: "jane@example.com",
        }
    }

    /// Uses the code of `response`, as verify does.
    async fn consume(table: &MemoryStore, create: &Subject, response: &Value) -> Consumption {
        let private = &response["privateChallengeParameters"];
        let nonce = Nonce::decode(private["nonce"].as_str().unwrap()).unwrap();
        let round = RoundId::decode(private["round"].as_str().unwrap()).unwrap();
        table.consume(&create.names.account(POOL, "the sub"), nonce, round).await.unwrap()
    }

    fn code_in(text: &str) -> String {
        text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).unwrap().to_owned()
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
    async fn first_round_sends_one_code_and_returns_challenge_parameters() {
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
        let private = &response["privateChallengeParameters"];
        assert_eq!(private["nonce"], record.code.nonce.encode());
        assert_eq!(private["expires_at"], "1767225900");
        assert_eq!(private["media"], "SMS,EMAIL");
        assert_eq!(private.as_object().unwrap().len(), 7, "round, proven, spend and mac besides");
        let sent = create.sender.sent.borrow();
        let [(Medium::Sms, to, text)] = sent.as_slice() else { panic!("{} sent", sent.len()) };
        assert_eq!(to, "+819012345678");
        let codes = &create.settings.codes;
        let code = Code::derive(&codes.key, owner(), &record.code.nonce, codes.length);
        assert!(text.starts_with(code.expose()));
        // The code itself is nowhere in the response.
        assert!(!response.to_string().contains(code.expose()));
        let _: CognitoEventUserPoolsCreateAuthChallengeResponse =
            serde_json::from_value(response).unwrap();
    }

    /// The function with `SIGN_UP=code`, and its store.
    fn create_for_sign_up() -> (Subject, MemoryStore) {
        let (settings, store) = (settings(), MemoryStore::default());
        let settings = Settings { sign_up: SignUpMode::Code, ..settings };
        (Create::new(settings, Outbox::default(), store.clone()), store)
    }

    /// A user whose only contact is a phone number that is not verified.
    fn new_user() -> Event {
        event(|request| {
            request["userAttributes"] =
                json!({ "sub": "the sub", "phone_number": "+819012345678" });
        })
    }

    #[tokio::test]
    async fn unverified_only_contact_gets_a_code_that_is_to_prove_it() {
        let (create, store) = create_for_sign_up();
        let response = respond(&create, &new_user(), NOW).await.unwrap();
        let private = &response["privateChallengeParameters"];
        assert_eq!((&private["media"], &private["proven"]), (&json!(""), &json!("false")));
        assert_eq!(response["publicChallengeParameters"]["MEDIA"], "SMS");
        assert_eq!(create.sender.sent.borrow().len(), 1);
        // The rounds that follow say the same.
        let mut wrong = after(&response, &json!(null));
        wrong.request.user_attributes = new_user().request.user_attributes;
        let second = respond(&create, &wrong, NOW + 10).await.unwrap();
        assert_eq!(second["privateChallengeParameters"]["media"], "");
        // Another mode sends nothing there.
        let closed = create_on(Outbox::default(), store);
        let fault = respond(&closed, &new_user(), NOW).await.unwrap_err();
        assert_eq!(fault, Fault::NoDestination);
        assert!(closed.sender.sent.borrow().is_empty());
    }

    #[tokio::test]
    async fn proven_account_gets_no_code_at_an_unverified_contact() {
        let (create, store) = create_for_sign_up();
        let proven = create.names.proven(POOL, "the sub");
        store.note(&proven, NOW * 1_000, None).await.unwrap();
        let fault = respond(&create, &new_user(), NOW).await.unwrap_err();
        assert_eq!(fault, Fault::NoDestination);
        assert!(create.sender.sent.borrow().is_empty());
        assert_eq!(store.items().len(), 1, "nothing is counted");
        // A verified one is as good as ever, and needs no proof.
        let response = respond(&create, &event(|_| ()), NOW).await.unwrap();
        assert_eq!(response["privateChallengeParameters"]["proven"], "true");
    }

    #[tokio::test]
    async fn verified_contact_of_an_account_without_proof_asks_for_one() {
        let (create, _) = create_for_sign_up();
        let response = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let private = &response["privateChallengeParameters"];
        assert_eq!((&private["media"], &private["proven"]), (&json!("SMS,EMAIL"), &json!("false")));
    }

    #[tokio::test]
    async fn unreadable_proof_sends_nothing() {
        let (create, store) = create_for_sign_up();
        store.set_unavailable(true);
        let fault = respond(&create, &new_user(), NOW).await.unwrap_err();
        assert_eq!(fault, Fault::Unavailable);
        assert!(create.sender.sent.borrow().is_empty());
    }

    #[tokio::test]
    async fn unknown_user_of_code_sign_up_costs_one_reading_and_sends_nothing() {
        let (create, store) = create_for_sign_up();
        respond(&create, &unknown(), NOW).await.unwrap();
        assert_eq!(store.reads(), 1);
        assert!(create.sender.sent.borrow().is_empty());
    }

    const DEVICE: &str = "a-device-that-signed-in-before";

    /// The function with one message for all and two in total in 15 minutes, and its store.
    fn create_with_lanes(change: impl Fn(&mut Settings)) -> (Subject, MemoryStore) {
        let limits = |count| vec![IssueLimit { count, window: Duration::from_secs(15 * 60) }];
        let mut settings = settings();
        settings.bounds.limits = LaneLimits { total: limits(2), public: limits(1) };
        settings.when_limited = WhenLimited::Hold;
        change(&mut settings);
        let store = MemoryStore::default();
        (Create::new(settings, Outbox::default(), store.clone()), store)
    }

    async fn make_known(create: &Subject, store: &MemoryStore) {
        let device = DeviceId::parse(DEVICE).unwrap();
        let fact = create.names.device(POOL, "the sub", &device);
        store.note(&fact, NOW * 1_000, None).await.unwrap();
    }

    /// The event after `response`, to which `user` responded with `metadata`.
    fn next(user: &Event, response: &Value, metadata: Value) -> Event {
        let mut event = event(|_| ());
        event.request = serde_json::from_value(json!({
            "challengeName": "CUSTOM_CHALLENGE",
            "userNotFound": user.request.user_not_found,
            "clientMetadata": metadata,
            "session": [{
                "challengeName": "CUSTOM_CHALLENGE",
                "challengeResult": false,
                "challengeMetadata": response["challengeMetadata"],
            }],
        }))
        .unwrap();
        let of = |name: &str| user.request.user_attributes.expose(name);
        let names = ["sub", "phone_number", "phone_number_verified", "email", "email_verified"];
        event.request.user_attributes = names
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), of(name)?.into())))
            .collect();
        event
    }

    fn resend_with(device: &str) -> Value {
        json!({ "action": "resend", "device": device })
    }

    #[tokio::test(start_paused = true)]
    async fn full_public_lane_is_a_hold_that_a_known_device_ends() {
        let (create, store) = create_with_lanes(|_| ());
        let user = event(|_| ());
        respond(&create, &user, NOW).await.unwrap();
        let before = store.items();
        let hold = respond(&create, &user, NOW + 60).await.unwrap();
        assert_eq!(
            hold["publicChallengeParameters"],
            json!({
                "MEDIA": "SMS,EMAIL",
                "CODE_LENGTH": "6",
                "ATTEMPTS_LEFT": "3",
                "NOT_SENT": "TOO_MANY_CODES",
                "RESEND_AT": (NOW + 60 + 900).to_string(),
            })
        );
        assert_eq!(hold["privateChallengeParameters"]["alternative"], "");
        // Nothing else ends it, and nothing is written for it.
        for metadata in [
            json!(null),
            json!({ "device": DEVICE }),
            json!({ "action": "resend" }),
            resend_with("a-device-of-somebody-else"),
            resend_with(DEVICE),
        ] {
            let again = respond(&create, &next(&user, &hold, metadata), NOW + 61).await.unwrap();
            assert_eq!(again, hold);
        }
        assert_eq!(create.sender.sent.borrow().len(), 1);
        assert_eq!(store.items(), before);

        make_known(&create, &store).await;
        let answer = json!({ "device": DEVICE });
        let still = respond(&create, &next(&user, &hold, answer), NOW + 62).await.unwrap();
        assert_eq!(still, hold, "an answer is no request to resend");
        let resend = next(&user, &hold, resend_with(DEVICE));
        let code = respond(&create, &resend, NOW + 62).await.unwrap();
        assert_eq!(code["publicChallengeParameters"]["CODE_DELIVERY_DELIVERY_MEDIUM"], "SMS");
        assert_eq!(create.sender.sent.borrow().len(), 2);
        // The total holds for the owner, too.
        let full = respond(&create, &resend, NOW + 63).await.unwrap();
        assert_eq!(full["publicChallengeParameters"]["NOT_SENT"], "TOO_MANY_CODES");
        assert_eq!(full["publicChallengeParameters"]["RESEND_AT"], (NOW + 63 + 900).to_string());
        assert_eq!(create.sender.sent.borrow().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_user_holds_as_a_known_one_does() {
        let mut public = Vec::new();
        for user in [event(|request| request["userAttributes"]["email"] = json!("")), unknown()] {
            let (create, store) =
                create_with_lanes(|settings| settings.destinations.media = vec![Medium::Sms]);
            let mut user = user;
            user.user_name = "+819012345678".into();
            let mut shown = vec![respond(&create, &user, NOW).await.unwrap()];
            let hold = respond(&create, &user, NOW + 60).await.unwrap();
            for metadata in [json!(null), resend_with(DEVICE)] {
                let mut event = next(&user, &hold, metadata);
                event.user_name = "+819012345678".into();
                shown.push(respond(&create, &event, NOW + 61).await.unwrap());
            }
            shown.push(hold);
            let parameters = |response: &Value| response["publicChallengeParameters"].clone();
            public.push((shown.iter().map(parameters).collect::<Vec<_>>(), store.reads()));
        }
        assert_eq!(public[0], public[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn fail_mode_returns_the_fault_instead_of_a_hold() {
        let (create, _) = create_with_lanes(|settings| settings.when_limited = WhenLimited::Fail);
        respond(&create, &event(|_| ()), NOW).await.unwrap();
        let fault = respond(&create, &event(|_| ()), NOW).await.unwrap_err();
        assert_eq!(fault, Fault::TooManyCodes(900));
    }

    #[tokio::test(start_paused = true)]
    async fn device_may_come_with_the_choice() {
        let (create, store) =
            create_with_lanes(|settings| settings.first_round = FirstRound::Choose);
        make_known(&create, &store).await;
        let user = event(|_| ());
        let choice = respond(&create, &user, NOW).await.unwrap();
        let mut sent = Vec::new();
        for metadata in [json!(null), json!(null), json!({ "device": DEVICE })] {
            respond(&create, &next(&user, &choice, metadata), NOW).await.unwrap();
            sent.push(create.sender.sent.borrow().len());
        }
        assert_eq!(sent, [1, 1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn changed_contact_of_a_proven_account_holds_until_a_known_device_is_shown() {
        let (create, store) = create_with_lanes(|settings| settings.sign_up = SignUpMode::Code);
        let proven = create.names.proven(POOL, "the sub");
        store.note(&proven, NOW * 1_000, None).await.unwrap();
        let user = new_user();
        let hold = respond(&create, &user, NOW).await.unwrap();
        let public = &hold["publicChallengeParameters"];
        assert_eq!(
            (&public["NOT_SENT"], &public["RESEND_AT"]),
            (&json!("NO_DESTINATION"), &json!(null))
        );
        let refused = respond(&create, &next(&user, &hold, resend_with(DEVICE)), NOW).await;
        assert_eq!(refused.unwrap(), hold);
        assert!(create.sender.sent.borrow().is_empty());
        make_known(&create, &store).await;
        let code = respond(&create, &next(&user, &hold, resend_with(DEVICE)), NOW).await.unwrap();
        let private = &code["privateChallengeParameters"];
        assert_eq!((&private["media"], &private["proven"]), (&json!(""), &json!("true")));
        assert_eq!(create.sender.sent.borrow().len(), 1);
        // The destination is not the account's: a stranger's lane there.
        let destination = &store.items()[&create.names.destination("+819012345678")];
        assert_eq!((destination.times.public.len(), destination.times.owner.len()), (1, 0));
        let account = &store.items()[&create.names.account(POOL, "the sub")];
        assert_eq!((account.times.public.len(), account.times.owner.len()), (0, 1));
        // A wrong answer without the device keeps the challenge and sends nothing.
        let kept = respond(&create, &next(&user, &code, json!(null)), NOW + 5).await.unwrap();
        assert_eq!(kept["publicChallengeParameters"]["ATTEMPTS_LEFT"], "2");
        assert_eq!(create.sender.sent.borrow().len(), 1);
    }

    /// The function with this much credit for each scope.
    fn create_with_credit(credit: u64, mode: SpendMode) -> (Subject, MemoryStore) {
        let mut settings = settings();
        let credit = SpendCredit { country: credit, range: credit, all: credit };
        settings.bounds.spend = SpendRules { mode, credit, ..SpendRules::default() };
        settings.when_limited = WhenLimited::Hold;
        let store = MemoryStore::default();
        (Create::new(settings, Outbox::default(), store.clone()), store)
    }

    #[tokio::test(start_paused = true)]
    async fn no_credit_is_a_hold_of_an_hour_that_writes_nothing() {
        let (create, store) = create_with_credit(1, SpendMode::Enforce);
        let sent = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let ticket = sent["privateChallengeParameters"]["spend"].as_str().unwrap();
        assert!(ticket.starts_with(&format!("proven.{}.JP.", NOW / 3_600)), "{ticket}");
        let before = (store.items(), store.spend_items());
        let hold = respond(&create, &event(|_| ()), NOW + 1).await.unwrap();
        let public = &hold["publicChallengeParameters"];
        assert_eq!(public["NOT_SENT"], "TOO_MANY_CODES");
        assert_eq!(public["RESEND_AT"], (NOW + 1 + 3_600).to_string());
        assert_eq!((store.items(), store.spend_items()), before);
        assert_eq!(create.sender.sent.borrow().len(), 1);
        // An unknown user is refused by the same credit, and took none of it.
        let (create, store) = create_with_credit(1, SpendMode::Enforce);
        let mut stranger = unknown();
        stranger.user_name = "+819012345678".into();
        for _ in 0..3 {
            let response = respond(&create, &stranger, NOW).await.unwrap();
            assert_eq!(response["publicChallengeParameters"]["NOT_SENT"], json!(null));
        }
        respond(&create, &event(|_| ()), NOW).await.unwrap();
        let hold = respond(&create, &stranger, NOW).await.unwrap();
        assert_eq!(hold["publicChallengeParameters"]["NOT_SENT"], "TOO_MANY_CODES");
        let real = store.spend_items();
        let credit = real.iter().filter(|(key, _)| key.0.starts_with("spend#JP#"));
        assert_eq!(credit.map(|(_, item)| item.sent).sum::<u64>(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_send_gives_its_credit_back() {
        let (create, store) = create_with_credit(1, SpendMode::Enforce);
        create.sender.refuse.set(true);
        let fault = respond(&create, &event(|_| ()), NOW).await.unwrap_err();
        assert_eq!(fault, Fault::DeliveryFailed);
        assert!(store.spend_items().values().all(|item| (item.credit, item.sent) == (1, 0)));
        create.sender.refuse.set(false);
        respond(&create, &event(|_| ()), NOW).await.unwrap();
        assert_eq!(create.sender.sent.borrow().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn record_mode_sends_what_it_would_refuse() {
        let (create, store) = create_with_credit(1, SpendMode::Record);
        for _ in 0..3 {
            let response = respond(&create, &event(|_| ()), NOW).await.unwrap();
            assert_eq!(response["publicChallengeParameters"]["NOT_SENT"], json!(null));
        }
        assert_eq!(create.sender.sent.borrow().len(), 3);
        assert!(store.spend_items().values().all(|item| item.sent == 3));
    }

    #[tokio::test(start_paused = true)]
    async fn refused_resend_keeps_the_code() {
        let (create, _) = create_with_credit(1, SpendMode::Enforce);
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let resend = after(&first, &json!({ "action": "resend" }));
        let kept = respond(&create, &resend, NOW + 60).await.unwrap();
        assert_eq!(nonce(&kept), nonce(&first));
        assert_eq!(kept["publicChallengeParameters"]["NOT_SENT"], "TOO_MANY_CODES");
        let spend = |response: &Value| response["privateChallengeParameters"]["spend"].clone();
        assert_eq!(spend(&kept), spend(&first), "the message that was sent is the one that earns");
        assert_eq!(create.sender.sent.borrow().len(), 1);
    }

    #[tokio::test]
    async fn code_is_repeated_until_it_expires() {
        let create = create(Outbox::default());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let wrong = respond(&create, &after(&first, &json!(null)), NOW + 10).await.unwrap();
        assert_eq!(create.sender.sent.borrow().len(), 1);
        assert_eq!(nonce(&wrong), nonce(&first));
        assert_eq!(wrong["publicChallengeParameters"]["ATTEMPTS_LEFT"], "2");

        let ask = json!({ "action": "resend", "medium": "EMAIL" });
        let resent = respond(&create, &after(&wrong, &ask), NOW + 40).await.unwrap();
        assert_eq!(nonce(&resent), nonce(&first));
        assert_eq!(resent["publicChallengeParameters"]["ATTEMPTS_LEFT"], "2");
        assert_eq!(resent["publicChallengeParameters"]["RESENDS_LEFT"], "1");
        assert_eq!(resent["publicChallengeParameters"]["CODE_DELIVERY_DESTINATION"], "j***@e***");

        let expired = respond(&create, &after(&resent, &json!(null)), NOW + 300).await.unwrap();
        assert_ne!(nonce(&expired), nonce(&first));
        assert_eq!(expired["publicChallengeParameters"]["EXPIRES_AT"], "1767226200");

        let sent = create.sender.sent.borrow();
        let runs = |n: usize| sent[n].2.split(|c: char| !c.is_ascii_digit());
        let code = |n| runs(n).find(|run| run.len() == 6).unwrap();
        assert_eq!(sent.len(), 3);
        assert_eq!((sent[1].0, sent[1].1.as_str()), (Medium::Email, "jane@example.com"));
        assert_eq!(code(0), code(1));
        assert_ne!(code(0), code(2));
    }

    #[tokio::test]
    async fn choice_sends_nothing_and_the_answer_selects_the_medium() {
        let settings = Settings { first_round: FirstRound::Choose, ..settings() };
        let create = Create::new(settings, Outbox::default(), MemoryStore::default());
        let choice = respond(&create, &event(|_| ()), NOW).await.unwrap();
        assert_eq!(
            choice["publicChallengeParameters"],
            json!({
                "MEDIA": "SMS,EMAIL",
                "DESTINATION_SMS": "+*******5678",
                "DESTINATION_EMAIL": "j***@e***",
                "CODE_LENGTH": "6",
                "ATTEMPTS_LEFT": "3",
            })
        );
        assert_eq!(choice["privateChallengeParameters"]["alternative"], "EMAIL");
        assert_eq!(choice["challengeMetadata"], "v2.choice");
        assert!(create.sender.sent.borrow().is_empty());
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
            let (sent, ..) = create.sender.sent.borrow_mut().pop().unwrap();
            assert_eq!(sent, medium);
            assert!(create.sender.sent.borrow().is_empty());
        }
    }

    #[tokio::test]
    async fn failed_send_after_choice_repeats_the_choice() {
        let settings = Settings { first_round: FirstRound::Choose, ..settings() };
        let create = Create::new(settings, Outbox::default(), MemoryStore::default());
        let choice = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let chosen = after(&choice, &json!(null));
        create.sender.refuse.set(true);
        let again = respond(&create, &chosen, NOW).await.unwrap();
        assert_eq!(again["publicChallengeParameters"]["NOT_SENT"], "DELIVERY_FAILED");
        assert_eq!(again["challengeMetadata"], "v2.choice");
        create.sender.refuse.set(false);
        for n in 1..5 {
            let response = respond(&create, &chosen, NOW + n).await.unwrap();
            assert_eq!(response["publicChallengeParameters"]["NOT_SENT"], Value::Null);
        }
        let again = respond(&create, &chosen, NOW + 5).await.unwrap();
        let public = &again["publicChallengeParameters"];
        assert_eq!(public["NOT_SENT"], "TOO_MANY_CODES");
        assert_eq!(public["RESEND_AT"], (NOW + 5 + 900).to_string());
        assert_eq!(create.sender.sent.borrow().len(), 4);
    }

    #[tokio::test]
    async fn unknown_user_gets_the_same_parameters_and_no_message() {
        let create = create(Outbox::default());
        let known = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let unknown = event(|request| {
            request["userNotFound"] = json!(true);
            request["userAttributes"] = json!({});
        });
        let unknown = respond(&create, &unknown, NOW).await.unwrap();
        assert_eq!(create.sender.sent.borrow().len(), 1);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for part in ["publicChallengeParameters", "privateChallengeParameters"] {
            assert_eq!(names(&known[part]), names(&unknown[part]));
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "reads the test's own, paused clock")]
    async fn failed_delivery_is_reported_within_the_time_limit() {
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
    async fn failed_delivery_in_later_round_keeps_the_previous_code() {
        let by_email = json!({ "action": "resend", "medium": "EMAIL" });
        for (refuse, stall) in [(true, false), (false, true)] {
            let create = create(Outbox::default());
            let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
            create.sender.refuse.set(refuse);
            create.sender.stall.set(stall);
            for (ask, later) in [(&by_email, 40), (&json!(null), 300), (&by_email, 300)] {
                let response = respond(&create, &after(&first, ask), NOW + later).await.unwrap();
                // Where it has expired, the code whose message may still arrive.
                assert_eq!(nonce(&response) == nonce(&first), later < 300);
                let wrong = if ask.is_null() { "2" } else { "3" };
                let public = &response["publicChallengeParameters"];
                assert_eq!(public["ATTEMPTS_LEFT"], wrong);
                assert_eq!(public["RESENDS_LEFT"], "2", "what was not sent does not count");
                assert_eq!(public["CODE_DELIVERY_DELIVERY_MEDIUM"], "SMS");
                assert_eq!(public["NOT_SENT"], "DELIVERY_FAILED");
            }
            assert_eq!(create.sender.sent.borrow().len(), 1);
        }
    }

    #[tokio::test]
    async fn repeated_call_replaces_expired_code_with_the_same_new_code() {
        let create = create(Outbox::default());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        let expired = after(&first, &json!(null));
        let once = respond(&create, &expired, NOW + 300).await.unwrap();
        let again = respond(&create, &expired, NOW + 305).await.unwrap();
        let nonce = |response: &Value| response["privateChallengeParameters"]["nonce"].clone();
        assert_ne!(nonce(&once), nonce(&first));
        assert_eq!(nonce(&once), nonce(&again));
        let sent = create.sender.sent.borrow();
        assert_eq!(code_in(&sent[1].2), code_in(&sent[2].2));
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
    async fn destination_over_its_rate_limit_is_refused() {
        for event in [event(|_| ()), unknown()] {
            let create = create(Outbox::default());
            for n in 0..5 {
                respond(&create, &event, NOW + 60 * n).await.unwrap();
            }
            let sent = create.sender.sent.borrow().len();
            assert_eq!(sent, if event.request.user_not_found { 0 } else { 5 });
            for now in [NOW + 300, NOW + 899] {
                let fault = respond(&create, &event, now).await.unwrap_err();
                assert_eq!(fault, Fault::TooManyCodes(900), "the whole window");
            }
            assert_eq!(create.sender.sent.borrow().len(), sent);
            respond(&create, &event, NOW + 900).await.unwrap();
        }
    }

    #[tokio::test]
    async fn resend_over_the_rate_limit_keeps_the_sign_in() {
        let create = create(Outbox::default());
        let mut last = Value::Null;
        for n in 0..5 {
            last = respond(&create, &event(|_| ()), NOW + n).await.unwrap();
        }
        let ask = json!({ "action": "resend" });
        let response = respond(&create, &after(&last, &ask), NOW + 100).await.unwrap();
        assert_eq!(nonce(&response), nonce(&last));
        let public = &response["publicChallengeParameters"];
        assert_eq!(public["RESEND_AT"], (NOW + 100 + 900).to_string());
        assert_eq!(public["RESENDS_LEFT"], "2");
        assert_eq!(public["NOT_SENT"], "TOO_MANY_CODES");
        assert_eq!(create.sender.sent.borrow().len(), 5);
    }

    #[tokio::test]
    async fn repeated_call_and_second_session_send_the_live_code_until_it_is_used() {
        let table = MemoryStore::default();
        let create = create_on(Outbox::default(), table.clone());
        // The first call fails after its code is live: in its send, here.
        create.sender.refuse.set(true);
        respond(&create, &event(|_| ()), NOW).await.unwrap_err();
        create.sender.refuse.set(false);
        let repeated = respond(&create, &event(|_| ()), NOW + 5).await.unwrap();
        assert_eq!(repeated["publicChallengeParameters"]["EXPIRES_AT"], (NOW + 300).to_string());
        let second = respond(&create, &event(|_| ()), NOW + 6).await.unwrap();
        assert_eq!(nonce(&second), nonce(&repeated));
        let round = |response: &Value| response["privateChallengeParameters"]["round"].clone();
        assert_ne!(round(&second), round(&repeated));
        assert_eq!(consume(&table, &create, &second).await, Consumption::First);
        // A wrong answer in the other session sends nothing and finds no live code.
        let wrong = respond(&create, &after(&repeated, &json!(null)), NOW + 7).await.unwrap();
        assert_eq!(nonce(&wrong), nonce(&repeated));
        assert_eq!(consume(&table, &create, &wrong).await, Consumption::NotLive);
        assert_eq!(create.sender.sent.borrow().len(), 2);
        let next = respond(&create, &event(|_| ()), NOW + 8).await.unwrap();
        assert_ne!(nonce(&next), nonce(&repeated));
        let sent = create.sender.sent.borrow();
        assert_eq!(code_in(&sent[0].2), code_in(&sent[1].2));
        assert_ne!(code_in(&sent[1].2), code_in(&sent[2].2));
    }

    #[tokio::test]
    async fn wrong_answer_moves_an_older_session_to_the_live_code() {
        let table = MemoryStore::default();
        let create = create_on(Outbox::default(), table.clone());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        // In its last minute a stranger's first round renews the code; the owner's still works.
        let other = respond(&create, &event(|_| ()), NOW + 250).await.unwrap();
        assert_ne!(nonce(&other), nonce(&first));
        let wrong = respond(&create, &after(&first, &json!(null)), NOW + 255).await.unwrap();
        assert_eq!(nonce(&wrong), nonce(&other));
        assert_eq!(wrong["publicChallengeParameters"]["EXPIRES_AT"], (NOW + 550).to_string());
        assert_eq!(create.sender.sent.borrow().len(), 2);
        assert_eq!(consume(&table, &create, &first).await, Consumption::First);
        assert_eq!(consume(&table, &create, &other).await, Consumption::NotLive);
    }

    #[tokio::test]
    async fn code_of_an_earlier_key_is_replaced_and_limits_stay() {
        let table = MemoryStore::default();
        let before = create_on(Outbox::default(), table.clone());
        let first = respond(&before, &event(|_| ()), NOW).await.unwrap();
        let key = CodeKey::new("a later example key of some 40 different bytes").unwrap();
        let codes = CodeSettings { key, ..settings().codes };
        let after = Create::new(Settings { codes, ..settings() }, Outbox::default(), table);
        for n in 1..5 {
            let next = respond(&after, &event(|_| ()), NOW + n).await.unwrap();
            assert_ne!(nonce(&next), nonce(&first));
        }
        let fault = respond(&after, &event(|_| ()), NOW + 5).await.unwrap_err();
        assert_eq!(fault, Fault::TooManyCodes(900));
        let unknown = unknown();
        let seen = async |create: &Subject| {
            let response = respond(create, &unknown, NOW).await.unwrap();
            response["publicChallengeParameters"].clone()
        };
        assert_eq!(seen(&before).await, seen(&after).await);
    }

    #[tokio::test]
    async fn account_limit_counts_all_its_media() {
        let create = create(Outbox::default());
        let by_email = |request: &mut Value| {
            request["userAttributes"]["phone_number_verified"] = json!("false");
        };
        for n in 0..3 {
            respond(&create, &event(|_| ()), NOW + n).await.unwrap();
        }
        for n in 3..5 {
            respond(&create, &event(by_email), NOW + n).await.unwrap();
        }
        let fault = respond(&create, &event(by_email), NOW + 5).await.unwrap_err();
        assert_eq!(fault, Fault::TooManyCodes(900));
        // Another account with the same address: the destination has had two.
        let other = event(|request| {
            by_email(request);
            request["userAttributes"]["sub"] = json!("another sub");
        });
        for n in 5..8 {
            respond(&create, &other, NOW + n).await.unwrap();
        }
        assert_eq!(respond(&create, &other, NOW + 8).await.unwrap_err(), Fault::TooManyCodes(900));
        assert_eq!(create.sender.sent.borrow().len(), 8);
    }

    #[tokio::test]
    async fn unknown_name_takes_nothing_of_the_user_with_that_number() {
        let create = create(Outbox::default());
        let unknown = |name: &str| {
            let mut event = unknown();
            event.user_name = name.into();
            event
        };
        for n in 0..5 {
            respond(&create, &unknown("+819012345678"), NOW + n).await.unwrap();
        }
        let fault = respond(&create, &unknown("+819012345678"), NOW + 5).await.unwrap_err();
        assert_eq!(fault, Fault::TooManyCodes(900));
        respond(&create, &event(|_| ()), NOW + 6).await.unwrap();
        for name in ["Jane@Example.com", "jane@example.com", "JANE@EXAMPLE.COM"] {
            respond(&create, &unknown(name), NOW + 7).await.unwrap();
        }
        for _ in 0..2 {
            respond(&create, &unknown("jane@EXAMPLE.com"), NOW + 8).await.unwrap();
        }
        let fault = respond(&create, &unknown("jane@example.com"), NOW + 9).await.unwrap_err();
        assert_eq!(fault, Fault::TooManyCodes(900));
        assert_eq!(create.sender.sent.borrow().len(), 1);
    }

    #[tokio::test]
    async fn ledger_failure_sends_nothing_and_keeps_open_sign_ins() {
        let table = MemoryStore::default();
        let create = create_on(Outbox::default(), table.clone());
        let first = respond(&create, &event(|_| ()), NOW).await.unwrap();
        table.set_unavailable(true);
        let fault = respond(&create, &event(|_| ()), NOW + 1).await.unwrap_err();
        assert_eq!(fault, Fault::Unavailable);
        // A sign-in that has its code goes on.
        for ask in [json!(null), json!({ "action": "resend" })] {
            let response = respond(&create, &after(&first, &ask), NOW + 40).await.unwrap();
            assert_eq!(nonce(&response), nonce(&first));
        }
        assert_eq!(create.sender.sent.borrow().len(), 1);
    }

    #[tokio::test]
    async fn concurrent_calls_share_one_rate_limit() {
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
        assert_eq!(create.sender.sent.borrow().len(), 5);
    }

    #[tokio::test]
    async fn ledger_stores_no_personal_data_and_no_codes() {
        let table = MemoryStore::default();
        let create = create_on(Outbox::default(), table.clone());
        respond(&create, &event(|_| ()), NOW).await.unwrap();
        let text = format!("{:?}", table.items());
        let sent = create.sender.sent.borrow();
        let code = sent[0].2.split(' ').next().unwrap();
        for secret in ["819012345678", "jane", "the sub", code] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }

    #[tokio::test]
    async fn unexpected_history_is_a_fault_and_sends_nothing() {
        let create = create(Outbox::default());
        let record = |wrong: u8| json!(format!("v2.{}.1.1.SMS.SMS.1.{wrong}", "A".repeat(22)));
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
            ("session", entry(json!(format!("v1.{}.1.1.SMS.1.0", "A".repeat(22)))), None),
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
        assert!(create.sender.sent.borrow().is_empty());
    }
}
