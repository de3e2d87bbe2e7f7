//! Amazon SNS, as much of it as sends texts: `Publish` to a phone number, in the query protocol.

use crate::form::{Form, field};
use crate::outbox::{Medium, Message};
use crate::xml::{Dialect, Reply, element};

/// Answers a call with the fields `form`. A text that is taken is given to `send`.
pub fn call(form: &Form, request_id: &str, now: f64, send: impl FnOnce(Message)) -> Reply {
    match publish(form, now) {
        Ok(message) => {
            send(message);
            XML.response("Publish", &element("MessageId", request_id), request_id)
        }
        Err(Refusal { code, message }) => XML.error(400, code, message, request_id),
    }
}

const XML: Dialect = Dialect { namespace: "http://sns.amazonaws.com/doc/2010-03-31/" };

/// The longest text that SNS takes, in bytes.
const MAX_MESSAGE_BYTES: usize = 1_600;

struct Refusal {
    code: &'static str,
    message: &'static str,
}

fn publish(form: &Form, now: f64) -> Result<Message, Refusal> {
    let field = |name| field(form, name);
    let invalid = |message| Refusal { code: "InvalidParameter", message };
    if field("Action") != Some("Publish") {
        return Err(Refusal { code: "InvalidAction", message: "Only Publish is available here" });
    }
    let to = field("PhoneNumber")
        .ok_or(invalid("Invalid parameter: PhoneNumber is required: topics are not here"))?;
    if !is_phone_number(to) {
        return Err(invalid("Invalid parameter: PhoneNumber Reason: not valid to publish to"));
    }
    let body = field("Message").ok_or(invalid("Invalid parameter: Empty message"))?;
    if body.len() > MAX_MESSAGE_BYTES {
        return Err(invalid("Invalid parameter: Message too long"));
    }
    Ok(Message {
        medium: Medium::Sms,
        to: to.to_owned(),
        subject: None,
        body: body.to_owned(),
        sent_at: now,
    })
}

fn is_phone_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(pairs: &[(&str, &str)]) -> (u16, String, Option<Message>) {
        let form = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut sent = None;
        let (status, body) = call(&form, "id", 1.0, |message| sent = Some(message));
        (status, body, sent)
    }

    #[test]
    fn a_text_is_sent() {
        let fields = [("Action", "Publish"), ("PhoneNumber", "+819012345678"), ("Message", "<hi>")];
        let (status, body, sent) = publish(&fields);
        assert_eq!(status, 200);
        assert!(body.contains("<MessageId>id</MessageId>"));
        assert_eq!(sent.unwrap().body, "<hi>");
    }

    #[test]
    fn anything_else_is_refused_and_not_sent() {
        let long = "x".repeat(1_601);
        let to = ("PhoneNumber", "+819012345678");
        for (fields, code) in [
            (vec![], "InvalidAction"),
            (vec![("Action", "Subscribe")], "InvalidAction"),
            (vec![("Action", "Publish"), ("Message", "hi")], "InvalidParameter"),
            (
                vec![("Action", "Publish"), ("Message", "hi"), ("PhoneNumber", "090")],
                "InvalidParameter",
            ),
            (vec![("Action", "Publish"), to], "InvalidParameter"),
            (vec![("Action", "Publish"), to, ("Message", &long)], "InvalidParameter"),
            (
                vec![("Action", "Publish"), ("TopicArn", "arn"), ("Message", "hi")],
                "InvalidParameter",
            ),
        ] {
            let (status, body, sent) = publish(&fields);
            assert_eq!((status, sent), (400, None));
            assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
        }
    }
}
