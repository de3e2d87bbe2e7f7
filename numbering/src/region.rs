//! Regions and their ISO 3166-1 codes.

use std::fmt;

use crate::plan::PLANS;

/// A region that has phone numbers, by its two-letter code in ISO 3166-1. Ascension (`AC`), Tristan da
/// Cunha (`TA`) and Kosovo (`XK`) have numbers but no entry there; theirs are the usual codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region(&'static str);

impl Region {
    /// The region with this code, in capitals, if it has phone numbers.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        // In the metadata, non-geographic plans have the region "001".
        let is_region = code.len() == 2;
        let mut territories = PLANS.iter().flat_map(|plan| plan.territories);
        territories.find(|t| is_region && t.region == code).map(|t| Self(t.region))
    }

    /// The two-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
