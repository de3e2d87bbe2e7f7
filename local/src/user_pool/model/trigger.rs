//! The triggers, and the functions that answer them.

use serde::{Deserialize, Serialize};

use crate::protocol::arn::{ACCOUNT_ID, REGION};

/// A trigger that a pool of ours may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trigger {
    /// Which step comes next.
    DefineAuthChallenge,
    /// Issue a code and send it.
    CreateAuthChallenge,
    /// Is this answer correct?
    VerifyAuthChallengeResponse,
    /// May this user be created, and is the user confirmed at once?
    PreSignUp,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::DefineAuthChallenge,
        Self::CreateAuthChallenge,
        Self::VerifyAuthChallengeResponse,
        Self::PreSignUp,
    ];

    /// Those of the custom challenge, which a sign-in calls.
    pub const CUSTOM_AUTH: [Self; 3] =
        [Self::DefineAuthChallenge, Self::CreateAuthChallenge, Self::VerifyAuthChallengeResponse];

    /// The name that Cognito gives the trigger in events and errors, such as `DefineAuthChallenge`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DefineAuthChallenge => "DefineAuthChallenge",
            Self::CreateAuthChallenge => "CreateAuthChallenge",
            Self::VerifyAuthChallengeResponse => "VerifyAuthChallengeResponse",
            Self::PreSignUp => "PreSignUp",
        }
    }

    /// The name of the function that answers it, which is its package's and binary's too.
    #[must_use]
    pub fn function(self) -> &'static str {
        match self {
            Self::DefineAuthChallenge => "define-auth-challenge",
            Self::CreateAuthChallenge => "create-auth-challenge",
            Self::VerifyAuthChallengeResponse => "verify-auth-challenge",
            Self::PreSignUp => "pre-sign-up",
        }
    }

    /// The ARN of the function that answers the trigger.
    pub(crate) fn function_arn(self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{}", self.function())
    }

    /// The trigger whose function an ARN names, in any account, region and version.
    pub(crate) fn of_function(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':').skip(2);
        let (service, kind, name) = (parts.next()?, parts.nth(2)?, parts.next()?);
        Self::ALL
            .into_iter()
            .find(|trigger| service == "lambda" && kind == "function" && name == trigger.function())
    }
}
