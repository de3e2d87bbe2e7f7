//! App clients: their secrets, flows and token lifetimes.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::error::{Error, Result};
use crate::protocol::hmac;

/// An authentication flow that an app client may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AuthFlow {
    /// `ADMIN_USER_PASSWORD_AUTH`: a server signs a user in with the password.
    AdminUserPassword,
    /// `CUSTOM_AUTH`: the three triggers decide.
    Custom,
    /// `REFRESH_TOKEN_AUTH`: new tokens for a refresh token.
    RefreshToken,
    /// `USER_PASSWORD_AUTH`: the user signs in with the password.
    UserPassword,
    /// `USER_SRP_AUTH`: the user proves the password without sending it.
    UserSrp,
    /// `USER_AUTH`: the user chooses. A client may be allowed it; it is not implemented here.
    UserChoice,
}

impl AuthFlow {
    /// The flows that are implemented here.
    pub const ALL: [Self; 5] = [
        Self::AdminUserPassword,
        Self::Custom,
        Self::RefreshToken,
        Self::UserPassword,
        Self::UserSrp,
    ];

    /// The value of `AuthFlow`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AdminUserPassword => "ADMIN_USER_PASSWORD_AUTH",
            Self::Custom => "CUSTOM_AUTH",
            Self::RefreshToken => "REFRESH_TOKEN_AUTH",
            Self::UserPassword => "USER_PASSWORD_AUTH",
            Self::UserSrp => "USER_SRP_AUTH",
            Self::UserChoice => "USER_AUTH",
        }
    }

    /// The value of `ExplicitAuthFlows` that allows it.
    #[must_use]
    pub fn explicit(self) -> &'static str {
        match self {
            Self::AdminUserPassword => "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            Self::Custom => "ALLOW_CUSTOM_AUTH",
            Self::RefreshToken => "ALLOW_REFRESH_TOKEN_AUTH",
            Self::UserPassword => "ALLOW_USER_PASSWORD_AUTH",
            Self::UserSrp => "ALLOW_USER_SRP_AUTH",
            Self::UserChoice => "ALLOW_USER_AUTH",
        }
    }
}

/// Whether errors reveal that a user does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PreventUserExistenceErrors {
    /// `UserNotFoundException`. The API's default.
    Legacy,
    /// The same error as for a wrong password.
    Enabled,
}

impl PreventUserExistenceErrors {
    /// The value in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "LEGACY",
            Self::Enabled => "ENABLED",
        }
    }
}

/// A unit of a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
}

impl TimeUnit {
    const ALL: [Self; 4] = [Self::Seconds, Self::Minutes, Self::Hours, Self::Days];

    /// The value in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Days => "days",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    fn seconds(self) -> u64 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours => 3_600,
            Self::Days => 86_400,
        }
    }
}

/// The lifetime of a token, as it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// How many.
    pub amount: u32,
    /// Of what.
    pub unit: TimeUnit,
}

impl Validity {
    /// The same as a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.amount) * self.unit.seconds())
    }
}

/// An app client.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its id.
    pub client_id: String,
    /// Its name.
    pub client_name: String,
    /// Its secret, if it has one.
    pub client_secret: Option<String>,
    /// The flows that it may use.
    pub explicit_auth_flows: BTreeSet<AuthFlow>,
    /// The legacy values of `ExplicitAuthFlows`, without `ALLOW_`, if these were given.
    pub legacy_auth_flows: Vec<String>,
    /// Whether errors reveal unknown users.
    pub prevent_user_existence_errors: PreventUserExistenceErrors,
    /// How long a `Session` lasts, in minutes (3 to 15).
    pub auth_session_validity_minutes: u32,
    /// How long an access token lasts.
    pub access_token_validity: Validity,
    /// How long an ID token lasts.
    pub id_token_validity: Validity,
    /// How long a refresh token lasts.
    pub refresh_token_validity: Validity,
    /// Whether its tokens can be revoked.
    pub enable_token_revocation: bool,
    /// Settings without an effect here, which are only described.
    pub shown: Map<String, Value>,
    /// When it was made, since the Unix epoch.
    pub created: Duration,
    /// When it was last changed.
    pub modified: Duration,
}

impl Client {
    /// A client without a secret that allows every flow, with Cognito's default lifetimes.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_name: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_name: client_name.into(),
            client_secret: None,
            explicit_auth_flows: AuthFlow::ALL.into(),
            legacy_auth_flows: Vec::new(),
            prevent_user_existence_errors: PreventUserExistenceErrors::Enabled,
            auth_session_validity_minutes: 3,
            access_token_validity: Validity { amount: 1, unit: TimeUnit::Hours },
            id_token_validity: Validity { amount: 1, unit: TimeUnit::Hours },
            refresh_token_validity: Validity { amount: 30, unit: TimeUnit::Days },
            enable_token_revocation: true,
            shown: Map::new(),
            created: Duration::ZERO,
            modified: Duration::ZERO,
        }
    }

    pub(crate) fn hides_unknown_users(&self) -> bool {
        self.prevent_user_existence_errors == PreventUserExistenceErrors::Enabled
    }

    /// The error for an unknown user, during a sign-in or a password check.
    pub(crate) fn unknown_user(&self) -> Error {
        if self.hides_unknown_users() { Error::incorrect() } else { Error::user_not_found() }
    }

    /// Whether `given` is the client's secret, or absent where it has none.
    pub(crate) fn knows_secret(&self, given: Option<&str>) -> bool {
        match (&self.client_secret, given) {
            (None, None) => true,
            (Some(secret), Some(given)) => {
                hmac::constant_time_eq(secret.as_bytes(), given.as_bytes())
            }
            _ => false,
        }
    }

    pub(crate) fn session_validity(&self) -> Duration {
        Duration::from_secs(u64::from(self.auth_session_validity_minutes) * 60)
    }

    pub(crate) fn allow(&self, flow: AuthFlow) -> Result<()> {
        if self.explicit_auth_flows.contains(&flow) {
            Ok(())
        } else {
            Err(Error::invalid(format!("{} flow not enabled for this client", flow.name())))
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.client_id)
            .field("has_secret", &self.client_secret.is_some())
            .field("explicit_auth_flows", &self.explicit_auth_flows)
            .finish_non_exhaustive()
    }
}
