//! `ListUserPools`: those of the caller's region.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::wire_time;
use crate::operations::Operation;
use crate::operations::page::page;
use crate::protocol::Caller;
use crate::protocol::error::ApiError;

pub(super) const OPERATION: Operation = Operation {
    name: "ListUserPools",
    run: |request| {
        Box::pin(async move {
            let input = request.parse()?;
            run(request.pools, &request.caller, &input)
        })
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    max_results: usize,
    next_token: Option<String>,
}

fn run(pools: &UserPools, caller: &Caller, input: &Input) -> Result<Value, ApiError> {
    let region = caller.region.as_deref().unwrap_or(&pools.config.region);
    let local = pools.store.pools().into_iter().filter(|pool| pool.region() == region);
    let (found, next) = page(local, |pool| &pool.id, input.max_results, input.next_token.as_deref())?;
    let found: Vec<_> = found
        .iter()
        .map(|pool| {
            json!({
                "Id": pool.id,
                "Name": pool.name,
                "LambdaConfig": pool.settings.lambda_config,
                "CreationDate": wire_time(pool.created),
                "LastModifiedDate": wire_time(pool.modified),
            })
        })
        .collect();
    Ok(json!({"UserPools": found, "NextToken": next}))
}
