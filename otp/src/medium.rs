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

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
