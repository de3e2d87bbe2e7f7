//! Challenges: those that wait for a response, and the results of those before.

use std::collections::HashMap;

use serde::Serialize;

use crate::user_pool::model::srp::SessionKey;

/// One round of a sign-in, as the triggers see it in `session`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChallengeResult {
    pub(crate) challenge_name: &'static str,
    pub(crate) challenge_result: bool,
    pub(crate) challenge_metadata: Option<String>,
}

impl ChallengeResult {
    /// A step of the pool's own that was passed.
    pub(crate) fn passed(challenge_name: &'static str) -> Self {
        Self { challenge_name, challenge_result: true, challenge_metadata: None }
    }
}

/// What the client was asked.
#[derive(Clone)]
pub(crate) enum Challenge {
    Custom {
        history: Vec<ChallengeResult>,
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
        history: Option<Vec<ChallengeResult>>,
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
