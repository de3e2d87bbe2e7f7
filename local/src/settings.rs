//! The functions' environment: the variables of our own environment that are settings of theirs,
//! and a default for each that they require and that is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use saphyr::{LoadableYamlNode as _, Yaml};

use crate::services::dynamodb::LEDGER_TABLE;
use crate::user_pool::SignUpMode;

/// The template, which sets exactly the variables that the functions read: a test of the workspace
/// records what they read and compares.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// What the runtime, the AWS SDK and the TLS library below the functions read.
const RUNTIME_VARIABLES: [&str; 5] = [
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
    "RUST_BACKTRACE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// What other names start with: the SDK's endpoint of one service, and the messages in the
/// operator's own words, two for each language, which are too many for the template.
const PREFIXES: [&str; 2] = ["AWS_ENDPOINT_URL_", "MESSAGE_"];

/// The names of the variables that `template` sets for any function.
fn variables_of(template: &str) -> BTreeSet<String> {
    let documents = Yaml::load_from_str(template).unwrap_or_default();
    let names = documents.iter().flat_map(|document| {
        let globals = at(document, &["Globals", "Function"]).into_iter();
        let resources = at(document, &["Resources"]).and_then(Yaml::as_mapping);
        let properties = resources
            .into_iter()
            .flat_map(|resources| resources.values())
            .filter_map(|resource| at(resource, &["Properties"]));
        globals
            .chain(properties)
            .filter_map(|function| at(function, &["Environment", "Variables"])?.as_mapping())
            .flat_map(|variables| variables.keys().filter_map(|name| name.as_str()))
    });
    names.map(str::to_owned).collect()
}

/// The value at `path`, keys of mappings within mappings.
fn at<'a>(yaml: &'a Yaml<'static>, path: &[&str]) -> Option<&'a Yaml<'static>> {
    path.iter().try_fold(yaml, |yaml, key| yaml.as_mapping_get(key))
}

/// The functions' variables: those of `ours` that are settings; fresh `CODE_KEY` and `LEDGER_KEY`, a
/// placeholder `EMAIL_FROM`, the embedded ledger and the template's `SIGN_UP` where there are none; and
/// `endpoint` in place of AWS.
pub fn environment(
    ours: &BTreeMap<String, String>,
    endpoint: &str,
    rng: &mut impl CryptoRng,
) -> BTreeMap<String, String> {
    let mut key = || {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        URL_SAFE_NO_PAD.encode(key)
    };
    let defaults = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("CODE_KEY", key()),
        ("EMAIL_FROM", "Sign-in <sign-in@local.example>".to_owned()),
        ("LEDGER_KEY", key()),
        ("LEDGER_TABLE", LEDGER_TABLE.to_owned()),
        ("SMS_COUNTRIES", "*".to_owned()),
        // Nobody pays for messages here, and load tests are no attack.
        ("SPEND_GUARD", "record".to_owned()),
        (SIGN_UP, default_sign_up(ours).name().to_owned()),
    ];
    let defaults = defaults.map(|(name, value)| (name.to_owned(), value));
    let settings = variables_of(TEMPLATE);
    let is_setting = |name: &str| {
        settings.contains(name)
            || RUNTIME_VARIABLES.contains(&name)
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    // Without a value the functions take another default than the template does.
    let is_default = |name: &str, value: &str| name == SIGN_UP && value.is_empty();
    let given = ours.iter().filter(|(name, value)| is_setting(name) && !is_default(name, value));
    let given = given.map(|(name, value)| (name.clone(), value.clone()));
    defaults.into_iter().chain(given).collect()
}

const SIGN_UP: &str = "SIGN_UP";

/// The template's `SignUp` for a pool of its own.
fn default_sign_up(ours: &BTreeMap<String, String>) -> SignUpMode {
    match ours.get("SIGN_IN").map(String::as_str) {
        Some("second-factor") => SignUpMode::Cognito,
        _ => SignUpMode::Code,
    }
}

/// How users come into the default pool, as the functions read `SIGN_UP`. A value that they refuse is
/// the default here: they report it when they start.
#[must_use]
pub fn sign_up(ours: &BTreeMap<String, String>) -> SignUpMode {
    let given = ours.get(SIGN_UP).map(String::as_str);
    let named = SignUpMode::ALL.into_iter().find(|mode| Some(mode.name()) == given);
    named.unwrap_or_else(|| default_sign_up(ours))
}

/// How long a code lives, as the functions read `CODE_LIFETIME_SECONDS`. A value that they refuse is
/// the default here: they report it when they start.
#[must_use]
pub fn code_lifetime(ours: &BTreeMap<String, String>) -> Duration {
    const DEFAULT_SECONDS: u64 = 300;
    let seconds = ours.get("CODE_LIFETIME_SECONDS").and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(DEFAULT_SECONDS))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn only_function_settings_are_passed_to_the_functions() {
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
        assert_eq!(get("LEDGER_KEY").map(str::len), Some(43));
        assert_ne!(get("LEDGER_KEY"), get("CODE_KEY"));
        assert_eq!(get("MESSAGE_SMS_PT_BR"), Some("{code}"));
        assert_eq!(get("HOME"), None);
    }

    #[test]
    fn code_lifetime_is_the_functions() {
        for (given, expected) in [(None, 300), (Some(""), 300), (Some("x"), 300), (Some("60"), 60)]
        {
            let ours = given.map(|value| ("CODE_LIFETIME_SECONDS".to_owned(), value.to_owned()));
            let ours = ours.into_iter().collect();
            assert_eq!(code_lifetime(&ours), Duration::from_secs(expected), "{given:?}");
        }
    }

    #[test]
    fn sign_up_mode_follows_the_template_and_reaches_the_functions() {
        use SignUpMode::{Closed, Code, Cognito};
        for (given, sign_in, mode, passed) in [
            (None, None, Code, "code"),
            (Some(""), None, Code, "code"),
            (Some(""), Some(""), Code, "code"),
            (None, Some("passwordless"), Code, "code"),
            (None, Some("second-factor"), Cognito, "cognito"),
            (Some(""), Some("second-factor"), Cognito, "cognito"),
            (Some("cognito"), None, Cognito, "cognito"),
            (Some("closed"), Some("second-factor"), Closed, "closed"),
            // The functions refuse these.
            (Some("code"), Some("second-factor"), Code, "code"),
            (Some("open"), None, Code, "open"),
            (Some("Code"), Some("second-factor"), Cognito, "Code"),
        ] {
            let ours = [("SIGN_UP", given), ("SIGN_IN", sign_in)].into_iter();
            let ours = ours.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
            let ours = ours.collect();
            assert_eq!(sign_up(&ours), mode, "{ours:?}");
            let passed_on = environment(&ours, "http://127.0.0.1:1", &mut StdRng::seed_from_u64(1));
            assert_eq!(passed_on.get("SIGN_UP").map(String::as_str), Some(passed), "{ours:?}");
            assert_eq!(passed_on.get("SIGN_IN"), ours.get("SIGN_IN"));
        }
    }

    #[test]
    fn settings_match_every_function_of_the_template() {
        let settings = variables_of(TEMPLATE);
        // One of all functions, and one of each.
        for name in ["METRICS_NAMESPACE", "SIGN_IN", "SIGN_UP", "MEDIA", "CODE_LENGTH"] {
            assert!(settings.contains(name), "{name}");
        }
        assert!(settings.len() > 20, "{settings:?}");
        assert!(
            settings.iter().all(|name| name.bytes().all(|c| c == b'_' || c.is_ascii_uppercase()))
        );
    }
}
