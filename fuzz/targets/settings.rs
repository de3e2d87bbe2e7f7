//! The settings of all four functions, one `NAME=value` to a line: taken, or refused by an error
//! that names a variable and repeats no value.

#![no_main]

use std::collections::BTreeMap;

use aws::{Environment, Service};
use destination::DestinationSettings;
use libfuzzer_sys::fuzz_target;
use pre_sign_up::PreSignUp;
use settings::{CodeSettings, LedgerSettings, Modes, SettingError, SignInMode, SignUpMode};

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
    check(PreSignUp::read(&lookup).map(drop));
    check(DestinationSettings::read(&lookup).map(drop));
    check(CodeSettings::read(&lookup).map(drop));
    check(LedgerSettings::read(&lookup).map(drop));
    check(Environment::read(&lookup, [Service::DynamoDb, Service::SesV2, Service::Sns]).map(drop));
    check(Environment::read(&lookup, [Service::DynamoDb]).map(drop));
    let of_verify = [Service::CognitoIdentityProvider, Service::DynamoDb];
    check(Environment::read(&lookup, of_verify).map(drop));
    check_modes(&lookup);
});

/// A first code never sets a first factor aside, and no function starts that would let it.
fn check_modes(lookup: &dyn Fn(&str) -> Option<String>) {
    let modes = Modes::read(lookup);
    let is = |name: &str, value: &str| lookup(name).as_deref() == Some(value);
    if let Ok(Modes { sign_in, sign_up }) = modes {
        assert_eq!(sign_in == SignInMode::SecondFactor, is("SIGN_IN", "second-factor"));
        assert_eq!(sign_up == SignUpMode::Code, is("SIGN_UP", "code"));
        assert_eq!(sign_up == SignUpMode::Closed, is("SIGN_UP", "closed"));
        let combined = (sign_in, sign_up);
        assert_ne!(combined, (SignInMode::SecondFactor, SignUpMode::Code), "a factor set aside");
    } else {
        assert!(define_auth_challenge::read(lookup).is_err());
        assert!(create_auth_challenge::Settings::read(lookup).is_err());
        assert!(PreSignUp::read(lookup).is_err());
    }
    check(modes.map(drop));
}

fn check(outcome: Result<(), SettingError>) {
    let Err(error) = outcome else { return };
    let text = error.to_string();
    assert!(text.starts_with(error.variable) && !error.variable.is_empty());
    let end = format!("; for example {}={}", error.variable, error.example);
    assert!(text.ends_with(&end), "{text}");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ALLOWED_PUNCTUATION.contains(c);
    assert!(text.chars().all(is_allowed), "{text}");
}
