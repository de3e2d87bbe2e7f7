//! The replies of the AWS query protocol: XML, in the shape that every service gives it.

use crate::protocol::error::Error;
use crate::protocol::http_reply::HttpReply;

/// A service's XML, which differs from another's in its namespace alone.
pub(crate) struct Dialect {
    pub(crate) namespace: &'static str,
}

impl Dialect {
    /// The reply of `action`. `result` is XML already.
    pub(crate) fn response(&self, action: &str, result: &str, request_id: &str) -> HttpReply {
        let id = element("RequestId", request_id);
        let body = format!(
            "<{action}Response xmlns=\"{}\"><{action}Result>{result}</{action}Result>\
             <ResponseMetadata>{id}</ResponseMetadata></{action}Response>",
            self.namespace
        );
        HttpReply::xml(200, body)
    }

    /// An error that the caller made.
    pub(crate) fn error(&self, error: &Error, request_id: &str) -> HttpReply {
        let Error { exception, message } = error;
        let error = [
            element("Type", "Sender"),
            element("Code", exception.name()),
            element("Message", message),
        ]
        .concat();
        let id = element("RequestId", request_id);
        let body = format!(
            "<ErrorResponse xmlns=\"{}\"><Error>{error}</Error>{id}</ErrorResponse>",
            self.namespace
        );
        HttpReply::xml(exception.status(), body)
    }
}

/// An element with escaped text.
pub(crate) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// An element that holds other elements.
pub(crate) fn group(name: &str, children: &[String]) -> String {
    format!("<{name}>{}</{name}>", children.concat())
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // XML 1.0 has no way to write these.
            '\0'..'\t' | '\u{b}' | '\u{c}' | '\u{e}'..' ' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::Exception;

    #[test]
    fn text_is_escaped_for_xml() {
        assert_eq!(
            element("A", "<b a=\"1\">&amp;'\0\u{1f}\t\u{ffff}é"),
            "<A>&lt;b a=&quot;1&quot;&gt;&amp;amp;&apos;\u{fffd}\u{fffd}\t\u{fffd}é</A>"
        );
    }

    #[test]
    fn responses_and_errors_match_the_query_protocol() {
        let dialect = Dialect { namespace: "urn:x" };
        let result = group("A", &[element("B", "1"), element("C", "2")]);
        assert_eq!(
            dialect.response("Do", &result, "id"),
            HttpReply::xml(
                200,
                "<DoResponse xmlns=\"urn:x\"><DoResult><A><B>1</B><C>2</C></A></DoResult>\
                 <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DoResponse>"
                    .to_owned()
            )
        );
        assert_eq!(
            dialect.error(&Error::new(Exception::with_status(403, "Code"), "a < b"), "id"),
            HttpReply::xml(
                403,
                "<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>Code</Code>\
                 <Message>a &lt; b</Message></Error><RequestId>id</RequestId></ErrorResponse>"
                    .to_owned()
            )
        );
    }
}
