//! Temporary credentials: their format, role and expiry.
//!
//! A session token contains its session under a MAC, so that no session is stored.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::protocol::hmac;

/// The prefix of session tokens of this process, which distinguishes them from others.
const PREFIX: &str = "local.";
/// The letters of access key ids and role ids.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ACCESS_KEY_LETTERS: usize = 16;
const ROLE_ID_LETTERS: usize = 17;
/// Thirty bytes are the forty characters of a secret key.
const SECRET_BYTES: usize = 30;

/// The ARN of an IAM role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleArn(String);

impl RoleArn {
    /// The ARN, if it is a role's.
    #[must_use]
    pub fn parse(arn: &str) -> Option<Self> {
        let (account, path) = Self::parts(arn)?;
        let letter = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c);
        let is_role = account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && arn.len() <= 2_048
            && path.split('/').all(|part| !part.is_empty() && part.chars().all(letter));
        is_role.then(|| Self(arn.to_owned()))
    }

    fn parts(arn: &str) -> Option<(&str, &str)> {
        arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")
    }

    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The assumed role, in a session of this name.
    #[must_use]
    pub fn assumed_role(&self, session_name: &str) -> AssumedRole {
        let (account, path) = Self::parts(&self.0).unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        // A role's id is always the same, as in IAM.
        let id = letters("AROA", Sha256::digest(&self.0).iter().take(ROLE_ID_LETTERS));
        AssumedRole {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}"),
            id: format!("{id}:{session_name}"),
        }
    }
}

/// An assumed role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssumedRole {
    /// The role's account.
    pub account: String,
    /// The ARN of this session.
    pub arn: String,
    /// The role's id and the session's name.
    pub id: String,
}

/// Temporary credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// When they expire, since the Unix epoch.
    pub expires: Duration,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The contents of a session token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The access key of the same credentials.
    pub access_key_id: String,
    /// The assumed role.
    pub role: AssumedRole,
    /// In Unix seconds.
    expires: u64,
}

impl Session {
    /// Whether it has expired.
    #[must_use]
    pub fn is_expired(&self, now: Duration) -> bool {
        now.as_secs() >= self.expires
    }
}

/// The origin of a session token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Issued here, and valid.
    Ours(Session),
    /// With our prefix, and invalid.
    Forged,
    /// Issued elsewhere.
    Foreign,
}

/// Issues credentials and recognizes them. Clones share the key.
#[derive(Clone)]
pub struct Vault([u8; 32]);

impl Vault {
    /// A vault with a key of its own.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self(key)
    }

    /// New credentials for `role`, good until `expires`.
    #[must_use]
    pub fn issue(
        &self,
        role: AssumedRole,
        expires: Duration,
        rng: &mut dyn CryptoRng,
    ) -> Credentials {
        let mut id = [0; ACCESS_KEY_LETTERS];
        rng.fill_bytes(&mut id);
        let mut secret = [0; SECRET_BYTES];
        rng.fill_bytes(&mut secret);
        let access_key_id = letters("ASIA", id.iter());
        let session =
            Session { access_key_id: access_key_id.clone(), role, expires: expires.as_secs() };
        Credentials {
            access_key_id,
            secret_access_key: BASE64_STANDARD.encode(secret),
            session_token: self.close(&session),
            expires,
        }
    }

    fn close(&self, session: &Session) -> String {
        // A struct of strings and a number is always JSON.
        let body = serde_json::to_vec(session).unwrap_or_default();
        let mac = BASE64_URL_SAFE_NO_PAD.encode(hmac::mac(&self.0, &[b"session-token", &body]));
        format!("{PREFIX}{}.{mac}", BASE64_URL_SAFE_NO_PAD.encode(body))
    }

    /// The origin of a session token.
    #[must_use]
    pub fn open(&self, session_token: &str) -> Origin {
        let Some(rest) = session_token.strip_prefix(PREFIX) else {
            return Origin::Foreign;
        };
        self.session(rest).map_or(Origin::Forged, Origin::Ours)
    }

    fn session(&self, text: &str) -> Option<Session> {
        let (body, mac) = text.split_once('.')?;
        let body = BASE64_URL_SAFE_NO_PAD.decode(body).ok()?;
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).ok()?;
        let right = hmac::mac(&self.0, &[b"session-token", &body]);
        hmac::constant_time_eq(&mac, &right).then(|| serde_json::from_slice(&body).ok()).flatten()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

fn letters<'a>(prefix: &str, bytes: impl Iterator<Item = &'a u8>) -> String {
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map(char::from);
    prefix.chars().chain(bytes.filter_map(letter)).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn arns_other_than_roles_are_refused() {
        let role = RoleArn::parse("arn:aws:iam::123456789012:role/team/App").unwrap();
        let assumed = role.assumed_role("maya");
        assert_eq!(assumed.arn, "arn:aws:sts::123456789012:assumed-role/App/maya");
        let (id, name) = assumed.id.split_once(':').unwrap();
        assert!(id.starts_with("AROA"));
        assert_eq!((id.len(), name), (21, "maya"));
        assert_eq!(role.assumed_role("maya"), assumed);
        for other in [
            "",
            "arn:aws:iam::123456789012:user/App",
            "arn:aws:iam::12345678901:role/App",
            "arn:aws:iam::12345678901x:role/App",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a//b",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:sts::123456789012:role/App",
        ] {
            assert_eq!(RoleArn::parse(other), None, "{other}");
        }
    }

    #[test]
    fn altered_session_token_is_detected() {
        let mut rng = StdRng::seed_from_u64(1);
        let (vault, other) = (Vault::generate(&mut rng), Vault::generate(&mut rng));
        let role = RoleArn::parse("arn:aws:iam::000000000000:role/App").unwrap().assumed_role("s");
        let made = vault.issue(role.clone(), Duration::from_secs(100), &mut rng);
        assert!(made.access_key_id.starts_with("ASIA"));
        assert_eq!((made.access_key_id.len(), made.secret_access_key.len()), (20, 40));
        assert!(!format!("{made:?}").contains(&made.secret_access_key));
        let Origin::Ours(session) = vault.open(&made.session_token) else { panic!() };
        assert_eq!((&session.access_key_id, &session.role), (&made.access_key_id, &role));
        assert!(!session.is_expired(Duration::from_millis(99_999)));
        assert!(session.is_expired(Duration::from_secs(100)));
        assert_eq!(other.open(&made.session_token), Origin::Forged);
        for at in PREFIX.len()..made.session_token.len() {
            let mut changed = made.session_token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(vault.open(&changed), Origin::Forged);
        }
        assert_eq!(vault.open("FwoGZXIvYXdzEJr"), Origin::Foreign);
        let again = vault.issue(role, Duration::from_secs(100), &mut rng);
        assert_ne!(again.access_key_id, made.access_key_id);
        assert_ne!(again.secret_access_key, made.secret_access_key);
    }
}
