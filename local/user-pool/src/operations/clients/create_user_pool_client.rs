//! `CreateUserPoolClient`

use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::check;
use crate::UserPools;
use crate::entropy;
use crate::model::client::{Client, ClientSettings};
use crate::model::secret::Secret;
use crate::model::session::SsoSession;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("CreateUserPoolClient", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    #[serde(default)]
    generate_secret: bool,
    client_secret: Option<String>,
    #[serde(flatten)]
    settings: ClientSettings,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let now = pools.now();
    let made = || entropy::text(entropy::LOWERCASE_AND_DIGITS, 51);
    let secret = input.client_secret.or_else(|| input.generate_secret.then(made));
    let client = Client {
        id: entropy::text(entropy::LOWERCASE_AND_DIGITS, 26),
        pool_id: input.user_pool_id,
        secret: secret.map(Secret::new),
        created: now,
        modified: now,
        settings: input.settings,
        risk: None,
        sso_session: SsoSession::default(),
    };
    check(&client)?;
    let described = client.describe();
    pools.store.put_client(client)?;
    Ok(json!({"UserPoolClient": described}))
}
