//! Reads settings: each function reads its variables once, at start-up, into a typed struct.
//!
//! The environment is an argument ([`Lookup`], a lookup by name). A variable that is absent or empty
//! has its default: a SAM template passes an unused optional parameter as an empty string. Any other
//! value is valid or refused, with a message that names the variable, what is wrong and an example of
//! a good value, but never the value itself, which may be a key.
//!
//! Not responsible for: settings that a single function reads (they are that function's), or what the
//! values mean (`otp`, `ledger`).

mod codes;
mod limits;
mod variable;

pub use codes::CodeSettings;
pub use limits::Limits;
pub use variable::{Lookup, SettingError, Variable};

#[cfg(test)]
mod tests {
    use otp::CodeLength;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn defaults() {
        let codes = CodeSettings::read(&lookup(&[("CODE_KEY", KEY)])).unwrap();
        assert_eq!(codes.length, CodeLength::MIN);
        let unset = Limits::read(&lookup(&[])).unwrap();
        assert_eq!(unset, Limits { attempts: 3, sends: 3 });
        let empty = Limits::read(&lookup(&[("MAX_ATTEMPTS", ""), ("MAX_SENDS", "")])).unwrap();
        assert_eq!(empty, unset);
    }

    #[test]
    fn the_key() {
        let error = |pairs: &[_]| CodeSettings::read(&lookup(pairs)).unwrap_err().to_string();
        let example = "for example CODE_KEY=the 64 characters that `openssl rand -hex 32` prints";
        assert_eq!(error(&[]), format!("CODE_KEY is not set; {example}"));
        assert_eq!(error(&[("CODE_KEY", "")]), format!("CODE_KEY is not set; {example}"));
        assert_eq!(
            error(&[("CODE_KEY", "hunter2")]),
            format!("CODE_KEY is shorter than 32 bytes; {example}")
        );
        assert_eq!(
            error(&[("CODE_KEY", &"x".repeat(64))]),
            format!("CODE_KEY repeats a few characters; it must be random; {example}")
        );
    }

    #[test]
    fn numbers() {
        for bad in ["0", "6", "-1", "3.0", " 3", "three", "300", "99999999999999999999"] {
            let error = Limits::read(&lookup(&[("MAX_ATTEMPTS", bad)])).unwrap_err().to_string();
            assert_eq!(
                error,
                "MAX_ATTEMPTS is not a whole number from 1 to 5; for example MAX_ATTEMPTS=3",
            );
        }
        for (digits, good) in [("5", false), ("6", true), ("10", true), ("11", false)] {
            let pairs = [("CODE_KEY", KEY), ("CODE_LENGTH", digits)];
            assert_eq!(CodeSettings::read(&lookup(&pairs)).is_ok(), good, "{digits}");
        }
    }

    #[test]
    fn choices_and_flags() {
        let variable = Variable::new("SIGN_IN", "passwordless");
        let read = |value: &str| {
            variable.choice(&lookup(&[("SIGN_IN", value)]), 1, [("passwordless", 1), ("both", 2)])
        };
        assert_eq!((read(""), read("both")), (Ok(1), Ok(2)));
        assert_eq!(
            read("Both").unwrap_err().to_string(),
            "SIGN_IN is not one of: passwordless, both; for example SIGN_IN=passwordless",
        );
        let flag = Variable::new("REQUIRE_VERIFIED", "true");
        assert_eq!(flag.flag(&lookup(&[("REQUIRE_VERIFIED", "false")]), true), Ok(false));
        assert!(flag.flag(&lookup(&[("REQUIRE_VERIFIED", "no")]), true).is_err());
    }
}
