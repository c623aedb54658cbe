//! `ChangePassword`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::limits::Limited;
use crate::operations::operation;
use crate::password;
use crate::protocol::error::ApiError;

operation!("ChangePassword", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    previous_password: Option<String>,
    proposed_password: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;

    let (pool, user) = (&bearer.pool, &bearer.user);
    pools.count_call(&pool.id, &user.sub, Limited::ChangePassword)?;
    password::check_policy(&pool.settings.policies.password_policy, &input.proposed_password)?;
    let now = pools.now();
    if pools.switches().lock_after_wrong_passwords && password::is_locked(user.password_failures, now) {
        return Err(password::attempts_exceeded());
    }
    if let Some(stored) = &user.password {
        let previous = input.previous_password.ok_or_else(|| ApiError::missing("PreviousPassword"))?;
        if !password::matches(pool, &user.username, stored, &previous) {
            pools.store.update_user(&pool.id, &user.sub, |user| {
                user.password_failures = Some(password::after_failure(user.password_failures, now));
                Ok(())
            })?;
            return Err(ApiError::wrong_credentials());
        }
    }
    pools.store.update_user(&pool.id, &user.sub, |user| {
        password::set(pool, user, &input.proposed_password)?;
        user.modified = now;
        Ok(())
    })?;
    Ok(json!({}))
}
