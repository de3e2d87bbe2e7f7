//! The random id by which a client shows that its device has signed in before.

use std::fmt;
use std::ops::RangeInclusive;

use zeroize::Zeroizing;

/// `device` in the client metadata: a random id that the client made and keeps. Whoever knows one that
/// is known for an account uses the owner's lane of that account, so it is kept like a password: `Debug`
/// is redacted, and it is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceId(Zeroizing<String>);

impl DeviceId {
    /// How many characters an id has.
    pub const LENGTH: RangeInclusive<usize> = 16..=64;

    /// Reads `device`, looked up with `get`. A malformed one is none.
    #[must_use]
    pub fn from_client_metadata<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        get("device").and_then(Self::parse)
    }

    /// `text`, if it is 16 to 64 characters of `A-Za-z0-9_-`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_url_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_valid = Self::LENGTH.contains(&text.len()) && text.bytes().all(is_url_safe);
        is_valid.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The id, to name its item by.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceId([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_url_safe_ids_of_16_to_64_characters_are_read() {
        for (text, is_valid) in [
            ("0123456789abcdef", true),
            ("0123456789abcde", false),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", true),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_a", false),
            ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true),
            ("", false),
            ("0123456789abcdef ", false),
            (" 0123456789abcdef", false),
            ("0123456789abcde+", false),
            ("0123456789abcde/", false),
            ("0123456789abcde=", false),
            ("0123456789abcde.", false),
            ("0123456789abcdé", false),
            ("0123456789abcde\n", false),
            ("0123456789abcde\u{0}", false),
        ] {
            let read = DeviceId::from_client_metadata(|name| (name == "device").then_some(text));
            assert_eq!(read.is_some(), is_valid, "{text:?}");
            assert_eq!(read.as_ref().map(DeviceId::expose), is_valid.then_some(text));
        }
        assert_eq!(DeviceId::from_client_metadata(|_| None), None);
    }

    #[test]
    fn debug_output_is_redacted() {
        let device = DeviceId::parse("0123456789abcdef").unwrap();
        assert_eq!(format!("{device:?}"), "DeviceId([redacted])");
    }
}
