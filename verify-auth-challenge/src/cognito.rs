//! Amazon Cognito user pools: the three calls that follow a proof.

use aws::reason;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cognitoidentityprovider::types::AttributeType;
use secrecy::{ExposeSecret as _, SecretString};
use trigger::StringMap;

use crate::mark::{Contact, Failed, UserDirectory};

/// The user pools of this account and region.
pub struct Cognito(Client);

impl Cognito {
    /// Through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// Opens the connection, whatever comes of it.
    pub async fn connect(&self) {
        drop(aws::probe!(aws_sdk_cognitoidentityprovider, self.0.admin_get_user()).await);
    }
}

impl UserDirectory for Cognito {
    async fn attributes(&self, pool_id: &str, sub: &str) -> Result<StringMap, Failed> {
        let request = self.0.admin_get_user().user_pool_id(pool_id).username(sub);
        let user = Box::pin(request.send()).await;
        let user = user.map_err(|error| failed("AdminGetUser", &error))?;
        let attributes = user.user_attributes.unwrap_or_default().into_iter();
        Ok(attributes
            .filter_map(|AttributeType { name, value, .. }| Some((name, value?.into())))
            .collect())
    }

    async fn set_password(
        &self,
        pool_id: &str,
        sub: &str,
        password: &SecretString,
    ) -> Result<(), Failed> {
        let request = self.0.admin_set_user_password().user_pool_id(pool_id).username(sub);
        let request = request.password(password.expose_secret()).permanent(true);
        let done = Box::pin(request.send()).await.map(drop);
        done.map_err(|error| failed("AdminSetUserPassword", &error))
    }

    async fn mark_verified(
        &self,
        pool_id: &str,
        sub: &str,
        contact: Contact<'_>,
    ) -> Result<(), Failed> {
        const OPERATION: &str = "AdminUpdateUserAttributes";
        let (name, verified) = contact.medium.attributes();
        let mut request = self.0.admin_update_user_attributes().user_pool_id(pool_id).username(sub);
        for (name, value) in [(name, contact.value), (verified, "true")] {
            let attribute = AttributeType::builder().name(name).value(value).build();
            request = request.user_attributes(attribute.map_err(|_| Failed(OPERATION))?);
        }
        let done = Box::pin(request.send()).await.map(drop);
        done.map_err(|error| failed(OPERATION, &error))
    }
}

fn failed<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Failed {
    tracing::warn!(service = "cognito-idp", operation, code = reason(error), "contact not marked");
    Failed(operation)
}
