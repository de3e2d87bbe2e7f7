//! The private challenge parameters, one to a line (nonce, end of life, choice): refused, or read as
//! what encodes to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otp::{Medium, PrivateChallengeParameters};

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (nonce, expires_at, choice) = (lines.next(), lines.next(), lines.next());
    let read = PrivateChallengeParameters::parse(|name| match name {
        "nonce" => nonce,
        "expires_at" => expires_at,
        "other_choice" => choice,
        _ => None,
    });
    match read {
        Ok(expected) => {
            match expected {
                PrivateChallengeParameters::Code(_) => assert_eq!(choice, None),
                PrivateChallengeParameters::Choice { alternative } => {
                    assert_eq!(choice, Some(alternative.map_or("", Medium::name)))
                }
            }
            let encoded = expected.encode();
            let get = |wanted: &str| {
                let found = encoded.iter().find(|(name, _)| *name == wanted);
                found.map(|(_, value)| value.as_str())
            };
            assert!(get("nonce").is_none() || get("nonce") == nonce);
            assert_eq!(PrivateChallengeParameters::parse(get), Ok(expected));
        }
        Err(error) => {
            let names = ["nonce", "expires_at", "other_choice"];
            let told = names.iter().find(|name| error.0 == **name).expect("one of the names");
            let words = format!("the private challenge parameter `{told}` is absent or malformed");
            assert_eq!(error.to_string(), words);
        }
    }
});
