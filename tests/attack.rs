//! An attacker with all the time, sessions and cunning there are: how many answers are compared, and
//! what requests to resend give away.
//!
//! The first half plays whole days against the functions' own code in one process, with a clock that
//! leaps; the second plays seconds against the real binaries, with limits to that scale.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use create_auth_challenge::{Create, Destination, Message, MessageSender, SendError, Settings};
use define_auth_challenge::Rules;
use futures_util::future::join_all;
use ledger::MemoryStore;
use otp::{Code, CodeOwner, Nonce};
use rand::rngs::ChaCha20Rng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use settings::{CodeSettings, LedgerSettings};
use test_support::clock::ManualClock;
use test_support::fixtures::{EMAIL, PHONE};
use tokio::time::sleep;
use trigger::{Event, Fault, Request};
use verify_auth_challenge::{Cognito, Verify};

use crate::harness::{Challenge, Context, Reply, Setup, run_test};
use crate::inbox;

const KEY: &str = "an example key of some 40 different bytes";
const POOL: &str = "us-east-1_LocalPool";
const SUB: &str = "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90";

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;

/// When the first day starts, Unix milliseconds.
const START: u64 = 1_767_225_600_000;

/// The defaults: `ISSUE_LIMITS` (in total), `MAX_ATTEMPTS`, `CODE_LIFETIME_SECONDS`.
const WINDOWS: [(usize, u64); 2] = [(5, 15 * MINUTE), (20, DAY)];
const ATTEMPTS: usize = 3;
const LIFETIME: u64 = 300 * SECOND;

/// The most that a pool lets a session wait for its answer.
const SESSION_LIFETIME: u64 = 15 * MINUTE;

// Days.

/// What the victim got, by SMS and email: when each message came, and its code.
type Inbox = Rc<RefCell<Vec<(u64, String)>>>;

/// Delivers to the victim, at the time of this clock.
struct Phone {
    inbox: Inbox,
    clock: ManualClock,
}

impl MessageSender for Phone {
    async fn send(&self, to: &Destination, message: &Message) -> Result<(), SendError> {
        assert!([PHONE, EMAIL].contains(&to.expose()));
        let runs = message.expose_text().split(|c: char| !c.is_ascii_digit());
        let code = runs.filter(|run| run.len() == 6).map(str::to_owned).next().unwrap();
        self.inbox.borrow_mut().push((self.clock.now_ms(), code));
        Ok(())
    }
}

/// A sign-in that waits for an answer, as Cognito keeps it.
struct Session {
    /// The entries of the challenges answered before.
    entries: Vec<Value>,
    metadata: String,
    private: Value,
    since: u64,
}

/// What a response came to.
enum Outcome {
    Continues(Session),
    Ended,
    Tokens,
}

/// A comparison of an answer with a code that was alive.
struct Guess {
    at: u64,
    /// How many digits were right, from the first.
    right: usize,
}

/// Cognito in miniature around the functions' own code, for one user, with a clock to be set.
struct Simulation {
    clock: ManualClock,
    create: Create<Phone, MemoryStore>,
    verify: Verify<MemoryStore, Cognito>,
    rules: Rules,
    codes: CodeSettings,
    inbox: Inbox,
    generator: ChaCha20Rng,
    guesses: Vec<Guess>,
    /// Answers that were compared, dead codes included.
    compared: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self::with_first_round(seed, "send")
    }

    fn with_first_round(seed: u64, first_round: &str) -> Self {
        // The most that anyone can do: an attacker for whom no part of the limits is the owner's.
        Self::with_settings(seed, first_round, "5/15m,20/1d")
    }

    fn with_settings(seed: u64, first_round: &str, public_limits: &str) -> Self {
        let lookup = |name: &str| match name {
            "PUBLIC_LIMITS" => Some(public_limits.to_owned()),
            "WHEN_LIMITED" => Some("fail".to_owned()),
            "SPEND_GUARD" => Some("off".to_owned()),
            "CODE_KEY" => Some(KEY.to_owned()),
            "LEDGER_KEY" => Some(KEY.to_uppercase()),
            "FIRST_ROUND" => Some(first_round.to_owned()),
            "EMAIL_FROM" => Some("sign-in@example.com".to_owned()),
            "LEDGER_TABLE" => Some("ledger".to_owned()),
            "SMS_COUNTRIES" => Some("*".to_owned()),
            _ => None,
        };
        let clock = ManualClock::new(Duration::from_millis(START));
        let inbox = Inbox::default();
        let sender = Phone { inbox: inbox.clone(), clock: clock.clone() };
        let (settings, store) = (Settings::read(&lookup).unwrap(), MemoryStore::default());
        let codes = CodeSettings::read(&lookup).unwrap();
        let ledger = LedgerSettings::read(&lookup).unwrap();
        Self {
            create: Create::new(settings, sender, store.clone()),
            verify: Verify::new(codes.clone(), ledger, store, None),
            rules: define_auth_challenge::read(&lookup).unwrap(),
            codes,
            generator: ChaCha20Rng::seed_from_u64(seed),
            guesses: Vec::new(),
            compared: 0,
            clock,
            inbox,
        }
    }

    fn now(&self) -> u64 {
        self.clock.now_ms()
    }

    fn advance(&self, pause: u64) {
        self.clock.advance(Duration::from_millis(pause));
    }

    fn event(&self, fields: &[(&str, Value)]) -> Event {
        let mut request = json!({ "userAttributes": {
            "sub": SUB, "phone_number": PHONE, "phone_number_verified": "true",
            "email": EMAIL, "email_verified": "true",
        }});
        for (name, value) in fields {
            request[*name] = value.clone();
        }
        let request: Request = serde_json::from_value(request).unwrap();
        Event {
            is_self_sign_up: false,
            user_pool_id: POOL.to_owned(),
            user_name: SUB.into(),
            request,
        }
    }

    /// Define, and create if define wants a challenge.
    async fn next(&mut self, entries: Vec<Value>, metadata: &Value) -> Result<Outcome, Fault> {
        let session = ("session", json!(entries));
        let event = self.event(&[session.clone(), ("clientMetadata", metadata.clone())]);
        let decision = define_auth_challenge::respond(&event.request, &self.rules);
        let decision = serde_json::to_value(decision).unwrap();
        if decision["issueTokens"] == true {
            return Ok(Outcome::Tokens);
        }
        if decision["challengeName"] != "CUSTOM_CHALLENGE" {
            return Ok(Outcome::Ended);
        }
        let name = ("challengeName", json!("CUSTOM_CHALLENGE"));
        let event = self.event(&[session, name, ("clientMetadata", metadata.clone())]);
        let now = self.now();
        let response = self.create.respond(&event, now, &mut self.generator).await?;
        let response = serde_json::to_value(response).unwrap();
        Ok(Outcome::Continues(Session {
            entries,
            metadata: response["challengeMetadata"].as_str().unwrap().to_owned(),
            private: response["privateChallengeParameters"].clone(),
            since: now,
        }))
    }

    async fn start(&mut self) -> Result<Session, Fault> {
        match self.next(Vec::new(), &Value::Null).await? {
            Outcome::Continues(session) => Ok(session),
            _ => panic!("a sign-in that ends before it starts"),
        }
    }

    async fn respond(&mut self, session: Session, answer: &str, metadata: &Value) -> Outcome {
        if self.now() >= session.since + SESSION_LIFETIME {
            return Outcome::Ended;
        }
        let event = self.event(&[
            ("privateChallengeParameters", session.private.clone()),
            ("challengeAnswer", json!(answer)),
            ("clientMetadata", metadata.clone()),
        ]);
        let verdict = self.verify.respond(&event, self.now(), &mut self.generator).await.unwrap();
        let verdict = serde_json::to_value(verdict).unwrap()["answerCorrect"] == true;
        self.note(&session, answer, metadata);
        let Session { mut entries, metadata: record, .. } = session;
        entries.push(json!({
            "challengeName": "CUSTOM_CHALLENGE",
            "challengeResult": verdict,
            "challengeMetadata": record,
        }));
        self.next(entries, metadata).await.unwrap_or(Outcome::Ended)
    }

    /// Counts the answer, if it was compared; told from its session alone, and not by verify.
    fn note(&mut self, session: &Session, answer: &str, metadata: &Value) {
        if metadata["action"] == "resend" || !session.private["alternative"].is_null() {
            return;
        }
        self.compared += 1;
        let expires_at: u64 = session.private["expires_at"].as_str().unwrap().parse().unwrap();
        if self.now() / 1_000 >= expires_at {
            return;
        }
        let nonce = Nonce::decode(session.private["nonce"].as_str().unwrap()).unwrap();
        let CodeSettings { key, length } = &self.codes;
        let owner = CodeOwner { pool_id: POOL, user_sub: SUB, phone_number: PHONE, email: EMAIL };
        let code = Code::derive(key, owner, &nonce, *length);
        let digits = code.expose().bytes().zip(answer.bytes());
        let right = digits.take_while(|(digit, guessed)| digit == guessed).count();
        self.guesses.push(Guess { at: self.now(), right });
    }

    fn guess(&mut self) -> String {
        format!("{:06}", self.generator.random_range(0..1_000_000))
    }

    /// The most of `times` (in order) that are in any span of `length`.
    fn most(times: &[u64], length: u64) -> usize {
        let inside = |start: usize| {
            let end = times.partition_point(|time| *time < times[start] + length);
            end - start
        };
        (0..times.len()).map(inside).max().unwrap_or(0)
    }

    fn messages(&self) -> Vec<u64> {
        self.inbox.borrow().iter().map(|(at, _)| *at).collect()
    }

    /// That no window saw more messages than its limit, nor more comparisons than these allow: those
    /// of its own messages, and of those whose codes were alive when it began.
    fn assert_bounded(&self) {
        let (messages, guesses) = (self.messages(), self.guesses.iter().map(|guess| guess.at));
        let guesses: Vec<u64> = guesses.collect();
        for (count, window) in WINDOWS {
            assert!(Self::most(&messages, window) <= count);
            let most = ATTEMPTS * Self::most(&messages, window + LIFETIME);
            assert!(Self::most(&guesses, window) <= most);
        }
        assert!(self.compared <= ATTEMPTS * messages.len());
    }
}

/// Whatever else a client may say with an answer; none of it asks for a resend.
fn any_client_metadata(generator: &mut ChaCha20Rng) -> Value {
    match generator.random_range(0..6) {
        0 => json!({ "action": "resend!" }),
        1 => json!({ "action": null, "medium": "SMS" }),
        2 => json!({ "medium": "x".repeat(generator.random_range(0..5_000)) }),
        3 => json!({ "locale": "\u{202e}\u{0}", "action": "answer" }),
        4 => json!({}),
        _ => Value::Null,
    }
}

/// Starts as many sign-ins as it is given and guesses at once.
async fn greedy(simulation: &mut Simulation, days: u64) {
    while simulation.now() < START + days * DAY {
        match simulation.start().await {
            Ok(session) => guess_all(simulation, session).await,
            // The refusal tells the whole window only, so it asks again every minute.
            Err(Fault::TooManyCodes(seconds)) => {
                assert!(WINDOWS.iter().any(|(_, window)| *window == seconds * SECOND));
                simulation.advance(MINUTE);
            }
            Err(fault) => panic!("{fault}"),
        }
    }
}

/// Answers until the sign-in ends.
async fn guess_all(simulation: &mut Simulation, mut session: Session) {
    loop {
        let (guess, metadata) =
            (simulation.guess(), any_client_metadata(&mut simulation.generator));
        match simulation.respond(session, &guess, &metadata).await {
            Outcome::Continues(next) => session = next,
            Outcome::Ended => return,
            Outcome::Tokens => panic!("once in 10,000 days, and the seeds are fixed"),
        }
    }
}

/// Does anything at any time, with pauses shorter than `max_pause`.
async fn erratic(simulation: &mut Simulation, days: u64, max_pause: u64) {
    let mut sessions: Vec<Session> = Vec::new();
    while simulation.now() < START + days * DAY {
        let pause = simulation.generator.random_range(0..max_pause);
        simulation.advance(pause);
        if sessions.is_empty() || simulation.generator.random_range(0..4) == 0 {
            sessions.extend(simulation.start().await.ok());
            continue;
        }
        let at = simulation.generator.random_range(0..sessions.len());
        let session = sessions.swap_remove(at);
        let medium = ["SMS", "EMAIL", "", "PIGEON"][simulation.generator.random_range(0..4)];
        let resend = simulation.generator.random_range(0..3) == 0;
        let metadata = if resend {
            json!({ "action": "resend", "medium": medium })
        } else {
            any_client_metadata(&mut simulation.generator)
        };
        let guess = simulation.guess();
        match simulation.respond(session, &guess, &metadata).await {
            Outcome::Continues(next) => sessions.push(next),
            Outcome::Ended => {}
            Outcome::Tokens => panic!("once in 10,000 days, and the seeds are fixed"),
        }
    }
}

fn days(future: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future);
}

#[test]
fn greedy_attacker_gets_exactly_sixty_guesses_a_day() {
    const DAYS: u64 = 100;
    days(async {
        let mut simulation = Simulation::new(1);
        greedy(&mut simulation, DAYS).await;
        simulation.assert_bounded();
        let guesses = simulation.guesses.len();
        // The bound is reached: the simulation finds all there is to find.
        assert_eq!(simulation.messages().len(), 20 * 100);
        assert_eq!(guesses, 60 * 100);
        // A thousand times as likely as the whole code are its first three digits.
        let right = simulation.guesses.iter().filter(|guess| guess.right >= 3).count();
        println!("{guesses} guesses in {DAYS} days: 3 digits right {right} times, 6 expected");
        // Six are expected: 20 or more come by chance once in 100,000 times, and the seed is fixed.
        assert!(right < 20, "{right}");
    });
}

/// A stranger does not get the owner's part: three quarters of the messages, and of the guesses.
#[test]
fn stranger_gets_forty_five_guesses_a_day_by_default() {
    const DAYS: u64 = 10;
    days(async {
        let mut simulation = Simulation::with_settings(1, "send", "");
        greedy(&mut simulation, DAYS).await;
        simulation.assert_bounded();
        assert_eq!(simulation.messages().len(), 15 * 10);
        assert_eq!(simulation.guesses.len(), 45 * 10);
    });
}

#[test]
fn erratic_attackers_stay_within_the_daily_guess_limit() {
    const ATTACKERS: u64 = 24;
    days(async {
        let (mut guesses, mut compared, mut messages, mut most) = (0, 0, 0, 0);
        for seed in 0..ATTACKERS {
            let mut simulation = Simulation::new(seed);
            let max_pauses = [MINUTE, LIFETIME + SECOND, SESSION_LIFETIME + SECOND];
            erratic(&mut simulation, 2, max_pauses[seed as usize % max_pauses.len()]).await;
            simulation.assert_bounded();
            let times: Vec<u64> = simulation.guesses.iter().map(|guess| guess.at).collect();
            guesses += times.len();
            compared += simulation.compared;
            messages += simulation.messages().len();
            most = most.max(Simulation::most(&times, DAY));
        }
        println!(
            "{ATTACKERS} attackers, 2 days each: {messages} messages, {compared} answers compared, \
             {guesses} with a code alive, at most {most} of these in 24 hours"
        );
        assert!(most <= 75, "60, and those of five sign-ins from just before");
        assert!(messages > 0 && guesses > 0);
    });
}

/// Sign-ins kept for the last minutes of one day's window add to the first of the next.
#[test]
fn patient_attacker_carries_at_most_five_sign_ins_into_a_day() {
    days(async {
        let mut simulation = Simulation::new(2);
        // Fifteen messages in good time, five at the end, whose answers wait four minutes.
        for _ in 0..3 {
            for _ in 0..5 {
                let session = simulation.start().await.unwrap();
                guess_all(&mut simulation, session).await;
            }
            simulation.advance(15 * MINUTE);
        }
        simulation.advance(DAY - 45 * MINUTE - 4 * MINUTE);
        let mut kept = Vec::new();
        for _ in 0..5 {
            kept.push(simulation.start().await.unwrap());
        }
        simulation.advance(4 * MINUTE);
        let begins = simulation.now();
        for session in kept {
            guess_all(&mut simulation, session).await;
        }
        greedy(&mut simulation, 2).await;
        simulation.assert_bounded();
        let first_day =
            simulation.guesses.iter().filter(|g| (begins..begins + DAY).contains(&g.at));
        assert_eq!(first_day.count(), 75);
    });
}

/// `FIRST_ROUND=choose` and two media give no more guesses than one: the account has its own limits.
#[test]
fn choosing_and_switching_media_gives_no_more_guesses() {
    const DAYS: u64 = 10;
    days(async {
        let mut simulation = Simulation::with_first_round(3, "choose");
        let mut chosen = 0;
        while simulation.now() < START + DAYS * DAY {
            let choice = simulation.start().await.unwrap();
            let (answer, other) = if chosen % 2 == 0 { ("SMS", "EMAIL") } else { ("EMAIL", "SMS") };
            chosen += 1;
            let Outcome::Continues(session) =
                simulation.respond(choice, answer, &Value::Null).await
            else {
                panic!("a choice that ends the sign-in")
            };
            if session.private["alternative"].is_null() {
                let switch = json!({ "action": "resend", "medium": other });
                simulation.advance(31 * SECOND);
                if let Outcome::Continues(session) = simulation.respond(session, "-", &switch).await
                {
                    guess_all(&mut simulation, session).await;
                }
            } else {
                simulation.advance(MINUTE);
            }
        }
        simulation.assert_bounded();
        let (messages, guesses) = (simulation.messages().len(), simulation.guesses.len());
        println!("{guesses} guesses after {messages} messages by two media in {DAYS} days");
        assert!(messages <= 20 * 10 && guesses <= 60 * 10);
        assert!(messages >= 15 * 10, "they got somewhere");
    });
}

// Seconds, with the real binaries.

/// How long each attacker goes on.
const RUN: Duration = Duration::from_secs(8);

/// Windows of seconds in place of minutes and a day.
const SCALED: [(usize, u64); 2] = [(4, 2 * SECOND), (10, 20 * SECOND)];

/// A guess that is none of the codes sent so far, so that no chance ends the test.
fn wrong_guess(t: &Context, generator: &mut ChaCha20Rng) -> String {
    let codes: Vec<String> = t.messages().iter().map(inbox::code).collect();
    loop {
        let guess = format!("{:06}", generator.random_range(0..1_000_000));
        if !codes.contains(&guess) {
            return guess;
        }
    }
}

/// One of several attackers on the same number: how many of its answers were compared.
async fn attack(t: &Context, seed: u64, over: &AtomicBool) -> usize {
    let mut generator = ChaCha20Rng::seed_from_u64(seed);
    let (mut sessions, mut used): (Vec<Challenge>, Vec<Challenge>) = Default::default();
    let mut compared = 0;
    while !over.load(Ordering::Relaxed) {
        if sessions.is_empty() || generator.random_range(0..4) == 0 {
            match t.start(PHONE).await {
                Ok(challenge) => sessions.push(challenge),
                Err(_) => sleep(Duration::from_millis(generator.random_range(0..200))).await,
            }
            continue;
        }
        let at = generator.random_range(0..sessions.len());
        let session = sessions.swap_remove(at);
        let name = session.parameter("USERNAME").to_owned();
        let huge = "x".repeat(generator.random_range(0..2_000));
        let metadata: &[(&str, &str)] = match generator.random_range(0..6) {
            0 => &[("action", "resend")],
            1 => &[("action", " Resend "), ("medium", "EMAIL")],
            2 => &[("action", "resend!"), ("medium", "SMS")],
            3 => &[("locale", "ja"), ("any_client_metadata", &huge)],
            _ => &[],
        };
        let resend = metadata.iter().any(|(_, value)| value.trim().eq_ignore_ascii_case("resend"));
        let guess = wrong_guess(t, &mut generator);
        let reply = t.respond(&session, &name, &guess, metadata).await;
        compared += usize::from(!resend);
        match reply {
            Ok(Reply::Challenge(next)) => sessions.push(next),
            Ok(Reply::Tokens { .. }) => panic!("tokens for a wrong guess"),
            Err((exception, message)) => {
                assert_eq!(exception, "NotAuthorizedException");
                assert_eq!(message, "Incorrect username or password.");
            }
        }
        // What was used once is compared no more.
        used.push(session);
        let old = &used[generator.random_range(0..used.len())];
        let (_, message) = t.respond(old, &name, &guess, &[]).await.unwrap_err();
        assert_eq!(message, "Invalid session for the user, session can only be used once.");
    }
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_attackers_stay_within_the_guess_limit() {
    const ATTACKERS: u64 = 8;
    const LIMITS: &str = "4/2s,10/20s";
    let settings = [
        ("ISSUE_LIMITS", LIMITS),
        ("PUBLIC_LIMITS", LIMITS),
        ("WHEN_LIMITED", "fail"),
        ("RESEND_AFTER_SECONDS", "0"),
    ];
    run_test(Setup::with(&settings), async |t| {
        t.create_user(PHONE, &[("phone_number", PHONE), ("phone_number_verified", "true")]).await;
        let over = AtomicBool::new(false);
        let attacks = join_all((0..ATTACKERS).map(|seed| attack(t, seed, &over)));
        let (compared, ()) = tokio::join!(attacks, async {
            sleep(RUN).await;
            over.store(true, Ordering::Relaxed);
        });
        let compared: usize = compared.iter().sum();
        let messages = t.messages().len();
        // The ledger still has the time of each of them.
        let times = t.ledger.as_ref().unwrap().times().await;
        assert_eq!(times.len(), 2, "one account, one destination");
        for times in &times {
            assert!(messages <= times.len(), "{messages} messages, {} admitted", times.len());
            for (count, window) in SCALED {
                assert!(
                    Simulation::most(times, window) <= count,
                    "{count} in {window} ms: {times:?}"
                );
            }
        }
        println!(
            "{messages} messages, {compared} answers compared, {} at most",
            ATTEMPTS * messages
        );
        assert!(compared <= ATTEMPTS * messages, "{compared} compared, {messages} messages");
        assert!(messages >= SCALED[0].0 && compared > 0, "they got somewhere");
    })
    .await;
}

/// How many sign-ins a thousand requests to resend take, at twice `MAX_SENDS` each and the one that
/// ends it.
const ORACLE_SIGN_INS: usize = 1_000_usize.div_ceil(7);

/// Asks for resends with `answer` until the sign-in ends: what each reply says but for times.
async fn resends(t: &Context, name: &str, right: bool) -> Vec<Vec<(String, String)>> {
    let mut challenge = t.start(name).await.unwrap();
    let messages = t.messages();
    let own = messages.iter().rfind(|message| message.to == name).unwrap();
    let code = inbox::code(own);
    let answer = if right { code } else { inbox::mistype(&code) };
    let user = challenge.parameter("USERNAME").to_owned();
    let mut replies = Vec::new();
    loop {
        match t.respond(&challenge, &user, &answer, &[("action", "resend")]).await {
            Ok(reply) => challenge = reply.challenge(),
            Err(refused) => {
                replies.push(vec![refused]);
                return replies;
            }
        }
        let timeless =
            |(name, _): &(&String, &String)| !name.ends_with("_AT") && *name != "USERNAME";
        let mut parameters: Vec<_> = challenge.parameters.iter().filter(timeless).collect();
        parameters.sort();
        replies.push(parameters.into_iter().map(|(n, v)| (n.clone(), v.clone())).collect());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resends_with_the_correct_code_reveal_nothing() {
    // Two users whose numbers look alike: one answers right, the other, now and then, wrong.
    const USERS: [&str; 2] = ["+819012345678", "+819112345678"];
    run_test(Setup::default(), async |t| {
        for user in USERS {
            t.create_user(user, &[("phone_number", user), ("phone_number_verified", "true")]).await;
        }
        let [right_user, wrong_user] = USERS;
        let (mut asked, mut sent, mut of_wrong) = (0, 0, Vec::new());
        for sign_in in 0..ORACLE_SIGN_INS {
            if sign_in % 10 == 0 {
                of_wrong = resends(t, wrong_user, false).await;
                sent += 1;
            }
            let of_right = resends(t, right_user, true).await;
            sent += 1;
            assert_eq!(of_right, of_wrong);
            assert_eq!(of_right.len(), 7, "capped");
            asked += of_right.len();
            // One message each: the requests came too early, and none was an answer.
            assert_eq!(t.messages().len(), sent);
        }
        assert!(asked >= 1_000, "{asked}");
    })
    .await;
}
