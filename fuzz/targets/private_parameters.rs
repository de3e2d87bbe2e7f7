//! The private challenge parameters, one to a line: refused, or read as what encodes to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otp::PrivateParameters;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(2, '\n');
    let (nonce, expires_at) = (lines.next(), lines.next());
    let read = |nonce, expires_at| {
        PrivateParameters::parse(|name| match name {
            "nonce" => nonce,
            "expires_at" => expires_at,
            _ => None,
        })
    };
    match read(nonce, expires_at) {
        Ok(parameters) => {
            let [(_, nonce_again), (_, expires_again)] = parameters.encode();
            assert_eq!(Some(nonce_again.as_str()), nonce);
            assert_eq!(read(Some(&nonce_again), Some(&expires_again)), Ok(parameters));
        }
        Err(error) => {
            let nonce = error.0 == "nonce";
            let told = if nonce { "nonce" } else { "expires_at" };
            let words = format!("the private challenge parameter `{told}` is absent or malformed");
            assert_eq!(error.to_string(), words);
        }
    }
});
