//! Writes libphonenumber's numbering plans as constants.
//!
//! The `phonenumber` crate carries Google's metadata, but reading it takes a tenth of a second and
//! 2.5 MB of program, and a function starts far more often than the world's numbering changes. So
//! it is read here, once, and what one number needs is compiled in as it is.
#![expect(clippy::expect_used, reason = "a build without the metadata has to stop")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let mut source = String::from("pub(crate) static PLANS: &[Plan] = &[\n");
    for calling_code in 1..=999_u16 {
        let Some(territories) = DATABASE.by_code(&calling_code) else { continue };
        let shared = territories.len() > 1;
        let territories: String = territories.iter().map(|t| territory(t, shared)).collect();
        writeln!(source, "Plan {{ calling_code: {calling_code}, territories: &[{territories}] }},")
            .expect("a string takes any text");
    }
    source.push_str("];\n");
    #[expect(clippy::disallowed_methods, reason = "where cargo wants the file")]
    let directory = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&directory).join("plans.rs"), source).expect("OUT_DIR is writable");
}

fn territory(metadata: &Metadata, shared: bool) -> String {
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
    // Only where regions share a calling code does it matter whether a number is a region's at all.
    let others: String =
        others.into_iter().flatten().filter(|_| shared).map(|d| format!("{},", form(d))).collect();
    let optional = |descriptor: Option<&Descriptor>| {
        descriptor.map_or("None".to_owned(), |descriptor| format!("Some({})", form(descriptor)))
    };
    let text = |text: Option<&str>| text.map(compact).unwrap_or_default();
    let prefix = metadata.national_prefix_for_parsing().map(|regex| regex.as_str());
    format!(
        "Territory {{ region: {:?}, leading_digits: {:?}, national_prefix: {:?}, transform: {:?}, \
         general: Form {{ lengths: {possible}, pattern: {:?} }}, premium_rate: {}, toll_free: {}, \
         shared_cost: {}, others: &[{others}] }},",
        metadata.id(),
        text(metadata.leading_digits().map(|regex| regex.as_str())),
        text(prefix.or(metadata.national_prefix())),
        text(metadata.national_prefix_transform_rule()),
        compact(all.general().national_number().as_str()),
        optional(premium),
        optional(free),
        optional(shared_cost),
    )
}

fn form(descriptor: &Descriptor) -> String {
    let pattern = compact(descriptor.national_number().as_str());
    format!("Form {{ lengths: {}, pattern: {pattern:?} }}", lengths_of(descriptor))
}

/// The possible lengths, as bits: bit 9 is set where nine digits are possible.
fn lengths_of(descriptor: &Descriptor) -> u32 {
    descriptor.possible_length().iter().fold(0, |bits, length| bits | 1 << length)
}

/// The metadata's patterns are broken into lines.
fn compact(pattern: &str) -> String {
    pattern.split_whitespace().collect()
}
