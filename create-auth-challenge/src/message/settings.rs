//! The settings of messages.

use std::collections::BTreeMap;

use otp::{CodeLength, Medium, UnixSeconds};
use settings::{Lookup, SettingError, Variable};

use super::template::{Piece, check, pieces};
use super::{Language, Message, Size, sms};

const DEFAULT_LOCALE: Variable = Variable::new("DEFAULT_LOCALE", "en");
const APP_NAME: Variable = Variable::new("APP_NAME", "Example");
const WEB_OTP_DOMAIN: Variable = Variable::new("WEB_OTP_DOMAIN", "example.com");
const ANDROID_APP_HASH: Variable = Variable::new("ANDROID_APP_HASH", "FA+9qCX9VSu");
const SMS_SENDER_ID: Variable = Variable::new("SMS_SENDER_ID", "Example");
const SMS_ORIGINATION_NUMBER: Variable = Variable::new("SMS_ORIGINATION_NUMBER", "+12065550100");
const SMS_MAX_PRICE_USD: Variable = Variable::new("SMS_MAX_PRICE_USD", "0.50");
const SMS_ENTITY_ID: Variable = Variable::new("SMS_ENTITY_ID", "1101456789012345678");
const SMS_TEMPLATE_ID: Variable = Variable::new("SMS_TEMPLATE_ID", "1107161234567890123");
const EMAIL_CONFIGURATION_SET: Variable = Variable::new("EMAIL_CONFIGURATION_SET", "sign-in");
const EMAIL_TEMPLATE: Variable = Variable::new("EMAIL_TEMPLATE", "SignInCode");

/// The longest `APP_NAME`, in characters: it is part of every text message.
const MAX_APP_NAME: usize = 30;

/// The longest text that SNS takes, in bytes of UTF-8.
const MAX_SMS_BYTES: usize = 1_600;

/// The longest that a code lives, in minutes.
const MAX_MINUTES: u64 = 10;

/// What messages say.
#[derive(Debug)]
pub struct MessageCatalog {
    /// `DEFAULT_LOCALE`: the language of those who ask for none that there is, English by default.
    pub default: &'static Language,
    /// `APP_NAME`: what messages call the application, at most 30 characters.
    pub app_name: Option<String>,
    /// `WEB_OTP_DOMAIN`: the site whose page a browser may fill the code in.
    pub web_otp_domain: Option<String>,
    /// `ANDROID_APP_HASH`: the app that Android's SMS Retriever may give the text to.
    pub app_hash: Option<String>,
    /// May the subject of an e-mail tell the code? Not with `EMAIL_CONFIGURATION_SET`: events that the
    /// set publishes quote the subject.
    pub code_in_subject: bool,
    /// `MESSAGE_SMS_…` and `MESSAGE_EMAIL_SUBJECT_…`, by the language's tag.
    custom: BTreeMap<&'static str, Custom>,
}

/// The operator's own templates in one locale.
#[derive(Debug, Default)]
pub(super) struct Custom {
    pub(super) sms: Option<String>,
    pub(super) subject: Option<String>,
}

impl Default for MessageCatalog {
    /// What is said where nothing is set.
    fn default() -> Self {
        Self {
            default: Language::english(),
            app_name: None,
            web_otp_domain: None,
            app_hash: None,
            code_in_subject: true,
            custom: BTreeMap::new(),
        }
    }
}

impl MessageCatalog {
    /// Reads the settings.
    ///
    /// # Errors
    /// When one has an impossible value.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let catalog = Self {
            default: default_language(lookup)?,
            app_name: app_name(lookup)?,
            web_otp_domain: valid(WEB_OTP_DOMAIN, lookup, is_domain, "is not a domain name")?,
            app_hash: valid(
                ANDROID_APP_HASH,
                lookup,
                is_app_hash,
                "is not an 11-character base64 app hash",
            )?,
            code_in_subject: EMAIL_CONFIGURATION_SET.optional(lookup).is_none(),
            custom: BTreeMap::new(),
        };
        let mut custom = BTreeMap::new();
        for language in Language::all() {
            custom.insert(language.tag, catalog.read_custom(language, lookup)?);
        }
        let catalog = Self { custom, ..catalog };
        let own = |language: &&Language| catalog.custom(language).is_some_and(|c| c.sms.is_some());
        for language in Language::all().iter().filter(own) {
            if catalog.sample(language, MAX_MINUTES, CodeLength::MAX).len() > MAX_SMS_BYTES {
                let problem = format_args!("produces an SMS of more than {MAX_SMS_BYTES} bytes");
                return Err(sms_variable(language).error(problem));
            }
        }
        Ok(catalog)
    }

    /// The first supported locale among `wishes`, else the default.
    #[must_use]
    pub fn language<'a>(
        &self,
        wishes: impl IntoIterator<Item = Option<&'a str>>,
    ) -> &'static Language {
        wishes.into_iter().flatten().find_map(Language::find).unwrap_or(self.default)
    }

    /// The languages whose texts do not fit into one part, or are too long for what reads them on the
    /// phone, with the longest text's size and the most units that would do: for codes of `length` that
    /// live for `lifetime` seconds.
    #[must_use]
    pub fn long_sms(
        &self,
        lifetime: UnixSeconds,
        length: CodeLength,
    ) -> Vec<(&'static Language, Size, usize)> {
        let longest = |language: &'static Language| {
            let minutes = language.telling_minutes(lifetime / 60);
            let texts = minutes.map(|minutes| self.sample(language, minutes, length));
            let long = texts.filter(|text| !sms::fits(text, self)).map(|text| Size::of(&text));
            let size = long.max_by_key(|size| size.units)?;
            Some((language, size, sms::limit(size.alphabet, self)))
        };
        Language::all().iter().filter_map(longest).collect()
    }

    /// The text message for a code that is not one.
    fn sample(&self, language: &Language, minutes: u64, length: CodeLength) -> String {
        let code = "0".repeat(length.digits());
        let message = Message::of_digits(self, language, Medium::Sms, &code, minutes);
        message.expose_text().to_owned()
    }

    /// The operator's own templates in `language`.
    pub(super) fn custom(&self, language: &Language) -> Option<&Custom> {
        self.custom.get(language.tag)
    }

    fn read_custom(
        &self,
        language: &Language,
        lookup: &Lookup<'_>,
    ) -> Result<Custom, SettingError> {
        let template = |variable: Variable, required: &[&str], allowed: &[&str]| {
            let Some(template) = variable.optional(lookup) else { return Ok(None) };
            check(&template, required, allowed).map_err(|problem| variable.error(problem))?;
            let has = |name| pieces(&template).contains(&Piece::Placeholder(name));
            if has("app") && self.app_name.is_none() {
                return Err(variable.error("has the placeholder {app}, but APP_NAME is not set"));
            }
            if required.is_empty() && has("code") && !self.code_in_subject {
                return Err(variable.error(
                    "has the placeholder {code}, which events of EMAIL_CONFIGURATION_SET would \
                     reveal",
                ));
            }
            Ok(Some(template))
        };
        Ok(Custom {
            sms: template(sms_variable(language), &["code"], &["app", "time", "minutes"])?,
            subject: template(subject_variable(language), &[], &["app", "code"])?,
        })
    }
}

fn sms_variable(language: &Language) -> Variable {
    Variable::new(language.sms_variable, "{code} is your sign-in code, valid for {time}.")
}

fn subject_variable(language: &Language) -> Variable {
    Variable::new(language.subject_variable, "Your sign-in code")
}

/// How text messages travel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsOptions {
    /// `SMS_SENDER_ID`: the name that a phone shows as the sender.
    pub sender_id: Option<String>,
    /// `SMS_ORIGINATION_NUMBER`: the number that they come from.
    pub origination_number: Option<String>,
    /// `SMS_MAX_PRICE_USD`: the most that one may cost; a text that would cost more is not sent.
    pub max_price: Option<String>,
    /// `SMS_ENTITY_ID` and `SMS_TEMPLATE_ID`: what India's carriers have registered.
    pub india: Option<(String, String)>,
}

impl SmsOptions {
    /// Reads the settings.
    ///
    /// # Errors
    /// When one has an impossible value, or only one of India's is set.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let registered =
            |variable| valid(variable, lookup, is_registered, "is not 6 to 50 letters and digits");
        let india = match (registered(SMS_ENTITY_ID)?, registered(SMS_TEMPLATE_ID)?) {
            (Some(entity), Some(template)) => Some((entity, template)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(SMS_TEMPLATE_ID.error("is not set, but SMS_ENTITY_ID is"));
            }
            (None, Some(_)) => {
                return Err(SMS_ENTITY_ID.error("is not set, but SMS_TEMPLATE_ID is"));
            }
        };
        Ok(Self {
            sender_id: valid(
                SMS_SENDER_ID,
                lookup,
                is_sender_id,
                "is not 1 to 11 letters and digits with at least one letter",
            )?,
            origination_number: valid(
                SMS_ORIGINATION_NUMBER,
                lookup,
                is_origination_number,
                "is not a number of 5 to 15 digits, with or without a +",
            )?,
            max_price: valid(
                SMS_MAX_PRICE_USD,
                lookup,
                is_price,
                "is not an amount of US dollars",
            )?,
            india,
        })
    }
}

/// How e-mails travel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailOptions {
    /// `EMAIL_CONFIGURATION_SET`: the configuration set of SES.
    pub configuration_set: Option<String>,
    /// `EMAIL_TEMPLATE`: the stored template of SES that makes the email.
    pub template: Option<String>,
}

impl EmailOptions {
    /// Reads the settings.
    ///
    /// # Errors
    /// When one has an impossible value.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        const PROBLEM: &str = "is not 1 to 64 letters, digits, - and _";
        Ok(Self {
            configuration_set: valid(EMAIL_CONFIGURATION_SET, lookup, is_ses_name, PROBLEM)?,
            template: valid(EMAIL_TEMPLATE, lookup, is_ses_name, PROBLEM)?,
        })
    }
}

/// The variable's value, if there is one, which must be `good`.
fn valid(
    variable: Variable,
    lookup: &Lookup<'_>,
    good: fn(&str) -> bool,
    problem: &str,
) -> Result<Option<String>, SettingError> {
    match variable.optional(lookup) {
        Some(value) if !good(&value) => Err(variable.error(problem)),
        value => Ok(value),
    }
}

fn default_language(lookup: &Lookup<'_>) -> Result<&'static Language, SettingError> {
    let Some(value) = DEFAULT_LOCALE.optional(lookup) else { return Ok(Language::english()) };
    Language::find(&value).ok_or_else(|| {
        let tags: Vec<&str> = Language::all().iter().map(|language| language.tag).collect();
        DEFAULT_LOCALE.error(format_args!("is not one of: {}", tags.join(", ")))
    })
}

fn app_name(lookup: &Lookup<'_>) -> Result<Option<String>, SettingError> {
    let name = APP_NAME.optional(lookup);
    match &name {
        Some(name) if name.contains(char::is_control) => {
            Err(APP_NAME.error("has a control character"))
        }
        Some(name) if name.chars().count() > MAX_APP_NAME => {
            Err(APP_NAME.error(format_args!("is longer than {MAX_APP_NAME} characters")))
        }
        _ => Ok(name),
    }
}

/// A host such as `example.com`, in ASCII: no scheme, no port, no path.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_app_hash(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len() == 11 && text.bytes().all(is_base64)
}

fn is_sender_id(text: &str) -> bool {
    (1..=11).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A long or a short code, as SNS takes it.
fn is_origination_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (5..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_price(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| {
        (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_number(whole) && is_number(part) && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

fn is_registered(text: &str) -> bool {
    (6..=50).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_ses_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    fn read(pairs: &[(&str, &str)]) -> Result<(MessageCatalog, SmsOptions, EmailOptions), String> {
        let lookup = &lookup(pairs);
        let catalog = MessageCatalog::read(lookup);
        let all = catalog.and_then(|catalog| {
            Ok((catalog, SmsOptions::read(lookup)?, EmailOptions::read(lookup)?))
        });
        all.map_err(|error| error.to_string())
    }

    #[test]
    fn unset_variables_use_defaults() {
        let (catalog, texts, mails) =
            read(&[("SMS_SENDER_ID", ""), ("MESSAGE_SMS_EN", "")]).unwrap();
        assert_eq!(catalog.default.tag, "en");
        assert_eq!(
            (&catalog.app_name, &catalog.web_otp_domain, &catalog.app_hash),
            (&None, &None, &None)
        );
        assert!(catalog.code_in_subject);
        assert!(catalog.custom.values().all(|custom| custom.sms.is_none()));
        assert_eq!((texts, mails), (SmsOptions::default(), EmailOptions::default()));
    }

    #[test]
    fn valid_values_are_read() {
        let (catalog, texts, mails) = read(&[
            ("DEFAULT_LOCALE", "pt-PT"),
            ("APP_NAME", "<b>&\""),
            ("WEB_OTP_DOMAIN", "login.example.com"),
            ("ANDROID_APP_HASH", "FA+9qCX9VSu"),
            ("SMS_SENDER_ID", "EXAMPLE1"),
            ("SMS_ORIGINATION_NUMBER", "12345"),
            ("SMS_MAX_PRICE_USD", "0.05"),
            ("SMS_ENTITY_ID", "1101456789012345678"),
            ("SMS_TEMPLATE_ID", "1107161234567890123"),
            ("EMAIL_CONFIGURATION_SET", "sign-in_1"),
            ("EMAIL_TEMPLATE", "SignInCode"),
            ("MESSAGE_SMS_PT_BR", "{code} {app} {time} {minutes}"),
            ("MESSAGE_EMAIL_SUBJECT_ZH_HANT", "{app}"),
        ])
        .unwrap();
        assert_eq!(catalog.default.tag, "pt-BR");
        assert_eq!(catalog.app_name.as_deref(), Some("<b>&\""));
        assert!(!catalog.code_in_subject);
        let custom = |tag| catalog.custom(Language::find(tag).unwrap()).unwrap();
        assert!(custom("pt-BR").sms.is_some() && custom("pt-BR").subject.is_none());
        assert_eq!(custom("zh-TW").subject.as_deref(), Some("{app}"));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            texts,
            SmsOptions {
                sender_id: text("EXAMPLE1"),
                origination_number: text("12345"),
                max_price: text("0.05"),
                india: Some(("1101456789012345678".into(), "1107161234567890123".into())),
            }
        );
        let expected =
            EmailOptions { configuration_set: text("sign-in_1"), template: text("SignInCode") };
        assert_eq!(mails, expected);
    }

    #[test]
    fn invalid_values_name_their_variable() {
        let long = "x".repeat(31);
        let endless = format!("{{code}} {}", "é".repeat(800));
        for (name, value, problem) in [
            ("DEFAULT_LOCALE", "tlh", "is not one of: ar, de, en, es, "),
            ("APP_NAME", "a\nb", "has a control character"),
            ("APP_NAME", &long, "is longer than 30 characters"),
            ("WEB_OTP_DOMAIN", "https://example.com", "is not a domain name"),
            ("WEB_OTP_DOMAIN", "example.com:443", "is not a domain name"),
            ("WEB_OTP_DOMAIN", "example..com", "is not a domain name"),
            ("WEB_OTP_DOMAIN", "-a.example", "is not a domain name"),
            ("WEB_OTP_DOMAIN", "例.example", "is not a domain name"),
            ("WEB_OTP_DOMAIN", "a.example #1", "is not a domain name"),
            ("ANDROID_APP_HASH", "FA+9qCX9VS", "is not an 11-character base64"),
            ("ANDROID_APP_HASH", "FA+9qCX9VSu=", "is not an 11-character base64"),
            ("ANDROID_APP_HASH", "FA-9qCX9VSu", "is not an 11-character base64"),
            ("SMS_SENDER_ID", "123456", "is not 1 to 11 letters and digits"),
            ("SMS_SENDER_ID", "My App", "is not 1 to 11 letters and digits"),
            ("SMS_SENDER_ID", "Example12345", "is not 1 to 11 letters and digits"),
            ("SMS_ORIGINATION_NUMBER", "1234", "is not a number of 5 to 15 digits"),
            ("SMS_ORIGINATION_NUMBER", "+1 206 555 0100", "is not a number of 5 to 15 digits"),
            ("SMS_MAX_PRICE_USD", "0", "is not an amount of US dollars"),
            ("SMS_MAX_PRICE_USD", "0.00", "is not an amount of US dollars"),
            ("SMS_MAX_PRICE_USD", ".5", "is not an amount of US dollars"),
            ("SMS_MAX_PRICE_USD", "-1", "is not an amount of US dollars"),
            ("SMS_MAX_PRICE_USD", "1e3", "is not an amount of US dollars"),
            ("SMS_MAX_PRICE_USD", "$1", "is not an amount of US dollars"),
            ("EMAIL_CONFIGURATION_SET", "a b", "is not 1 to 64 letters"),
            ("EMAIL_TEMPLATE", "a.b", "is not 1 to 64 letters"),
            ("MESSAGE_SMS_EN", "Hello", "lacks the placeholder {code}"),
            ("MESSAGE_SMS_EN", "{code} {pin}", "has the unknown placeholder {pin}"),
            ("MESSAGE_SMS_EN", "{code} {", "has a brace outside a placeholder"),
            ("MESSAGE_SMS_EN", "{code}}", "has a brace outside a placeholder"),
            ("MESSAGE_SMS_EN", "{Code}", "has a brace outside a placeholder"),
            ("MESSAGE_SMS_EN", "{code}\n", "has a control character"),
            ("MESSAGE_SMS_EN", "{code} {app}", "has the placeholder {app}, but APP_NAME is not"),
            ("MESSAGE_SMS_ZH_HANS", &endless, "produces an SMS of more than 1600 bytes"),
            ("MESSAGE_EMAIL_SUBJECT_PT_BR", "{time}", "has the unknown placeholder {time}"),
            ("MESSAGE_EMAIL_SUBJECT_JA", "a\r\nBcc: b", "has a control character"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{name} {problem}")), "{error}");
            assert!(error.contains(&format!("; for example {name}=")), "{error}");
        }
        for (pairs, problem) in [
            ([("SMS_ENTITY_ID", "123456"), ("", "")], "SMS_TEMPLATE_ID is not set"),
            ([("SMS_TEMPLATE_ID", "123456"), ("", "")], "SMS_ENTITY_ID is not set"),
            (
                [("SMS_ENTITY_ID", "12345"), ("SMS_TEMPLATE_ID", "123456")],
                "SMS_ENTITY_ID is not 6 to 50 letters and digits",
            ),
            (
                [("EMAIL_CONFIGURATION_SET", "x"), ("MESSAGE_EMAIL_SUBJECT_EN", "{code}")],
                "MESSAGE_EMAIL_SUBJECT_EN has the placeholder {code}, which events of",
            ),
        ] {
            let error = read(&pairs).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }

    #[test]
    fn first_supported_locale_is_chosen() {
        let (catalog, ..) = read(&[("DEFAULT_LOCALE", "fr")]).unwrap();
        for (wishes, expected) in [
            ([None, None], "fr"),
            ([Some("ja"), Some("de")], "ja"),
            ([Some("nl"), Some("de-AT")], "de"),
            ([None, Some("es_MX")], "es"),
            ([Some(""), Some("../../etc")], "fr"),
        ] {
            assert_eq!(catalog.language(wishes).tag, expected, "{wishes:?}");
        }
    }

    #[test]
    fn long_sms_are_reported() {
        let tags = |pairs: &[_], lifetime, length| {
            let (catalog, ..) = read(pairs).unwrap();
            let long = catalog.long_sms(lifetime, length);
            long.iter().map(|(language, ..)| language.tag).collect::<Vec<_>>()
        };
        let (least, most) = (CodeLength::MIN, CodeLength::MAX);
        assert_eq!(tags(&[], 600, most), [""; 0]);
        assert_eq!(tags(&[("APP_NAME", "Example")], 600, most), [""; 0]);
        assert_eq!(tags(&[("WEB_OTP_DOMAIN", "example.com")], 300, least), ["es", "pt-BR"]);
        let long = "x".repeat(200);
        let custom = [("MESSAGE_SMS_JA", "{code}"), ("MESSAGE_SMS_EN", &format!("{{code}}{long}"))];
        assert_eq!(tags(&custom, 300, least), ["en"]);
    }
}
