//! `ListUsers`, by pages and with a filter.

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::Filter;
use crate::UserPools;
use crate::operations::operation;
use crate::operations::page::page;
use crate::protocol::error::ApiError;

operation!("ListUsers", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    attributes_to_get: Option<Vec<String>>,
    limit: Option<usize>,
    pagination_token: Option<String>,
    filter: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let text = input.filter.as_deref().filter(|text| !text.trim().is_empty());
    let filter = text.map(Filter::parse).transpose()?;
    let users = pools.store.users(&input.user_pool_id)?;
    let found = users.into_iter().filter(|user| filter.as_ref().is_none_or(|filter| filter.matches(user)));
    let limit = input.limit.filter(|limit| *limit > 0).unwrap_or(60).min(60);
    let (found, next) = page(found, |user| &user.sub, limit, input.pagination_token.as_deref())?;
    let found: Vec<_> = found
        .iter()
        .map(|user| {
            let mut described = user.describe();
            if let (Some(wanted), Some(attributes)) =
                (&input.attributes_to_get, described.get_mut("Attributes").and_then(Value::as_array_mut))
            {
                attributes.retain(|attribute| {
                    attribute["Name"].as_str().is_some_and(|name| wanted.iter().any(|wanted| wanted == name))
                });
            }
            described
        })
        .collect();
    Ok(json!({"Users": found, "PaginationToken": next}))
}
