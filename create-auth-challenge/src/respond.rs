//! One call, from Cognito's event to its response: read, plan, admit, send, respond.

use std::time::Duration;

use destination::{Destination, Destinations};
use ledger::{
    AdmissionError, CodeBinding, CodeRules, ItemKeys, ItemNames, LaneLimits, Lanes, Ledger,
    LedgerRules, NotTaken, RateLimited, Reading, SPEND_WINDOW, SpendRules, Store, TakeError,
};
use otp::{Code, CodeKeyTag, IssuedCode, Nonce, RoundId, UnixMillis, UnixSeconds};
use rand::TryCryptoRng;
use secrecy::ExposeSecret as _;
use settings::SignUpMode;
use tokio::time::{Instant, timeout_at};
use trigger::{Event, Fault, MetricEvent, Metrics, Request, TIME_LIMIT};

use crate::challenge::{ChallengeContext, Response};
use crate::history::History;
use crate::plan::{Plan, Round, plan};
use crate::send_history::{SendHistory, SendSample};
use crate::settings::FirstRound;
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
        let limits = LaneLimits::without_owner_lane(settings.issue_limits.clone());
        Self {
            ledger: Ledger::new(store, LedgerRules { limits, spend: SpendRules::off() }),
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
    /// When the user has no destination, the first message is not admitted or could not be sent, or
    /// the event is not one that our define leads to.
    pub async fn respond<R: TryCryptoRng>(
        &self,
        event: &Event,
        now: UnixMillis,
        rng: &mut R,
    ) -> Result<Response, Fault> {
        let subject = event.subject();
        let call = Call::new(event, &subject, now);
        let Settings { codes, policy, first_round, sign_up, .. } = &self.settings;
        let history = History::read(&event.request, policy)?;
        let destinations = self.destinations(call);
        let media = destinations.media();
        let challenge = ChallengeContext {
            codes,
            policy,
            destinations: &destinations,
            pool_id: &event.user_pool_id,
            subject: &subject,
            round: RoundId::generate(rng).map_err(|_| NO_RANDOMNESS)?,
            is_proven: true,
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
            History::Code { record, request } => Round::Later { record, request },
        };
        let medium = round.medium(&media).ok_or_else(|| destinations.fault())?;
        let destination = destinations.get(medium)?;
        let rules = CodeRules {
            binding: CodeBinding::new(&self.key, destinations.verified_media()),
            lifetime: policy.lifetime,
        };
        let reading = self.read(call, destination).await;
        let is_proven = reading.as_ref().ok().and_then(Reading::is_proven);
        if destinations.is_unverified() && is_proven == Some(true) {
            // The contact was changed since. What was proven stays the only way in.
            return Err(Fault::NoDestination);
        }
        let is_proven = is_proven.unwrap_or(*sign_up != SignUpMode::Code);
        let challenge = ChallengeContext { is_proven, ..challenge };
        let current =
            reading.as_ref().ok().and_then(|reading| reading.current_code(&rules, call.seconds()));
        let verified = destinations.verified_media();
        let planned = plan(round, &media, verified, current, policy, call.seconds());
        match planned.ok_or_else(|| destinations.fault())? {
            Plan::Keep(record) => challenge.code_challenge(&record),
            Plan::Send(message) => {
                let code = match self.issue(call, reading, &rules, rng).await {
                    Ok(code) => code,
                    Err(fault) => {
                        return challenge.fallback(message.fallback, fault, call.seconds());
                    }
                };
                match self.send(call, code, destination, rng).await {
                    Ok(()) => {
                        if message.sends == 1 && !call.is_unknown_user() {
                            self.metrics.record(MetricEvent::Issued);
                        }
                        challenge.code_challenge(&message.record(code, call.seconds()))
                    }
                    Err(fault) => {
                        let fallback = message.fallback.after_issue(
                            code,
                            message.media,
                            policy,
                            call.seconds(),
                        );
                        challenge.fallback(fallback, fault, call.seconds())
                    }
                }
            }
        }
    }

    /// Admits a message and returns the account's code that it is to carry: the live one, or a new one.
    async fn issue<R: TryCryptoRng>(
        &self,
        call: Call<'_>,
        reading: Result<Reading, Fault>,
        rules: &CodeRules,
        rng: &mut R,
    ) -> Result<IssuedCode, Fault> {
        let fresh = Nonce::generate(rng).map_err(|_| NO_RANDOMNESS)?;
        let jitter = rng.try_next_u32().map_err(|_| NO_RANDOMNESS)?;
        within(call, self.ledger.admit(reading?, Lanes::PUBLIC, rules, fresh, call.now, jitter))
            .await
    }

    /// Reads what the ledger has of the account and of `destination`.
    async fn read(&self, call: Call<'_>, destination: &Destination) -> Result<Reading, Fault> {
        let (pool_id, subject) = (call.event.user_pool_id.as_str(), call.subject);
        let (names, address) = (&self.names, destination.expose());
        let (account, destination, proven) = if call.is_unknown_user() {
            (
                names.unknown_account(pool_id, subject),
                names.unknown_destination(pool_id, subject, address),
                names.unknown_proven(pool_id, subject),
            )
        } else {
            let account = names.account(pool_id, subject);
            (account, names.destination(address), names.proven(pool_id, subject))
        };
        let proven = (self.settings.sign_up == SignUpMode::Code).then_some(proven);
        let keys = ItemKeys { account, destination, proven, device: None, spend: None };
        within(call, self.ledger.read(keys, call.now)).await
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
        Err(_) => {
            tracing::warn!(limit = ?TIME_LIMIT, "ledger did not respond in time");
            Err(Fault::Unavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use aws_lambda_events::cognito::CognitoEventUserPoolsCreateAuthChallengeResponse;
    use destination::DestinationSettings;
    use ledger::{Consumption, IssueLimit, MemoryStore};
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
        assert_eq!(private.as_object().unwrap().len(), 6, "round, proven and mac besides");
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
