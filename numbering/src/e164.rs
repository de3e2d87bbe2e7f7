//! Phone numbers in E.164 form.

use crate::{Assignment, Region, classify};

/// A phone number in the form of ITU-T E.164: `+` and 7 to 15 digits, the first of which is not 0.
/// Whether there can be such a number is for [`classify`] to say.
///
/// It is personal data, so it has no `Debug` and no `Display`.
#[derive(Clone, Copy)]
pub struct E164<'a>(&'a str);

impl<'a> E164<'a> {
    /// The phone number `text`. `None` if it is in any other form, with spaces for example.
    ///
    /// ```
    /// use numbering::E164;
    ///
    /// assert!(E164::parse("+819012345678").is_some());
    /// assert!(E164::parse("090-1234-5678").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let valid = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        valid.then_some(Self(text))
    }

    /// The number, with its `+`.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The region that the number belongs to, if it is known to belong to one.
    #[must_use]
    pub fn region(self) -> Option<Region> {
        match classify(self.0)?.assignment {
            Assignment::Region(region) => Some(region),
            Assignment::NonGeographic | Assignment::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_e164_form_is_parsed() {
        for (text, expected) in [
            ("+819012345678", true),
            ("+1234567", true),
            ("+123456789012345", true),
            ("+123456", false),
            ("+1234567890123456", false),
            ("+0123456789", false),
            ("819012345678", false),
            ("++819012345678", false),
            ("+81 90 1234 5678", false),
            ("+81901234567a", false),
            ("+٨١٩٠١٢٣٤٥", false),
            ("+", false),
            ("", false),
            ("a@b", false),
            ("jane.doe+x@example.com", false),
        ] {
            assert_eq!(E164::parse(text).map(E164::as_str), expected.then_some(text), "{text:?}");
        }
    }

    #[test]
    fn region_is_known_only_for_geographic_numbers() {
        for (number, region) in [
            ("+819012345678", Some("JP")),
            ("+18765550123", Some("JM")),
            // Premium-rate numbers belong to a region, too.
            ("+449012345678", Some("GB")),
            ("+870773111632", None),
            ("+12005550123", None),
            ("+1206555012", None),
        ] {
            assert_eq!(E164::parse(number).unwrap().region().map(Region::code), region, "{number}");
        }
    }
}
