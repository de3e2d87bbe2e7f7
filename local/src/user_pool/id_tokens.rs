//! Verification of ID tokens for identity pools and STS.

use crate::protocol::jwt::{self, Claims, InvalidToken};
use crate::user_pool::user_pools::UserPools;

/// A valid ID token of a pool here. The recipient must check the audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    /// The pool that signed it.
    pub pool_id: String,
    /// The user's `sub`.
    pub subject: String,
    /// The app client that it was issued to.
    pub audience: String,
    /// All claims.
    pub claims: Claims,
}

impl UserPools {
    /// Checks an ID token of any pool: signature, issuer, use, and time.
    ///
    /// # Errors
    /// When it is not such a token.
    pub fn verify_id_token(&self, token: &str) -> Result<IdToken, InvalidToken> {
        let issuer = jwt::claimed_issuer(token)?;
        let (found, now) = self.locked(|state, ctx| {
            let found = state
                .pools
                .iter()
                .find(|(_, pool)| pool.issuer == issuer)
                .map(|(id, pool)| (id.clone(), pool.key.clone()));
            (found, ctx.now)
        });
        let (pool_id, key) = found.ok_or(InvalidToken::UnknownIssuer(issuer))?;
        // Verifying a signature is slow: not under the lock.
        let claims = jwt::verify(token, &key, now)?;
        // The first claim that an access token lacks; Cognito names it.
        let audience = claims.text("aud")?.to_owned();
        if claims.text("token_use")? != "id" {
            return Err(InvalidToken::WrongUse);
        }
        let subject = claims.text("sub")?.to_owned();
        Ok(IdToken { pool_id, subject, audience, claims })
    }

    /// Whether the user of a token still exists, may sign in, and has not signed out since.
    #[must_use]
    pub fn is_current(&self, token: &IdToken) -> bool {
        let uuid = |claim| token.claims.text(claim).ok().and_then(|text| text.parse().ok());
        let (Some(sub), Some(grant)) = (uuid("sub"), uuid("origin_jti")) else {
            return false;
        };
        self.locked(|state, _| {
            let user = state
                .pools
                .get(&token.pool_id)
                .and_then(|pool| pool.users.by_sub(sub).and_then(|id| pool.users.get(id)));
            user.is_some_and(|user| user.enabled && user.grants.contains_key(&grant))
        })
    }

    /// Whether a pool has such an app client.
    #[must_use]
    pub fn has_client(&self, pool_id: &str, client_id: &str) -> bool {
        self.locked(|state, _| {
            state.pools.get(pool_id).is_some_and(|pool| pool.clients.contains_key(client_id))
        })
    }
}
