//! What recipients see: the messages sent, the codes in them, and masked destinations.

use local::outbox::{Medium, Message};

/// What takes the place of all but the last four digits of a number of twelve.
const HIDDEN_DIGITS: &str = "+*******";

/// What takes the place of all but the initials of each part of an address.
const HIDDEN_LETTERS: &str = "***";

/// What a client may show of a phone number or an e-mail address.
pub(crate) fn masked(address: &str) -> String {
    match address.split_once('@') {
        Some((name, domain)) => {
            let masked = |part: &str| format!("{}{HIDDEN_LETTERS}", part.split_at(1).0);
            format!("{}@{}", masked(name), masked(domain))
        }
        None => format!("{HIDDEN_DIGITS}{}", address.split_at(address.len() - 4).1),
    }
}

/// The code in a message: its first run of at least six digits.
pub(crate) fn code(message: &Message) -> String {
    let runs = message.body.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| run.len() >= 6).map(str::to_owned).next().expect("a code in the message")
}

/// A code that is not `code`, of the same length.
pub(crate) fn mistype(code: &str) -> String {
    let (head, last) = code.split_at(code.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

/// `code` as a Japanese keyboard may give it.
pub(crate) fn full_width(code: &str) -> String {
    let wide = |digit: char| char::from_u32(u32::from(digit) - 0x30 + 0xff10);
    code.chars().filter_map(wide).collect()
}

/// The texts among `messages`.
pub(crate) fn texts(messages: &[Message]) -> Vec<&Message> {
    messages.iter().filter(|message| message.medium == Medium::Sms).collect()
}
