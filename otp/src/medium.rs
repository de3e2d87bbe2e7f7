//! How a code travels.

use std::fmt;

/// A way to send a code. The names are Cognito's own `DeliveryMedium` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// A text message to the user's `phone_number`.
    Sms,
    /// An e-mail to the user's `email`.
    Email,
}

impl Medium {
    /// `SMS` or `EMAIL`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Email => "EMAIL",
        }
    }

    /// Reads [`Medium::name`]'s text, exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "SMS" => Some(Self::Sms),
            "EMAIL" => Some(Self::Email),
            _ => None,
        }
    }
}

impl Medium {
    /// The names, separated by commas.
    #[must_use]
    pub fn list(media: &[Self]) -> String {
        media.iter().map(|medium| medium.name()).collect::<Vec<_>>().join(",")
    }

    /// The user attributes that this medium is about: the destination, and whether it is verified.
    #[must_use]
    pub fn attributes(self) -> (&'static str, &'static str) {
        match self {
            Self::Sms => ("phone_number", "phone_number_verified"),
            Self::Email => ("email", "email_verified"),
        }
    }
}

/// Media without an order, such as those on which a user can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediumSet {
    sms: bool,
    email: bool,
}

impl MediumSet {
    /// Is there none in it?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The media in it.
    pub fn iter(self) -> impl Iterator<Item = Medium> {
        let sms = self.sms.then_some(Medium::Sms);
        sms.into_iter().chain(self.email.then_some(Medium::Email))
    }

    /// The names, `SMS` first, separated by commas.
    #[must_use]
    pub fn encode(self) -> String {
        Medium::list(&self.iter().collect::<Vec<_>>())
    }

    /// Reads [`MediumSet::encode`]'s text, exactly.
    #[must_use]
    pub fn decode(list: &str) -> Option<Self> {
        let media: Option<Self> = match list {
            "" => Some(Self::default()),
            names => names.split(',').map(Medium::from_name).collect(),
        };
        media.filter(|media| media.encode() == list)
    }
}

impl FromIterator<Medium> for MediumSet {
    fn from_iter<I: IntoIterator<Item = Medium>>(media: I) -> Self {
        let mut set = Self::default();
        for medium in media {
            match medium {
                Medium::Sms => set.sms = true,
                Medium::Email => set.email = true,
            }
        }
        set
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medium_set_has_one_spelling() {
        for (media, text) in [
            (&[][..], ""),
            (&[Medium::Sms], "SMS"),
            (&[Medium::Email], "EMAIL"),
            (&[Medium::Email, Medium::Sms, Medium::Email], "SMS,EMAIL"),
        ] {
            let set: MediumSet = media.iter().copied().collect();
            assert_eq!(set.encode(), text);
            assert_eq!(MediumSet::decode(text), Some(set));
        }
        for text in ["EMAIL,SMS", "SMS,SMS", "SMS,", ",", "sms", "CALL"] {
            assert_eq!(MediumSet::decode(text), None, "{text}");
        }
    }
}
