//! The spend guard under simulated traffic: sign-ins, launches, pumping attacks and outages, over the
//! real rule and a store in memory, with a clock of its own.
//!
//! `cargo test -p ledger --release --test spend_simulation -- --ignored --nocapture` prints the whole
//! table and asserts what the guard promises of each row; without `--ignored` a few rows are asserted.

#![cfg(test)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use ledger::{
    CodeBinding, CodeRules, CodeState, Consumption, IssueLimit, Item, ItemKey, ItemKeys, ItemNames,
    LaneLimits, Lanes, Ledger, LedgerRules, MemoryStore, NotTaken, SpendClass, SpendCredit,
    SpendKeys, SpendRefusal, SpendRules, SpendTicket, Store as _, UsedCode, earn,
};
use otp::{DeviceId, LedgerKey, Nonce, RoundId, UnixMillis};
use rand::rngs::ChaCha20Rng;
use rand::{RngExt as _, SeedableRng as _};

/// The start of an hour.
const START: UnixMillis = 1_767_225_600_000;
const SECOND: f64 = 1_000.0;
const HOUR: f64 = 3_600.0 * SECOND;

/// A natural logarithm's mean and deviation of the seconds until an answer: nine of ten take 20 to 120.
const ANSWER_DELAY: (f64, f64) = (3.89, 0.544);

/// How many of 100 ask for the code again once, and twice.
const RESENDS: (f64, f64) = (0.12, 0.04);

/// How many ranges of numbers a country has, and the exponent by which users prefer some (Zipf).
const RANGES: usize = 1_000;
const ZIPF: f64 = 0.7;

const POOL: &str = "pool";

/// Whose numbers a stream is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranges {
    /// Users': some ranges have many, most have few.
    Users,
    /// Every range alike.
    Spread,
    /// One range.
    One,
}

/// Sign-ins of one kind.
#[derive(Clone, Debug)]
struct Stream {
    label: &'static str,
    class: SpendClass,
    country: &'static str,
    /// How many an hour, or in all within the span if that is shorter.
    rate: f64,
    /// From and to when, in hours.
    span: (f64, f64),
    ranges: Ranges,
    /// The share whose codes are used, of messages from this hour on. Before, no message arrives.
    answering: f64,
    arriving_from: f64,
    /// Does it ask for codes again?
    resends: bool,
    /// Does it show devices that are known?
    known_devices: bool,
}

/// Users of a country: nine of ten have signed in before.
fn users(country: &'static str, rate: f64, answering: f64, hours: f64) -> [Stream; 2] {
    let proven = Stream {
        label: "proven",
        class: SpendClass::Proven,
        country,
        rate: rate * 0.9,
        span: (0.0, hours),
        ranges: Ranges::Users,
        answering,
        arriving_from: 0.0,
        resends: true,
        known_devices: false,
    };
    let new = Stream { label: "new", class: SpendClass::New, rate: rate * 0.1, ..proven.clone() };
    [proven, new]
}

/// An attacker's sign-ins from the second hour on. Nobody answers.
fn attack(
    class: SpendClass,
    country: &'static str,
    rate: f64,
    ranges: Ranges,
    hours: f64,
) -> Stream {
    Stream {
        label: "attack",
        class,
        country,
        rate,
        span: (1.0, hours),
        ranges,
        answering: 0.0,
        arriving_from: 0.0,
        resends: false,
        known_devices: false,
    }
}

/// The calling code of a country.
fn calling_code(country: &str) -> &'static str {
    match country {
        "JP" => "+8190",
        "DE" => "+49151",
        "GB" => "+4477",
        "FR" => "+336",
        "IT" => "+39347",
        "ES" => "+346",
        "KR" => "+8210",
        "BR" => "+55119",
        _ => "+1206",
    }
}

/// What became of the sign-ins of a label and country.
#[derive(Clone, Debug, Default)]
struct Tally {
    sign_ins: u64,
    /// Of first messages.
    refused: u64,
    by: BTreeMap<&'static str, u64>,
    messages: u64,
    /// Messages in each hour.
    hourly: Vec<u64>,
    /// First messages in each hour that were refused.
    hourly_refused: Vec<u64>,
}

impl Tally {
    fn count(hours: &mut Vec<u64>, now: UnixMillis) {
        let hour = ((now - START) as f64 / HOUR) as usize;
        if hours.len() <= hour {
            hours.resize(hour + 1, 0);
        }
        hours[hour] += 1;
    }

    fn refused_percent(&self) -> f64 {
        100.0 * self.refused as f64 / (self.sign_ins.max(1)) as f64
    }

    fn most_in_an_hour(&self) -> u64 {
        self.hourly.iter().copied().max().unwrap_or(0)
    }

    fn refused_in_hour(&self, hour: usize) -> u64 {
        self.hourly_refused.get(hour).copied().unwrap_or(0)
    }
}

type Results = BTreeMap<(&'static str, &'static str), Tally>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    First,
    Resend,
    Answer,
}

/// A sign-in.
struct SignIn {
    stream: usize,
    sub: String,
    number: String,
    /// What was sent: the nonce and when.
    sent: Option<(Nonce, UnixMillis)>,
    is_done: bool,
}

struct Simulation {
    names: ItemNames,
    store: MemoryStore,
    ledger: Ledger<MemoryStore>,
    rng: ChaCha20Rng,
    streams: Vec<Stream>,
    zipf: Vec<f64>,
    sign_ins: Vec<SignIn>,
    queue: BinaryHeap<Reverse<(UnixMillis, usize, Step)>>,
    results: Results,
}

impl Simulation {
    fn new(seed: u64, spend: SpendRules, streams: Vec<Stream>) -> Self {
        let limit =
            |count, minutes: u64| IssueLimit { count, window: Duration::from_secs(minutes * 60) };
        let limits = LaneLimits {
            total: vec![limit(5, 15), limit(20, 24 * 60)],
            public: vec![limit(4, 15), limit(15, 24 * 60)],
        };
        let store = MemoryStore::default();
        let mut sum = 0.0;
        let zipf = (1..=RANGES).map(|n| {
            sum += (n as f64).powf(-ZIPF);
            sum
        });
        Self {
            names: ItemNames::new(
                LedgerKey::new("an example key of some 40 different bytes").unwrap(),
            ),
            ledger: Ledger::new(store.clone(), LedgerRules { limits, spend }),
            store,
            rng: ChaCha20Rng::seed_from_u64(seed),
            streams,
            zipf: zipf.collect(),
            sign_ins: Vec::new(),
            queue: BinaryHeap::new(),
            results: Results::new(),
        }
    }

    fn unit(&mut self) -> f64 {
        self.rng.random::<f64>()
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + self.unit() * (to - from)
    }

    fn answer_delay(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        (ANSWER_DELAY.0 + ANSWER_DELAY.1 * normal).exp() * SECOND
    }

    fn range(&mut self, ranges: Ranges) -> usize {
        match ranges {
            Ranges::One => 5,
            Ranges::Spread => self.rng.random_range(0..RANGES),
            Ranges::Users => {
                let at = self.unit() * self.zipf.last().copied().unwrap_or(0.0);
                self.zipf.partition_point(|sum| *sum < at).min(RANGES - 1)
            }
        }
    }

    fn push(&mut self, at: UnixMillis, sign_in: usize, step: Step) {
        self.queue.push(Reverse((at, sign_in, step)));
    }

    /// Runs until nothing is left to happen.
    async fn run(mut self) -> Self {
        for stream in 0..self.streams.len() {
            self.arrive(stream).await;
        }
        while let Some(Reverse((now, sign_in, step))) = self.queue.pop() {
            match step {
                Step::First | Step::Resend => self.send(now, sign_in, step).await,
                Step::Answer => self.answer(sign_in).await,
            }
        }
        self
    }

    /// The arrivals of a stream, at random times.
    async fn arrive(&mut self, at: usize) {
        let stream = self.streams[at].clone();
        let (from, to) = stream.span;
        let count = stream.rate * if to - from < 1.0 { 1.0 } else { to - from };
        for _ in 0..count.round() as u64 {
            let time = START + (self.between(from, to) * HOUR) as u64;
            let (range, serial) = (self.range(stream.ranges), self.sign_ins.len());
            let code = calling_code(stream.country);
            let number = format!("{code}{range:04}{:04}", serial % 10_000);
            let sub = format!("sub {serial}");
            if stream.known_devices {
                self.make_known(&sub, time).await;
            }
            self.sign_ins.push(SignIn { stream: at, sub, number, sent: None, is_done: false });
            self.push(time, serial, Step::First);
        }
    }

    /// A user whose last code was used, with a known device.
    async fn make_known(&mut self, sub: &str, now: UnixMillis) {
        let used =
            UsedCode { nonce: Nonce::from_bytes([1; 16]), round: RoundId::from_bytes([1; 16]) };
        let codes = CodeState { used: Some(used), ..CodeState::default() };
        let item = Item { version: 1, codes, ..Item::default() };
        self.store.write(&self.names.account(POOL, sub), &item, u64::MAX).await.unwrap();
        let device = self.names.device(POOL, sub, &device());
        self.store.note(&device, now, None).await.unwrap();
    }

    async fn send(&mut self, now: UnixMillis, at: usize, step: Step) {
        let SignIn { stream, sub, number, is_done, .. } = &self.sign_ins[at];
        if *is_done {
            return;
        }
        let stream = self.streams[*stream].clone();
        let scopes = self.names.phone_scopes(number, Some(stream.country));
        let keys = ItemKeys {
            account: self.names.account(POOL, sub),
            destination: self.names.destination(number),
            proven: None,
            device: stream.known_devices.then(|| self.names.device(POOL, sub, &device())),
            spend: Some(SpendKeys::new(scopes, stream.class)),
        };
        let fresh = Nonce::from_bytes(self.rng.random());
        let outcome = self.admit(keys, fresh, now).await;
        let tally = self.results.entry((stream.label, stream.country)).or_default();
        tally.sign_ins += u64::from(step == Step::First);
        let nonce = match outcome {
            Ok(nonce) => nonce,
            Err(reason) => {
                if step == Step::First {
                    tally.refused += 1;
                    *tally.by.entry(reason).or_default() += 1;
                    Tally::count(&mut tally.hourly_refused, now);
                }
                return;
            }
        };
        tally.messages += 1;
        Tally::count(&mut tally.hourly, now);
        self.sign_ins[at].sent = Some((nonce, now));
        if step == Step::Resend {
            return;
        }
        let arrives = now >= START + (stream.arriving_from * HOUR) as u64;
        if self.unit() < stream.answering && arrives {
            let delay = self.answer_delay();
            self.push(now + delay as u64, at, Step::Answer);
        }
        let resend = self.unit();
        if stream.resends && resend < RESENDS.0 + RESENDS.1 {
            let delay = self.between(30.0, 60.0) * SECOND;
            self.push(now + delay as u64, at, Step::Resend);
            if resend < RESENDS.1 {
                let delay = self.between(65.0, 110.0) * SECOND;
                self.push(now + delay as u64, at, Step::Resend);
            }
        }
    }

    /// What create does, and the nonce of the code that is sent, or what refused it.
    async fn admit(
        &self,
        keys: ItemKeys,
        fresh: Nonce,
        now: UnixMillis,
    ) -> Result<Nonce, &'static str> {
        let reading = self.ledger.read(keys, now).await.unwrap();
        let assessed = self.ledger.assess(reading).map_err(name)?;
        let rules = CodeRules { binding: CodeBinding("key.SMS".to_owned()), lifetime: 300 };
        let admit = self.ledger.admit(assessed, Lanes::PUBLIC, &rules, fresh, now, 1);
        let admitted = admit.await.map_err(|_| "limit")?;
        match self.ledger.take(admitted).await {
            Ok(taken) => Ok(taken.code().nonce),
            Err(error) => match error.reason {
                NotTaken::Refused(refusal) => Err(name(refusal)),
                NotTaken::Unavailable => panic!("the store is there"),
            },
        }
    }

    /// What verify does with the code of the last message.
    async fn answer(&mut self, at: usize) {
        let SignIn { stream, sub, number, sent, .. } = &self.sign_ins[at];
        let (stream, Some((nonce, sent_at))) = (&self.streams[*stream], *sent) else { return };
        let account = self.names.account(POOL, sub);
        let round = RoundId::from_bytes([2; 16]);
        let consumed = self.store.consume(&account, nonce, round).await.unwrap();
        assert_eq!(consumed, Consumption::First);
        let scopes = self.names.phone_scopes(number, Some(stream.country));
        let ticket = SpendTicket::new(scopes, stream.class, sent_at / 1_000).encode();
        earn(&self.store, &SpendTicket::decode(&ticket).unwrap()).await.unwrap();
        self.sign_ins[at].is_done = true;
    }

    /// For each hour in which a scope and class had messages: how many, and the most that the rule
    /// promises: the hour's start and three for each code that was used.
    fn bounds(&self, scope: &str, class: SpendClass, start: u64) -> Vec<(u64, u64)> {
        let items = self.store.spend_items();
        let item =
            |hour: u64| items.get(&ItemKey(format!("spend#{scope}#{}#{hour}", class.name())));
        let first = START / 3_600_000;
        let bound = |hour: u64| {
            let (current, previous) = (item(hour)?, item(hour - 1).map_or(0, |item| item.answered));
            Some((current.sent, start.max(previous) + 3 * current.answered))
        };
        (first..first + 12).filter_map(bound).collect()
    }

    fn tally(&self, label: &'static str, country: &'static str) -> Tally {
        self.results.get(&(label, country)).cloned().unwrap_or_default()
    }

    /// How many of these sign-ins were refused.
    fn refused(&self, label: &'static str, country: &'static str) -> u64 {
        self.tally(label, country).refused
    }

    /// How many of users' sign-ins were refused, in all countries.
    fn users_refused(&self) -> u64 {
        let users = self.results.iter().filter(|((label, _), _)| *label != "attack");
        users.map(|(_, tally)| tally.refused).sum()
    }
}

fn device() -> DeviceId {
    DeviceId::parse("0123456789abcdef").unwrap()
}

fn name(refusal: SpendRefusal) -> &'static str {
    match refusal {
        SpendRefusal::Country => "country",
        SpendRefusal::Range => "range",
        SpendRefusal::All => "all",
        SpendRefusal::Cap => "cap",
        SpendRefusal::Email => "email",
    }
}

fn rules(country: u64, range: u64, all: u64, country_limit: u64) -> SpendRules {
    let credit = SpendCredit { country, range, all };
    SpendRules { credit, country_limit, ..SpendRules::default() }
}

/// Runs a scenario, prints its row, and returns what happened.
fn simulate(row: &str, spend: SpendRules, streams: Vec<Stream>) -> Simulation {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let simulation = runtime.block_on(Simulation::new(1, spend, streams).run());
    let SpendRules { credit: SpendCredit { country, range, all }, country_limit, .. } = spend;
    println!("{row}  [{country}/{range}/{all}, {country_limit}/1h]");
    for ((label, country), tally) in &simulation.results {
        println!(
            "    {label:<8} {country}: {:>6} sign-ins, {:>6} refused ({:>6.2} %) {:?}, {} messages, \
             at most {} an hour",
            tally.sign_ins,
            tally.refused,
            tally.refused_percent(),
            tally.by,
            tally.messages,
            tally.most_in_an_hour(),
        );
    }
    simulation
}

/// No row is worth anything in which nothing happens.
fn assert_busy(simulation: &Simulation) {
    assert!(simulation.results.values().all(|tally| tally.sign_ins > 0));
    let sent: u64 = simulation.results.values().map(|tally| tally.messages).sum();
    assert!(sent > 50, "{sent}");
}

/// Sign-ins of users in some countries alike: nobody is refused.
fn assert_users_are_sent_to(
    rate: f64,
    answering: f64,
    hours: f64,
    countries: &[&'static str],
    cap: u64,
) {
    let each = rate / countries.len() as f64;
    let streams = countries.iter().flat_map(|country| users(country, each, answering, hours));
    let row =
        format!("{rate} sign-ins an hour in {} countries, {answering} answer", countries.len());
    let simulation = simulate(&row, rules(100, 20, 500, cap), streams.collect());
    assert_busy(&simulation);
    assert_eq!(simulation.users_refused(), 0);
}

/// 2,000 users in two minutes on top of others; returns how many percent of them are refused.
fn launch(base: f64, answering: f64, spend: SpendRules) -> f64 {
    let mut streams = users("JP", base, answering, 4.0).to_vec();
    streams.extend(users("JP", 2_000.0, answering, 4.0).map(|stream| Stream {
        label: "launch",
        span: (2.5, 2.5 + 2.0 / 60.0),
        ..stream
    }));
    let row = format!("2000 in two minutes on top of {base} an hour, {answering} answer");
    let simulation = simulate(&row, spend, streams);
    assert_busy(&simulation);
    simulation.tally("launch", "JP").refused_percent()
}

/// An attack on a country in which `legitimate` users an hour sign in, as they do in another country.
/// Returns the most messages of the attack in an hour.
fn assert_attack_is_bounded(
    (class, rate, ranges): (SpendClass, f64, Ranges),
    legitimate: f64,
    cap: u64,
    hours: f64,
) -> u64 {
    let mut streams = users("DE", 500.0, 0.8, hours).to_vec();
    if legitimate > 0.0 {
        streams.extend(users("JP", legitimate, 0.8, hours));
        // Their codes give credit back, which an attack on the same class takes.
        let known = Stream { label: "known", known_devices: true, ..streams[0].clone() };
        streams.push(Stream { country: "JP", rate: 50.0, ..known });
    }
    streams.push(attack(class, "JP", rate, ranges, hours));
    let row = format!("{rate} an hour over {class:?} {ranges:?}, {legitimate} users an hour");
    let simulation = simulate(&row, rules(100, 20, 500, cap), streams);
    assert_busy(&simulation);
    for (scope, start) in [("JP", 100), ("DE", 100), ("all", 500)] {
        for class in [SpendClass::Proven, SpendClass::New] {
            for (sent, bound) in simulation.bounds(scope, class, start) {
                // A known device passes at zero.
                let passed = simulation.tally("known", "JP").most_in_an_hour();
                assert!(sent <= bound + passed, "{scope} {class:?}: {sent} of {bound}");
            }
        }
    }
    // The other class, the other country and known devices notice nothing.
    let other_class = if class == SpendClass::New { "proven" } else { "new" };
    assert_eq!(simulation.refused(other_class, "JP"), 0, "the other class");
    assert_eq!(simulation.refused("proven", "DE") + simulation.refused("new", "DE"), 0);
    assert_eq!(simulation.refused("known", "JP"), 0);
    if ranges == Ranges::One {
        let same_class = if class == SpendClass::New { "new" } else { "proven" };
        let refused = simulation.tally(same_class, "JP");
        assert_eq!(refused.by.get("range").copied().unwrap_or(0), refused.refused, "{refused:?}");
        assert!(refused.refused_percent() < 5.0, "other ranges notice nothing");
    }
    let wasted = simulation.tally("attack", "JP").most_in_an_hour();
    println!("    wasted at most {wasted} an hour");
    wasted
}

/// Attacks over both classes on some countries, at once; returns what another country's users notice.
fn countries_attacked(count: usize, all: u64, hours: f64) -> Tally {
    let attacked = ["JP", "DE", "GB", "FR", "IT", "ES", "KR"];
    let mut streams = users("BR", 50.0, 0.8, hours).to_vec();
    for country in &attacked[..count] {
        for class in [SpendClass::New, SpendClass::Proven] {
            streams.push(attack(class, country, 10_000.0 / count as f64, Ranges::Spread, hours));
        }
    }
    let simulation = simulate(
        &format!("10000 an hour of each class over {count} countries"),
        rules(100, 20, all, 2_000),
        streams,
    );
    assert_busy(&simulation);
    for class in [SpendClass::Proven, SpendClass::New] {
        for (sent, bound) in simulation.bounds("all", class, all) {
            assert!(sent <= bound, "{class:?}: {sent} of {bound} in all");
        }
    }
    let (mut users, new) = (simulation.tally("proven", "BR"), simulation.tally("new", "BR"));
    users.refused += new.refused;
    new.by.into_iter().for_each(|(reason, count)| *users.by.entry(reason).or_default() += count);
    users
}

/// The messages of a country do not arrive for two and a quarter hours.
fn assert_outage_ends_by_itself(rate: f64) {
    let mut streams = users("DE", rate, 0.7, 6.0).to_vec();
    streams.extend(users("JP", rate, 0.7, 1.0));
    streams.extend(users("JP", rate, 0.7, 6.0).map(|stream| Stream {
        label: if stream.class == SpendClass::New { "out n" } else { "out p" },
        span: (1.0, 6.0),
        arriving_from: 3.25,
        ..stream
    }));
    let row = format!("no message arrives from 1:00 to 3:15, {rate} an hour");
    let simulation = simulate(&row, default_rules(), streams);
    assert_busy(&simulation);
    let outage = simulation.tally("out p", "JP");
    println!("    refused in each hour {:?}", outage.hourly_refused);
    // The country's own credit ends, and never that of all.
    let is_own = |reason: &&str| matches!(*reason, "country" | "range");
    assert!(outage.refused_in_hour(2) > 0 && outage.by.keys().all(is_own), "{outage:?}");
    for label in ["out p", "out n"] {
        for hour in [4, 5] {
            assert_eq!(simulation.tally(label, "JP").refused_in_hour(hour), 0, "{label} {hour}");
        }
    }
    assert_eq!(simulation.refused("proven", "DE") + simulation.refused("new", "DE"), 0);
}

/// Fraudsters who answer every message earn credit; `COUNTRY_LIMIT` bounds them, and all of the country.
fn assert_answering_fraudsters_meet_the_cap(rate: f64, hours: f64) {
    let mut streams = users("JP", 500.0, 0.8, hours).to_vec();
    streams.extend(users("DE", 500.0, 0.8, hours));
    let fraud = attack(SpendClass::New, "JP", rate, Ranges::Spread, hours);
    streams.push(Stream { answering: 1.0, ..fraud });
    let simulation = simulate(&format!("{rate} an hour who answer"), default_rules(), streams);
    assert_busy(&simulation);
    let fraud = simulation.tally("attack", "JP");
    assert!(fraud.by.get("cap").is_some_and(|capped| *capped > 0), "{fraud:?}");
    let sent = |class| simulation.bounds("JP", class, 100).into_iter().map(|(sent, _)| sent);
    for (proven, new) in sent(SpendClass::Proven).zip(sent(SpendClass::New)) {
        assert!(proven + new <= 2_000, "{proven} and {new}");
    }
    assert_eq!(simulation.refused("proven", "DE") + simulation.refused("new", "DE"), 0);
    let proven = simulation.tally("proven", "JP");
    assert!(proven.by.keys().all(|reason| *reason == "cap"), "{proven:?}");
}

fn default_rules() -> SpendRules {
    SpendRules::default()
}

/// What is to be raised for 2,000 new users in two minutes: 600 and 30, and as much in all.
fn launch_rules() -> SpendRules {
    rules(600, 30, 600, 4_000)
}

const FIVE: [&str; 5] = ["JP", "DE", "GB", "FR", "IT"];

#[test]
fn users_who_answer_are_not_refused() {
    assert_users_are_sent_to(50.0, 0.6, 3.0, &["JP"], 2_000);
    assert_users_are_sent_to(500.0, 0.7, 3.0, &["JP"], 2_000);
    assert_users_are_sent_to(2_000.0, 0.6, 2.0, &FIVE, 2_000);
}

#[test]
fn launch_is_refused_in_part_by_the_default_and_not_by_what_is_raised_for_it() {
    assert!(launch(50.0, 0.6, default_rules()) > 30.0);
    assert_eq!(launch(50.0, 0.6, launch_rules()), 0.0);
}

#[test]
fn attack_wastes_no_more_than_is_promised_and_others_do_not_notice() {
    use SpendClass::{New, Proven};
    assert!(assert_attack_is_bounded((New, 1_000.0, Ranges::One), 0.0, 2_000, 3.0) <= 20);
    assert!(assert_attack_is_bounded((New, 1_000.0, Ranges::Spread), 0.0, 2_000, 3.0) <= 100);
    assert_attack_is_bounded((New, 1_000.0, Ranges::Spread), 300.0, 2_000, 3.0);
    assert_attack_is_bounded((Proven, 1_000.0, Ranges::Spread), 300.0, 2_000, 3.0);
    assert_answering_fraudsters_meet_the_cap(3_000.0, 2.0);
}

#[test]
fn country_recovers_when_messages_arrive_again() {
    assert_outage_ends_by_itself(300.0);
}

#[test]
fn other_countries_notice_an_attack_on_more_countries_than_the_credit_of_all_allows() {
    assert_eq!(countries_attacked(4, 500, 2.0).refused, 0);
    let noticed = countries_attacked(6, 500, 2.0);
    assert!(noticed.refused > 0 && noticed.by.keys().eq(["all"].iter()), "{noticed:?}");
    assert_eq!(countries_attacked(6, 800, 2.0).refused, 0);
}

#[test]
#[ignore = "takes a release build; prints the table"]
fn whole_table() {
    use SpendClass::{New, Proven};
    println!("\n# Users");
    for answering in [0.6, 0.7, 0.85] {
        assert_users_are_sent_to(50.0, answering, 5.0, &["JP"], 2_000);
        assert_users_are_sent_to(500.0, answering, 5.0, &["JP"], 2_000);
        assert_users_are_sent_to(1_500.0, answering, 5.0, &["JP"], 2_000);
        assert_users_are_sent_to(5_000.0, answering, 5.0, &FIVE, 2_000);
        assert_users_are_sent_to(5_000.0, answering, 5.0, &["JP"], 10_000);
    }
    let one = users("JP", 5_000.0, 0.7, 3.0).to_vec();
    let capped =
        simulate("5000 an hour in one country, COUNTRY_LIMIT not raised", default_rules(), one);
    assert!(capped.results.values().all(|tally| tally.by.keys().eq(["cap"].iter())));

    println!("\n# Launch");
    for base in [50.0, 500.0, 5_000.0] {
        for answering in [0.6, 0.7, 0.85] {
            let cap = if base < 5_000.0 { 4_000 } else { 10_000 };
            let default = launch(base, answering, rules(100, 20, 500, 2_000));
            assert!(default > 10.0, "{default}");
            launch(base, answering, rules(100, 20, 500, cap));
            launch(base, answering, rules(600, 30, 500, cap));
            assert_eq!(launch(base, answering, rules(600, 30, 600, cap)), 0.0);
        }
    }

    println!("\n# Attacks");
    for (legitimate, cap) in [(0.0, 2_000), (500.0, 2_000), (2_000.0, 10_000)] {
        let one = assert_attack_is_bounded((New, 10_000.0, Ranges::One), legitimate, cap, 5.0);
        assert!(one <= 40, "{one}");
        let spread =
            assert_attack_is_bounded((New, 10_000.0, Ranges::Spread), legitimate, cap, 5.0);
        assert!(legitimate > 0.0 || spread <= 100, "{spread}");
        assert_attack_is_bounded((Proven, 6_000.0, Ranges::One), legitimate, cap, 5.0);
        let spread =
            assert_attack_is_bounded((Proven, 6_000.0, Ranges::Spread), legitimate, cap, 5.0);
        assert!(legitimate > 0.0 || spread <= 100, "{spread}");
    }
    assert_answering_fraudsters_meet_the_cap(6_000.0, 5.0);

    println!("\n# Several countries attacked, and one that is not");
    for count in [1, 4] {
        assert_eq!(countries_attacked(count, 500, 5.0).refused, 0);
    }
    for count in [5, 6, 7] {
        assert!(count == 5 || countries_attacked(count, 500, 5.0).refused > 0);
        assert_eq!(countries_attacked(count, 800, 5.0).refused, 0);
    }
    countries_attacked(5, 500, 5.0);

    println!("\n# Outage");
    for rate in [300.0, 500.0, 1_500.0] {
        assert_outage_ends_by_itself(rate);
    }
}
