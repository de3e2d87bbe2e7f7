//! Which region a phone number belongs to, and of what kind it is, after the numbering plans of
//! Google's libphonenumber, compiled in: nothing is read or parsed when a process starts.
//!
//! A region is found as libphonenumber finds it, so that the Caribbean numbers that share +1 with the
//! United States are not American, nor those of Kazakhstan Russian.
//!
//! Not responsible for: which regions are allowed (`create-auth-challenge`), or whether somebody has
//! the number. Plans change: a number of a range that is newer than the metadata is possible, and of
//! its calling code's region, but of no particular kind.

mod plan;
mod region;

pub use region::Region;

use plan::Plan;

/// What is known of a phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Where it belongs.
    pub place: Place,
    /// What calling it costs, as far as that is a matter of its kind.
    pub kind: Kind,
}

/// Where a number belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A region of ISO 3166.
    Region(Region),
    /// No region at all: satellite networks (+870, +881), international networks (+882, +883) and
    /// the international toll-free, shared-cost, personal and premium-rate services.
    Nowhere,
    /// One of the regions that share its calling code; the plans do not say which.
    Unassigned,
}

/// What kind of number it is, as far as it matters to who pays for a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything that is not below.
    Ordinary,
    /// Somebody earns from each call.
    PremiumRate,
    /// The caller pays a part of it.
    SharedCost,
}

impl Number {
    /// What is known of `number`, in the form of E.164: `+` and digits. `None` if there can be no
    /// such number: no such calling code, none of its numbers is that long, or it is written with the
    /// prefix that is dialled at home (`+44 0…`), which would be a second way to write a number.
    ///
    /// ```
    /// use numbering::{Kind, Number, Place, Region};
    ///
    /// let number = Number::of("+18765550123").unwrap();
    /// assert_eq!(number.place, Place::Region(Region::from_code("JM").unwrap()));
    /// assert_eq!(number.kind, Kind::Ordinary);
    /// assert_eq!(Number::of("+1876555012"), None);
    /// ```
    #[must_use]
    pub fn of(number: &str) -> Option<Self> {
        let digits = number.strip_prefix('+').filter(|digits| digits.is_ascii())?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (plan, national) = Plan::of(digits)?;
        if plan.has_national_prefix(national) || !plan.is_possible(national) {
            return None;
        }
        let Some(territory) = plan.territory(national) else {
            return Some(Self { place: Place::Unassigned, kind: Kind::Ordinary });
        };
        let place = Region::from_code(territory.region).map_or(Place::Nowhere, Place::Region);
        Some(Self { place, kind: territory.kind(national) })
    }
}
