//! Amazon SNS: sends SMS.

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;

use super::failed;
use crate::{Destination, Message, SendError, SmsOptions};

/// Sends SMS.
pub(super) struct Sns {
    client: Client,
    options: SmsOptions,
}

impl Sns {
    pub(super) fn new(client: Client, options: SmsOptions) -> Self {
        Self { client, options }
    }

    /// Opens the connection, whatever comes of it.
    pub(super) async fn connect(&self) {
        drop(aws::probe!(aws_sdk_sns, self.client.publish()).await);
    }

    pub(super) async fn send(&self, to: &Destination, message: &Message) -> Result<(), SendError> {
        let attributes = attributes(&self.options).map_err(|_| SendError)?;
        let request =
            self.client.publish().phone_number(to.expose()).message(message.expose_text());
        let result = request.set_message_attributes(Some(attributes)).send().await;
        result.map(|_| ()).map_err(|error| failed("sns", &error))
    }
}

/// The message attributes of an SMS. The type makes it urgent and optimises it for delivery.
fn attributes(options: &SmsOptions) -> Result<HashMap<String, MessageAttributeValue>, BuildError> {
    let SmsOptions { sender_id, origination_number, max_price, india } = options;
    let (entity, template) = india.as_ref().map(|(entity, id)| (entity, id)).unzip();
    [
        ("AWS.SNS.SMS.SMSType", "String", Some("Transactional")),
        ("AWS.SNS.SMS.SenderID", "String", sender_id.as_deref()),
        ("AWS.SNS.SMS.MaxPrice", "Number", max_price.as_deref()),
        ("AWS.MM.SMS.OriginationNumber", "String", origination_number.as_deref()),
        ("AWS.MM.SMS.EntityId", "String", entity.map(String::as_str)),
        ("AWS.MM.SMS.TemplateId", "String", template.map(String::as_str)),
    ]
    .into_iter()
    .filter_map(|(name, kind, value)| {
        let value = MessageAttributeValue::builder().data_type(kind).string_value(value?).build();
        Some(value.map(|value| (name.to_owned(), value)))
    })
    .collect()
}
