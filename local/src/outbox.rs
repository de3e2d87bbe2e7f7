//! The messages sent: every SMS and email of the user pool and of the functions ends here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// How many messages are kept; the oldest go first.
pub const CAPACITY: usize = 1_000;

/// The medium of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Medium {
    /// An SMS.
    #[serde(rename = "SMS")]
    Sms,
    /// An email.
    #[serde(rename = "EMAIL")]
    Email,
}

/// A message as its recipient would see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The medium.
    pub medium: Medium,
    /// The phone number (E.164) or the email address.
    pub to: String,
    /// The subject, of an email only.
    pub subject: Option<String>,
    /// The text; for an email from a stored template, the template's data.
    pub body: String,
    /// The HTML part, of an email that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// When it was sent, Unix seconds.
    pub sent_at: f64,
}

/// The messages sent, oldest first. Clones share them.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<VecDeque<Message>>>);

impl Outbox {
    /// Adds a message; past [`CAPACITY`] the oldest goes.
    pub fn push(&self, message: Message) {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() == CAPACITY {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    /// A copy of the messages kept, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
