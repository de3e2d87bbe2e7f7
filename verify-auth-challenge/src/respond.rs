//! One call, from Cognito's event to its response: open, judge, use the code, and what follows a proof.

use ledger::{Consumption, DEVICE_LIFETIME, ItemNames, SpendTicket, Store};
use numbering::Region;
use otp::{ClientRequest, CodeParameters, DeviceId, PrivateChallengeParameters, UnixMillis};
use rand::TryCryptoRng;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use settings::{CodeSettings, LedgerSettings};
use tokio::time::{Instant, timeout_at};
use trigger::{Contacts, Event, Fault, MetricEvent, Metrics, SpendEvent, TIME_LIMIT};

use crate::judge::{Judgement, User, is_alternative_medium, judge};
use crate::mark::{Contact, Failed, Mark, UserDirectory, mark};

/// `response` of the event.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    answer_correct: bool,
}

/// The function: how codes are derived, where they are used up, and whose contacts they prove.
pub struct Verify<S, D> {
    codes: CodeSettings,
    names: ItemNames,
    store: S,
    /// There with `SIGN_UP=code` only.
    users: Option<D>,
    metrics: Metrics,
}

impl<S: Store, D: UserDirectory> Verify<S, D> {
    /// The function with these settings, using codes up in `store`; with `SIGN_UP=code` it marks the
    /// contacts of `users` that a code proves. It counts nothing.
    pub fn new(codes: CodeSettings, ledger: LedgerSettings, store: S, users: Option<D>) -> Self {
        let names = ItemNames::new(ledger.key);
        Self { codes, names, store, users, metrics: Metrics::default() }
    }

    /// The same, counting answers in `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Judges the answer, in at most [`TIME_LIMIT`]. Whatever a client sends is an answer, right or
    /// wrong, and so is one to a challenge that is not ours, or that another key sealed. What a
    /// proof leads to never changes the response.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the digits are right and the ledger cannot tell whether the code is live.
    pub async fn respond<R: TryCryptoRng>(
        &self,
        event: &Event,
        now: UnixMillis,
        rng: &mut R,
    ) -> Result<Response, Fault> {
        let deadline = deadline();
        let request = &event.request;
        let subject = event.subject();
        let (pool_id, private) = (&event.user_pool_id, &request.private_challenge_parameters);
        let opened = PrivateChallengeParameters::open(
            |name| private.expose(name),
            &self.codes.key,
            pool_id,
            &subject,
        );
        let answer = request.challenge_answer.as_ref().map(|answer| answer.expose_secret());
        let parameters = match opened {
            Ok(PrivateChallengeParameters::Code(parameters)) => parameters,
            Ok(PrivateChallengeParameters::Choice { alternative }) => {
                return Ok(Response { answer_correct: is_alternative_medium(answer, alternative) });
            }
            Err(error) => {
                tracing::warn!("{error}");
                return Ok(self.counted(false, Some(MetricEvent::Wrong)));
            }
        };
        let attributes = &request.user_attributes;
        let user = User {
            owner: event.code_owner(&subject),
            is_verified: &|medium| attributes.is_true(medium.attributes().1),
            may_prove: self.users.is_some(),
            not_found: request.user_not_found,
        };
        let asked =
            ClientRequest::from_client_metadata(|name| request.client_metadata.expose(name));
        Ok(match judge(answer, asked, &parameters, user, &self.codes, now / 1_000) {
            Judgement::NotAnAnswer => self.counted(false, None),
            Judgement::Expired => self.counted(false, Some(MetricEvent::Expired)),
            Judgement::Wrong => self.counted(false, Some(MetricEvent::Wrong)),
            Judgement::RightDigits => {
                let account = self.names.account(pool_id, &subject);
                let consumed = self.store.consume(&account, parameters.nonce, parameters.round);
                match timeout_at(deadline, consumed).await {
                    Ok(Ok(Consumption::First)) => {
                        let used = UsedCode { event, subject: &subject, parameters, now };
                        self.follow_up(&used, deadline, rng).await;
                        self.counted(true, Some(MetricEvent::Verified))
                    }
                    // Counted when it was used, and what follows a proof followed then.
                    Ok(Ok(Consumption::Repeated)) => self.counted(true, None),
                    Ok(Ok(Consumption::NotLive)) => self.counted(false, Some(MetricEvent::Wrong)),
                    Ok(Err(_)) => return Err(Fault::Unavailable),
                    Err(_) => {
                        tracing::warn!(limit = ?TIME_LIMIT, "ledger did not respond in time");
                        return Err(Fault::Unavailable);
                    }
                }
            }
        })
    }

    /// What follows a code that was used now, all at once: its contact is marked if it proved one, the
    /// device that was shown is known, and its message earns credit. A failure is logged, and changes
    /// nothing of the rest.
    async fn follow_up<R: TryCryptoRng>(
        &self,
        used: &UsedCode<'_>,
        deadline: Instant,
        rng: &mut R,
    ) {
        let marked = async {
            if timeout_at(deadline, self.mark_contact(used, rng)).await.is_err() {
                tracing::warn!(limit = ?TIME_LIMIT, "contact not marked in time");
                self.count_unmarked("time");
            }
        };
        let others = async { tokio::join!(self.note_device(used), self.earn(used)) };
        let others = async {
            if timeout_at(deadline, others).await.is_err() {
                tracing::warn!(limit = ?TIME_LIMIT, "ledger did not respond in time");
            }
        };
        tokio::join!(marked, others);
    }

    /// Makes the device known that came with the right answer.
    async fn note_device(&self, used: &UsedCode<'_>) {
        let UsedCode { event, subject, now, .. } = *used;
        let metadata = &event.request.client_metadata;
        let Some(device) = DeviceId::from_client_metadata(|name| metadata.expose(name)) else {
            return;
        };
        let fact = self.names.device(&event.user_pool_id, subject, &device);
        let expires_at = (now / 1_000).saturating_add(DEVICE_LIFETIME.as_secs());
        // The store has logged a failure: the device is not known yet.
        let _ = self.store.note(&fact, now, Some(expires_at)).await;
    }

    /// Gives credit back to what the code's message was counted in, and counts the answer.
    async fn earn(&self, used: &UsedCode<'_>) {
        let Some(ticket) = SpendTicket::decode(&used.parameters.spend) else { return };
        let country = match ticket.country() {
            Some(country) => Region::from_code(country).map_or("none", Region::code),
            None => "email",
        };
        let (class, event) = (ticket.class().name(), SpendEvent::Answered);
        self.metrics.record(MetricEvent::Spend { country, class, event });
        // The store has logged a failure: the credit is missing until the hour is over.
        let _ = ledger::earn(&self.store, &ticket).await;
    }

    /// With `SIGN_UP=code` marks the contact that the code proved, and notes that the account is
    /// proven. The next sign-in makes a failure good.
    async fn mark_contact<R: TryCryptoRng>(&self, used: &UsedCode<'_>, rng: &mut R) {
        let Some(users) = &self.users else { return };
        let UsedCode { event, subject, ref parameters, now } = *used;
        let pool_id = event.user_pool_id.as_str();
        if parameters.media.is_empty() {
            let Contacts::Only(medium, value) = event.request.user_attributes.contacts() else {
                return;
            };
            match mark(users, (pool_id, subject), Contact { medium, value }, rng).await {
                Ok(Mark::Verify) => self.metrics.record(MetricEvent::ContactVerified),
                Ok(Mark::AlreadyVerified) => {}
                Ok(Mark::Leave) => {
                    tracing::warn!("contact not marked: it is not the account's only one any more");
                    return self.count_unmarked("changed");
                }
                Err(Failed(step)) => return self.count_unmarked(step),
            }
        }
        if !parameters.is_proven
            && self.store.note(&self.names.proven(pool_id, subject), now, None).await.is_err()
        {
            self.count_unmarked("proven");
        }
    }

    fn count_unmarked(&self, step: &'static str) {
        self.metrics.record(MetricEvent::ContactNotVerified { step });
    }

    fn counted(&self, answer_correct: bool, event: Option<MetricEvent>) -> Response {
        if let Some(event) = event {
            self.metrics.record(event);
        }
        Response { answer_correct }
    }
}

/// A code that was used by this call.
struct UsedCode<'a> {
    event: &'a Event,
    subject: &'a str,
    parameters: CodeParameters,
    now: UnixMillis,
}

#[expect(clippy::disallowed_methods, reason = "bounds the waits of one call")]
fn deadline() -> Instant {
    Instant::now() + TIME_LIMIT
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use aws_lambda_events::cognito::CognitoEventUserPoolsVerifyAuthChallengeResponse;
    use ledger::{
        CodeBinding, CodeRules, CodeState, Item, ItemKey, MemoryStore, SpendBounds, SpendClass,
        SpendItem, SpendOutcome, SpendScopes, SpendUpdate, StoreError,
    };
    use otp::{Code, CodeKey, CodeLength, LedgerKey, Medium, MediumSet, Nonce, RoundId};
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha20Rng;
    use secrecy::SecretString;
    use serde_json::{Value, json};
    use trigger::StringMap;

    use super::*;

    const NOW: u64 = 1_767_225_600;
    const POOL: &str = "us-east-1_LocalPool";
    const SUB: &str = "the sub";

    fn codes() -> CodeSettings {
        CodeSettings {
            key: CodeKey::new("an example key of some 40 different bytes").unwrap(),
            length: CodeLength::MIN,
        }
    }

    fn ledger_settings() -> LedgerSettings {
        let key = LedgerKey::new("another example key of some 40 different bytes").unwrap();
        LedgerSettings { key, table: "ledger".to_owned() }
    }

    fn nonce() -> Nonce {
        Nonce::from_bytes([1; 16])
    }

    fn sealed(parameters: &PrivateChallengeParameters) -> Value {
        parameters.seal(&codes().key, POOL, SUB).into_iter().collect()
    }

    fn code_parameters(round: u8) -> PrivateChallengeParameters {
        PrivateChallengeParameters::Code(CodeParameters {
            nonce: nonce(),
            expires_at: NOW + 300,
            round: RoundId::from_bytes([round; 16]),
            media: [Medium::Sms].into_iter().collect(),
            is_proven: true,
            spend: String::new(),
        })
    }

    fn event(change: impl Fn(&mut Value)) -> Event {
        let mut request = json!({
            "userAttributes": {
                "sub": SUB,
                "phone_number": "+819012345678",
                "phone_number_verified": "true",
            },
            "privateChallengeParameters": sealed(&code_parameters(1)),
        });
        let owner = otp::CodeOwner {
            pool_id: POOL,
            user_sub: SUB,
            phone_number: "+819012345678",
            email: "",
        };
        let code = Code::derive(&codes().key, owner, &nonce(), CodeLength::MIN);
        request["challengeAnswer"] = json!(code.expose());
        change(&mut request);
        Event {
            is_self_sign_up: false,
            user_pool_id: POOL.to_owned(),
            user_name: "the name".into(),
            request: serde_json::from_value(request).unwrap(),
        }
    }

    /// A user pool with one user. It notes what was asked of it.
    #[derive(Default)]
    struct Users {
        attributes: RefCell<Vec<(&'static str, &'static str)>>,
        calls: RefCell<Vec<String>>,
        /// This operation fails, or gets no response.
        failing: Cell<Option<&'static str>>,
        silent: Cell<Option<&'static str>>,
        passwords: RefCell<Vec<String>>,
    }

    impl Users {
        async fn call(&self, operation: &'static str, what: &str) -> Result<(), Failed> {
            self.calls.borrow_mut().push(format!("{operation} {what}"));
            if self.silent.get() == Some(operation) {
                std::future::pending::<()>().await;
            }
            match self.failing.get() == Some(operation) {
                true => Err(Failed(operation)),
                false => Ok(()),
            }
        }
    }

    impl UserDirectory for &Users {
        async fn attributes(&self, pool_id: &str, sub: &str) -> Result<StringMap, Failed> {
            self.call("AdminGetUser", &format!("{pool_id} {sub}")).await?;
            let attributes = self.attributes.borrow();
            Ok(attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).into()))
                .collect())
        }

        async fn set_password(
            &self,
            pool_id: &str,
            sub: &str,
            password: &SecretString,
        ) -> Result<(), Failed> {
            self.call("AdminSetUserPassword", &format!("{pool_id} {sub}")).await?;
            self.passwords.borrow_mut().push(password.expose_secret().to_owned());
            Ok(())
        }

        async fn mark_verified(
            &self,
            pool_id: &str,
            sub: &str,
            contact: Contact<'_>,
        ) -> Result<(), Failed> {
            let Contact { medium, value } = contact;
            let what = format!("{pool_id} {sub} {medium} {value}");
            self.call("AdminUpdateUserAttributes", &what).await
        }
    }

    /// The function over a store in which the code of the events is live, and that store.
    async fn verify_with<D: UserDirectory>(
        users: Option<D>,
        media: &str,
    ) -> (Verify<MemoryStore, D>, MemoryStore) {
        let store = MemoryStore::default();
        let verify = Verify::new(codes(), ledger_settings(), store.clone(), users);
        let rules = CodeRules { binding: CodeBinding(format!("key.{media}")), lifetime: 300 };
        let (codes, _) = CodeState::default().issue(nonce(), &rules, NOW);
        let item = Item { codes, ..Item::noted(NOW * 1_000) };
        store.write(&verify.names.account(POOL, SUB), &item, NOW + 900).await.unwrap();
        (verify, store)
    }

    async fn verify() -> (Verify<MemoryStore, &'static Users>, MemoryStore) {
        verify_with(None, "SMS").await
    }

    async fn respond<S: Store, D: UserDirectory>(
        verify: &Verify<S, D>,
        change: impl Fn(&mut Value),
    ) -> Result<bool, Fault> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let response = verify.respond(&event(change), NOW * 1_000, &mut rng).await?;
        let value = serde_json::to_value(response).unwrap();
        let theirs: CognitoEventUserPoolsVerifyAuthChallengeResponse =
            serde_json::from_value(value).unwrap();
        Ok(theirs.answer_correct)
    }

    /// The event of a new user, whose only contact is not verified.
    fn new_user(request: &mut Value) {
        request["userAttributes"]["phone_number_verified"] = json!("false");
        request["privateChallengeParameters"] = sealed(&unproven(MediumSet::default()));
    }

    fn unproven(media: MediumSet) -> PrivateChallengeParameters {
        let PrivateChallengeParameters::Code(code) = code_parameters(1) else { unreachable!() };
        PrivateChallengeParameters::Code(CodeParameters { media, is_proven: false, ..code })
    }

    const STEPS: [&str; 3] = [
        "AdminGetUser us-east-1_LocalPool the sub",
        "AdminSetUserPassword us-east-1_LocalPool the sub",
        "AdminUpdateUserAttributes us-east-1_LocalPool the sub SMS +819012345678",
    ];

    fn unverified_user() -> Users {
        let users = Users::default();
        users.attributes.replace(vec![("sub", SUB), ("phone_number", "+819012345678")]);
        users
    }

    fn is_proven<D: UserDirectory>(verify: &Verify<MemoryStore, D>, store: &MemoryStore) -> bool {
        store.items().contains_key(&verify.names.proven(POOL, SUB))
    }

    #[tokio::test]
    async fn first_code_of_a_new_user_marks_the_contact_once() {
        let users = unverified_user();
        let (verify, store) = verify_with(Some(&users), "").await;
        let wrong = |request: &mut Value| {
            new_user(request);
            request["challengeAnswer"] = json!("000000x");
        };
        assert_eq!(respond(&verify, wrong).await, Ok(false));
        assert!(users.calls.borrow().is_empty() && !is_proven(&verify, &store));
        for _ in 0..2 {
            // Cognito's repeated call is right again and changes nothing.
            assert_eq!(respond(&verify, new_user).await, Ok(true));
            assert_eq!(*users.calls.borrow(), STEPS);
        }
        assert!(is_proven(&verify, &store));
        assert_eq!(users.passwords.borrow().len(), 1);
    }

    #[tokio::test]
    async fn failure_at_any_step_signs_in_and_ends_the_marking() {
        for (n, step) in ["AdminGetUser", "AdminSetUserPassword", "AdminUpdateUserAttributes"]
            .into_iter()
            .enumerate()
        {
            let users = unverified_user();
            users.failing.set(Some(step));
            let (verify, store) = verify_with(Some(&users), "").await;
            assert_eq!(respond(&verify, new_user).await, Ok(true));
            assert_eq!(*users.calls.borrow(), STEPS[..=n], "{step}");
            assert!(!is_proven(&verify, &store));
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "reads the test's own, paused clock")]
    async fn silence_at_any_step_signs_in_within_the_time_limit() {
        for step in ["AdminGetUser", "AdminSetUserPassword", "AdminUpdateUserAttributes"] {
            let users = unverified_user();
            users.silent.set(Some(step));
            let (verify, store) = verify_with(Some(&users), "").await;
            let started = Instant::now();
            assert_eq!(respond(&verify, new_user).await, Ok(true));
            assert!(started.elapsed() <= TIME_LIMIT, "{step}");
            assert!(!is_proven(&verify, &store));
        }
    }

    #[tokio::test]
    async fn user_who_changed_in_between_is_left_alone() {
        let (sub, phone) = (("sub", SUB), ("phone_number", "+819012345678"));
        for attributes in [
            vec![sub, ("phone_number", "+819099999999")],
            vec![sub, phone, ("email", "jane@example.com")],
            vec![("sub", "another"), phone],
            vec![sub],
        ] {
            let users = Users::default();
            users.attributes.replace(attributes.clone());
            let (verify, store) = verify_with(Some(&users), "").await;
            assert_eq!(respond(&verify, new_user).await, Ok(true));
            assert_eq!(*users.calls.borrow(), STEPS[..1], "{attributes:?}");
            assert!(!is_proven(&verify, &store));
        }
    }

    #[tokio::test]
    async fn lost_proof_is_noted_at_the_next_sign_in() {
        // The contact is verified, by an administrator or by a sign-in whose last step failed.
        let users = unverified_user();
        let sms: MediumSet = [Medium::Sms].into_iter().collect();
        for (is_proven_before, notes) in [(false, true), (true, false)] {
            let (verify, store) = verify_with(Some(&users), "SMS").await;
            let change = |request: &mut Value| {
                let parameters = if is_proven_before { code_parameters(1) } else { unproven(sms) };
                request["privateChallengeParameters"] = sealed(&parameters);
            };
            assert_eq!(respond(&verify, change).await, Ok(true));
            assert_eq!(is_proven(&verify, &store), notes);
            assert!(users.calls.borrow().is_empty());
        }
        // Marked by another sign-in at the same time.
        users.attributes.borrow_mut().push(("phone_number_verified", "true"));
        let (verify, store) = verify_with(Some(&users), "").await;
        assert_eq!(respond(&verify, new_user).await, Ok(true));
        assert_eq!(*users.calls.borrow(), STEPS[..1]);
        assert!(is_proven(&verify, &store));
    }

    /// Sealed parameters of a code whose message was an email of this hour.
    fn paid(round: u8) -> Value {
        let PrivateChallengeParameters::Code(code) = code_parameters(round) else { unreachable!() };
        let ticket = SpendTicket::new(SpendScopes::email(), SpendClass::Proven, NOW);
        let spend = ticket.encode();
        sealed(&PrivateChallengeParameters::Code(CodeParameters { spend, ..code }))
    }

    const DEVICE: &str = "a-device-that-signs-in-now";

    #[tokio::test]
    async fn used_code_earns_once_and_makes_the_device_known() {
        let (verify, store) = verify().await;
        let ticket = SpendTicket::new(SpendScopes::email(), SpendClass::Proven, NOW);
        let [key] = ticket.keys().try_into().unwrap();
        let bounds = SpendBounds { start: 10, cap: None, expires_at: NOW + 3_600 };
        store.update_spend(&key, &SpendUpdate::Take(bounds)).await.unwrap();
        let device = verify.names.device(POOL, SUB, &DeviceId::parse(DEVICE).unwrap());
        let answer = |round, wrong: bool| {
            move |request: &mut Value| {
                request["privateChallengeParameters"] = paid(round);
                request["clientMetadata"] = json!({ "device": DEVICE });
                if wrong {
                    request["challengeAnswer"] = json!("x");
                }
            }
        };
        assert_eq!(respond(&verify, answer(1, true)).await, Ok(false));
        assert!(!store.items().contains_key(&device), "a wrong answer makes no device known");
        // Cognito's repeated call and a tab that comes too late earn nothing.
        for (round, expected) in [(1, true), (1, true), (2, false)] {
            assert_eq!(respond(&verify, answer(round, false)).await, Ok(expected));
            let item = store.spend_items()[&key];
            assert_eq!((item.credit, item.answered, item.sent), (12, 1, 1));
        }
        assert!(store.items().contains_key(&device));
    }

    #[tokio::test]
    async fn unreadable_ticket_or_device_changes_nothing_of_the_sign_in() {
        for (device, spend) in [("short", ""), ("", "new.1.email"), ("a b c d e f g h i j", "x")] {
            let (verify, store) = verify().await;
            let change = |request: &mut Value| {
                let PrivateChallengeParameters::Code(code) = code_parameters(1) else {
                    unreachable!()
                };
                let spend = spend.to_owned();
                let code = CodeParameters { spend, ..code };
                request["privateChallengeParameters"] =
                    sealed(&PrivateChallengeParameters::Code(code));
                request["clientMetadata"] = json!({ "device": device });
            };
            assert_eq!(respond(&verify, change).await, Ok(true));
            assert_eq!(store.items().len(), 1, "the account alone");
            assert!(store.spend_items().is_empty(), "earning makes no item");
        }
    }

    #[tokio::test]
    async fn other_sign_up_modes_refuse_codes_for_unverified_contacts() {
        let (verify, store) = verify_with(None::<&Users>, "").await;
        let before = store.items();
        assert_eq!(respond(&verify, new_user).await, Ok(false));
        assert_eq!(store.items(), before);
    }

    #[tokio::test]
    async fn code_is_right_once_and_for_repeats_of_its_round() {
        let (verify, _) = verify().await;
        assert_eq!(respond(&verify, |_| ()).await, Ok(true));
        assert_eq!(respond(&verify, |_| ()).await, Ok(true));
        let other_session = |request: &mut Value| {
            request["privateChallengeParameters"] = sealed(&code_parameters(2));
        };
        assert_eq!(respond(&verify, other_session).await, Ok(false));
        assert_eq!(respond(&verify, |_| ()).await, Ok(true));
    }

    #[tokio::test]
    async fn wrong_answers_use_nothing_up() {
        let (verify, store) = verify().await;
        let before = store.items();
        type Change = fn(&mut Value);
        let changes: [Change; 8] = [
            |r| r["challengeAnswer"] = json!(""),
            |r| r["challengeAnswer"] = json!(null),
            |r| r["clientMetadata"] = json!({ "action": "resend" }),
            |r| r["userNotFound"] = json!(true),
            |r| r["userAttributes"] = json!({}),
            |r| r["userAttributes"]["phone_number"] = json!("+819012345679"),
            |r| r["userAttributes"]["phone_number_verified"] = json!("false"),
            |r| r["userAttributes"]["email"] = json!("jane@example.com"),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            assert_eq!(respond(&verify, change).await, Ok(false), "change {n}");
        }
        assert_eq!(store.items(), before);
        assert_eq!(respond(&verify, |_| ()).await, Ok(true));
    }

    #[tokio::test]
    async fn parameters_that_create_did_not_seal_are_not_believed() {
        let (verify, store) = verify().await;
        let before = store.items();
        for private in [
            json!(null),
            json!({}),
            json!({ "nonce": nonce().encode(), "expires_at": (NOW + 300).to_string() }),
            code_parameters(1).seal(&codes().key, POOL, "another sub").into_iter().collect(),
        ] {
            let forged =
                |request: &mut Value| request["privateChallengeParameters"] = private.clone();
            assert_eq!(respond(&verify, forged).await, Ok(false), "{private}");
        }
        let longer =
            |r: &mut Value| r["privateChallengeParameters"]["expires_at"] = json!("9999999999");
        assert_eq!(respond(&verify, longer).await, Ok(false));
        assert_eq!(store.items(), before);
    }

    #[tokio::test]
    async fn choice_is_compared_and_uses_nothing_up() {
        let (verify, store) = verify().await;
        let before = store.items();
        for (alternative, answer, expected) in [
            (Some(Medium::Email), "email ", true),
            (Some(Medium::Email), "SMS", false),
            (None, "", false),
        ] {
            let choice = PrivateChallengeParameters::Choice { alternative };
            let change = |request: &mut Value| {
                request["privateChallengeParameters"] = sealed(&choice);
                request["challengeAnswer"] = json!(answer);
            };
            assert_eq!(respond(&verify, change).await, Ok(expected), "{answer}");
        }
        assert_eq!(store.items(), before);
    }

    #[tokio::test]
    async fn unavailable_ledger_is_a_fault_for_right_digits_only() {
        let (verify, store) = verify().await;
        store.set_unavailable(true);
        assert_eq!(respond(&verify, |_| ()).await, Err(Fault::Unavailable));
        assert_eq!(respond(&verify, |r| r["challengeAnswer"] = json!("0")).await, Ok(false));
        store.set_unavailable(false);
        assert_eq!(respond(&verify, |_| ()).await, Ok(true));
    }

    /// A store that never answers.
    struct Silent;

    impl Store for Silent {
        async fn read_with_spend(
            &self,
            _: &[&ItemKey],
            _: &[&ItemKey],
            _: u64,
        ) -> Result<(Vec<Item>, Vec<Option<SpendItem>>), StoreError> {
            std::future::pending().await
        }

        async fn update_spend(
            &self,
            _: &ItemKey,
            _: &SpendUpdate,
        ) -> Result<SpendOutcome, StoreError> {
            std::future::pending().await
        }

        async fn note(&self, _: &ItemKey, _: UnixMillis, _: Option<u64>) -> Result<(), StoreError> {
            std::future::pending().await
        }

        async fn write(&self, _: &ItemKey, _: &Item, _: u64) -> Result<(), StoreError> {
            std::future::pending().await
        }

        async fn consume(
            &self,
            _: &ItemKey,
            _: Nonce,
            _: RoundId,
        ) -> Result<Consumption, StoreError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "reads the test's own, paused clock")]
    async fn silent_ledger_is_a_fault_in_time() {
        let verify = Verify::new(codes(), ledger_settings(), Silent, None::<&Users>);
        let started = Instant::now();
        assert_eq!(respond(&verify, |_| ()).await, Err(Fault::Unavailable));
        assert!(started.elapsed() < std::time::Duration::from_secs(4));
    }
}
