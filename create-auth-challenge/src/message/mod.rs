//! The words of a message, in the language of whoever gets it.

mod language;
mod mail;
mod settings;
mod sms;
mod template;

use otp::{Code, Medium, UnixSeconds};
use zeroize::Zeroizing;

pub use language::Language;
pub use mail::Mail;
pub use settings::{MailOptions, TextOptions, Words};
pub use sms::{Alphabet, Size};
use template::{Piece, pieces};

/// A message that carries a code. Has no `Debug` and no `Display`; wiped when dropped.
pub struct Message {
    text: Zeroizing<String>,
    mail: Option<Mail>,
}

impl Message {
    /// The message by `medium` for `code`, which lives for another `seconds`.
    #[must_use]
    pub fn new(
        words: &Words,
        language: &Language,
        medium: Medium,
        code: &Code,
        seconds: UnixSeconds,
    ) -> Self {
        // Rounded down: nobody should find a code dead that the message calls alive.
        Self::of_digits(words, language, medium, code.expose(), seconds / 60)
    }

    fn of_digits(
        words: &Words,
        language: &Language,
        medium: Medium,
        code: &str,
        minutes: u64,
    ) -> Self {
        let app = words.app_name.as_deref().unwrap_or_default();
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
            Medium::Sms => Self { text: sms::text(language, words, &values), mail: None },
            Medium::Email => {
                let (text, mail) = mail::mail(language, words, &values);
                Self { text, mail: Some(mail) }
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
    pub fn mail(&self) -> Option<&Mail> {
        self.mail.as_ref()
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
    use otp::{CodeKey, CodeLength, Nonce};

    use super::*;

    /// Every length of a code.
    const CODES: [&str; 5] = ["012345", "0123456", "01234567", "012345678", "0123456789"];

    fn words(pairs: &[(&str, &str)]) -> Words {
        let lookup = |name: &str| {
            pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        Words::read(&lookup).unwrap()
    }

    fn message(words: &Words, tag: &str, medium: Medium) -> Message {
        let language = Language::find(tag).unwrap();
        Message::of_digits(words, language, medium, "012345", 5)
    }

    fn text(words: &Words, tag: &str) -> String {
        message(words, tag, Medium::Sms).expose_text().to_owned()
    }

    /// The settings that change a message, alone and together.
    fn every_setting() -> Vec<Words> {
        let hostile = ("APP_NAME", "<b>&\"' {code} %s");
        vec![
            words(&[]),
            words(&[("APP_NAME", "Example")]),
            words(&[hostile]),
            words(&[("WEB_OTP_DOMAIN", "example.com")]),
            words(&[("ANDROID_APP_HASH", "FA+9qCX9VSu")]),
            words(&[("EMAIL_CONFIGURATION_SET", "set")]),
            words(&[
                hostile,
                ("WEB_OTP_DOMAIN", "example.com"),
                ("ANDROID_APP_HASH", "FA+9qCX9VSu"),
                ("EMAIL_CONFIGURATION_SET", "set"),
            ]),
        ]
    }

    #[test]
    fn every_language_medium_and_setting_has_every_field() {
        for words in &every_setting() {
            for language in Language::all() {
                for (code, minutes) in CODES.into_iter().zip([0, 1, 2, 5, 10]) {
                    let of = |medium| Message::of_digits(words, language, medium, code, minutes);
                    let (sms, email) = (of(Medium::Sms), of(Medium::Email));
                    assert!(sms.mail().is_none());
                    assert_sms(words, language, sms.expose_text(), code);
                    assert_mail(words, language, &email, code);
                }
            }
        }
    }

    fn assert_sms(words: &Words, language: &Language, text: &str, code: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let app = words.app_name.as_deref().unwrap_or_default();
        let before = lines[0].split(code).next().unwrap().replace(app, "");
        assert!(lines[0].contains(code) && before.chars().count() <= 15, "early: {text}");
        assert!(lines[0].contains(app) && !text.contains("{time}"), "{text}");
        assert_eq!(lines[0].trim(), lines[0]);
        let hash = words.app_hash.as_deref();
        let line = words.web_otp_domain.as_ref().map(|domain| format!("@{domain} #{code}"));
        let tail: Vec<&str> = [hash, line.as_deref()].into_iter().flatten().collect();
        assert_eq!(lines[1..], tail, "{text}");
        assert_only_ascii_digits(text);
        assert_eq!(text.contains('\u{2068}'), language.right_to_left && !app.is_empty());
    }

    fn assert_mail(words: &Words, language: &Language, message: &Message, code: &str) {
        let mail = message.mail().expect("a mail");
        let (subject, text, html) =
            (mail.expose_subject(), message.expose_text(), mail.expose_html());
        assert_eq!(subject.contains(code), words.code_in_subject, "{subject}");
        assert!(!subject.contains(char::is_control), "{subject}");
        let app = words.app_name.as_deref().unwrap_or_default();
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
        let fields: serde_json::Value = serde_json::from_str(mail.expose_fields()).unwrap();
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
    fn every_text_is_one_part_unless_told() {
        // What a name and a domain may cost at most is up to the operator, who is warned.
        for words in [words(&[]), words(&[("APP_NAME", "Example")])] {
            for language in Language::all() {
                for code in CODES {
                    for minutes in 0..=10 {
                        let message =
                            Message::of_digits(&words, language, Medium::Sms, code, minutes);
                        let size = Size::of(message.expose_text());
                        assert_eq!(size.parts(), 1, "{} {size:?}", message.expose_text());
                    }
                }
            }
        }
        for words in &every_setting() {
            let long = words.long_texts(600, CodeLength::MAX);
            for language in Language::all() {
                let text =
                    Message::of_digits(words, language, Medium::Sms, CODES[4], 10).text.to_string();
                let told = long.iter().any(|(of, ..)| *of == language);
                assert!(told || Size::of(&text).parts() == 1, "{text}");
            }
        }
    }

    #[test]
    fn texts() {
        let plain = words(&[]);
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
        let phone = words(&[
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
    fn a_mail() {
        let message = message(&words(&[("APP_NAME", "Example")]), "de-AT", Medium::Email);
        let mail = message.mail().unwrap();
        assert_eq!(mail.expose_subject(), "012345 ist Ihr Anmeldecode für Example");
        assert_eq!(
            message.expose_text(),
            "Ihr Anmeldecode für Example\n\n\
             Geben Sie zum Anmelden diesen Code ein:\n\n\
             012345\n\n\
             Der Code ist 5 Minuten gültig.\n\n\
             Geben Sie ihn an niemanden weiter. Wir werden Sie nie danach fragen.\n\
             Falls Sie diesen Code nicht angefordert haben, können Sie diese E-Mail ignorieren.\n",
        );
        let arabic = self::message(&words(&[]), "ar", Medium::Email);
        let html = arabic.mail().unwrap().expose_html();
        assert!(html.contains("<html lang=\"ar\" dir=\"rtl\">"));
        assert!(html.contains("text-align:right;"));
        // Whatever surrounds it, a code is read from left to right.
        assert!(html.contains("<p class=\"code\" dir=\"ltr\""));
    }

    #[test]
    fn the_subject_keeps_the_code_to_itself_where_events_would_tell_it() {
        let message = message(&words(&[("EMAIL_CONFIGURATION_SET", "set")]), "en", Medium::Email);
        assert_eq!(message.mail().unwrap().expose_subject(), "Your sign-in code");
        assert!(message.expose_text().contains("012345"));
    }

    #[test]
    fn the_operators_own_words() {
        let words = words(&[
            ("APP_NAME", "Example"),
            ("WEB_OTP_DOMAIN", "example.com"),
            ("MESSAGE_SMS_EN", "{app}: {code} ({minutes} min, {time}), {code}"),
            ("MESSAGE_EMAIL_SUBJECT_PT_BR", "Olá! {code}"),
        ]);
        assert_eq!(
            text(&words, "en"),
            "Example: 012345 (5 min, 5 minutes), 012345\n@example.com #012345",
        );
        let mail =
            |tag| message(&words, tag, Medium::Email).mail().unwrap().expose_subject().to_owned();
        assert_eq!(mail("pt"), "Olá! 012345");
        assert_eq!(mail("en"), "012345 is your Example sign-in code");
    }

    #[test]
    fn a_code_is_never_said_to_live_longer_than_it_does() {
        let key = CodeKey::new("an example key of some 40 different bytes").unwrap();
        let nonce = Nonce::from_bytes([0; 16]);
        let code = Code::derive(&key, "pool", "sub", &nonce, CodeLength::MAX);
        let language = Language::english();
        for (seconds, time) in [
            (300, "5 minutes"),
            (299, "4 minutes"),
            (60, "1 minute"),
            (59, "less than a minute"),
            (0, "less than a minute"),
        ] {
            let message = Message::new(&Words::default(), language, Medium::Sms, &code, seconds);
            let start =
                format!("{} is your sign-in code. It is valid for {time}. Do not", code.expose());
            assert!(message.expose_text().starts_with(&start), "{}", message.expose_text());
        }
    }

    /// The table of `docs/MESSAGES.md`: it holds for six digits and five minutes, the defaults.
    fn table() -> String {
        let settings = [
            words(&[]),
            words(&[("APP_NAME", "Example")]),
            words(&[("APP_NAME", "Example"), ("WEB_OTP_DOMAIN", "example.com")]),
        ];
        let row = |language: &Language| {
            let size = |words| Size::of(&text(words, language.tag));
            let alphabet = match size(&settings[0]).alphabet {
                Alphabet::Gsm => "GSM",
                Alphabet::Ucs2 => "UCS-2",
            };
            let sizes = settings.iter().map(size).map(|s| format!("{} in {}", s.units, s.parts()));
            let sizes = sizes.collect::<Vec<_>>().join(" | ");
            format!("| `{}` | {} | {alphabet} | {sizes} |\n", language.tag, language.name)
        };
        Language::all().iter().map(row).collect()
    }

    #[test]
    fn the_table_in_the_documentation_is_true() {
        let documentation = include_str!("../../../docs/MESSAGES.md");
        assert!(documentation.contains(&table()), "docs/MESSAGES.md lacks this:\n\n{}", table());
    }
}
