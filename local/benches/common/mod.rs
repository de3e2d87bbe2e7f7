//! What the benchmarks share.

use local::client::Client;
use local::user_pool::DEFAULT_POOL_ID;
use serde_json::json;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Creates a user who can sign in with `phone_number`, as an administrator does: nothing is sent.
pub(crate) async fn create_user(client: &Client, phone_number: &str) -> Result<(), Failure> {
    let attribute = |name: &str, value: &str| json!({ "Name": name, "Value": value });
    let user = json!({
        "UserPoolId": DEFAULT_POOL_ID,
        "Username": phone_number,
        "MessageAction": "SUPPRESS",
        "UserAttributes": [
            attribute("phone_number", phone_number),
            attribute("phone_number_verified", "true"),
        ],
    });
    client.call("AdminCreateUser", &user).await?;
    Ok(())
}
