//! Sessions: sign-ins that wait for a response. Each is for one user, client and pool, is used
//! once, and expires.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use crate::protocol::random::random_uuid;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::challenge::Challenge;
use crate::user_pool::model::context::Context;
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::tickets::{Seal, Ticket, TicketKind};

/// A sign-in that waits for a response.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) subject: Subject,
    pub(crate) challenge: Challenge,
}

/// The live sessions of a pool, the first to end first.
#[derive(Default)]
pub(crate) struct Sessions(BTreeMap<Ticket, Session>);

impl Sessions {
    /// Keeps the session and returns its string.
    pub(crate) fn open(
        &mut self,
        seal: &Seal,
        ctx: &mut Context<'_>,
        client: &Client,
        session: Session,
    ) -> String {
        let ticket = self.keep(ctx, client, session);
        seal.close(TicketKind::Session, &client.client_id, &ticket)
    }

    /// Keeps the session.
    pub(crate) fn keep(
        &mut self,
        ctx: &mut Context<'_>,
        client: &Client,
        session: Session,
    ) -> Ticket {
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

    /// The session of a ticket.
    pub(crate) fn get(&self, ticket: &Ticket) -> Option<&Session> {
        self.0.get(ticket)
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
