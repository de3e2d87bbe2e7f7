//! What bounds messages: the settings of the ledger's limits and of the spend guard.

use std::time::Duration;

use ledger::{IssueLimit, LaneLimits, LedgerRules, SpendCredit, SpendMode, SpendRules};
use settings::{Lookup, SettingError, Variable};

const ISSUE_LIMITS: Variable = Variable::new("ISSUE_LIMITS", "5/15m,20/1d");
const PUBLIC_LIMITS: Variable = Variable::new("PUBLIC_LIMITS", "4/15m,15/1d");
const SPEND_GUARD: Variable = Variable::new("SPEND_GUARD", "enforce");
const SPEND_CREDIT: Variable = Variable::new("SPEND_CREDIT", "100/20/500");
const COUNTRY_LIMIT: Variable = Variable::new("COUNTRY_LIMIT", "2000/1h");

/// The most that one limit may count: the ledger keeps a time for each.
const MAX_ISSUES: usize = 100;

/// The longest window.
const MAX_WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most credit, and the most messages to a country, that an hour may start with.
const MAX_MESSAGES: u64 = 1_000_000;

/// Reads `ISSUE_LIMITS`, `PUBLIC_LIMITS`, `SPEND_GUARD`, `SPEND_CREDIT` and `COUNTRY_LIMIT`.
///
/// # Errors
/// When one has an impossible value.
pub(crate) fn read(lookup: &Lookup<'_>) -> Result<LedgerRules, SettingError> {
    let mode = SPEND_GUARD.choice(
        lookup,
        SpendMode::Enforce,
        [("enforce", SpendMode::Enforce), ("record", SpendMode::Record), ("off", SpendMode::Off)],
    )?;
    let total = issue_limits(ISSUE_LIMITS, ISSUE_LIMITS.optional(lookup))?;
    let public = match PUBLIC_LIMITS.optional(lookup) {
        Some(limits) => issue_limits(PUBLIC_LIMITS, Some(limits))?,
        None => total.iter().copied().map(public_part).collect(),
    };
    Ok(LedgerRules {
        limits: LaneLimits { total, public },
        spend: SpendRules {
            mode,
            credit: parsed(SPEND_CREDIT, SPEND_CREDIT.optional(lookup), spend_credit, || {
                format!("is not three credits from 1 to {MAX_MESSAGES}: country/range/all")
            })?,
            country_limit: parsed(
                COUNTRY_LIMIT,
                COUNTRY_LIMIT.optional(lookup),
                country_limit,
                || format!("is not a count from 1 to {MAX_MESSAGES} and /1h"),
            )?,
        },
    })
}

/// The value of `variable`, or its example, which is the default.
fn parsed<T>(
    variable: Variable,
    value: Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    problem: impl Fn() -> String,
) -> Result<T, SettingError> {
    let value = value.as_deref().unwrap_or(variable.example);
    parse(value).ok_or_else(|| variable.error(problem()))
}

/// Reads `count/window` pairs, separated by commas; a window is a number and one of `s`, `m`, `h`,
/// `d`.
fn issue_limits(
    variable: Variable,
    value: Option<String>,
) -> Result<Vec<IssueLimit>, SettingError> {
    let parse = |value: &str| value.split(',').map(issue_limit).collect();
    parsed(variable, value, parse, || {
        format!(
            "is not a list of count/window pairs: counts from 1 to {MAX_ISSUES}, windows of up to \
             30 days such as 15m or 1d"
        )
    })
}

/// What strangers may use of `limit` if `PUBLIC_LIMITS` is not set: three quarters, rounded up. Of 5 it
/// is 4, of 20 it is 15.
fn public_part(limit: IssueLimit) -> IssueLimit {
    IssueLimit { count: (limit.count * 3).div_ceil(4), ..limit }
}

fn issue_limit(text: &str) -> Option<IssueLimit> {
    let (count, window) = text.trim().split_once('/')?;
    let count: usize = count.parse().ok()?;
    let (number, seconds) = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)]
        .iter()
        .find_map(|(unit, seconds)| Some((window.strip_suffix(unit)?, *seconds)))?;
    let window = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
    let possible = (1..=MAX_ISSUES).contains(&count) && !window.is_zero() && window <= MAX_WINDOW;
    possible.then_some(IssueLimit { count, window })
}

fn messages(text: &str) -> Option<u64> {
    text.parse().ok().filter(|count| (1..=MAX_MESSAGES).contains(count))
}

fn spend_credit(text: &str) -> Option<SpendCredit> {
    let mut credits = text.split('/').map(messages);
    let (country, range, all) = (credits.next()??, credits.next()??, credits.next()??);
    credits.next().is_none().then_some(SpendCredit { country, range, all })
}

fn country_limit(text: &str) -> Option<u64> {
    text.strip_suffix("/1h").and_then(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<LedgerRules, String> {
        let lookup = |name: &str| {
            let pair = pairs.iter().find(|(n, _)| *n == name);
            pair.map(|(_, value)| (*value).to_owned())
        };
        super::read(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn unset_variables_use_defaults() {
        let rules = read(&[]).unwrap();
        let limit =
            |count, minutes: u64| IssueLimit { count, window: Duration::from_secs(60 * minutes) };
        assert_eq!(rules.limits.total, [limit(5, 15), limit(20, 24 * 60)]);
        assert_eq!(rules.limits.public, [limit(4, 15), limit(15, 24 * 60)]);
        assert_eq!(rules.spend, SpendRules::default());
    }

    #[test]
    fn public_part_of_other_limits_is_three_quarters_of_them() {
        for (count, expected) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (8, 6), (100, 75)] {
            let limits = format!("{count}/1h");
            let rules = read(&[("ISSUE_LIMITS", &limits)]).unwrap().limits;
            assert_eq!((rules.total[0].count, rules.public[0].count), (count, expected));
        }
    }

    #[test]
    fn set_variables_are_read() {
        let pairs = [
            ("PUBLIC_LIMITS", "1/10s"),
            ("SPEND_GUARD", "record"),
            ("SPEND_CREDIT", "600/30/1"),
            ("COUNTRY_LIMIT", "7/1h"),
        ];
        let LedgerRules { limits, spend } = read(&pairs).unwrap();
        assert_eq!(limits.public, [IssueLimit { count: 1, window: Duration::from_secs(10) }]);
        let credit = SpendCredit { country: 600, range: 30, all: 1 };
        assert_eq!(spend, SpendRules { mode: SpendMode::Record, credit, country_limit: 7 });
    }

    #[test]
    fn invalid_values_name_their_variable() {
        let limits = "is not a list of count/window";
        let credit = "is not three credits from 1 to 1000000: country/range/all";
        let country = "is not a count from 1 to 1000000 and /1h";
        for (name, value, problem) in [
            ("ISSUE_LIMITS", "5", limits),
            ("ISSUE_LIMITS", "5/15", limits),
            ("ISSUE_LIMITS", "0/15m", limits),
            ("ISSUE_LIMITS", "101/15m", limits),
            ("ISSUE_LIMITS", "5/0m", limits),
            ("ISSUE_LIMITS", "5/31d", limits),
            ("ISSUE_LIMITS", "5/15m,", limits),
            ("ISSUE_LIMITS", "5/99999999999999999999d", limits),
            ("PUBLIC_LIMITS", "4", limits),
            ("SPEND_GUARD", "on", "is not one of: enforce, record, off"),
            ("SPEND_CREDIT", "100", credit),
            ("SPEND_CREDIT", "100/20", credit),
            ("SPEND_CREDIT", "100/20/0", credit),
            ("SPEND_CREDIT", "100/20/1000001", credit),
            ("SPEND_CREDIT", "100/20/500/1", credit),
            ("SPEND_CREDIT", "-1/20/500", credit),
            ("COUNTRY_LIMIT", "2000", country),
            ("COUNTRY_LIMIT", "2000/1d", country),
            ("COUNTRY_LIMIT", "0/1h", country),
            ("COUNTRY_LIMIT", "/1h", country),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{name} {problem}")), "{error}");
            assert!(error.contains(&format!("; for example {name}=")), "{error}");
        }
    }
}
