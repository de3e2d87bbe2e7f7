//! Where texts may go.

use numbering::{Assignment, Classification, Region, Tariff, classify};

/// `SMS_COUNTRIES`: the regions whose numbers get texts.
///
/// Whatever is allowed, none goes to a number that cannot be, that costs its caller more than a call
/// (premium-rate, shared-cost), or that is of no region at all: satellite networks and international
/// services, which are what texts are pumped to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Countries {
    /// `*`: every region.
    All,
    /// These.
    Only(Vec<Region>),
}

impl Countries {
    /// Nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self::Only(Vec::new())
    }

    /// May a text go to `number`, in the form of E.164?
    #[must_use]
    pub fn allow(&self, number: &str) -> bool {
        let Some(Classification { assignment, tariff: Tariff::Standard }) = classify(number) else {
            return false;
        };
        match (self, assignment) {
            (_, Assignment::NonGeographic) => false,
            (Self::All, _) => true,
            (Self::Only(regions), Assignment::Region(region)) => regions.contains(&region),
            (Self::Only(_), Assignment::Unknown) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(codes: &[&str]) -> Countries {
        Countries::Only(codes.iter().map(|code| Region::from_code(code).unwrap()).collect())
    }

    #[test]
    fn regions_are_told_apart_also_where_they_share_a_calling_code() {
        for (number, region) in [
            ("+12065550123", "US"),
            ("+14165550123", "CA"),
            ("+18765550123", "JM"),
            ("+18095550123", "DO"),
            ("+12645550123", "AI"),
            ("+79123456789", "RU"),
            ("+77710009998", "KZ"),
            ("+447400123456", "GB"),
            ("+447797712345", "JE"),
            ("+819012345678", "JP"),
            ("+390612345678", "IT"),
        ] {
            assert!(only(&[region]).allow(number) && Countries::All.allow(number), "{number}");
            assert!(only(&["FR", region]).allow(number), "{number}");
            for other in ["US", "CA", "RU", "GB", "FR"].iter().filter(|other| **other != region) {
                assert!(!only(&[other]).allow(number), "{number} {other}");
            }
        }
    }

    #[test]
    fn what_is_never_worth_a_text_is_refused_everywhere() {
        for (what, number) in [
            ("impossible: too short", "+1206555012"),
            ("impossible: too long", "+120655501234"),
            ("impossible: no such calling code", "+210123456789"),
            ("impossible: the zero of home", "+4407400123456"),
            ("premium rate, United States", "+19002345678"),
            ("premium rate, United Kingdom", "+449012345678"),
            ("premium rate, Japan", "+81990123456"),
            ("shared cost, Germany", "+491801234567"),
            ("satellite, Inmarsat", "+870773111632"),
            ("satellite, Globalstar and Iridium", "+881612345678"),
            ("international network", "+883510012345"),
            ("international premium rate", "+979123456789"),
            ("international shared cost", "+80812345678"),
        ] {
            for countries in [Countries::All, only(&["US", "GB", "JP", "DE"])] {
                assert!(!countries.allow(number), "{what}");
            }
        }
    }

    #[test]
    fn a_range_newer_than_the_plans_is_its_calling_codes() {
        // Ten digits that the plan knows nothing of.
        assert!(Countries::All.allow("+812012345678"));
        assert!(only(&["JP"]).allow("+812012345678"));
        assert!(!only(&["US"]).allow("+812012345678"));
        // Where a calling code is shared, nobody knows whose it is.
        assert!(Countries::All.allow("+12005550123"));
        assert!(!only(&["US"]).allow("+12005550123"));
    }
}
