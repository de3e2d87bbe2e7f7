//! An e-mail: its subject, its text and HTML parts, and the fields of a stored template.

use serde::Serialize;
use zeroize::Zeroizing;

use super::template::{Piece, pieces};
use super::{Language, MessageCatalog, Values};

/// The HTML part: no remote content, no script, nothing that tells on its reader.
const HTML: &str = include_str!("email.html");

/// What an e-mail has besides its text.
pub struct Email {
    subject: Zeroizing<String>,
    html: Zeroizing<String>,
    fields: Zeroizing<Vec<u8>>,
}

impl Email {
    /// The subject.
    #[must_use]
    pub fn expose_subject(&self) -> &str {
        &self.subject
    }

    /// The HTML part.
    #[must_use]
    pub fn expose_html(&self) -> &str {
        &self.html
    }

    /// What a stored template may use, as JSON.
    #[must_use]
    pub fn expose_fields(&self) -> &str {
        // JSON is UTF-8.
        std::str::from_utf8(&self.fields).unwrap_or_default()
    }
}

/// What a stored template may use.
#[derive(Serialize)]
struct Fields<'a> {
    code: &'a str,
    app: &'a str,
    minutes: &'a str,
    time: &'a str,
    locale: &'a str,
    direction: &'a str,
    title: &'a str,
    enter: &'a str,
    expires: &'a str,
    warning: &'a str,
    ignore: &'a str,
}

impl Fields<'_> {
    fn json(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of them: a buffer that grows would leave copies of the code behind.
        let mut json = Zeroizing::new(Vec::with_capacity(4_096));
        // StringMap can be written, and a vector takes them.
        let _ = serde_json::to_writer(&mut *json, self);
        json
    }
}

/// The mail in `language`, and its text part.
pub(super) fn parts(
    language: &Language,
    catalog: &MessageCatalog,
    values: &Values<'_>,
) -> (Zeroizing<String>, Email) {
    let with_app = catalog.app_name.is_some();
    let either = |with, without| if with_app { with } else { without };
    let title = values.fill(either(language.email_title_app, language.email_title));
    let expires = values.fill(language.email_expires);
    let custom = catalog.custom(language).and_then(|custom| custom.subject.as_deref());
    let subject = match custom {
        Some(custom) => values.fill(custom),
        None if catalog.code_in_subject => {
            values.fill(either(language.email_subject_app, language.email_subject))
        }
        None => title.clone(),
    };
    let (code, Language { email_enter, email_warning, email_ignore, .. }) = (values.code, language);
    let text = [
        title.as_str(),
        "\n\n",
        email_enter,
        "\n\n",
        code,
        "\n\n",
        &expires,
        "\n\n",
        email_warning,
        "\n",
        email_ignore,
        "\n",
    ];
    let fields = Fields {
        code,
        app: catalog.app_name.as_deref().unwrap_or_default(),
        minutes: values.minutes,
        time: values.time,
        locale: language.tag,
        direction: language.direction(),
        title: &title,
        enter: email_enter,
        expires: &expires,
        warning: email_warning,
        ignore: email_ignore,
    };
    let email =
        Email { subject, html: html(language, code, &title, &expires), fields: fields.json() };
    (text.concat().into(), email)
}

fn html(language: &Language, code: &str, title: &str, expires: &str) -> Zeroizing<String> {
    let is_long = code.len() > 6;
    let value = |name: &str| match name {
        "lang" => language.tag,
        "dir" => language.direction(),
        "start" if language.right_to_left => "right",
        "start" => "left",
        // Ten digits have to fit on a phone of 320 pixels.
        "size" if is_long => "28px",
        "size" => "32px",
        "spacing" if is_long => "0.1em",
        "spacing" => "0.25em",
        "title" => title,
        "enter" => language.email_enter,
        "code" => code,
        "expires" => expires,
        "warning" => language.email_warning,
        _ => language.email_ignore,
    };
    let escaped = |piece| match piece {
        Piece::Text(text) => Zeroizing::new(text.to_owned()),
        Piece::Placeholder(name) => escape(value(name)),
    };
    let pieces: Vec<_> = pieces(HTML).into_iter().map(escaped).collect();
    pieces.iter().map(|piece| piece.as_str()).collect::<Vec<_>>().concat().into()
}

/// `text` as it stands for itself in HTML, between tags and in a quoted attribute.
fn escape(text: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(6 * text.len()));
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
