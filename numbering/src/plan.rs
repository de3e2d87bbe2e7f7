//! Numbering plans, and how libphonenumber reads a number with them.

use std::borrow::Cow;

use crate::Kind;
use crate::pattern::{Matched, Pattern};

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
    /// How its numbers start, where that tells it from others.
    leading_digits: Option<Pattern>,
    /// What is dialled before a number at home only.
    national_prefix: Option<Pattern>,
    /// The number of that pattern's last group, or 0.
    last_group: usize,
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
    pattern: Pattern,
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
        let found = self.national_prefix?.at_start_of(national)?;
        // A rule is for numbers that have what it puts first.
        let stripped = if self.transform.is_empty() || found.group(self.last_group).is_none() {
            Cow::Borrowed(found.rest())
        } else {
            Cow::Owned(transformed(self.transform, &found) + found.rest())
        };
        let loses = self.general.matches(national) && !self.general.matches(&stripped);
        (!loses && stripped != national).then_some(stripped)
    }

    fn takes_length_of(&self, national: &str) -> bool {
        self.general.has_length_of(national)
    }

    /// Is `national`, of a calling code that several share, one of this territory's numbers?
    fn has(&self, national: &str) -> bool {
        if let Some(start) = self.leading_digits {
            start.at_start_of(national).is_some()
        } else {
            let particular = [&self.premium_rate, &self.toll_free, &self.shared_cost];
            let mut forms = particular.into_iter().flatten().chain(self.others);
            self.general.matches(national) && forms.any(|form| form.matches(national))
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
        self.has_length_of(national) && self.pattern.is_all_of(national)
    }
}

/// `rule` with what was found in the place of each `$n`.
fn transformed(rule: &str, found: &Matched<'_>) -> String {
    let mut parts = rule.split('$');
    let mut number = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (group, digits) = part.split_at_checked(1).unwrap_or_default();
        let group = group.parse().ok().and_then(|group| found.group(group));
        number += group.unwrap_or_default();
        number += digits;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_are_the_worlds() {
        for territory in PLANS.iter().flat_map(|plan| plan.territories) {
            let lengths = territory.general.lengths;
            assert!(lengths != 0 && lengths >> 18 == 0, "{}", territory.region);
        }
        assert!(PLANS.len() > 200, "{} plans", PLANS.len());
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
