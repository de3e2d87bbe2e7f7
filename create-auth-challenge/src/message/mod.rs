//! What a message says, in its recipient's locale.

mod email;
mod language;
mod settings;
mod sms;
mod template;

use otp::{Code, Medium, UnixSeconds};
use zeroize::Zeroizing;

pub use email::Email;
pub use language::Language;
pub use settings::{EmailOptions, MessageCatalog, SmsOptions};
pub use sms::{Alphabet, Size};
use template::{Piece, pieces};

/// A message that carries a code. Has no `Debug` and no `Display`; wiped when dropped.
pub struct Message {
    text: Zeroizing<String>,
    email: Option<Email>,
}

impl Message {
    /// The message by `medium` for `code`, which lives for another `seconds`.
    #[must_use]
    pub fn new(
        catalog: &MessageCatalog,
        language: &Language,
        medium: Medium,
        code: &Code,
        seconds: UnixSeconds,
    ) -> Self {
        // Rounded down: nobody should find a code dead that the message calls alive.
        Self::of_digits(catalog, language, medium, code.expose(), seconds / 60)
    }

    fn of_digits(
        catalog: &MessageCatalog,
        language: &Language,
        medium: Medium,
        code: &str,
        minutes: u64,
    ) -> Self {
        let app = catalog.app_name.as_deref().unwrap_or_default();
        // A name in Latin letters must not turn the order of what surrounds it (UAX #9 §2.4.2).
        let isolated = format!("\u{2068}{app}\u{2069}");
        let (number, time) = (minutes.to_string(), language.time(minutes));
        let values = Values {
            code,
            app: if language.right_to_left { &isolated } else { app },
            time: &time,
            minutes: &number,
        };
        match medium {
            Medium::Sms => Self { text: sms::text(language, catalog, &values), email: None },
            Medium::Email => {
                let (text, email) = email::parts(language, catalog, &values);
                Self { text, email: Some(email) }
            }
        }
    }

    /// The text: of a text message all, of an e-mail the plain part.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// What an e-mail has besides.
    #[must_use]
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }
}

/// What the placeholders of a text stand for.
struct Values<'a> {
    code: &'a str,
    app: &'a str,
    time: &'a str,
    minutes: &'a str,
}

impl Values<'_> {
    /// `template` with its placeholders filled in. What is filled in is not searched for more.
    fn fill(&self, template: &str) -> Zeroizing<String> {
        let fill = |piece| match piece {
            Piece::Text(text) => text,
            Piece::Placeholder("code") => self.code,
            Piece::Placeholder("app") => self.app,
            Piece::Placeholder("time") => self.time,
            Piece::Placeholder("minutes") => self.minutes,
            // Both kinds of templates are checked for others, catalogues and settings.
            Piece::Placeholder(_) => "",
        };
        // One allocation: pieces that grow would leave copies of the code behind.
        pieces(template).into_iter().map(fill).collect::<Vec<_>>().concat().into()
    }
}

#[cfg(test)]
mod tests {
    use otp::{CodeKey, CodeLength, CodeOwner, Nonce};

    use super::*;

    /// Every length of a code.
    const CODES: [&str; 5] = ["012345", "0123456", "01234567", "012345678", "0123456789"];

    fn catalog(pairs: &[(&str, &str)]) -> MessageCatalog {
        let lookup = |name: &str| {
            pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        MessageCatalog::read(&lookup).unwrap()
    }

    fn message(catalog: &MessageCatalog, tag: &str, medium: Medium) -> Message {
        let language = Language::find(tag).unwrap();
        Message::of_digits(catalog, language, medium, "012345", 5)
    }

    fn text(catalog: &MessageCatalog, tag: &str) -> String {
        message(catalog, tag, Medium::Sms).expose_text().to_owned()
    }

    /// The settings that change a message, alone and together.
    fn every_setting() -> Vec<MessageCatalog> {
        let hostile = ("APP_NAME", "<b>&\"' {code} %s");
        vec![
            catalog(&[]),
            catalog(&[("APP_NAME", "Example")]),
            catalog(&[hostile]),
            catalog(&[("WEB_OTP_DOMAIN", "example.com")]),
            catalog(&[("ANDROID_APP_HASH", "FA+9qCX9VSu")]),
            catalog(&[("EMAIL_CONFIGURATION_SET", "set")]),
            catalog(&[
                hostile,
                ("WEB_OTP_DOMAIN", "example.com"),
                ("ANDROID_APP_HASH", "FA+9qCX9VSu"),
                ("EMAIL_CONFIGURATION_SET", "set"),
            ]),
        ]
    }

    #[test]
    fn messages_are_complete_in_every_language_medium_and_setting() {
        for catalog in &every_setting() {
            for language in Language::all() {
                for (code, minutes) in CODES.into_iter().zip([0, 1, 2, 5, 10]) {
                    let of = |medium| Message::of_digits(catalog, language, medium, code, minutes);
                    let (sms, email) = (of(Medium::Sms), of(Medium::Email));
                    assert!(sms.email().is_none());
                    assert_sms(catalog, language, sms.expose_text(), code);
                    assert_email(catalog, language, &email, code);
                }
            }
        }
    }

    fn assert_sms(catalog: &MessageCatalog, language: &Language, text: &str, code: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let app = catalog.app_name.as_deref().unwrap_or_default();
        let before = lines[0].split(code).next().unwrap().replace(app, "");
        assert!(lines[0].contains(code) && before.chars().count() <= 15, "early: {text}");
        assert!(lines[0].contains(app) && !text.contains("{time}"), "{text}");
        assert_eq!(lines[0].trim(), lines[0]);
        let hash = catalog.app_hash.as_deref();
        let line = catalog.web_otp_domain.as_ref().map(|domain| format!("@{domain} #{code}"));
        let tail: Vec<&str> = [hash, line.as_deref()].into_iter().flatten().collect();
        assert_eq!(lines[1..], tail, "{text}");
        assert_only_ascii_digits(text);
        assert_eq!(text.contains('\u{2068}'), language.right_to_left && !app.is_empty());
    }

    fn assert_email(catalog: &MessageCatalog, language: &Language, message: &Message, code: &str) {
        let email = message.email().expect("an email");
        let (subject, text, html) =
            (email.expose_subject(), message.expose_text(), email.expose_html());
        assert_eq!(subject.contains(code), catalog.code_in_subject, "{subject}");
        assert!(!subject.contains(char::is_control), "{subject}");
        let app = catalog.app_name.as_deref().unwrap_or_default();
        assert!(subject.contains(app) && text.contains(app));
        assert!(text.lines().any(|line| line == code), "{text}");
        for part in [text, html] {
            assert!(!["{time}", "{app}", "{title}"].iter().any(|field| part.contains(field)));
        }
        for part in [subject, text, html] {
            assert_only_ascii_digits(part);
        }
        assert!(html.contains(&format!(">{code}</p>")), "{html}");
        assert_eq!(html.matches(code).count(), 1);
        let (tag, direction) = (language.tag, language.direction());
        assert!(html.contains(&format!("<html lang=\"{tag}\" dir=\"{direction}\">")));
        assert!(!html.contains("<b>") && !html.contains("&\""), "{html}");
        if app.contains('<') {
            // In the title and in the heading.
            assert_eq!(html.matches("&lt;b&gt;&amp;&quot;&#39; {code} %s").count(), 2, "{html}");
        }
        for remote in ["http", "//", "src=", "url(", "@import", "<script", "<link", "<img"] {
            assert!(!html.contains(remote), "{remote}");
        }
        let fields: serde_json::Value = serde_json::from_str(email.expose_fields()).unwrap();
        let fields = fields.as_object().unwrap();
        assert_eq!(fields["code"], code);
        assert_eq!(fields["app"], app);
        assert_eq!(fields["locale"], tag);
        let filled = |name: &str| fields[name].as_str().is_some_and(|text| !text.is_empty());
        for name in
            ["minutes", "time", "direction", "title", "enter", "expires", "warning", "ignore"]
        {
            assert!(filled(name), "{name}");
        }
        assert_eq!(fields.len(), 11);
    }

    /// A code in other digits could not be typed into most forms.
    fn assert_only_ascii_digits(text: &str) {
        let foreign = text.chars().find(|c| c.is_numeric() && !c.is_ascii_digit());
        assert_eq!(foreign, None, "{text}");
    }

    #[test]
    fn sms_is_one_segment_unless_reported_as_long() {
        // What a name and a domain may cost at most is up to the operator, who is warned.
        for catalog in [catalog(&[]), catalog(&[("APP_NAME", "Example")])] {
            for language in Language::all() {
                for code in CODES {
                    for minutes in 0..=10 {
                        let message =
                            Message::of_digits(&catalog, language, Medium::Sms, code, minutes);
                        let size = Size::of(message.expose_text());
                        assert_eq!(size.segments(), 1, "{} {size:?}", message.expose_text());
                    }
                }
            }
        }
        for catalog in &every_setting() {
            let long = catalog.long_sms(600, CodeLength::MAX);
            for language in Language::all() {
                let text = Message::of_digits(catalog, language, Medium::Sms, CODES[4], 10)
                    .text
                    .to_string();
                let told = long.iter().any(|(of, ..)| *of == language);
                assert!(told || Size::of(&text).segments() == 1, "{text}");
            }
        }
    }

    #[test]
    fn sms_messages_match_expected_wording() {
        let plain = catalog(&[]);
        for (tag, expected) in [
            (
                "en",
                "012345 is your sign-in code. It is valid for 5 minutes. Do not share it: nobody \
                 from us will ask for it.",
            ),
            (
                "ja",
                "012345 はログイン用の認証コードです。有効期間は5分です。他人に教えないでください。",
            ),
            ("es", "012345 es tu código de acceso. Vence en 5 minutos. No lo compartas."),
            ("ar", "012345 رمز تسجيل الدخول. صالح لمدة 5 دقائق. لا تشاركه مع أحد."),
            ("zh-Hans", "012345 是您的登录验证码，有效期5分钟。请勿告诉他人。"),
        ] {
            assert_eq!(text(&plain, tag), expected);
        }
        let phone = catalog(&[
            ("APP_NAME", "Example"),
            ("WEB_OTP_DOMAIN", "example.com"),
            ("ANDROID_APP_HASH", "FA+9qCX9VSu"),
        ]);
        assert_eq!(
            text(&phone, "en"),
            "012345 is your Example sign-in code. It is valid for 5 minutes.\nFA+9qCX9VSu\n\
             @example.com #012345",
        );
        assert_eq!(
            text(&phone, "ar"),
            "012345 رمز دخول \u{2068}Example\u{2069}. صالح لمدة 5 دقائق.\n\
             FA+9qCX9VSu\n@example.com #012345",
        );
    }

    #[test]
    fn email_matches_expected_subject_text_and_html() {
        let message = message(&catalog(&[("APP_NAME", "Example")]), "de-AT", Medium::Email);
        let email = message.email().unwrap();
        assert_eq!(email.expose_subject(), "012345 ist Ihr Anmeldecode für Example");
        assert_eq!(
            message.expose_text(),
            "Ihr Anmeldecode für Example\n\n\
             Geben Sie zum Anmelden diesen Code ein:\n\n\
             012345\n\n\
             Der Code ist 5 Minuten gültig.\n\n\
             Geben Sie ihn an niemanden weiter. Wir werden Sie nie danach fragen.\n\
             Falls Sie diesen Code nicht angefordert haben, können Sie diese E-Mail ignorieren.\n",
        );
        let arabic = self::message(&catalog(&[]), "ar", Medium::Email);
        let html = arabic.email().unwrap().expose_html();
        assert!(html.contains("<html lang=\"ar\" dir=\"rtl\">"));
        assert!(html.contains("text-align:right;"));
        // Whatever surrounds it, a code is read from left to right.
        assert!(html.contains("<p class=\"code\" dir=\"ltr\""));
    }

    #[test]
    fn configuration_set_removes_the_code_from_the_subject() {
        let message = message(&catalog(&[("EMAIL_CONFIGURATION_SET", "set")]), "en", Medium::Email);
        assert_eq!(message.email().unwrap().expose_subject(), "Your sign-in code");
        assert!(message.expose_text().contains("012345"));
    }

    #[test]
    fn custom_templates_replace_the_catalog() {
        let catalog = catalog(&[
            ("APP_NAME", "Example"),
            ("WEB_OTP_DOMAIN", "example.com"),
            ("MESSAGE_SMS_EN", "{app}: {code} ({minutes} min, {time}), {code}"),
            ("MESSAGE_EMAIL_SUBJECT_PT_BR", "Olá! {code}"),
        ]);
        assert_eq!(
            text(&catalog, "en"),
            "Example: 012345 (5 min, 5 minutes), 012345\n@example.com #012345",
        );
        let subject = |tag| {
            message(&catalog, tag, Medium::Email).email().unwrap().expose_subject().to_owned()
        };
        assert_eq!(subject("pt"), "Olá! 012345");
        assert_eq!(subject("en"), "012345 is your Example sign-in code");
    }

    #[test]
    fn lifetime_in_message_is_rounded_down() {
        let key = CodeKey::new("an example key of some 40 different bytes").unwrap();
        let nonce = Nonce::from_bytes([0; 16]);
        let owner = CodeOwner { pool_id: "pool", user_sub: "sub", phone_number: "", email: "" };
        let code = Code::derive(&key, owner, &nonce, CodeLength::MAX);
        let language = Language::english();
        for (seconds, time) in [
            (300, "5 minutes"),
            (299, "4 minutes"),
            (60, "1 minute"),
            (59, "less than a minute"),
            (0, "less than a minute"),
        ] {
            let message =
                Message::new(&MessageCatalog::default(), language, Medium::Sms, &code, seconds);
            let start =
                format!("{} is your sign-in code. It is valid for {time}. Do not", code.expose());
            assert!(message.expose_text().starts_with(&start), "{}", message.expose_text());
        }
    }

    /// The table of `docs/MESSAGES.md`: it holds for six digits and five minutes, the defaults.
    fn table() -> String {
        let settings = [
            catalog(&[]),
            catalog(&[("APP_NAME", "Example")]),
            catalog(&[("APP_NAME", "Example"), ("WEB_OTP_DOMAIN", "example.com")]),
        ];
        let row = |language: &Language| {
            let size = |catalog| Size::of(&text(catalog, language.tag));
            let alphabet = match size(&settings[0]).alphabet {
                Alphabet::Gsm => "GSM",
                Alphabet::Ucs2 => "UCS-2",
            };
            let sizes =
                settings.iter().map(size).map(|s| format!("{} in {}", s.units, s.segments()));
            let sizes = sizes.collect::<Vec<_>>().join(" | ");
            format!("| `{}` | {} | {alphabet} | {sizes} |\n", language.tag, language.name)
        };
        Language::all().iter().map(row).collect()
    }

    #[test]
    fn documented_sms_sizes_match_the_messages() {
        let documentation = include_str!("../../../docs/MESSAGES.md");
        assert!(documentation.contains(&table()), "docs/MESSAGES.md lacks this:\n\n{}", table());
    }
}
