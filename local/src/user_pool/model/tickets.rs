//! Opaque strings that a pool issues: the `Session` of a sign-in, the secret block and the refresh
//! token. Each contains its id, user and expiry under a MAC, so that a used, expired or foreign one
//! is recognized without a list of old ones.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::protocol::hmac;

/// The purpose of the string; one kind is never accepted as another.
#[derive(Clone, Copy)]
pub(crate) enum TicketKind {
    Session,
    SecretBlock,
    RefreshToken,
}

impl TicketKind {
    fn domain(self) -> &'static [u8] {
        match self {
            Self::Session => b"session",
            Self::SecretBlock => b"secret-block",
            Self::RefreshToken => b"refresh-token",
        }
    }
}

/// The contents of such a string. Ordered by the end of its life, so that a map of tickets can be
/// purged from its front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    expires_ms: u64,
    id: Uuid,
    /// The user's `sub`, nil when there is none.
    sub: Uuid,
}

impl Ticket {
    pub(crate) fn new(expires: Duration, id: Uuid, sub: Uuid) -> Self {
        Self { expires_ms: u64::try_from(expires.as_millis()).unwrap_or(u64::MAX), id, sub }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn sub(&self) -> Uuid {
        self.sub
    }

    pub(crate) fn is_expired(&self, now: Duration) -> bool {
        now.as_millis() >= u128::from(self.expires_ms)
    }

    fn bytes(&self) -> [u8; BODY] {
        let mut bytes = [0; BODY];
        let parts = self
            .expires_ms
            .to_be_bytes()
            .into_iter()
            .chain(*self.id.as_bytes())
            .chain(*self.sub.as_bytes());
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = from;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (expires, rest) = bytes.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (sub, []) = rest.split_first_chunk()? else {
            return None;
        };
        Some(Self {
            expires_ms: u64::from_be_bytes(*expires),
            id: Uuid::from_bytes(*id),
            sub: Uuid::from_bytes(*sub),
        })
    }
}

const BODY: usize = 8 + 16 + 16;

/// The key that a pool seals its tickets with.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Seal([u8; 32]);

impl Seal {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self(key)
    }

    /// The ticket as a string for `client_id` alone.
    pub(crate) fn close(&self, kind: TicketKind, client_id: &str, ticket: &Ticket) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.close_bytes(kind, client_id, ticket))
    }

    /// The ticket as bytes for `client_id` alone.
    pub(crate) fn close_bytes(
        &self,
        kind: TicketKind,
        client_id: &str,
        ticket: &Ticket,
    ) -> Vec<u8> {
        let body = ticket.bytes();
        let mut bytes = body.to_vec();
        bytes.extend(self.mac(kind, client_id, &body));
        bytes
    }

    /// The ticket in a string; none if this pool did not issue it for this kind and client.
    pub(crate) fn open(&self, kind: TicketKind, client_id: &str, text: &str) -> Option<Ticket> {
        self.open_bytes(kind, client_id, &BASE64_URL_SAFE_NO_PAD.decode(text).ok()?)
    }

    /// As [`open`](Self::open), of bytes.
    pub(crate) fn open_bytes(
        &self,
        kind: TicketKind,
        client_id: &str,
        bytes: &[u8],
    ) -> Option<Ticket> {
        let (body, mac) = bytes.split_at_checked(BODY)?;
        hmac::constant_time_eq(mac, &self.mac(kind, client_id, body))
            .then(|| Ticket::from_bytes(body))
            .flatten()
    }

    /// A UUID that is always the same for the same text: the user name of an unknown user where
    /// known users have UUIDs.
    pub(crate) fn placeholder_id(&self, text: &str) -> Uuid {
        let seed = self.seed(b"stand-in", text);
        uuid::Builder::from_random_bytes(seed.first_chunk().copied().unwrap_or_default())
            .into_uuid()
    }

    /// Secret bytes that are always the same for the same text.
    pub(crate) fn seed(&self, domain: &[u8], text: &str) -> [u8; hmac::LENGTH] {
        hmac::mac(&self.0, &[domain, &[0], text.as_bytes()])
    }

    fn mac(&self, kind: TicketKind, client_id: &str, body: &[u8]) -> [u8; hmac::LENGTH] {
        hmac::mac(&self.0, &[kind.domain(), &[0], client_id.as_bytes(), &[0], body])
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::protocol::random::random_uuid;

    #[test]
    fn altered_ticket_is_refused() {
        let mut rng = StdRng::seed_from_u64(1);
        let seal = Seal::generate(&mut rng);
        let other = Seal::generate(&mut rng);
        let ticket =
            Ticket::new(Duration::from_millis(1_500), random_uuid(&mut rng), random_uuid(&mut rng));
        let text = seal.close(TicketKind::Session, "client", &ticket);
        assert!((20..=2_048).contains(&text.len()));
        assert_eq!(seal.open(TicketKind::Session, "client", &text), Some(ticket));
        assert_eq!(seal.open(TicketKind::RefreshToken, "client", &text), None);
        assert_eq!(seal.open(TicketKind::Session, "clien", &text), None);
        assert_eq!(other.open(TicketKind::Session, "client", &text), None);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(seal.open(TicketKind::Session, "client", &changed), None);
        }
        assert!(!ticket.is_expired(Duration::from_millis(1_499)));
        assert!(ticket.is_expired(Duration::from_millis(1_500)));
    }

    #[test]
    fn stand_in_identifiers_are_stable_and_distinct() {
        let seal = Seal::generate(&mut StdRng::seed_from_u64(1));
        assert_eq!(seal.placeholder_id("a"), seal.placeholder_id("a"));
        assert_ne!(seal.placeholder_id("a"), seal.placeholder_id("b"));
        assert_eq!(seal.placeholder_id("a").get_version_num(), 4);
    }
}
