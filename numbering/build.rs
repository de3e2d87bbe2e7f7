//! Writes libphonenumber's numbering plans as constants.
//!
//! The `phonenumber` crate carries Google's metadata, but reading it takes a tenth of a second and
//! 2.5 MB of program, too much for a function's cold start. So it is read here, and only what one
//! number needs is compiled in.
#![expect(clippy::expect_used, clippy::panic, reason = "a build without the metadata has to stop")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex_lite::Regex;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let mut patterns = Patterns::default();
    let mut source = String::from("pub(crate) static PLANS: &[Plan] = &[\n");
    for calling_code in 1..=999_u16 {
        let Some(territories) = DATABASE.by_code(&calling_code) else { continue };
        let shared = territories.len() > 1;
        let territories: String =
            territories.iter().map(|t| territory(t, shared, &mut patterns)).collect();
        writeln!(source, "Plan {{ calling_code: {calling_code}, territories: &[{territories}] }},")
            .expect("a string takes any text");
    }
    source.push_str("];\n");
    let patterns = &patterns.0;
    writeln!(source, "static PATTERNS: [Pattern; {}] = [", patterns.len()).expect("as above");
    for pattern in patterns {
        writeln!(source, "Pattern::new({pattern:?}),").expect("as above");
    }
    source.push_str("];\n");
    #[expect(clippy::disallowed_methods, reason = "where cargo wants the files")]
    let directory = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&directory).join("plans.rs"), source).expect("OUT_DIR is writable");
}

/// The different patterns so far.
#[derive(Default)]
struct Patterns(Vec<String>);

impl Patterns {
    /// The expression for the pattern of numbers that start as `text` says.
    fn start(&mut self, text: &str) -> String {
        self.reference(&format!("^(?:{text})"))
    }

    /// The expression for the pattern of numbers that are as `text` says.
    fn whole(&mut self, text: &str) -> String {
        self.reference(&format!("^(?:{text})$"))
    }

    fn reference(&mut self, text: &str) -> String {
        // The metadata breaks patterns into lines.
        let text: String = text.split_whitespace().collect();
        let index = self.0.iter().position(|known| *known == text).unwrap_or_else(|| {
            // `Pattern` relies on it.
            Regex::new(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            self.0.push(text);
            self.0.len() - 1
        });
        format!("&PATTERNS[{index}]")
    }
}

fn territory(metadata: &Metadata, shared: bool, patterns: &mut Patterns) -> String {
    let all = metadata.descriptors();
    // The order is libphonenumber's: a number has the first type that it matches.
    let (premium, free, shared_cost) = (all.premium_rate(), all.toll_free(), all.shared_cost());
    let others = [
        all.voip(),
        all.personal_number(),
        all.pager(),
        all.uan(),
        all.voicemail(),
        all.fixed_line(),
        all.mobile(),
    ];
    let every = [premium, free, shared_cost].into_iter().chain(others).flatten();
    let possible = every.fold(0, |lengths, descriptor| lengths | lengths_of(descriptor));
    let mut optional = |descriptor: Option<&Descriptor>| {
        let numbers = descriptor.map(|descriptor| numbers(descriptor, patterns));
        numbers.map_or("None".to_owned(), |numbers| format!("Some({numbers})"))
    };
    let [premium, free, shared_cost] = [premium, free, shared_cost].map(&mut optional);
    // Whether a number is valid in a region matters only where regions share a calling code.
    let mut own = Vec::new();
    for other in others.into_iter().flatten().filter(|_| shared) {
        let numbers = numbers(other, patterns);
        // Mobile and fixed-line numbers often have the same pattern.
        if !own.contains(&numbers) {
            own.push(numbers);
        }
    }
    let transform = metadata.national_prefix_transform_rule().unwrap_or_default();
    let ambiguous = Regex::new(r"\$\d\w").expect("a valid pattern");
    assert!(!ambiguous.is_match(transform), "{transform}: `$1` must end before the next digit");
    let prefix = metadata.national_prefix_for_parsing().map(|regex| regex.as_str());
    let prefix = prefix.or(metadata.national_prefix());
    let leading_digits = metadata.leading_digits().map(|regex| regex.as_str());
    let [leading_digits, prefix] = [leading_digits, prefix].map(|text| {
        text.map_or("None".to_owned(), |text| format!("Some({})", patterns.start(text)))
    });
    format!(
        "Territory {{ region: {:?}, leading_digits: {leading_digits}, national_prefix: {prefix}, \
         national_prefix_transform: {transform:?}, \
         general: Numbers {{ lengths: {possible}, pattern: {} }}, premium_rate: {premium}, \
         toll_free: {free}, shared_cost: {shared_cost}, others: &[{}] }},",
        metadata.id(),
        patterns.whole(all.general().national_number().as_str()),
        own.join(", "),
    )
}

fn numbers(descriptor: &Descriptor, patterns: &mut Patterns) -> String {
    let pattern = patterns.whole(descriptor.national_number().as_str());
    format!("Numbers {{ lengths: {}, pattern: {pattern} }}", lengths_of(descriptor))
}

/// The possible lengths, as bits: bit 9 is set where nine digits are possible.
fn lengths_of(descriptor: &Descriptor) -> u32 {
    descriptor.possible_length().iter().fold(0, |bits, length| bits | 1 << length)
}
