//! The words of a message.

use otp::{Code, UnixSeconds};
use zeroize::Zeroizing;

/// A message that carries a code. Has no `Debug` and no `Display`; wiped when dropped.
pub struct Message {
    subject: Zeroizing<String>,
    text: Zeroizing<String>,
}

impl Message {
    /// The message for `code`, which lives for another `seconds`. The code comes first, where a
    /// notification shows it.
    #[must_use]
    pub fn new(code: &Code, seconds: UnixSeconds, app_name: Option<&str>) -> Self {
        let code = code.expose();
        let app = app_name.map(|name| format!("{name} ")).unwrap_or_default();
        // Rounded down: nobody should find a code dead that the message calls alive.
        let time = match seconds / 60 {
            0 => "less than a minute".to_owned(),
            1 => "1 minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        let subject = format!("{code} is your {app}sign-in code");
        let text = format!(
            "{subject}. It expires in {time}. Do not share it: nobody from us will ask for it."
        );
        Self { subject: Zeroizing::new(subject), text: Zeroizing::new(text) }
    }

    /// The subject, for an e-mail.
    #[must_use]
    pub fn expose_subject(&self) -> &str {
        &self.subject
    }

    /// The text.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use otp::{CodeKey, CodeLength, Nonce};

    use super::*;

    #[test]
    fn says_the_code_first_and_how_long_it_lives() {
        let key = CodeKey::new("an example key of some 40 different bytes").unwrap();
        let nonce = Nonce::from_bytes([0; 16]);
        let code = Code::derive(&key, "pool", "sub", &nonce, CodeLength::MAX);
        let digits = code.expose();
        for (seconds, app, subject, time) in [
            (300, None, "is your sign-in code", "5 minutes"),
            (299, Some("Example"), "is your Example sign-in code", "4 minutes"),
            (60, None, "is your sign-in code", "1 minute"),
            (59, None, "is your sign-in code", "less than a minute"),
        ] {
            let message = Message::new(&code, seconds, app);
            assert_eq!(message.expose_subject(), format!("{digits} {subject}"));
            let start = format!("{digits} {subject}. It expires in {time}. ");
            assert!(message.expose_text().starts_with(&start), "{}", message.expose_text());
        }
    }

    #[test]
    fn is_one_billed_text_for_any_ascii_name() {
        let key = CodeKey::new("an example key of some 40 different bytes").unwrap();
        let nonce = Nonce::from_bytes([0; 16]);
        let code = Code::derive(&key, "pool", "sub", &nonce, CodeLength::MAX);
        let message = Message::new(&code, 600, Some(&"x".repeat(30)));
        let text = message.expose_text();
        assert!(text.is_ascii() && text.len() <= 160, "{} characters", text.len());
    }
}
