//! Amazon SNS, only for sending SMS: `Publish` to a phone number, in the query protocol.

use crate::outbox::{Medium, Message};
use crate::protocol::error::{Error, Exception, Result};
use crate::protocol::http_reply::HttpReply;
use crate::protocol::query::{Form, field};
use crate::protocol::xml::{Dialect, element};

/// Answers a call with the fields `form`. An accepted SMS is given to `send`.
pub fn call(form: &Form, request_id: &str, now: f64, send: impl FnOnce(Message)) -> HttpReply {
    match publish(form, now) {
        Ok(message) => {
            send(message);
            XML.response("Publish", &element("MessageId", request_id), request_id)
        }
        Err(error) => XML.error(&error, request_id),
    }
}

const XML: Dialect = Dialect { namespace: "http://sns.amazonaws.com/doc/2010-03-31/" };

/// The longest SMS that SNS accepts, in bytes.
const MAX_MESSAGE_BYTES: usize = 1_600;

const INVALID_ACTION: Exception = Exception::new("InvalidAction");
const INVALID_PARAMETER: Exception = Exception::new("InvalidParameter");

fn publish(form: &Form, now: f64) -> Result<Message> {
    let field = |name| field(form, name);
    let invalid = |message| Error::new(INVALID_PARAMETER, message);
    if field("Action") != Some("Publish") {
        return Err(Error::new(INVALID_ACTION, "Only Publish is supported here"));
    }
    let to = field("PhoneNumber").ok_or_else(|| {
        invalid("Invalid parameter: PhoneNumber is required: topics are unsupported")
    })?;
    if !is_phone_number(to) {
        return Err(invalid("Invalid parameter: PhoneNumber Reason: not valid to publish to"));
    }
    let body = field("Message").ok_or_else(|| invalid("Invalid parameter: Empty message"))?;
    if body.len() > MAX_MESSAGE_BYTES {
        return Err(invalid("Invalid parameter: Message too long"));
    }
    attributes(form).map_err(invalid)?;
    Ok(Message {
        medium: Medium::Sms,
        to: to.to_owned(),
        subject: None,
        body: body.to_owned(),
        html: None,
        sent_at: now,
    })
}

/// Checks the message attributes: each has a type and a value, and SMS options
/// have one that SNS accepts.
fn attributes(form: &Form) -> std::result::Result<(), &'static str> {
    let mut seen = 0;
    for number in 1..=MAX_ATTRIBUTES {
        let field = |name: &str| {
            form.get(&format!("MessageAttributes.entry.{number}.{name}")).map(String::as_str)
        };
        let Some(name) = field("Name") else { break };
        let kind = field("Value.DataType").unwrap_or_default();
        let value = field("Value.StringValue").unwrap_or_default();
        if kind != "String" && kind != "Number" {
            return Err(
                "Invalid parameter: MessageAttributes Reason: DataType must be a String or \
                        a Number here",
            );
        }
        if value.is_empty() || kind == "Number" && value.parse::<f64>().is_err() {
            return Err(
                "Invalid parameter: MessageAttributes Reason: a value is empty or not a number",
            );
        }
        if !is_supported_attribute(name, kind, value) {
            return Err("Invalid parameter: MessageAttributes Reason: an SMS option is invalid");
        }
        seen += 1;
    }
    let given = form
        .keys()
        .filter(|name| name.starts_with("MessageAttributes.entry.") && name.ends_with(".Name"));
    if given.count() == seen { Ok(()) } else { Err("Invalid parameter: MessageAttributes") }
}

/// The most attributes that are read.
const MAX_ATTRIBUTES: usize = 10;

/// Whether SNS accepts `value` for the attribute `name`. It ignores attributes that are not its
/// own.
fn is_supported_attribute(name: &str, kind: &str, value: &str) -> bool {
    let alphanumeric = value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match name {
        "AWS.SNS.SMS.SMSType" => {
            kind == "String" && ["Transactional", "Promotional"].contains(&value)
        }
        "AWS.SNS.SMS.SenderID" => {
            let letter = value.bytes().any(|byte| byte.is_ascii_alphabetic());
            kind == "String" && value.len() <= 11 && alphanumeric && letter
        }
        "AWS.SNS.SMS.MaxPrice" => kind == "Number" && !value.starts_with('-'),
        "AWS.MM.SMS.OriginationNumber" => {
            let digits = value.strip_prefix('+').unwrap_or(value);
            let number = digits.bytes().all(|byte| byte.is_ascii_digit());
            kind == "String" && (5..=15).contains(&digits.len()) && number
        }
        "AWS.MM.SMS.EntityId" | "AWS.MM.SMS.TemplateId" => {
            kind == "String" && (6..=50).contains(&value.len()) && alphanumeric
        }
        _ => !name.starts_with("AWS."),
    }
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
        let reply = call(&form, "id", 1.0, |message| sent = Some(message));
        (reply.status, String::from_utf8(reply.body).unwrap(), sent)
    }

    #[test]
    fn publish_delivers_the_sms() {
        let fields = [("Action", "Publish"), ("PhoneNumber", "+819012345678"), ("Message", "<hi>")];
        let (status, body, sent) = publish(&fields);
        assert_eq!(status, 200);
        assert!(body.contains("<MessageId>id</MessageId>"));
        assert_eq!(sent.unwrap().body, "<hi>");
    }

    #[test]
    fn invalid_publish_requests_are_refused_and_not_sent() {
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

    #[test]
    fn invalid_sms_attributes_are_refused() {
        let send = |name: &str, kind: &str, value: &str| {
            let attribute = "MessageAttributes.entry.1";
            let names = ["Name", "Value.DataType", "Value.StringValue"]
                .map(|field| format!("{attribute}.{field}"));
            let mut fields =
                vec![("Action", "Publish"), ("PhoneNumber", "+819012345678"), ("Message", "hi")];
            fields.extend(names.iter().map(String::as_str).zip([name, kind, value]));
            publish(&fields)
        };
        for (name, kind, value, good) in [
            ("AWS.SNS.SMS.SMSType", "String", "Transactional", true),
            ("AWS.SNS.SMS.SMSType", "String", "Urgent", false),
            ("AWS.SNS.SMS.SMSType", "", "Transactional", false),
            ("AWS.SNS.SMS.SenderID", "String", "Example", true),
            ("AWS.SNS.SMS.SenderID", "String", "123", false),
            ("AWS.SNS.SMS.SenderID", "String", "TwelveLetter", false),
            ("AWS.SNS.SMS.MaxPrice", "Number", "0.50", true),
            ("AWS.SNS.SMS.MaxPrice", "String", "0.50", false),
            ("AWS.SNS.SMS.MaxPrice", "Number", "cheap", false),
            ("AWS.MM.SMS.OriginationNumber", "String", "+12065550100", true),
            ("AWS.MM.SMS.OriginationNumber", "String", "Example", false),
            ("AWS.MM.SMS.EntityId", "String", "1101456789012345678", true),
            ("AWS.MM.SMS.TemplateId", "String", "11-07", false),
            ("AWS.SNS.SMS.Sender", "String", "Example", false),
            ("mine", "String", "anything", true),
            ("mine", "String", "", false),
        ] {
            let (status, body, sent) = send(name, kind, value);
            assert_eq!((status == 200, sent.is_some()), (good, good), "{name} {value}: {body}");
            assert_eq!(body.contains("<Code>InvalidParameter</Code>"), !good);
        }
        let gap = [
            ("Action", "Publish"),
            ("PhoneNumber", "+819012345678"),
            ("Message", "hi"),
            ("MessageAttributes.entry.2.Name", "mine"),
        ];
        assert_eq!(publish(&gap).2, None);
    }
}
