//! The demo: a new user signs up and in with one code by SMS, after one wrong answer. Each step prints
//! what it does, the message that the phone received, and the result; the first unexpected result ends
//! the demo with an error. Where Cognito confirms users, the user types its code, too; where sign-up is
//! closed, an administrator creates the user.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::client::{Client, ClientError};
use crate::user_pool::{DEFAULT_CLIENT_ID, DEFAULT_POOL_ID, SignUpMode};

/// An example: Japan reserves no numbers for examples, and nothing leaves this machine.
const PHONE_NUMBER: &str = "+819012345678";

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// A result is unexpected.
    #[error("{0}")]
    Unexpected(&'static str),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Runs the demo against the `local` that `client` calls, whose users come by `sign_up`, and prints it
/// to `out`.
///
/// # Errors
/// When any step has an unexpected result.
pub async fn demo(
    client: &Client,
    sign_up: SignUpMode,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    let mut demo = Demo { client, out, steps: 0, read: 0 };
    let end = match sign_up {
        SignUpMode::Code => {
            demo.sign_up().await?;
            "Signed up and in with one SMS, and without a password."
        }
        SignUpMode::Cognito => {
            demo.sign_up_with_confirmation().await?;
            "Signed in with one SMS, and without a password."
        }
        SignUpMode::Closed => {
            demo.create_user().await?;
            "Signed in with one SMS, and without a password."
        }
    };
    let session = demo.start().await?;
    let session = demo.mistype(session).await?;
    let access_token = demo.answer(session).await?;
    demo.show_user(&access_token).await?;
    writeln!(demo.out, "\n{end}")?;
    Ok(())
}

struct Demo<'a, W> {
    client: &'a Client,
    out: &'a mut W,
    steps: u8,
    /// How many messages the phone has read.
    read: usize,
}

/// A challenge that waits for an answer.
struct Session {
    session: String,
    user_name: String,
    code: String,
}

impl<W: Write> Demo<'_, W> {
    /// Signs up. The user is confirmed at once, and nothing is sent.
    async fn sign_up(&mut self) -> Result<(), DemoError> {
        self.step("Sign up with a phone number and a random password", "SignUp")?;
        let reply = self.new_user().await?;
        check(reply.get("UserConfirmed") == Some(&Value::Bool(true)), "the user is not confirmed")?;
        check(self.outbox().await?.is_empty(), "signing up sent a message")?;
        self.print("confirmed, not verified, and no message sent")
    }

    /// Signs up, and confirms with the code that Cognito sends.
    async fn sign_up_with_confirmation(&mut self) -> Result<(), DemoError> {
        self.step("Sign up with a phone number and a random password", "SignUp")?;
        let reply = self.new_user().await?;
        check(reply.get("UserConfirmed") == Some(&Value::Bool(false)), "the user is confirmed")?;
        let code = self.read_message().await?;

        self.step("Type that code to confirm the number", "ConfirmSignUp")?;
        let confirmation = json!({
            "ClientId": DEFAULT_CLIENT_ID,
            "Username": PHONE_NUMBER,
            "ConfirmationCode": code,
        });
        self.client.call("ConfirmSignUp", &confirmation).await?;
        self.print("confirmed")
    }

    /// The response of SignUp for the demo's user, who must be new.
    async fn new_user(&self) -> Result<Value, DemoError> {
        let reply = self.client.sign_up_if_new(DEFAULT_CLIENT_ID, PHONE_NUMBER).await?;
        reply.ok_or(DemoError::Unexpected("the user exists already"))
    }

    /// Creates the user as an administrator does, who knows the number.
    async fn create_user(&mut self) -> Result<(), DemoError> {
        self.step("Create a user with a phone number, as an administrator", "AdminCreateUser")?;
        let user = json!({
            "UserPoolId": DEFAULT_POOL_ID,
            "Username": PHONE_NUMBER,
            "MessageAction": "SUPPRESS",
            "UserAttributes": [{ "Name": "phone_number_verified", "Value": "true" }],
        });
        self.client.call("AdminCreateUser", &user).await?;
        check(self.outbox().await?.is_empty(), "creating the user sent a message")?;
        self.print("created, and no message sent")
    }

    async fn start(&mut self) -> Result<Session, DemoError> {
        self.step("Ask to sign in", "InitiateAuth, CUSTOM_AUTH")?;
        let request = json!({
            "ClientId": DEFAULT_CLIENT_ID,
            "AuthFlow": "CUSTOM_AUTH",
            "AuthParameters": { "USERNAME": PHONE_NUMBER },
        });
        let mut reply = self.client.call("InitiateAuth", &request).await?;
        // With FIRST_ROUND=choose the first challenge is the choice of a medium.
        if let Ok(destination) = string_at(&reply, "/ChallengeParameters/DESTINATION_SMS") {
            check(self.outbox().await?.len() == self.read, "an SMS was sent before the choice")?;
            self.print(&format!("the code may go to {destination}"))?;
            self.step("Choose SMS", "RespondToAuthChallenge")?;
            let [session, user_name] =
                ["/Session", "/ChallengeParameters/USERNAME"].map(|path| string_at(&reply, path));
            let session = Session { session: session?, user_name: user_name?, code: String::new() };
            reply = self.respond(&session, "SMS").await?;
        }
        let code = self.read_message().await?;
        let session = self.challenge(&reply, code)?;
        check(!has_tokens(&reply), "there are tokens before the code was typed")?;
        Ok(session)
    }

    async fn mistype(&mut self, session: Session) -> Result<Session, DemoError> {
        self.step("Mistype the last digit", "RespondToAuthChallenge")?;
        let mut wrong = session.code.clone();
        wrong.pop();
        wrong.push(if session.code.ends_with('0') { '1' } else { '0' });
        let reply = self.respond(&session, &wrong).await?;
        check(!has_tokens(&reply), "a wrong code signed in")?;
        check(self.outbox().await?.len() == self.read, "a wrong code sent another SMS")?;
        self.challenge(&reply, session.code)
    }

    async fn answer(&mut self, session: Session) -> Result<String, DemoError> {
        self.step("Type the code as it is", "RespondToAuthChallenge")?;
        let reply = self.respond(&session, &session.code).await?;
        check(has_tokens(&reply), "the correct code returned no tokens")?;
        self.print("tokens: ID, access and refresh")?;
        string_at(&reply, ACCESS_TOKEN)
    }

    async fn show_user(&mut self, access_token: &str) -> Result<(), DemoError> {
        self.step("Ask who is signed in", "GetUser")?;
        let reply = self.client.call("GetUser", &json!({ "AccessToken": access_token })).await?;
        let attributes = reply.get("UserAttributes").and_then(Value::as_array);
        let attributes = attributes.ok_or(MISSING_FIELD)?;
        for attribute in attributes {
            let [name, value] = ["/Name", "/Value"].map(|path| string_at(attribute, path));
            self.print(&format!("{} = {}", name?, value?))?;
        }
        let has =
            |name: &str, value: &str| attributes.contains(&json!({ "Name": name, "Value": value }));
        check(has("phone_number", PHONE_NUMBER), "the user has another phone number")?;
        check(has("phone_number_verified", "true"), "the phone number is not verified")
    }

    async fn respond(&self, session: &Session, answer: &str) -> Result<Value, DemoError> {
        let response = json!({
            "ClientId": DEFAULT_CLIENT_ID,
            "ChallengeName": "CUSTOM_CHALLENGE",
            "Session": session.session,
            "ChallengeResponses": { "USERNAME": session.user_name, "ANSWER": answer },
        });
        Ok(self.client.call("RespondToAuthChallenge", &response).await?)
    }

    fn challenge(&mut self, reply: &Value, code: String) -> Result<Session, DemoError> {
        check(string_at(reply, "/ChallengeName")? == "CUSTOM_CHALLENGE", "there is no challenge")?;
        let parameter = |name| string_at(reply, &format!("/ChallengeParameters/{name}"));
        self.print(&format!(
            "a code of {} digits went to {}; {} attempts left",
            parameter("CODE_LENGTH")?,
            parameter("CODE_DELIVERY_DESTINATION")?,
            parameter("ATTEMPTS_LEFT")?,
        ))?;
        Ok(Session {
            session: string_at(reply, "/Session")?,
            user_name: parameter("USERNAME")?,
            code,
        })
    }

    /// Reads the one new message on the phone, prints it, and returns the code in it.
    async fn read_message(&mut self) -> Result<String, DemoError> {
        let outbox = self.outbox().await?;
        check(outbox.len() == self.read + 1, "the phone did not receive exactly one SMS")?;
        let message = outbox.last().ok_or(DemoError::Unexpected("the phone received no SMS"))?;
        check(string_at(message, "/to")? == PHONE_NUMBER, "the SMS went to another number")?;
        self.read = outbox.len();
        let body = string_at(message, "/body")?;
        writeln!(self.out, "   [phone] {body}")?;
        let digits = body.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() >= 6);
        digits.map(str::to_owned).ok_or(DemoError::Unexpected("the SMS has no code"))
    }

    async fn outbox(&self) -> Result<Vec<Value>, DemoError> {
        let outbox = self.client.get("/_local/outbox").await?;
        Ok(outbox.as_array().cloned().unwrap_or_default())
    }

    fn step(&mut self, what: &str, operation: &str) -> Result<(), DemoError> {
        self.steps += 1;
        writeln!(self.out, "\n{}. {what} ({operation})", self.steps)?;
        Ok(())
    }

    fn print(&mut self, what: &str) -> Result<(), DemoError> {
        writeln!(self.out, "   {what}")?;
        Ok(())
    }
}

const ACCESS_TOKEN: &str = "/AuthenticationResult/AccessToken";

const MISSING_FIELD: DemoError = DemoError::Unexpected("a reply lacks a field");

fn has_tokens(reply: &Value) -> bool {
    reply.pointer(ACCESS_TOKEN).is_some()
}

fn check(condition: bool, otherwise: &'static str) -> Result<(), DemoError> {
    if condition { Ok(()) } else { Err(DemoError::Unexpected(otherwise)) }
}

/// The string at `path`, a JSON pointer (RFC 6901).
fn string_at(value: &Value, path: &str) -> Result<String, DemoError> {
    value.pointer(path).and_then(Value::as_str).map(str::to_owned).ok_or(MISSING_FIELD)
}
