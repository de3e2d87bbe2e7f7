//! Sessions: a sign-in that waits for an answer. Each is for one user, client and pool, is used
//! once, and is forgotten when it is too old.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use uuid::Uuid;

use crate::pool::Ctx;
use crate::pool::client::Client;
use crate::pool::event::Entry;
use crate::pool::srp::SessionKey;
use crate::pool::state::Pool;
use crate::pool::ticket::{Kind, Seal, Ticket};
use crate::pool::user::UserId;
use crate::protocol::error::{Error, Result};
use crate::protocol::random::random_uuid;

/// Whose session it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    User(UserId),
    /// No user of the pool: the name as it was typed.
    Unknown(String),
}

/// What the client was asked.
#[derive(Clone)]
pub(crate) enum Challenge {
    Custom {
        history: Vec<Entry>,
        private_parameters: HashMap<String, String>,
        metadata: Option<String>,
    },
    NewPassword,
    /// Prove the password by SRP.
    PasswordVerifier {
        /// `USER_ID_FOR_SRP`.
        user_id: String,
        /// The key that who knows the password has come to as well.
        key: SessionKey,
        /// The rounds so far, where the triggers decide; none where the password is all.
        history: Option<Vec<Entry>>,
    },
}

impl Challenge {
    /// The name that the response must give.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Custom { .. } => "CUSTOM_CHALLENGE",
            Self::NewPassword => "NEW_PASSWORD_REQUIRED",
            Self::PasswordVerifier { .. } => "PASSWORD_VERIFIER",
        }
    }
}

/// A sign-in that waits.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) subject: Subject,
    pub(crate) challenge: Challenge,
}

/// The live sessions of a pool, the first to end first.
#[derive(Default)]
pub(crate) struct Sessions(BTreeMap<Ticket, Session>);

impl Sessions {
    /// Keeps the session and gives back its string.
    pub(crate) fn open(
        &mut self,
        seal: &Seal,
        ctx: &mut Ctx<'_>,
        client: &Client,
        session: Session,
    ) -> String {
        let ticket = self.keep(ctx, client, session);
        seal.close(Kind::Session, &client.client_id, &ticket)
    }

    /// Keeps the session.
    pub(crate) fn keep(&mut self, ctx: &mut Ctx<'_>, client: &Client, session: Session) -> Ticket {
        self.purge(ctx.now);
        let ticket =
            Ticket::new(ctx.now + client.session_validity(), random_uuid(ctx.rng), Uuid::nil());
        self.0.insert(ticket, session);
        ticket
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Uses the session up.
    pub(crate) fn take(&mut self, ticket: &Ticket) -> Option<Session> {
        self.0.remove(ticket)
    }

    fn purge(&mut self, now: Duration) {
        while let Some(first) = self.0.first_entry()
            && first.key().is_expired(now)
        {
            first.remove();
        }
    }
}

/// The session that a response gives, still unused. `username` is the name in the response.
pub(crate) fn find<'a>(
    pool: &'a Pool,
    ctx: &Ctx<'_>,
    client: &Client,
    text: &str,
    challenge_name: &str,
    username: &str,
) -> Result<(Ticket, &'a Session)> {
    let ticket = pool.seal.open(Kind::Session, &client.client_id, text).ok_or_else(invalid)?;
    Ok((ticket, live(pool, ctx, &ticket, challenge_name, username)?))
}

fn invalid() -> Error {
    Error::not_authorized("Invalid session for the user.")
}

/// The session of a ticket, still unused.
pub(crate) fn live<'a>(
    pool: &'a Pool,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    challenge_name: &str,
    username: &str,
) -> Result<&'a Session> {
    if ticket.is_expired(ctx.now) {
        return Err(Error::not_authorized("Invalid session for the user, session is expired."));
    }
    let session = pool.sessions.0.get(ticket).ok_or_else(|| {
        Error::not_authorized("Invalid session for the user, session can only be used once.")
    })?;
    let same_user = match &session.subject {
        Subject::User(id) => {
            // A user deleted meanwhile has no name to compare; the flow says what became of them.
            pool.users.get(*id).is_none() || pool.find(username) == Some(*id)
        }
        Subject::Unknown(typed) => {
            username == typed || username == pool.seal.stand_in(typed).to_string()
        }
    };
    if session.challenge.name() == challenge_name && same_user {
        Ok(session)
    } else {
        Err(invalid())
    }
}
