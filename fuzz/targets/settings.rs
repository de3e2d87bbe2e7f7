//! The settings of all three functions, one `NAME=value` to a line: taken, or refused by an error
//! that names a variable and repeats no value.

#![no_main]

use std::collections::BTreeMap;

use aws::{Environment, Service};
use libfuzzer_sys::fuzz_target;
use settings::{CodeSettings, LedgerSettings, SettingError};

/// What errors are made of, beside letters and digits. A value that were repeated would bring others.
const ALLOWED_PUNCTUATION: &str = " ,.;:=<>/@`_-()*+'{}";

/// What every secret has and no error.
const SECRET_MARKER: char = '~';

/// The variables that hold secrets.
const SECRETS: [&str; 3] = ["CODE_KEY", "LEDGER_KEY", "AWS_SECRET_ACCESS_KEY"];

fuzz_target!(|text: &str| {
    let variables: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    let lookup = |name: &str| {
        let mut value = (*variables.get(name)?).to_owned();
        if SECRETS.contains(&name) && !value.is_empty() {
            value.push(SECRET_MARKER);
        }
        Some(value)
    };
    check(define_auth_challenge::read(&lookup).map(drop));
    check(create_auth_challenge::Settings::read(&lookup).map(drop));
    check(CodeSettings::read(&lookup).map(drop));
    check(LedgerSettings::read(&lookup).map(drop));
    check(Environment::read(&lookup, [Service::DynamoDb, Service::SesV2, Service::Sns]).map(drop));
    check(Environment::read(&lookup, [Service::DynamoDb]).map(drop));
});

fn check(outcome: Result<(), SettingError>) {
    let Err(error) = outcome else { return };
    let text = error.to_string();
    assert!(text.starts_with(error.variable) && !error.variable.is_empty());
    let end = format!("; for example {}={}", error.variable, error.example);
    assert!(text.ends_with(&end), "{text}");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ALLOWED_PUNCTUATION.contains(c);
    assert!(text.chars().all(is_allowed), "{text}");
}
