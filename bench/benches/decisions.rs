//! What the decisions cost, in nanoseconds and, where Valgrind is, in instructions, which are the
//! same on any machine of a kind; and how both grow with what an attacker or a user can make grow:
//!
//! ```sh
//! cargo bench -p bench --bench decisions --profile release
//! ```
//!
//! In the functions' own profile. Valgrind's processor has no SHA extensions, so an HMAC is dearer in
//! instructions than on most.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use create_auth_challenge::{Language, Message, MessageCatalog};
use define_auth_challenge::Rules;
use futures_util::FutureExt as _;
use ledger::{
    AdmittedTimes, CodeBinding, CodeRules, CodeState, IssueLimit, ItemNames, Lane, LaneLimits,
    admit,
};
use numbering::classify;
use otp::{
    ClientRequest, Code, CodeKey, CodeLength, CodeOwner, CodeParameters, IssuedCode, LedgerKey,
    Medium, MediumSet, Nonce, PrivateChallengeParameters, Record, RoundId,
};
use pre_sign_up::PreSignUp;
use serde_json::{Value, json};
use settings::{CodeSettings, Limits, SignInMode};
use trigger::{StringMap, Trigger};
use verify_auth_challenge::{Contact, User, judge};

type BenchError = Box<dyn std::error::Error>;

/// How long one sample takes at least, so that the clock's steps do not matter.
const SAMPLE: Duration = Duration::from_millis(2);

/// The median of so many is told.
const SAMPLES: usize = 41;

/// How often Valgrind runs a case: the difference of two such runs has nothing of start and end.
const VALGRIND_ITERATIONS: [u64; 2] = [10, 60];

const KEY: &str = "an example key of some 40 different bytes";
const POOL: &str = "us-east-1_LocalPool";
const SUB: &str = "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90";
const NOW: u64 = 1_767_225_600;
const OWNER: CodeOwner<'static> = CodeOwner {
    pool_id: POOL,
    user_sub: SUB,
    phone_number: "+819012345678",
    email: "jane@example.com",
};

/// A case: its name, and the work.
struct Case {
    name: String,
    work: Box<dyn Fn()>,
}

fn bench_case<T>(name: impl Into<String>, work: impl Fn() -> T + 'static) -> Case {
    Case { name: name.into(), work: Box::new(move || drop(black_box(work()))) }
}

fn main() -> Result<(), BenchError> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let cases = cases()?;
    if let Some(name) = arguments.next() {
        // As Valgrind runs us: one case, so often.
        let times: u64 = arguments.next().ok_or("missing iteration count")?.parse()?;
        let case = cases.iter().find(|case| case.name == name).ok_or("unknown case")?;
        (0..times).for_each(|_| (case.work)());
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{:<40} {:>10} {:>13}", "", "ns", "instructions")?;
    for case in &cases {
        let time = measure_nanoseconds(&case.work);
        let count = count_instructions(&case.name)?;
        let count = count.map_or_else(|| "no valgrind".to_owned(), |count| count.to_string());
        writeln!(out, "{:<40} {time:>10.0} {count:>13}", case.name)?;
    }
    Ok(())
}

fn cases() -> Result<Vec<Case>, BenchError> {
    let mut cases = Vec::new();
    let key = CodeKey::new(KEY)?;
    let length = CodeLength::MIN;
    let nonce = Nonce::from_bytes([7; 16]);
    let issued = IssuedCode { nonce, issued_at: NOW };
    let media: MediumSet = [Medium::Sms, Medium::Email].into_iter().collect();
    let record = Record {
        code: issued,
        sent_at: NOW,
        medium: Medium::Sms,
        media,
        sends: 1,
        wrong_answers: 1,
    };
    let parameters = CodeParameters {
        nonce,
        expires_at: NOW + 300,
        round: RoundId::from_bytes([9; 16]),
        media,
        is_proven: true,
        spend: String::new(),
    };

    let own = key.clone();
    cases.push(bench_case("code: derive", move || Code::derive(&own, OWNER, &nonce, length)));
    let code = Code::derive(&key, OWNER, &nonce, length).expose().to_owned();
    let wrong = if code.ends_with('0') { "1" } else { "0" };
    let wrong = code.chars().take(length.digits() - 1).collect::<String>() + wrong;
    let codes = CodeSettings { key: key.clone(), length };
    for (name, answer) in [("right", code), ("wrong", wrong)] {
        let (codes, parameters) = (codes.clone(), parameters.clone());
        cases.push(bench_case(format!("code: judge a {name} answer"), move || {
            let user =
                User { owner: OWNER, is_verified: &|_| true, may_prove: false, not_found: false };
            let asked = ClientRequest::from_client_metadata(|_| None);
            judge(Some(&answer), asked, &parameters, user, &codes, NOW)
        }));
    }
    for (name, attribute, value) in [
        ("a phone number", "phone_number", "+819012345678"),
        ("an email", "email", "jane@example.com"),
    ] {
        let function = PreSignUp::read(&|name| match name {
            "SIGN_UP" => Some("code".to_owned()),
            "SMS_COUNTRIES" => Some("JP".to_owned()),
            _ => None,
        })?;
        let event = pre_sign_up_event(attribute, value).to_string();
        cases.push(bench_case(format!("pre-sign-up: event with {name}"), move || {
            let answer =
                trigger::answer(Trigger::PreSignUp, &event, async |event| function.respond(event));
            answer.now_or_never().map(|answer| answer.is_ok())
        }));
    }
    let attributes: StringMap = [("sub", SUB), ("phone_number", OWNER.phone_number)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    cases.push(bench_case("mark: decide", move || {
        let contact = Contact { medium: Medium::Sms, value: OWNER.phone_number };
        verify_auth_challenge::decide(&attributes, SUB, contact)
    }));
    let private = PrivateChallengeParameters::Code(parameters);
    let sealed = private.seal(&key, POOL, SUB);
    let own = key.clone();
    cases.push(bench_case("private parameters: seal", move || private.seal(&own, POOL, SUB)));
    let own = key.clone();
    cases.push(bench_case("private parameters: open", move || {
        let get = |wanted: &str| {
            sealed.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
        };
        PrivateChallengeParameters::open(get, &own, POOL, SUB).is_ok()
    }));
    cases.push(bench_case("record: encode", move || record.encode()));
    let text = record.encode();
    cases.push(bench_case("record: parse", move || Record::parse(&text).is_ok()));
    cases.push(bench_case("number: +819012345678", || classify(black_box("+819012345678"))));
    cases.push(bench_case("number: +18765550123", || classify(black_box("+18765550123"))));

    for entries in [0, 1, 2, 4, 8, 16, 32, 64] {
        let event = define_event(entries, &record).to_string();
        let rules =
            Rules { sign_in: SignInMode::Passwordless, limits: Limits { attempts: 5, sends: 10 } };
        cases.push(bench_case(format!("define: event with a history of {entries}"), move || {
            let answer = trigger::answer(Trigger::Define, &event, async |event| {
                Ok(define_auth_challenge::respond(&event.request, &rules))
            });
            answer.now_or_never().map(|answer| answer.is_ok())
        }));
    }
    for messages in [0, 4, 16, 64, 256, 1_024] {
        let times = AdmittedTimes {
            public: (0..messages).map(|n| NOW * 1_000 + n).collect(),
            owner: Vec::new(),
        };
        let limits = LaneLimits::without_owner_lane(vec![
            IssueLimit { count: 2_000, window: Duration::from_secs(900) },
            IssueLimit { count: 2_000, window: Duration::from_secs(86_400) },
        ]);
        cases
            .push(bench_case(format!("ledger: admit after {messages} in the window"), move || {
                admit(&times, &limits, Lane::Public, NOW * 1_000 + 2_000).is_ok()
            }));
    }
    let rules = CodeRules { binding: CodeBinding::new(&key.tag(), media), lifetime: 300 };
    let (state, _) = CodeState::default().issue(nonce, &rules, NOW);
    let fresh = Nonce::from_bytes([8; 16]);
    for (name, at) in [("the live code", NOW + 30), ("a new code", NOW + 299)] {
        let (state, rules) = (state.clone(), rules.clone());
        cases.push(bench_case(format!("ledger: issue {name}"), move || {
            state.issue(fresh, &rules, black_box(at))
        }));
    }
    let round = RoundId::from_bytes([9; 16]);
    cases.push(bench_case("ledger: consume", move || state.consume(nonce, round)));
    let names = ItemNames::new(LedgerKey::new(KEY)?);
    cases.push(bench_case("ledger: name an account", move || names.account(POOL, SUB)));
    let languages: Vec<&'static Language> = Language::all().iter().collect();
    let ends = [languages.first(), languages.last()].into_iter().flatten().copied();
    for language in ends {
        for medium in [Medium::Sms, Medium::Email] {
            let words = MessageCatalog::default();
            let code = Code::derive(&key, OWNER, &nonce, length);
            let name = format!("message: {} in {}", medium.name(), language.tag);
            cases
                .push(bench_case(name, move || Message::new(&words, language, medium, &code, 299)));
        }
        let words = MessageCatalog::default();
        let name = format!("language: {} of {}", language.tag, languages.len());
        cases.push(bench_case(name, move || words.language([Some(language.tag)]).tag));
    }
    cases.push(bench_case("settings: all languages' words", || {
        MessageCatalog::read(&|_| None).is_ok()
    }));
    Ok(cases)
}

/// Pre-sign-up's event of a user who signs up with one contact.
fn pre_sign_up_event(attribute: &str, value: &str) -> Value {
    json!({
        "version": "1",
        "triggerSource": "PreSignUp_SignUp",
        "region": "us-east-1",
        "userPoolId": POOL,
        "userName": SUB,
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client" },
        "request": { "userAttributes": { attribute: value }, "validationData": null },
        "response": { "autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false },
    })
}

/// Define's event after so many rounds in which the client asked for the code again.
fn define_event(entries: usize, record: &Record) -> Value {
    let entry = json!({
        "challengeName": "CUSTOM_CHALLENGE",
        "challengeResult": false,
        "challengeMetadata": record.encode(),
    });
    json!({
        "version": "1",
        "triggerSource": "DefineAuthChallenge_Authentication",
        "region": "us-east-1",
        "userPoolId": POOL,
        "userName": SUB,
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client" },
        "request": {
            "userAttributes": {
                "sub": SUB, "phone_number": "+819012345678", "phone_number_verified": "true",
            },
            "session": vec![entry; entries],
            "clientMetadata": null,
            "userNotFound": false,
        },
        "response": { "challengeName": null, "issueTokens": null, "failAuthentication": null },
    })
}

/// How many nanoseconds `work` takes: the median of samples.
fn measure_nanoseconds(work: &dyn Fn()) -> f64 {
    let mut times = 1;
    let sample = |times: u32| {
        let started = now();
        (0..times).for_each(|_| work());
        started.elapsed()
    };
    while sample(times) < SAMPLE {
        times *= 2;
    }
    let mut samples: Vec<Duration> = (0..SAMPLES).map(|_| sample(times)).collect();
    samples.sort_unstable();
    let median = samples.get(SAMPLES / 2).copied().unwrap_or_default();
    median.as_secs_f64() * 1e9 / f64::from(times)
}

/// How many instructions the case takes; none where there is no Valgrind.
fn count_instructions(name: &str) -> Result<Option<u64>, BenchError> {
    let mut counts = [0; 2];
    for (times, count) in VALGRIND_ITERATIONS.into_iter().zip(&mut counts) {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        valgrind.arg(std::env::current_exe()?).args([name, &times.to_string()]);
        let Ok(said) = valgrind.output() else { return Ok(None) };
        let said = String::from_utf8(said.stderr)?;
        let collected = said.lines().find_map(|line| line.split_once("Collected : "));
        let (_, number) = collected.ok_or("valgrind reported no instruction count")?;
        *count = number.trim().parse::<u64>()?;
    }
    let [few, many] = counts;
    let [few_times, many_times] = VALGRIND_ITERATIONS;
    Ok(Some(many.saturating_sub(few) / (many_times - few_times)))
}

#[expect(clippy::disallowed_methods, reason = "it is what a benchmark does")]
fn now() -> Instant {
    Instant::now()
}
