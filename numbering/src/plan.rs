//! Numbering plans, and how libphonenumber reads a number with them.

use std::borrow::Cow;

use regex_lite::{Captures, Regex};

use crate::Kind;

include!(concat!(env!("OUT_DIR"), "/plans.rs"));

/// The plan of one calling code.
pub(crate) struct Plan {
    calling_code: u16,
    /// The territories that share it, the main one first; at least one.
    pub(crate) territories: &'static [Territory],
}

/// One region's part of a plan.
pub(crate) struct Territory {
    /// Its code, or "001" if it is no region's.
    pub(crate) region: &'static str,
    /// A pattern of how its numbers start, where that tells it from others; else empty.
    leading_digits: &'static str,
    /// A pattern of what is dialled before a number at home only; empty if nothing is.
    national_prefix: &'static str,
    /// What stands in the place of that prefix abroad, as `$1` and digits.
    transform: &'static str,
    general: Form,
    premium_rate: Option<Form>,
    toll_free: Option<Form>,
    shared_cost: Option<Form>,
    /// The other kinds, where the calling code is shared.
    others: &'static [Form],
}

/// What the numbers of one kind look like.
struct Form {
    /// Bit n is set if n digits are possible.
    lengths: u32,
    pattern: &'static str,
}

/// The shortest national number (libphonenumber's bound, like its seventeen digits below).
const MIN_NATIONAL_DIGITS: usize = 2;
const MAX_NATIONAL_DIGITS: usize = 17;

impl Plan {
    /// The plan of the number `digits` and the number without its calling code.
    pub(crate) fn of(digits: &str) -> Option<(&'static Self, &str)> {
        if digits.starts_with('0') {
            return None;
        }
        // No calling code is the start of another.
        (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            let code = code.parse().ok()?;
            let at = PLANS.binary_search_by_key(&code, |plan| plan.calling_code).ok()?;
            PLANS.get(at).map(|plan| (plan, national))
        })
    }

    /// Is `national` written with the prefix that is dialled at home only?
    pub(crate) fn has_national_prefix(&self, national: &str) -> bool {
        self.territories.first().is_some_and(|main| {
            let stripped = main.without_national_prefix(national);
            stripped.is_some_and(|stripped| main.takes_length_of(&stripped))
        })
    }

    /// Can there be a number `national`?
    pub(crate) fn is_possible(&self, national: &str) -> bool {
        (MIN_NATIONAL_DIGITS..=MAX_NATIONAL_DIGITS).contains(&national.len())
            && self.territories.first().is_some_and(|main| main.takes_length_of(national))
    }

    /// The territory to which `national` belongs.
    pub(crate) fn territory(&self, national: &str) -> Option<&'static Territory> {
        match self.territories {
            [only] => Some(only),
            several => several.iter().find(|territory| territory.has(national)),
        }
    }
}

impl Territory {
    /// `national` as it is dialled from abroad, if that is otherwise.
    fn without_national_prefix<'a>(&self, national: &'a str) -> Option<Cow<'a, str>> {
        if self.national_prefix.is_empty() {
            return None;
        }
        let prefix = regex(&format!("^(?:{})", self.national_prefix))?;
        let captures = prefix.captures(national)?;
        let (_, rest) = national.split_at_checked(captures.get(0)?.end())?;
        let last_group = captures.get(captures.len().saturating_sub(1));
        let stripped = if self.transform.is_empty() || last_group.is_none() {
            Cow::Borrowed(rest)
        } else {
            Cow::Owned(transformed(self.transform, &captures) + rest)
        };
        let loses = self.general.matches(national) && !self.general.matches(&stripped);
        (!loses && stripped != national).then_some(stripped)
    }

    fn takes_length_of(&self, national: &str) -> bool {
        self.general.has_length_of(national)
    }

    /// Is `national`, of a calling code that several share, one of this territory's numbers?
    fn has(&self, national: &str) -> bool {
        if self.leading_digits.is_empty() {
            let particular = [&self.premium_rate, &self.toll_free, &self.shared_cost];
            let mut forms = particular.into_iter().flatten().chain(self.others);
            self.general.matches(national) && forms.any(|form| form.matches(national))
        } else {
            regex(&format!("^(?:{})", self.leading_digits)).is_some_and(|r| r.is_match(national))
        }
    }

    /// The kind of the territory's number `national`.
    pub(crate) fn kind(&self, national: &str) -> Kind {
        let is = |form: &Option<Form>| form.as_ref().is_some_and(|form| form.matches(national));
        if !self.general.matches(national) {
            Kind::Ordinary
        } else if is(&self.premium_rate) {
            Kind::PremiumRate
        } else if !is(&self.toll_free) && is(&self.shared_cost) {
            Kind::SharedCost
        } else {
            Kind::Ordinary
        }
    }
}

impl Form {
    fn has_length_of(&self, national: &str) -> bool {
        let bit = u32::try_from(national.len()).ok().and_then(|length| 1_u32.checked_shl(length));
        bit.is_some_and(|bit| self.lengths & bit != 0)
    }

    fn matches(&self, national: &str) -> bool {
        self.has_length_of(national)
            && regex(&format!("^(?:{})$", self.pattern)).is_some_and(|r| r.is_match(national))
    }
}

/// A pattern of the metadata. That each is one is tested; one that were not would match nothing.
fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// `rule` with what was captured in the place of each `$n`.
fn transformed(rule: &str, captures: &Captures<'_>) -> String {
    let mut number = String::new();
    captures.expand(rule, &mut number);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_metadata_is_one() {
        let mut patterns = 0;
        for territory in PLANS.iter().flat_map(|plan| plan.territories) {
            let Territory { general, premium_rate, toll_free, shared_cost, others, .. } = territory;
            let particular = [premium_rate, toll_free, shared_cost].into_iter().flatten();
            let forms = particular.chain(*others).chain([general]).map(|form| form.pattern);
            for pattern in forms.chain([territory.leading_digits, territory.national_prefix]) {
                assert!(regex(&format!("^(?:{pattern})$")).is_some(), "{pattern}");
                patterns += 1;
            }
            assert!(general.lengths != 0 && general.lengths >> 18 == 0, "{}", territory.region);
        }
        assert!(PLANS.len() > 200 && patterns > 1_000, "{} plans, {patterns}", PLANS.len());
    }

    #[test]
    fn no_calling_code_is_the_start_of_another() {
        let codes: Vec<String> = PLANS.iter().map(|plan| plan.calling_code.to_string()).collect();
        for code in &codes {
            let starts = codes.iter().filter(|other| other.starts_with(code.as_str())).count();
            assert_eq!(starts, 1, "{code}");
        }
    }
}
