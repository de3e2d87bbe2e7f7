//! Numbering plans, and the rules by which libphonenumber applies them to a number.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex_lite::{Captures, Regex};

use crate::Tariff;

include!(concat!(env!("OUT_DIR"), "/plans.rs"));

/// The plan of one calling code.
pub(crate) struct Plan {
    calling_code: u16,
    /// The territories that share it, the main one first; at least one.
    pub(crate) territories: &'static [Territory],
}

/// One region's part of a plan.
pub(crate) struct Territory {
    /// Its code, or "001" if it is not geographic.
    pub(crate) region: &'static str,
    /// How its numbers start, where that is enough to tell it from the others.
    leading_digits: Option<&'static Pattern>,
    /// What is dialled before a number within the country only.
    national_prefix: Option<&'static Pattern>,
    /// What replaces that prefix in the international form: `$1` (a group of the pattern) and digits.
    national_prefix_transform: &'static str,
    general: Numbers,
    premium_rate: Option<Numbers>,
    toll_free: Option<Numbers>,
    shared_cost: Option<Numbers>,
    /// The other types, where the calling code is shared.
    others: &'static [Numbers],
}

/// The numbers of one type.
struct Numbers {
    /// Bit n is set if n digits are possible.
    lengths: u32,
    pattern: &'static Pattern,
}

/// A regular expression that is compiled when it is first needed.
struct Pattern {
    text: &'static str,
    regex: OnceLock<Option<Regex>>,
}

/// The shortest national number (libphonenumber's bound, like its seventeen digits below).
const MIN_NATIONAL_DIGITS: usize = 2;
const MAX_NATIONAL_DIGITS: usize = 17;

impl Plan {
    /// The plan for the number `digits`, and the number without its calling code.
    pub(crate) fn find(digits: &str) -> Option<(&'static Self, &str)> {
        if digits.starts_with('0') {
            return None;
        }
        // No calling code is a prefix of another.
        (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            let code = code.parse().ok()?;
            let at = PLANS.binary_search_by_key(&code, |plan| plan.calling_code).ok()?;
            PLANS.get(at).map(|plan| (plan, national))
        })
    }

    /// Whether `national` starts with the prefix that is dialled within the country only.
    pub(crate) fn has_national_prefix(&self, national: &str) -> bool {
        self.territories.first().is_some_and(|main| {
            let stripped = main.without_national_prefix(national);
            stripped.is_some_and(|stripped| main.general.has_length_of(&stripped))
        })
    }

    /// Whether there can be a number `national`.
    pub(crate) fn is_possible(&self, national: &str) -> bool {
        (MIN_NATIONAL_DIGITS..=MAX_NATIONAL_DIGITS).contains(&national.len())
            && self.territories.first().is_some_and(|main| main.general.has_length_of(national))
    }

    /// The territory that `national` belongs to, if that is known.
    pub(crate) fn territory(&self, national: &str) -> Option<&'static Territory> {
        match self.territories {
            [only] => Some(only),
            several => several.iter().find(|territory| territory.contains(national)),
        }
    }
}

impl Territory {
    /// `national` in its international form, if it starts with the national prefix.
    fn without_national_prefix<'a>(&self, national: &'a str) -> Option<Cow<'a, str>> {
        let prefix = self.national_prefix?.captures(national)?;
        let rest = national.get(prefix.get(0)?.end()..)?;
        // The transform applies where the last group took part in the match.
        let has_last_group = prefix.iter().last().flatten().is_some();
        let stripped = if has_last_group && !self.national_prefix_transform.is_empty() {
            let mut transformed = String::new();
            prefix.expand(self.national_prefix_transform, &mut transformed);
            Cow::Owned(transformed + rest)
        } else {
            Cow::Borrowed(rest)
        };
        let loses = self.general.matches(national) && !self.general.matches(&stripped);
        (!loses && stripped != national).then_some(stripped)
    }

    /// Whether `national`, of a calling code that several territories share, belongs to this one.
    fn contains(&self, national: &str) -> bool {
        if let Some(leading_digits) = self.leading_digits {
            leading_digits.is_match(national)
        } else {
            let costs = [&self.premium_rate, &self.toll_free, &self.shared_cost];
            let mut types = costs.into_iter().flatten().chain(self.others);
            self.general.matches(national) && types.any(|numbers| numbers.matches(national))
        }
    }

    /// The tariff of the territory's number `national`.
    pub(crate) fn tariff(&self, national: &str) -> Tariff {
        let is = |numbers: &Option<Numbers>| {
            numbers.as_ref().is_some_and(|numbers| numbers.matches(national))
        };
        if !self.general.matches(national) {
            Tariff::Standard
        } else if is(&self.premium_rate) {
            Tariff::PremiumRate
        } else if !is(&self.toll_free) && is(&self.shared_cost) {
            Tariff::SharedCost
        } else {
            Tariff::Standard
        }
    }
}

impl Numbers {
    fn has_length_of(&self, national: &str) -> bool {
        let bit = u32::try_from(national.len()).ok().and_then(|length| 1_u32.checked_shl(length));
        bit.is_some_and(|bit| self.lengths & bit != 0)
    }

    fn matches(&self, national: &str) -> bool {
        self.has_length_of(national) && self.pattern.is_match(national)
    }
}

impl Pattern {
    const fn new(text: &'static str) -> Self {
        Self { text, regex: OnceLock::new() }
    }

    fn is_match(&self, digits: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(digits))
    }

    fn captures<'d>(&self, digits: &'d str) -> Option<Captures<'d>> {
        self.regex()?.captures(digits)
    }

    fn regex(&self) -> Option<&Regex> {
        // The build script has compiled the same text with the same crate.
        let compile = || Regex::new(self.text).ok();
        self.regex.get_or_init(compile).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_territory_has_possible_lengths() {
        for territory in PLANS.iter().flat_map(|plan| plan.territories) {
            let lengths = territory.general.lengths;
            assert!(lengths != 0 && lengths >> 18 == 0, "{}", territory.region);
        }
        assert!(PLANS.len() > 200, "{} plans", PLANS.len());
    }

    #[test]
    fn no_calling_code_is_a_prefix_of_another() {
        let codes: Vec<String> = PLANS.iter().map(|plan| plan.calling_code.to_string()).collect();
        for code in &codes {
            let starts = codes.iter().filter(|other| other.starts_with(code.as_str())).count();
            assert_eq!(starts, 1, "{code}");
        }
    }
}
