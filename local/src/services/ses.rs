//! Amazon SES, only for sending: `SendEmail` of a simple message or a template, version 2 (REST).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::outbox::{Medium, Message};
use crate::protocol::http_reply::HttpReply;

/// Answers `POST /v2/email/outbound-emails`. An accepted email is given to `send`, one message for
/// each recipient.
pub fn send_email(
    body: &[u8],
    message_id: &str,
    now: f64,
    mut send: impl FnMut(Message),
) -> HttpReply {
    match read(body) {
        Ok((to, mail)) => {
            for to in to {
                let EmailContent { subject, body, html } = mail.clone();
                let (medium, subject) = (Medium::Email, Some(subject));
                send(Message { medium, to, subject, body, html, sent_at: now });
            }
            HttpReply::rest_json(200, None, &json!({ "MessageId": message_id }))
        }
        Err(message) => {
            let body = json!({ "message": message });
            HttpReply::rest_json(400, Some("BadRequestException"), &body)
        }
    }
}

/// What every recipient gets.
#[derive(Clone)]
struct EmailContent {
    subject: String,
    body: String,
    html: Option<String>,
}

/// The recipients and the email, or why it is invalid.
fn read(body: &[u8]) -> Result<(Vec<String>, EmailContent), &'static str> {
    let request: SendEmail =
        serde_json::from_slice(body).map_err(|_| "The body is not a SendEmail request")?;
    if request.from_email_address.is_none_or(|from| !from.contains('@')) {
        return Err("FromEmailAddress is missing or malformed");
    }
    if request.configuration_set_name.is_some_and(|name| !is_name(&name, 64)) {
        return Err("ConfigurationSetName is malformed");
    }
    let is_tag = |Tag { name, value }: &Tag| is_name(name, 255) && is_name(value, 255);
    if !request.email_tags.iter().all(is_tag) {
        return Err("An email tag has other characters than letters, digits, - and _");
    }
    let mail = match (request.content.simple, request.content.template) {
        (Some(simple), None) => simple.mail()?,
        (None, Some(template)) => template.mail()?,
        _ => return Err("Content has neither Simple nor Template: raw messages are unsupported"),
    };
    let to = request.destination.to_addresses;
    if to.is_empty() || !to.iter().all(|address| address.contains('@')) {
        return Err("Destination.ToAddresses is empty or malformed");
    }
    Ok((to, mail))
}

fn is_name(text: &str, most: usize) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=most).contains(&text.len()) && text.bytes().all(is_letter)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: Option<String>,
    destination: Destination,
    content: Content,
    configuration_set_name: Option<String>,
    #[serde(default)]
    email_tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    #[serde(default)]
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
    template: Option<Template>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    body: Body,
}

impl Simple {
    fn mail(self) -> Result<EmailContent, &'static str> {
        let Self { subject: Text { data: subject }, body: Body { text, html } } = self;
        // SES makes it a header line.
        if subject.contains(['\r', '\n']) {
            return Err("Content.Simple.Subject has more than one line");
        }
        let html = html.map(|html| html.data);
        let body = text.map(|text| text.data).or_else(|| html.clone());
        let body = body.ok_or("Content.Simple.Body has neither Text nor Html")?;
        Ok(EmailContent { subject, body, html })
    }
}

/// A stored template. None is stored here, so the email's text is the template's data.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    template_name: Option<String>,
    template_data: Option<String>,
}

impl Template {
    fn mail(self) -> Result<EmailContent, &'static str> {
        let name = self.template_name.filter(|name| is_name(name, 64));
        let name = name.ok_or("Content.Template.TemplateName is missing or malformed")?;
        let data: serde_json::Map<String, Value> =
            serde_json::from_str(self.template_data.as_deref().unwrap_or("{}"))
                .map_err(|_| "Content.Template.TemplateData is not a JSON object")?;
        let body = format!("{:#}", Value::Object(data));
        Ok(EmailContent { subject: format!("template {name}"), body, html: None })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(change: impl Fn(&mut Value)) -> (HttpReply, Vec<Message>) {
        let mut request = json!({
            "FromEmailAddress": "a@example.com",
            "Destination": { "ToAddresses": ["b@example.com"] },
            "Content": { "Simple": {
                "Subject": { "Data": "subject" },
                "Body": { "Text": { "Data": "text", "Charset": "UTF-8" } },
            }},
        });
        change(&mut request);
        let mut sent = Vec::new();
        let body = request.to_string();
        let reply = send_email(body.as_bytes(), "id", 1.0, |message| sent.push(message));
        (reply, sent)
    }

    #[test]
    fn send_email_delivers_subject_text_and_html() {
        let (reply, sent) = send(|_| ());
        assert_eq!(reply, HttpReply::rest_json(200, None, &json!({ "MessageId": "id" })));
        let [message] = sent.as_slice() else { panic!("{} sent", sent.len()) };
        assert_eq!((message.to.as_str(), message.body.as_str()), ("b@example.com", "text"));
        assert_eq!(message.subject.as_deref(), Some("subject"));
        assert_eq!(message.html, None);
        let (_, sent) = send(|request| {
            request["Content"]["Simple"]["Body"]["Html"] = json!({ "Data": "<p>html" });
            request["ConfigurationSetName"] = json!("set");
            request["EmailTags"] = json!([{ "Name": "message", "Value": "sign-in-code" }]);
        });
        assert_eq!((sent[0].body.as_str(), sent[0].html.as_deref()), ("text", Some("<p>html")));
    }

    #[test]
    fn stored_template_email_contains_the_template_data() {
        let template = |data: &str| {
            let data = data.to_owned();
            send(move |request| {
                let template = json!({ "TemplateName": "Code", "TemplateData": data });
                request["Content"] = json!({ "Template": template });
            })
        };
        let (_, sent) = template("{\"code\":\"012345\"}");
        assert_eq!(sent[0].subject.as_deref(), Some("template Code"));
        assert_eq!(sent[0].body, "{\n  \"code\": \"012345\"\n}");
        for data in ["", "[]", "{"] {
            let (reply, sent) = template(data);
            assert_eq!((reply.status, sent.len()), (400, 0), "{data}");
        }
    }

    #[test]
    fn invalid_send_email_requests_are_refused_and_not_sent() {
        let changes: [fn(&mut Value); 11] = [
            |request| *request = json!([]),
            |request| request["FromEmailAddress"] = json!(null),
            |request| request["Destination"] = json!({}),
            |request| request["Destination"]["ToAddresses"] = json!(["nobody"]),
            |request| request["Content"] = json!({ "Raw": {} }),
            |request| request["Content"]["Simple"]["Body"] = json!({}),
            |request| request["Content"]["Simple"]["Subject"]["Data"] = json!("a\r\nBcc: b"),
            |request| request["Content"]["Template"] = json!({ "TemplateName": "both" }),
            |request| request["Content"] = json!({ "Template": { "TemplateData": "{}" } }),
            |request| request["ConfigurationSetName"] = json!("a set"),
            |request| request["EmailTags"] = json!([{ "Name": "to", "Value": "b@example.com" }]),
        ];
        for change in changes {
            let (reply, sent) = send(change);
            let refused = (400, Some("BadRequestException"), 0);
            assert_eq!((reply.status, reply.error_type, sent.len()), refused);
        }
    }
}
