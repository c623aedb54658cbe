//! `AdminLinkProviderForUser`: a provider's identity in a local user's `identities`, by which
//! `sign_in::federated` finds them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminLinkProviderForUser", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    destination_user: Identity,
    source_user: Identity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    provider_name: Option<String>,
    provider_attribute_value: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let destination = input
        .destination_user
        .provider_attribute_value
        .ok_or_else(|| ApiError::missing("DestinationUser.ProviderAttributeValue"))?;
    let provider =
        input.source_user.provider_name.ok_or_else(|| ApiError::missing("SourceUser.ProviderName"))?;
    let user_id = input
        .source_user
        .provider_attribute_value
        .ok_or_else(|| ApiError::missing("SourceUser.ProviderAttributeValue"))?;
    let user = pools.store.named_user(&input.user_pool_id, &destination)?;
    let now = pools.now();
    pools.store.update_user(&input.user_pool_id, &user.sub, |user| {
        let known = user.attribute("identities").and_then(|text| serde_json::from_str(text).ok());
        let mut identities: Vec<Value> = known.unwrap_or_default();
        if identities.iter().any(|known| known["providerName"] == *provider && known["userId"] == *user_id) {
            return Err(ApiError::invalid_parameter("SourceUser is already linked to DestinationUser"));
        }
        identities.push(json!({
            "userId": user_id,
            "providerName": provider,
            "providerType": provider,
            "issuer": null,
            "primary": false,
            "dateCreated": now.as_millisecond(),
        }));
        user.attributes.insert("identities".to_owned(), Value::from(identities).to_string());
        user.modified = now;
        Ok(())
    })?;
    Ok(json!({}))
}
