//! Phone numbers: their E.164 form, the region that a number belongs to, what calling it costs, and
//! which countries an operator allows.
//!
//! Regions and tariffs are resolved as Google's libphonenumber resolves them, with its metadata, so
//! the Caribbean numbers that share +1 with the United States are not American, nor those of
//! Kazakhstan Russian. The metadata is compiled in; each of its patterns is compiled when it is first
//! needed.
//!
//! Not responsible for: reading settings from the environment, what a refused caller is told, sending
//! messages, or whether a number is in service. Numbering plans change: a number of a range newer
//! than the metadata is possible, belongs to its calling code's region, and has the standard tariff.

mod allowed_countries;
mod e164;
mod plan;
mod region;

pub use allowed_countries::{AllowedCountries, InvalidCountries};
pub use e164::E164;
pub use region::Region;

use plan::Plan;

/// What the metadata says about a phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classification {
    /// What the number is assigned to.
    pub assignment: Assignment,
    /// What calling it costs.
    pub tariff: Tariff,
}

/// What a phone number is assigned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// A region of ISO 3166.
    Region(Region),
    /// A satellite network (+870, +881), an international network (+882, +883) or an international
    /// toll-free, shared-cost, personal or premium-rate service.
    NonGeographic,
    /// One of the regions that share its calling code; the metadata does not say which.
    Unknown,
}

/// What calling a phone number costs, as far as its type determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tariff {
    /// Neither of the others: what a call costs, or nothing.
    Standard,
    /// The caller pays more, and the called party earns from it.
    PremiumRate,
    /// The caller and the called party share the cost.
    SharedCost,
}

/// Classifies `number`: `+` and digits. `None` if there can be no such number: it has no known calling
/// code, a length that none of that code's numbers has, or the prefix that is dialled within the
/// country only (`+44 0…`), which would be a second way to write another number.
///
/// ```
/// use numbering::{Assignment, Region, Tariff, classify};
///
/// let number = classify("+18765550123").unwrap();
/// assert_eq!(number.assignment, Assignment::Region(Region::from_code("JM").unwrap()));
/// assert_eq!(number.tariff, Tariff::Standard);
/// assert_eq!(classify("+1876555012"), None);
/// ```
#[must_use]
pub fn classify(number: &str) -> Option<Classification> {
    let digits = number.strip_prefix('+')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (plan, national) = Plan::find(digits)?;
    if plan.has_national_prefix(national) || !plan.is_possible(national) {
        return None;
    }
    let Some(territory) = plan.territory(national) else {
        return Some(Classification { assignment: Assignment::Unknown, tariff: Tariff::Standard });
    };
    let region = Region::from_code(territory.region);
    let assignment = region.map_or(Assignment::NonGeographic, Assignment::Region);
    Some(Classification { assignment, tariff: territory.tariff(national) })
}
