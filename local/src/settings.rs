//! What the functions are told: the variables of our own environment that are settings of theirs,
//! and a value that does for each that they require and we were not given.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;

use crate::services::dynamodb::LEDGER_TABLE;

/// The variables that are passed on as they are.
const PASSED_ON: [&str; 34] = [
    "ANDROID_APP_HASH",
    "APP_NAME",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SESV2",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
    "CODE_KEY",
    "CODE_LENGTH",
    "CODE_LIFETIME_SECONDS",
    "DEFAULT_LOCALE",
    "EMAIL_CONFIGURATION_SET",
    "EMAIL_FROM",
    "EMAIL_TEMPLATE",
    "FIRST_ROUND",
    "ISSUE_LIMITS",
    "LEDGER_TABLE",
    "MAX_ATTEMPTS",
    "MAX_SENDS",
    "MEDIA",
    "METRICS_NAMESPACE",
    "REQUIRE_VERIFIED",
    "RESEND_AFTER_SECONDS",
    "RUST_BACKTRACE",
    "SIGN_IN",
    "SMS_COUNTRIES",
    "SMS_ENTITY_ID",
    "SMS_MAX_PRICE_USD",
    "SMS_ORIGINATION_NUMBER",
    "SMS_SENDER_ID",
    "SMS_TEMPLATE_ID",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "WEB_OTP_DOMAIN",
];

/// What the names of the variables start with that hold an operator's own words, one for each
/// language. Which languages there are is create's to know.
const WORDS: &str = "MESSAGE_";

/// The functions' variables: those of ours that are settings; a fresh `CODE_KEY`, a made-up
/// `EMAIL_FROM` and the embedded ledger where there are none; and `endpoint` in place of AWS.
pub fn environment(
    ours: &BTreeMap<String, String>,
    endpoint: &str,
    rng: &mut impl CryptoRng,
) -> BTreeMap<String, String> {
    let mut key = [0; 32];
    rng.fill_bytes(&mut key);
    let defaults = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("CODE_KEY", URL_SAFE_NO_PAD.encode(key)),
        ("EMAIL_FROM", "Sign-in <sign-in@local.example>".to_owned()),
        ("LEDGER_TABLE", LEDGER_TABLE.to_owned()),
        ("SMS_COUNTRIES", "*".to_owned()),
    ];
    let defaults = defaults.map(|(name, value)| (name.to_owned(), value));
    let is_setting = |name: &str| PASSED_ON.contains(&name) || name.starts_with(WORDS);
    let given = ours.iter().filter(|(name, _)| is_setting(name));
    let given = given.map(|(name, value)| (name.clone(), value.clone()));
    defaults.into_iter().chain(given).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn what_is_ours_reaches_the_functions_and_nothing_else_does() {
        let ours = [
            ("MAX_SENDS", "2"),
            ("EMAIL_FROM", "a@b"),
            ("HOME", "/home"),
            ("APP_NAME", ""),
            ("MESSAGE_SMS_PT_BR", "{code}"),
        ];
        let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let environment = environment(&ours, "http://127.0.0.1:1", &mut StdRng::seed_from_u64(1));
        let get = |name: &str| environment.get(name).map(String::as_str);
        assert_eq!(get("MAX_SENDS"), Some("2"));
        assert_eq!(get("EMAIL_FROM"), Some("a@b"));
        assert_eq!(get("APP_NAME"), Some(""));
        assert_eq!(get("SMS_COUNTRIES"), Some("*"));
        assert_eq!(get("AWS_ENDPOINT_URL"), Some("http://127.0.0.1:1"));
        assert_eq!(get("CODE_KEY").map(str::len), Some(43));
        assert_eq!(get("MESSAGE_SMS_PT_BR"), Some("{code}"));
        assert_eq!(get("HOME"), None);
    }

    #[test]
    fn the_list_is_sorted_and_has_no_name_twice() {
        assert!(PASSED_ON.is_sorted_by(|a, b| a < b));
    }
}
