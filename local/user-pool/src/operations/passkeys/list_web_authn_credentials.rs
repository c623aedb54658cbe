//! `ListWebAuthnCredentials`, oldest first.

use serde::Deserialize;
use serde_json::{Value, json};

use super::MOST;
use crate::UserPools;
use crate::model::passkey::Passkey;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("ListWebAuthnCredentials", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    next_token: Option<String>,
    max_results: Option<usize>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.bearer(&input.access_token).await?.user;
    let first = match &input.next_token {
        Some(token) => user
            .passkeys
            .iter()
            .position(|passkey| passkey.id == *token)
            .ok_or_else(|| ApiError::invalid_parameter("Invalid pagination token"))?,
        None => 0,
    };
    let limit = input.max_results.filter(|limit| *limit > 0).unwrap_or(MOST).min(MOST);
    let mut rest = user.passkeys.iter().skip(first);
    let page: Vec<_> = rest.by_ref().take(limit).map(Passkey::describe).collect();
    Ok(json!({"Credentials": page, "NextToken": rest.next().map(|passkey| &passkey.id)}))
}
