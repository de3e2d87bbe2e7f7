//! `template.yaml` and the functions agree: what a function reads is what the template sets, with the
//! same default and the same bounds.
//!
//! What a function reads is recorded while it reads: there is no list to keep.
#![cfg(test)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use pre_sign_up::PreSignUp;
use saphyr::{LoadableYamlNode as _, Yaml};
use settings::{CodeSettings, LedgerSettings, Lookup, Modes, SettingError};
use trigger::Metrics;

const TEMPLATE: &str = include_str!("../template.yaml");

/// What Lambda sets itself.
const OF_LAMBDA: &str = "AWS_";

/// The operator's own words, two for each language: too many for parameters of a template, and for
/// most of them too long. Who has some adds them to create's variables.
const OWN_WORDS: &str = "MESSAGE_";

/// Stands for what the stack makes or the operator must say.
const VALUES: [(&str, &str); 7] = [
    ("CODE_KEY", "an example key of some 40 different bytes"),
    ("EMAIL_FROM", "Example <sign-in@example.com>"),
    ("LEDGER_KEY", "another example key of some 40 different bytes"),
    ("LEDGER_TABLE", "ledger"),
    ("METRICS_NAMESPACE", "Passwordless/sign-in"),
    ("SIGN_UP", "cognito"),
    ("SMS_COUNTRIES", "US,CA"),
];

type Variables = BTreeMap<String, String>;

/// A function: its name in the template, and its reading of all settings, as a text.
type Function = (&'static str, fn(&Lookup<'_>) -> Result<String, SettingError>);

const FUNCTIONS: [Function; 4] = [
    ("DefineAuthChallenge", |lookup| {
        Ok(format!("{:?}", (define_auth_challenge::read(lookup)?, of_all(lookup)?)))
    }),
    ("CreateAuthChallenge", |lookup| {
        Ok(format!("{:?}", (create_auth_challenge::Settings::read(lookup)?, of_all(lookup)?)))
    }),
    ("VerifyAuthChallenge", |lookup| {
        let ledger = LedgerSettings::read(lookup)?;
        Ok(format!("{:?}", (CodeSettings::read(lookup)?, ledger, of_all(lookup)?)))
    }),
    ("PreSignUp", |lookup| Ok(format!("{:?}", (PreSignUp::read(lookup)?, of_all(lookup)?)))),
];

/// What every function reads.
fn of_all(lookup: &Lookup<'_>) -> Result<(Modes, Metrics), SettingError> {
    Ok((Modes::read(lookup)?, Metrics::read(lookup)?))
}

/// The template.
struct Template(Yaml<'static>);

impl Template {
    fn read() -> Self {
        Self(Yaml::load_from_str(TEMPLATE).unwrap().swap_remove(0))
    }

    fn at(&self, path: &[&str]) -> Option<&Yaml<'static>> {
        path.iter().try_fold(&self.0, |yaml, name| yaml.as_mapping_get(name))
    }

    /// The variables of all functions and of `function`, each with the parameter that it has its
    /// value from, if that is all that it is.
    fn variables(&self, function: &str) -> BTreeMap<String, Option<String>> {
        let of = |path: &[&str]| {
            let path = [path, &["Environment", "Variables"]].concat();
            let variables = self.at(&path).unwrap().as_mapping().unwrap();
            let pairs = variables.iter().map(|(name, value)| {
                (name.as_str().unwrap().to_owned(), parameter(value).map(str::to_owned))
            });
            pairs.collect::<Vec<_>>()
        };
        let own = of(&["Resources", function, "Properties"]);
        of(&["Globals", "Function"]).into_iter().chain(own).collect()
    }

    /// A parameter's property, as a text.
    fn property(&self, parameter: &str, property: &str) -> Option<String> {
        self.at(&["Parameters", parameter, property]).map(text)
    }

    /// A parameter's allowed values, or its least and most.
    fn ends(&self, parameter: &str) -> Vec<String> {
        match self.at(&["Parameters", parameter, "AllowedValues"]) {
            Some(values) => values.as_sequence().unwrap().iter().map(text).collect(),
            None => ["MinValue", "MaxValue"]
                .iter()
                .filter_map(|property| self.property(parameter, property))
                .collect(),
        }
    }

    /// What the template sets for `function` if the operator says only what must be said.
    fn environment(&self, function: &str) -> Variables {
        let variables = self.variables(function).into_iter().map(|(name, parameter)| {
            let default = parameter.and_then(|parameter| self.property(&parameter, "Default"));
            let value = VALUES.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
            let value = value.map(str::to_owned).or(default);
            (name.clone(), value.unwrap_or_else(|| panic!("{name} has no value")))
        });
        variables.collect()
    }
}

/// `Name` of `!Ref Name`.
fn parameter<'a>(value: &'a Yaml<'_>) -> Option<&'a str> {
    match value {
        Yaml::Tagged(tag, inner) if tag.suffix == "Ref" => inner.as_str(),
        _ => None,
    }
}

fn text(value: &Yaml<'_>) -> String {
    let number = || value.as_integer().map(|number| number.to_string());
    value.as_str().map(str::to_owned).or_else(number).unwrap()
}

fn with(variables: &Variables, name: &str, value: &str) -> Variables {
    let mut variables = variables.clone();
    variables.insert(name.to_owned(), value.to_owned());
    variables
}

fn without(variables: &Variables, name: &str) -> Variables {
    let mut variables = variables.clone();
    variables.remove(name);
    variables
}

#[test]
fn functions_read_exactly_the_variables_the_template_sets() {
    let template = Template::read();
    for (function, read) in FUNCTIONS {
        let environment = template.environment(function);
        let asked = RefCell::new(BTreeSet::new());
        read(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            environment.get(name).cloned()
        })
        .unwrap();
        let mut asked = asked.into_inner();
        asked.retain(|name| !name.starts_with(OF_LAMBDA) && !name.starts_with(OWN_WORDS));
        let set: BTreeSet<String> = environment.into_keys().collect();
        assert_eq!(asked, set, "{function}");
    }
}

#[test]
fn template_defaults_match_function_defaults() {
    let template = Template::read();
    let mut compared = 0;
    for (function, read) in FUNCTIONS {
        let environment = template.environment(function);
        let settings = |variables: &Variables| read(&|name| variables.get(name).cloned());
        let usual = settings(&environment).unwrap();
        for (name, parameter) in template.variables(function) {
            let Some(parameter) = parameter else { continue };
            let default = template.property(&parameter, "Default").unwrap_or_default();
            if name == "LEDGER_TABLE" {
                // A resource's name.
                assert_eq!(parameter, "Ledger");
            } else if VALUES.iter().any(|(required, _)| *required == name) {
                // The operator or the stack says it: a default would be a guess.
                assert_eq!(default, "", "{name}");
                assert!(settings(&without(&environment, &name)).is_err(), "{name}");
            } else {
                assert_eq!(settings(&without(&environment, &name)).as_ref(), Ok(&usual), "{name}");
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn template_bounds_match_function_bounds() {
    let template = Template::read();
    let mut tried = 0;
    for (function, read) in FUNCTIONS {
        let mut environment = template.environment(function);
        if environment.contains_key("CODE_LIFETIME_SECONDS") {
            // No code may be asked for again when it has expired.
            environment = with(&environment, "CODE_LIFETIME_SECONDS", "600");
            environment = with(&environment, "RESEND_AFTER_SECONDS", "30");
        }
        let settings = |variables: &Variables| read(&|name| variables.get(name).cloned());
        let usual = settings(&environment).unwrap();
        for (name, parameter) in template.variables(function) {
            let Some(parameter) = parameter else { continue };
            for value in template.ends(&parameter) {
                let changed = settings(&with(&environment, &name, &value));
                let same = environment.get(&name) == Some(&value);
                assert_eq!(changed.unwrap() == usual, same, "{name}={value}");
                tried += 1;
            }
            let beyond = [("MinValue", -1), ("MaxValue", 1)];
            for (end, step) in beyond {
                if let Some(value) = template.property(&parameter, end) {
                    let value = (value.parse::<i64>().unwrap() + step).to_string();
                    let refused = settings(&with(&environment, &name, &value)).unwrap_err();
                    assert_eq!(refused.variable, name, "{value}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 40, "{tried}");
}
