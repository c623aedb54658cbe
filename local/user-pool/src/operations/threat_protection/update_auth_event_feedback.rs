//! `UpdateAuthEventFeedback`: for a caller with the token of a notification.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{NewFeedback, give};
use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("UpdateAuthEventFeedback", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    event_id: String,
    feedback_token: String,
    feedback_value: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let feedback = NewFeedback {
        pool_id: &input.user_pool_id,
        username: &input.username,
        event_id: &input.event_id,
        value: &input.feedback_value,
        provider: "User",
        token: Some(&input.feedback_token),
    };
    give(pools, &feedback)?;
    Ok(json!({}))
}
