//! Which countries' phone numbers an operator accepts.

use std::{error, fmt};

use crate::{Assignment, Classification, E164, Region, Tariff, classify};

/// The countries whose phone numbers are accepted, to send SMS messages to or to sign up with.
///
/// Some numbers are refused whatever is allowed: impossible ones, premium-rate and shared-cost ones,
/// and those of satellite networks and international services, which toll fraud prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedCountries {
    /// Every country.
    All,
    /// These only.
    Only(Vec<Region>),
}

impl AllowedCountries {
    /// No country.
    #[must_use]
    pub fn none() -> Self {
        Self::Only(Vec::new())
    }

    /// Reads `*` (all) or country codes separated by commas, such as `US,CA`.
    ///
    /// # Errors
    /// When `text` has anything that is not the code of a region with phone numbers, or is empty.
    pub fn parse(text: &str) -> Result<Self, InvalidCountries> {
        if text == "*" {
            return Ok(Self::All);
        }
        let regions: Option<_> =
            text.split(',').map(|code| Region::from_code(code.trim())).collect();
        regions.map(Self::Only).ok_or(InvalidCountries)
    }

    /// Whether `number` is accepted.
    #[must_use]
    pub fn allows(&self, number: E164<'_>) -> bool {
        let Some(Classification { assignment, tariff: Tariff::Standard }) =
            classify(number.as_str())
        else {
            return false;
        };
        match (self, assignment) {
            (_, Assignment::NonGeographic) => false,
            (Self::All, Assignment::Region(_) | Assignment::Unknown) => true,
            (Self::Only(regions), Assignment::Region(region)) => regions.contains(&region),
            (Self::Only(_), Assignment::Unknown) => false,
        }
    }
}

/// A list of countries that cannot be read. Its text continues a sentence that starts with the name
/// of the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCountries;

impl fmt::Display for InvalidCountries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "is neither * nor a list of regions with phone numbers, each by its two-letter \
             ISO 3166-1 code in capitals",
        )
    }
}

impl error::Error for InvalidCountries {}

#[cfg(test)]
mod tests {
    use AllowedCountries::All;

    use super::*;

    fn only(codes: &[&str]) -> AllowedCountries {
        AllowedCountries::Only(codes.iter().map(|code| Region::from_code(code).unwrap()).collect())
    }

    fn allows(countries: &AllowedCountries, number: &str) -> bool {
        countries.allows(E164::parse(number).unwrap())
    }

    #[test]
    fn setting_is_all_or_a_list_of_codes() {
        for (text, expected) in [
            ("*", Ok(All)),
            ("US", Ok(only(&["US"]))),
            ("US,CA", Ok(only(&["US", "CA"]))),
            ("US, JP,XK", Ok(only(&["US", "JP", "XK"]))),
            ("US,US", Ok(only(&["US", "US"]))),
            ("", Err(InvalidCountries)),
            (",", Err(InvalidCountries)),
            ("JP,", Err(InvalidCountries)),
            ("*,US", Err(InvalidCountries)),
            ("* ", Err(InvalidCountries)),
            ("jp", Err(InvalidCountries)),
            ("USA", Err(InvalidCountries)),
            ("US CA", Err(InvalidCountries)),
            // A union of countries, one without phone numbers of its own, and "no region".
            ("EU", Err(InvalidCountries)),
            ("AQ", Err(InvalidCountries)),
            ("001", Err(InvalidCountries)),
        ] {
            assert_eq!(AllowedCountries::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn regions_sharing_a_calling_code_are_distinguished() {
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
            assert!(allows(&only(&[region]), number) && allows(&All, number), "{number}");
            assert!(allows(&only(&["FR", region]), number), "{number}");
            for other in ["US", "CA", "RU", "GB", "FR"].iter().filter(|other| **other != region) {
                assert!(!allows(&only(&[other]), number), "{number} {other}");
            }
            assert!(!allows(&AllowedCountries::none(), number), "{number}");
        }
    }

    #[test]
    fn impossible_costly_and_non_geographic_numbers_are_always_refused() {
        for (what, number) in [
            ("impossible: too short", "+1206555012"),
            ("impossible: too long", "+120655501234"),
            ("impossible: no such calling code", "+210123456789"),
            ("impossible: national prefix included", "+4407400123456"),
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
            for countries in [All, only(&["US", "GB", "JP", "DE"])] {
                assert!(!allows(&countries, number), "{what}");
            }
        }
    }

    #[test]
    fn range_missing_from_metadata_belongs_to_its_calling_code() {
        // Ten digits that the plan does not have.
        assert!(allows(&All, "+812012345678"));
        assert!(allows(&only(&["JP"]), "+812012345678"));
        assert!(!allows(&only(&["US"]), "+812012345678"));
        // Where a calling code is shared, the region is unknown.
        assert!(allows(&All, "+12005550123"));
        assert!(!allows(&only(&["US"]), "+12005550123"));
    }
}
