//! One call, from Cognito's event to its response: open, judge, use the code.

use ledger::{Consumption, ItemNames, Store};
use otp::{ClientRequest, PrivateChallengeParameters, UnixMillis};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use settings::{CodeSettings, LedgerSettings};
use tokio::time::timeout;
use trigger::{Event, Fault, MetricEvent, Metrics, TIME_LIMIT};

use crate::judge::{Judgement, User, is_alternative_medium, judge};

/// `response` of the event.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    answer_correct: bool,
}

/// The function: how codes are derived, and where they are used up.
pub struct Verify<S> {
    codes: CodeSettings,
    names: ItemNames,
    store: S,
    metrics: Metrics,
}

impl<S: Store> Verify<S> {
    /// The function with these settings, using codes up in `store`. It counts nothing.
    pub fn new(codes: CodeSettings, ledger: LedgerSettings, store: S) -> Self {
        let names = ItemNames::new(ledger.key);
        Self { codes, names, store, metrics: Metrics::default() }
    }

    /// The same, counting answers in `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Judges the answer, in at most [`TIME_LIMIT`]. Whatever a client sends is an answer, right or
    /// wrong, and so is one to a challenge that is not ours, or that another key sealed.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the digits are right and the ledger cannot tell whether the code is live.
    pub async fn respond(&self, event: &Event, now: UnixMillis) -> Result<Response, Fault> {
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
                match timeout(TIME_LIMIT, consumed).await {
                    Ok(Ok(Consumption::First)) => self.counted(true, Some(MetricEvent::Verified)),
                    // Counted when it was used.
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

    fn counted(&self, answer_correct: bool, event: Option<MetricEvent>) -> Response {
        if let Some(event) = event {
            self.metrics.record(event);
        }
        Response { answer_correct }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::cognito::CognitoEventUserPoolsVerifyAuthChallengeResponse;
    use ledger::{CodeBinding, CodeRules, CodeState, Item, ItemKey, MemoryStore, StoreError};
    use otp::{Code, CodeKey, CodeLength, CodeParameters, LedgerKey, Medium, Nonce, RoundId};
    use serde_json::{Value, json};

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
            user_pool_id: POOL.to_owned(),
            user_name: "the name".into(),
            request: serde_json::from_value(request).unwrap(),
        }
    }

    /// The function over a store in which the code of the events is live, and that store.
    async fn verify() -> (Verify<MemoryStore>, MemoryStore) {
        let store = MemoryStore::default();
        let verify = Verify::new(codes(), ledger_settings(), store.clone());
        let rules = CodeRules { binding: CodeBinding("key.SMS".to_owned()), lifetime: 300 };
        let (codes, _) = CodeState::default().issue(nonce(), &rules, NOW);
        let item = Item { version: 1, times: vec![NOW * 1_000], codes };
        store.write(&verify.names.account(POOL, SUB), &item, NOW + 900).await.unwrap();
        (verify, store)
    }

    async fn respond(
        verify: &Verify<MemoryStore>,
        change: impl Fn(&mut Value),
    ) -> Result<bool, Fault> {
        let response = verify.respond(&event(change), NOW * 1_000).await?;
        let value = serde_json::to_value(response).unwrap();
        let theirs: CognitoEventUserPoolsVerifyAuthChallengeResponse =
            serde_json::from_value(value).unwrap();
        Ok(theirs.answer_correct)
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
        async fn read<const N: usize>(
            &self,
            _: [&ItemKey; N],
            _: u64,
        ) -> Result<[Item; N], StoreError> {
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
        let verify = Verify::new(codes(), ledger_settings(), Silent);
        let started = tokio::time::Instant::now();
        let response = verify.respond(&event(|_| ()), NOW * 1_000).await;
        assert_eq!(response, Err(Fault::Unavailable));
        assert!(started.elapsed() < std::time::Duration::from_secs(4));
    }
}
