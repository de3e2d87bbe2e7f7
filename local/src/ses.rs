//! Amazon SES, as much of it as sends mail: `SendEmail` of a simple message, version 2 (REST).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::outbox::{Medium, Message};

/// What a call was answered with: the HTTP status, the exception if it failed, and a JSON body.
pub type Reply = (u16, Option<&'static str>, Value);

/// Answers `POST /v2/email/outbound-emails`. Mail that is taken is given to `send`, one message for
/// each receiver.
pub fn send_email(body: &[u8], message_id: &str, now: f64, mut send: impl FnMut(Message)) -> Reply {
    let bad = |message: &str| (400, Some("BadRequestException"), json!({ "message": message }));
    let Ok(request) = serde_json::from_slice::<SendEmail>(body) else {
        return bad("The body is not a SendEmail request");
    };
    if request.from_email_address.is_none_or(|from| !from.contains('@')) {
        return bad("FromEmailAddress is missing or malformed");
    }
    let Some(simple) = request.content.simple else {
        return bad("Content.Simple is missing: raw and stored messages are not here");
    };
    let Some(text) = simple.body.text.or(simple.body.html) else {
        return bad("Content.Simple.Body has neither Text nor Html");
    };
    let to = request.destination.to_addresses;
    if to.is_empty() || !to.iter().all(|address| address.contains('@')) {
        return bad("Destination.ToAddresses is empty or malformed");
    }
    for to in to {
        send(Message {
            medium: Medium::Email,
            to,
            subject: Some(simple.subject.data.clone()),
            body: text.data.clone(),
            sent_at: now,
        });
    }
    (200, None, json!({ "MessageId": message_id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: Option<String>,
    destination: Receivers,
    content: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receivers {
    #[serde(default)]
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    body: Body,
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

    fn send(change: impl Fn(&mut Value)) -> (Reply, Vec<Message>) {
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
    fn mail_is_sent() {
        let (reply, sent) = send(|_| ());
        assert_eq!(reply, (200, None, json!({ "MessageId": "id" })));
        let [message] = sent.as_slice() else { panic!("{} sent", sent.len()) };
        assert_eq!((message.to.as_str(), message.body.as_str()), ("b@example.com", "text"));
        assert_eq!(message.subject.as_deref(), Some("subject"));
    }

    #[test]
    fn anything_else_is_refused_and_not_sent() {
        let changes: [fn(&mut Value); 6] = [
            |request| *request = json!([]),
            |request| request["FromEmailAddress"] = json!(null),
            |request| request["Destination"] = json!({}),
            |request| request["Destination"]["ToAddresses"] = json!(["nobody"]),
            |request| request["Content"] = json!({ "Raw": {} }),
            |request| request["Content"]["Simple"]["Body"] = json!({}),
        ];
        for change in changes {
            let ((status, error, _), sent) = send(change);
            assert_eq!((status, error, sent.len()), (400, Some("BadRequestException"), 0));
        }
    }
}
