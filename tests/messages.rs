//! Messages in every language and medium, as the person who gets them: what is in them, and that the
//! code in them signs in.

use create_auth_challenge::{Alphabet, Language, Size};
use local::outbox::{Medium, Message};
use serde_json::Value;

use crate::harness::{Challenge, Context, Setup, run_test};
use crate::inbox;

const APP: &str = "<b>&\"";

/// A user of a phone number and an address of their own, with this `locale` attribute.
struct Person {
    phone: String,
    email: String,
}

impl Person {
    async fn create(t: &Context, number: usize, locale: Option<&str>) -> Self {
        let person = Self {
            phone: format!("+8190{number:08}"),
            email: format!("person.{number}@example.com"),
        };
        let mut attributes = vec![
            ("phone_number", person.phone.as_str()),
            ("phone_number_verified", "true"),
            ("email", person.email.as_str()),
            ("email_verified", "true"),
        ];
        attributes.extend(locale.map(|locale| ("locale", locale)));
        t.create_user(&person.phone, &attributes).await;
        person
    }
}

/// Asks for the code again, and reads the one message that comes.
async fn resend(
    t: &Context,
    challenge: &Challenge,
    metadata: &[(&str, &str)],
) -> (Challenge, Message) {
    let before = t.messages().len();
    let metadata = [&[("action", "resend")], metadata].concat();
    let user = challenge.parameter("USERNAME");
    let next = t.respond(challenge, user, "none", &metadata).await.unwrap().challenge();
    let mut messages = t.messages();
    assert_eq!(messages.len(), before + 1, "{metadata:?}");
    (next, messages.pop().unwrap())
}

/// That nobody but a person who reads ASCII digits is needed to type the code.
fn assert_readable(message: &Message, code: &str) {
    assert_eq!(inbox::code(message), code, "the same code in every message of a sign-in");
    let html = message.html.as_deref().unwrap_or_default();
    for part in [message.subject.as_deref().unwrap_or_default(), &message.body, html] {
        assert!(!part.chars().any(|c| c.is_numeric() && !c.is_ascii_digit()), "{part}");
        assert!(!["{code}", "{app}", "{time}"].iter().any(|field| part.contains(field)), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_signs_in_in_every_language_and_medium() {
    let settings = [("APP_NAME", APP), ("RESEND_AFTER_SECONDS", "0"), ("CODE_LENGTH", "8")];
    run_test(Setup::with(&settings), async |t| {
        let english = Language::english();
        for (number, language) in Language::all().iter().enumerate() {
            let person = Person::create(t, number, Some(language.tag)).await;
            let (challenge, code) = t.start_and_read(&person.phone).await;
            let text = t.messages().pop().unwrap();
            assert_readable(&text, &code);
            assert_eq!((text.subject, text.html), (None, None));

            let (challenge, mail) = resend(t, &challenge, &[("medium", "EMAIL")]).await;
            assert_eq!((mail.medium, &mail.to), (Medium::Email, &person.email));
            assert_readable(&mail, &code);
            assert!(mail.subject.as_ref().unwrap().contains(&code));
            let html = mail.html.as_ref().unwrap();
            let (tag, direction) = (language.tag, language.direction());
            assert!(html.contains(&format!("<html lang=\"{tag}\" dir=\"{direction}\">")));
            assert!(html.contains("&lt;b&gt;&amp;&quot;") && !html.contains(APP), "{html}");

            // What the client asks for counts more than what the user's profile says.
            let wish = if language == english { "de-AT" } else { "en-GB" };
            let metadata = [("medium", "SMS"), ("locale", wish)];
            let (challenge, other) = resend(t, &challenge, &metadata).await;
            assert_readable(&other, &code);
            assert_ne!(other.body, text.body);
            assert_eq!(other.body.contains("sign-in code"), language != english);
            t.answer(&challenge, &code).await.unwrap().access_token();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_locale_falls_back_to_the_default_language() {
    let settings = [("DEFAULT_LOCALE", "ja"), ("RESEND_AFTER_SECONDS", "0"), ("MAX_SENDS", "10")];
    run_test(Setup::with(&settings), async |t| {
        let long = "a".repeat(2_000);
        let person = Person::create(t, 0, Some("tlh")).await;
        let (mut challenge, code) = t.start_and_read(&person.phone).await;
        let japanese = |message: &Message| message.body.contains("認証コード");
        assert!(japanese(&t.messages()[0]), "an unknown language is the default one");
        for (locale, expected) in [
            ("", true),
            (long.as_str(), true),
            ("../../etc/passwd", true),
            ("<script>\u{0}{code}", true),
            ("EN_us.UTF-8", false),
        ] {
            let (next, message) = resend(t, &challenge, &[("locale", locale)]).await;
            assert_readable(&message, &code);
            assert_eq!(japanese(&message), expected, "{locale}");
            challenge = next;
        }
        t.answer(&challenge, &code).await.unwrap().access_token();
        t.functions.shutdown().await;
        let output = String::from_utf8(t.output.bytes()).unwrap();
        assert!(!output.contains("passwd") && !output.contains("script"), "{output}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_sms_template_keeps_autofill_lines_and_long_sms_is_logged() {
    let settings = [
        ("APP_NAME", "Example"),
        ("WEB_OTP_DOMAIN", "example.com"),
        ("ANDROID_APP_HASH", "FA+9qCX9VSu"),
        ("MESSAGE_SMS_EN", "{app}: {code}, {minutes} min"),
        ("EMAIL_CONFIGURATION_SET", "sign-in"),
        ("SMS_SENDER_ID", "Example"),
        ("SMS_MAX_PRICE_USD", "0.10"),
        ("RESEND_AFTER_SECONDS", "0"),
        ("CODE_LENGTH", "10"),
    ];
    run_test(Setup::with(&settings), async |t| {
        let person = Person::create(t, 0, None).await;
        let (challenge, code) = t.start_and_read(&person.phone).await;
        let text = t.messages().pop().unwrap().body;
        assert_eq!(text, format!("Example: {code}, 5 min\nFA+9qCX9VSu\n@example.com #{code}"));
        assert_eq!(Size::of(&text).alphabet, Alphabet::Gsm);
        let (challenge, mail) = resend(t, &challenge, &[("medium", "EMAIL")]).await;
        assert_readable(&mail, &code);
        assert_eq!(mail.subject.as_deref(), Some("Your Example sign-in code"));
        t.answer(&challenge, &code).await.unwrap().access_token();
        // Some languages need more characters than are left beside these two lines.
        t.functions.shutdown().await;
        let output = String::from_utf8(t.output.bytes()).unwrap();
        let told =
            output.lines().filter(|line| line.contains("SMS exceeds one segment in this locale"));
        assert!(told.clone().count() > 0, "{output}");
        assert!(told.clone().all(|line| !line.contains(" locale=\"en\"")), "{output}");
        assert!(told.clone().all(|line| !line.contains("Example")), "{output}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_template_receives_the_message_fields() {
    let settings = [("EMAIL_TEMPLATE", "SignInCode"), ("MEDIA", "EMAIL"), ("APP_NAME", APP)];
    run_test(Setup::with(&settings), async |t| {
        let person = Person::create(t, 0, Some("ar-EG")).await;
        let challenge = t.start(&person.email).await.unwrap();
        let message = t.messages().pop().unwrap();
        assert_eq!(message.subject.as_deref(), Some("template SignInCode"));
        let fields: Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(
            [&fields["app"], &fields["minutes"], &fields["locale"], &fields["direction"]],
            [APP, "5", "ar", "rtl"],
        );
        let code = fields["code"].as_str().unwrap();
        t.answer(&challenge, code).await.unwrap().access_token();
    })
    .await;
}
