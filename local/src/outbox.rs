//! What was sent: every text and e-mail of the pool and of the functions lands here instead of on a
//! phone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// How many messages are kept; the oldest go first.
pub const CAPACITY: usize = 1_000;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Medium {
    /// A text message.
    #[serde(rename = "SMS")]
    Sms,
    /// An e-mail.
    #[serde(rename = "EMAIL")]
    Email,
}

/// A message as its receiver would see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// How it travels.
    pub medium: Medium,
    /// The phone number (E.164) or the e-mail address.
    pub to: String,
    /// The subject, of an e-mail only.
    pub subject: Option<String>,
    /// The text; of an e-mail that a stored template makes, what fills it.
    pub body: String,
    /// The HTML part, of an e-mail that has one.
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
