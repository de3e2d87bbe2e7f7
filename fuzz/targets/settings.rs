//! The settings of all three functions, one `NAME=value` to a line: taken, or refused by an error
//! that names a variable and repeats no value.

#![no_main]

use std::collections::BTreeMap;

use aws::{Environment, Service};
use libfuzzer_sys::fuzz_target;
use settings::{CodeSettings, SettingError};

/// What errors are made of, beside letters and digits. A value that were repeated would bring others.
const MARKS: &str = " ,.;:=<>/@`_-()*+'{}";

/// What every key has and no error.
const MARK_OF_KEYS: char = '~';

fuzz_target!(|text: &str| {
    let variables: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    let lookup = |name: &str| {
        let mut value = (*variables.get(name)?).to_owned();
        if ["CODE_KEY", "AWS_SECRET_ACCESS_KEY"].contains(&name) && !value.is_empty() {
            value.push(MARK_OF_KEYS);
        }
        Some(value)
    };
    check(define_auth_challenge::read(&lookup).map(drop));
    check(create_auth_challenge::Settings::read(&lookup).map(drop));
    check(Environment::read(&lookup, [Service::DynamoDb, Service::SesV2, Service::Sns]).map(drop));
    check(CodeSettings::read(&lookup).map(drop));
});

fn check(outcome: Result<(), SettingError>) {
    let Err(error) = outcome else { return };
    let text = error.to_string();
    assert!(text.starts_with(error.variable) && !error.variable.is_empty());
    let end = format!("; for example {}={}", error.variable, error.example);
    assert!(text.ends_with(&end), "{text}");
    let ours = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(c);
    assert!(text.chars().all(ours), "{text}");
}
