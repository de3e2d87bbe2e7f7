//! One request's part of a CUSTOM_AUTH sign-in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::protocol::error::Result;
use crate::user_pool::flow::trigger_events::TriggerContext;
use crate::user_pool::model::app_client::Client;
use crate::user_pool::model::challenge::ChallengeResult;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::subject::Subject;
use crate::user_pool::model::trigger::Trigger;

/// One request's part of a sign-in, with all that the triggers need of the pool.
pub(crate) struct Round {
    pub(crate) client: Arc<Client>,
    pub(crate) subject: Subject,
    pub(crate) context: TriggerContext,
    /// The function behind each trigger.
    pub(crate) configured: BTreeMap<Trigger, Trigger>,
    pub(crate) history: Vec<ChallengeResult>,
    /// The answer to the challenge of the round before, none when the sign-in starts.
    pub(crate) answered: Option<CustomAnswer>,
    /// The client's `SRP_A`, when the sign-in starts with one.
    pub(crate) srp_a: Option<String>,
}

/// An answer with what Verify needs to check it.
pub(crate) struct CustomAnswer {
    pub(crate) answer: String,
    pub(crate) private_parameters: HashMap<String, String>,
    pub(crate) metadata: Option<String>,
}

impl Round {
    /// A round of the subject as it is in the pool now.
    pub(crate) fn new(
        pool: &Pool,
        client: Arc<Client>,
        subject: Subject,
        client_metadata: Option<BTreeMap<String, String>>,
    ) -> Result<Self> {
        let (username, attributes, user_not_found) = match &subject {
            Subject::User(id) => {
                let user = pool.known_user(&client, *id)?;
                (user.username.clone(), user.event_attributes(), false)
            }
            Subject::Unknown(typed) => (typed.clone(), serde_json::Map::new(), true),
        };
        Ok(Self {
            context: TriggerContext {
                pool_id: pool.config.id.clone(),
                client_id: client.client_id.clone(),
                username,
                attributes,
                user_not_found,
                client_metadata,
            },
            configured: pool.config.functions(),
            client,
            subject,
            history: Vec::new(),
            answered: None,
            srp_a: None,
        })
    }
}
