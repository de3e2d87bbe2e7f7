//! Amazon SES: sends email.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::{
    Body, Content, Destination as Recipients, EmailContent, Message as Simple, MessageTag, Template,
};

use super::failed;
use crate::{Destination, EmailOptions, Message, SendError};

/// Sends email.
pub(super) struct Ses {
    client: Client,
    from: String,
    options: EmailOptions,
}

/// The tag that tells these messages from the sender's others, in statistics and events.
const MESSAGE_TAG: (&str, &str) = ("message", "sign-in-code");

impl Ses {
    pub(super) fn new(client: Client, from: String, options: EmailOptions) -> Self {
        Self { client, from, options }
    }

    /// Opens the connection, whatever comes of it.
    pub(super) async fn connect(&self) {
        drop(aws::probe!(aws_sdk_sesv2, self.client.send_email()).await);
    }

    pub(super) async fn send(&self, to: &Destination, message: &Message) -> Result<(), SendError> {
        let content = self.content(message).ok_or(SendError)?;
        let (name, value) = MESSAGE_TAG;
        let tag = MessageTag::builder().name(name).value(value).build();
        let result = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Recipients::builder().to_addresses(to.expose()).build())
            .content(content)
            .email_tags(tag.map_err(|_| SendError)?)
            .set_configuration_set_name(self.options.configuration_set.clone())
            .send()
            .await;
        result.map(|_| ()).map_err(|error| failed("ses", &error))
    }

    /// What is in the email: its subject and parts, or a stored template and what fills it.
    fn content(&self, message: &Message) -> Option<EmailContent> {
        let email = message.email()?;
        if let Some(name) = &self.options.template {
            let template = Template::builder().template_name(name);
            let template = template.template_data(email.expose_fields()).build();
            return Some(EmailContent::builder().template(template).build());
        }
        let content = |text| Content::builder().data(text).charset("UTF-8").build().ok();
        let text = content(message.expose_text())?;
        let html = content(email.expose_html())?;
        let simple = Simple::builder()
            .subject(content(email.expose_subject())?)
            .body(Body::builder().text(text).html(html).build());
        Some(EmailContent::builder().simple(simple.build()).build())
    }
}
