//! Writes the HTML part of a mail to standard output, as the functions' own settings make it:
//!
//!     APP_NAME=Example cargo run -p create-auth-challenge --example email -- pt-BR > email.html

use std::io::{self, Write as _};

use create_auth_challenge::{Language, Message, MessageCatalog};
use otp::{Code, CodeKey, CodeLength, CodeOwner, Medium, Nonce};

/// The time that a code lives unless told otherwise, in seconds.
const LIFETIME: u64 = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tag = std::env::args().nth(1).unwrap_or_else(|| "en".to_owned());
    let language = Language::find(&tag).ok_or("unsupported locale")?;
    let catalog = MessageCatalog::read(&environment)?;
    // Always the same code, which signs nobody in.
    let key = CodeKey::new("an example key of some 40 different bytes")?;
    let nonce = Nonce::from_bytes([0; 16]);
    let owner = CodeOwner { pool_id: "pool", user_sub: "sub", phone_number: "", email: "" };
    let code = Code::derive(&key, owner, &nonce, CodeLength::MIN);
    let message = Message::new(&catalog, language, Medium::Email, &code, LIFETIME);
    let email = message.email().ok_or("message has no email parts")?;
    io::stdout().write_all(email.expose_html().as_bytes())?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "where settings get their lookup from")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
