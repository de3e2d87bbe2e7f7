//! Pre-sign-up, from an event's bytes to its answer: nothing is ever verified, and nobody is confirmed
//! but, with `SIGN_UP=code`, a user who signs up with exactly one contact that codes may be sent to.
//! Whoever else signs up then is refused by a fault, and other sources of users are left to Cognito.

#![no_main]

use fuzz::{extract_response, only_contact, parse_json, run, string_field};
use libfuzzer_sys::fuzz_target;
use numbering::E164;
use otp::Medium;
use pre_sign_up::PreSignUp;
use serde_json::{Value, json};
use trigger::{Fault, Trigger};

/// Where SMS go to: Japan. Its numbers begin with this.
const COUNTRY: (&str, &str) = ("JP", "+81");

/// Ranges of that country to which no codes are sent: premium rate, and free of charge.
const EXCLUDED: [&str; 2] = ["+81990", "+81120"];

const PHONE_NUMBER: &str = "+819012345678";
const EMAIL: &str = "jane@example.com";

fuzz_target!(|text: &str| {
    let event = parse_json(text);
    for sign_up in ["code", "cognito", "closed"] {
        for media in ["SMS,EMAIL", "SMS", "EMAIL"] {
            let outcome = sign_up_with(text, sign_up, media);
            if let (Some(event), false) = (&event, matches!(outcome, Err(Fault::Internal(_)))) {
                check(event, outcome, sign_up, media);
                if sign_up == "code" {
                    check_contacts(event, media);
                }
            }
        }
    }
});

/// Is the user confirmed?
fn sign_up_with(event: &str, sign_up: &str, media: &str) -> Result<bool, Fault> {
    let lookup = |name: &str| match name {
        "SIGN_UP" => Some(sign_up.to_owned()),
        "MEDIA" => Some(media.to_owned()),
        "SMS_COUNTRIES" => Some(COUNTRY.0.to_owned()),
        _ => None,
    };
    let function = PreSignUp::read(&lookup).expect("good settings");
    let respond = async |event: &trigger::Event| function.respond(event);
    let answer = run(trigger::answer(Trigger::PreSignUp, event, respond))?;
    let response = extract_response(event, &answer);
    let is_confirmed = response["autoConfirmUser"].as_bool().expect("a decision");
    let expected = json!({
        "autoConfirmUser": is_confirmed, "autoVerifyEmail": false, "autoVerifyPhone": false,
    });
    assert_eq!(response, expected, "a contact counts as verified without a proof");
    Ok(is_confirmed)
}

/// Checks what became of the user of `event`.
fn check(event: &Value, outcome: Result<bool, Fault>, sign_up: &str, media: &str) {
    let is_self_sign_up = event["triggerSource"] == "PreSignUp_SignUp";
    if !is_self_sign_up || sign_up == "cognito" {
        return assert_eq!(outcome, Ok(false), "the user is not left to Cognito");
    }
    if sign_up == "closed" {
        return assert_eq!(outcome, Err(Fault::SignUpClosed));
    }
    let contacts = contacts(event);
    let expected = match &contacts[..] {
        [] => Err(Fault::NoDestination),
        [(medium, _)] if !media.split(',').any(|name| name == medium.name()) => {
            Err(Fault::NoDestination)
        }
        [(Medium::Email, _)] => Ok(true),
        [(Medium::Sms, number)] => {
            let is_abroad = !number.starts_with(COUNTRY.1);
            let is_excluded = EXCLUDED.iter().any(|range| number.starts_with(range));
            match outcome {
                // Whether a number is possible, its plan says.
                Ok(true) if !is_abroad && !is_excluded => Ok(true),
                _ => Err(Fault::DestinationNotAllowed),
            }
        }
        _ => Err(Fault::OneContactOnly),
    };
    let is_well_formed = contacts.iter().all(|(medium, value)| is_well_formed(*medium, value));
    match &contacts[..] {
        [_] if !is_well_formed => assert_eq!(outcome, Err(Fault::NoDestination)),
        _ => assert_eq!(outcome, expected),
    }
}

/// All contacts that `event` has, in its attributes or as the user name.
fn contacts(event: &Value) -> Vec<(Medium, String)> {
    let request = &event["request"];
    let mut contacts: Vec<(Medium, String)> = [Medium::Sms, Medium::Email]
        .into_iter()
        .filter_map(|medium| {
            Some((medium, string_field(request, "userAttributes", medium.attributes().0)?))
        })
        .filter(|(_, value)| !value.is_empty())
        .collect();
    assert_eq!(only_contact(request).is_some(), contacts.len() == 1);
    let name = event["userName"].as_str().unwrap_or_default();
    for medium in [Medium::Sms, Medium::Email] {
        let is_other = |(other, value): &(Medium, String)| {
            *other != medium || !value.eq_ignore_ascii_case(name)
        };
        if is_well_formed(medium, name) && contacts.iter().all(is_other) {
            contacts.push((medium, name.to_owned()));
        }
    }
    contacts
}

fn is_well_formed(medium: Medium, value: &str) -> bool {
    match medium {
        Medium::Sms => E164::parse(value).is_some(),
        Medium::Email => destination::is_email(value),
    }
}

/// The user of `event` with other contacts, who signs up.
fn check_contacts(event: &Value, media: &str) {
    let mut event = event.clone();
    event["triggerSource"] = json!("PreSignUp_SignUp");
    event["userName"] = json!("jane");
    let mut outcome = |phone_number: &str, email: &str| {
        for (name, value) in [("phone_number", phone_number), ("email", email)] {
            event["request"]["userAttributes"][name] = json!(value);
        }
        sign_up_with(&event.to_string(), "code", media)
    };
    assert_eq!(outcome(PHONE_NUMBER, EMAIL), Err(Fault::OneContactOnly));
    assert_eq!(outcome("", ""), Err(Fault::NoDestination));
    for (medium, phone_number, email) in [("SMS", PHONE_NUMBER, ""), ("EMAIL", "", EMAIL)] {
        let is_enabled = media.split(',').any(|name| name == medium);
        let expected = if is_enabled { Ok(true) } else { Err(Fault::NoDestination) };
        assert_eq!(outcome(phone_number, email), expected);
    }
    let expected =
        if media == "EMAIL" { Fault::NoDestination } else { Fault::DestinationNotAllowed };
    for number in ["+14155550123", "+810990123456", "+8100000000000"] {
        assert_eq!(outcome(number, ""), Err(expected));
    }
}
