//! `AdminSetUserPassword`: permanent at once, or to be changed at the next sign-in.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::user::UserStatus;
use crate::operations::operation;
use crate::password;
use crate::protocol::error::ApiError;

operation!("AdminSetUserPassword", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    password: String,
    #[serde(default)]
    permanent: bool,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    let policy = &pool.settings.policies.password_policy;
    password::check_policy(policy, &input.password)?;
    let now = pools.now();
    pools.store.update_user(&pool.id, &user.sub, |user| {
        password::set(&pool, user, &input.password)?;
        if input.permanent {
            user.status = UserStatus::Confirmed;
        } else {
            user.status = UserStatus::ForceChangePassword;
            user.temporary_password_expires = password::temporary_until(&pool, now);
        }
        user.modified = now;
        Ok(())
    })?;
    Ok(json!({}))
}
