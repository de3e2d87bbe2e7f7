//! Writes libphonenumber's numbering plans as constants.
//!
//! The `phonenumber` crate carries Google's metadata, but reading it takes a tenth of a second and
//! 2.5 MB of program, and a function starts far more often than the world's numbering changes. So
//! it is read here, once, its patterns too, and what one number needs is compiled in as it is.
#![expect(clippy::expect_used, clippy::panic, reason = "a build without the metadata has to stop")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

#[path = "src/code.rs"]
mod code;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/code.rs");
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
    #[expect(clippy::disallowed_methods, reason = "where cargo wants the files")]
    let directory = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let write = |name: &str, text: &str| {
        fs::write(Path::new(&directory).join(name), text).expect("OUT_DIR is writable");
    };
    write("plans.rs", &source);
    let patterns = patterns.0.iter().map(|(text, program)| format!("({text:?}, &{program:?}),"));
    write("patterns.rs", &format!("&[{}]", patterns.collect::<String>()));
}

/// The patterns so far, and their programs.
#[derive(Default)]
struct Patterns(BTreeMap<String, Vec<u8>>);

impl Patterns {
    /// The program of `pattern`, as a constant, and how many groups it has.
    fn compile(&mut self, pattern: &str) -> (String, usize) {
        // They are broken into lines.
        let pattern: String = pattern.split_whitespace().collect();
        let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(&pattern);
        let parsed = parsed.unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let mut program = Vec::new();
        compile(&parsed, &mut program);
        let constant = format!("Pattern(&{program:?})");
        self.0.insert(pattern, program);
        (constant, parsed.properties().explicit_captures_len())
    }
}

/// Writes `hir` as `code` says. What no pattern of the metadata has is not known there.
fn compile(hir: &Hir, program: &mut Vec<u8>) {
    let part = |hir: &Hir| {
        let mut body = Vec::new();
        compile(hir, &mut body);
        let length = u16::try_from(body.len()).expect("patterns are short").to_le_bytes();
        [length.to_vec(), body].concat()
    };
    let small = |number: usize| u8::try_from(number).expect("patterns are small");
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => program.extend(literal.0.iter().map(|byte| digit(*byte))),
        HirKind::Class(Class::Bytes(class)) => {
            let bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            let set = bytes.fold(0_u16, |set, byte| set | 1 << digit(byte));
            program.push(code::ONE_OF);
            program.extend(set.to_le_bytes());
        }
        HirKind::Look(Look::End) => program.push(code::END),
        HirKind::Repetition(repetition) if repetition.greedy => {
            let max = repetition.max.expect("no pattern goes on for ever");
            program.push(code::REPEAT);
            program.extend([repetition.min, max].map(|count| small(count as usize)));
            program.extend(part(&repetition.sub));
        }
        HirKind::Capture(capture) => {
            program.extend([code::GROUP, small(capture.index as usize)]);
            program.extend(part(&capture.sub));
        }
        HirKind::Concat(parts) => parts.iter().for_each(|hir| compile(hir, program)),
        HirKind::Alternation(branches) => {
            program.extend([code::FIRST_OF, small(branches.len())]);
            program.extend(branches.iter().flat_map(part));
        }
        other => panic!("{other:?} is in no pattern that we know"),
    }
}

fn digit(byte: u8) -> u8 {
    assert!(byte.is_ascii_digit(), "patterns are of digits");
    byte - b'0'
}

fn territory(metadata: &Metadata, shared: bool, patterns: &mut Patterns) -> String {
    let all = metadata.descriptors();
    // The order is libphonenumber's: a number is of the first kind that it matches.
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
        let form = descriptor.map(|descriptor| form(descriptor, patterns));
        form.map_or("None".to_owned(), |form| format!("Some({form})"))
    };
    let [premium, free, shared_cost] = [premium, free, shared_cost].map(&mut optional);
    // Only where regions share a calling code does it matter whether a number is a region's at all.
    let mut own = Vec::new();
    for other in others.into_iter().flatten().filter(|_| shared) {
        let form = form(other, patterns);
        // Often mobile numbers look as those of fixed lines do.
        if !own.contains(&form) {
            own.push(form);
        }
    }
    let transform = metadata.national_prefix_transform_rule().unwrap_or_default();
    // The only references to groups that we read are of one digit, and no digit comes after one.
    let mut characters = transform.split('$').skip(1).map(|part| part.as_bytes().get(..2));
    let plain = |part: Option<&[u8]>| part.is_none_or(|part| !part.iter().all(u8::is_ascii_digit));
    assert!(characters.all(plain), "{transform} is a rule that we cannot read");
    let prefix = metadata.national_prefix_for_parsing().map(|regex| regex.as_str());
    let prefix = prefix.or(metadata.national_prefix());
    let mut pattern = |pattern: Option<&str>| {
        let compiled = pattern.map(|pattern| patterns.compile(pattern));
        compiled.map_or(("None".to_owned(), 0), |(constant, groups)| {
            (format!("Some({constant})"), groups)
        })
    };
    let (leading_digits, _) = pattern(metadata.leading_digits().map(|regex| regex.as_str()));
    let (national_prefix, last_group) = pattern(prefix);
    let (general, _) = patterns.compile(all.general().national_number().as_str());
    format!(
        "Territory {{ region: {:?}, leading_digits: {leading_digits}, \
         national_prefix: {national_prefix}, last_group: {last_group}, transform: {transform:?}, \
         general: Form {{ lengths: {possible}, pattern: {general} }}, premium_rate: {premium}, \
         toll_free: {free}, shared_cost: {shared_cost}, others: &[{}] }},",
        metadata.id(),
        own.join(", "),
    )
}

fn form(descriptor: &Descriptor, patterns: &mut Patterns) -> String {
    let (pattern, _) = patterns.compile(descriptor.national_number().as_str());
    format!("Form {{ lengths: {}, pattern: {pattern} }}", lengths_of(descriptor))
}

/// The possible lengths, as bits: bit 9 is set where nine digits are possible.
fn lengths_of(descriptor: &Descriptor) -> u32 {
    descriptor.possible_length().iter().fold(0, |bits, length| bits | 1 << length)
}
