//! `UpdateUserPoolClient`: every setting that isn't sent goes back to its default.

use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::check;
use crate::UserPools;
use crate::model::client::{Client, ClientSettings};
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("UpdateUserPoolClient", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    client_id: String,
    #[serde(flatten)]
    settings: ClientSettings,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (_, client) = pools.store.client_of(&input.user_pool_id, &input.client_id)?;
    let mut client = Client::clone(&client);
    let name = std::mem::take(&mut client.settings.client_name);
    client.settings = input.settings;
    if client.settings.client_name.is_empty() {
        client.settings.client_name = name;
    }
    client.modified = pools.now();
    check(&client)?;
    let described = client.describe();
    pools.store.put_client(client)?;
    Ok(json!({"UserPoolClient": described}))
}
