//! Codes and temporary passwords of the pool itself on their way to a user.

use serde_json::{Value, json};

use crate::outbox::Message;
use crate::protocol::error::{Error, Result};
use crate::user_pool::model::attributes::Contact;
use crate::user_pool::model::confirmation_code::ConfirmationCode;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool_config::PoolConfig;
use crate::user_pool::model::user::User;

/// Refuses an SMS of a pool that cannot send one.
pub(crate) fn check_medium(config: &PoolConfig, contact: Contact) -> Result<()> {
    if config.can_send_to(contact) {
        Ok(())
    } else {
        Err(Error::invalid("User pool does not have SMS configuration to send messages."))
    }
}

/// Sends a new code to the user's `contact`. None if the user has none.
pub(crate) fn send_code(
    ctx: &mut Context<'_>,
    user: &User,
    contact: Contact,
) -> Option<ConfirmationCode> {
    let to = user.contact(contact)?;
    let code = ConfirmationCode::generate(contact, ctx.now, ctx.rng);
    let body = format!("Your confirmation code is {}", code.code);
    send_message(ctx, contact, to, "Your verification code", body);
    Some(code)
}

/// Puts a message into the outbox.
pub(crate) fn send_message(
    ctx: &Context<'_>,
    contact: Contact,
    to: &str,
    subject: &str,
    body: String,
) {
    ctx.outbox.push(Message {
        medium: contact.medium(),
        to: to.to_owned(),
        subject: (contact == Contact::Email).then(|| subject.to_owned()),
        body,
        html: None,
        sent_at: ctx.now.as_secs_f64(),
    });
}

/// `CodeDeliveryDetails`.
pub(crate) fn delivery_details(contact: Contact, to: &str) -> Value {
    json!({
        "AttributeName": contact.name(),
        "DeliveryMedium": contact.medium_name(),
        "Destination": contact.mask(to),
    })
}
