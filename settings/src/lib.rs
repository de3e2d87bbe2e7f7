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
mod ledger;
mod limits;
mod modes;
mod variable;

pub use codes::CodeSettings;
pub use ledger::LedgerSettings;
pub use limits::Limits;
pub use modes::{Modes, SignInMode, SignUpMode};
pub use variable::{Lookup, SettingError, Variable};

#[cfg(test)]
mod tests {
    use otp::CodeLength;

    use super::*;

    const KEY: &str = "an example key of some 40 different bytes";

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn unset_variables_use_defaults() {
        let codes = CodeSettings::read(&lookup(&[("CODE_KEY", KEY)])).unwrap();
        assert_eq!(codes.length, CodeLength::MIN);
        let unset = Limits::read(&lookup(&[])).unwrap();
        assert_eq!(unset, Limits { attempts: 3, sends: 3 });
        let empty = Limits::read(&lookup(&[("MAX_ATTEMPTS", ""), ("MAX_SENDS", "")])).unwrap();
        assert_eq!(empty, unset);
    }

    #[test]
    fn missing_and_weak_keys_are_refused_with_the_command_that_makes_one() {
        let with = |pairs: &[(&str, &str)]| {
            let code = CodeSettings::read(&lookup(pairs)).map(drop);
            let ledger = LedgerSettings::read(&lookup(pairs)).map(drop);
            [("CODE_KEY", code), ("LEDGER_KEY", ledger)]
        };
        let pattern = "0123456789abcdef".repeat(2);
        for (value, problem) in [
            (None, "is not set"),
            (Some(""), "is not set"),
            (Some("hunter2"), "is shorter than 32 bytes"),
            (Some(&"x".repeat(64)), "repeats itself; it must be random"),
            (Some(&pattern), "repeats itself; it must be random"),
        ] {
            let pairs: Vec<_> = value
                .iter()
                .flat_map(|value| [("CODE_KEY", *value), ("LEDGER_KEY", *value)])
                .collect();
            for (name, read) in with(&pairs) {
                assert_eq!(
                    read.unwrap_err().to_string(),
                    format!(
                        "{name} {problem}; for example {name}=the 64 characters that \
                         `openssl rand -hex 32` prints"
                    )
                );
            }
        }
        let table = [("LEDGER_KEY", KEY)];
        let error = LedgerSettings::read(&lookup(&table)).unwrap_err().to_string();
        assert_eq!(error, "LEDGER_TABLE is not set; for example LEDGER_TABLE=passwordless-ledger");
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
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
    fn unlisted_choices_are_refused() {
        let variable = Variable::new("SIGN_IN", "passwordless");
        let read = |value: &str| {
            variable.choice(&lookup(&[("SIGN_IN", value)]), 1, [("passwordless", 1), ("both", 2)])
        };
        assert_eq!((read(""), read("both")), (Ok(1), Ok(2)));
        assert_eq!(
            read("Both").unwrap_err().to_string(),
            "SIGN_IN is not one of: passwordless, both; for example SIGN_IN=passwordless",
        );
    }
}
