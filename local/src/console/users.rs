//! The pool's users with their factors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::Console;

/// Users shown at most; a pool on a laptop has few.
const SHOWN: usize = 60;

pub(super) async fn list(State(console): State<Arc<Console>>) -> Json<Value> {
    let pool = &console.endpoints.user_pool_id;
    let input = json!({ "UserPoolId": pool, "Limit": SHOWN });
    let listed = match console.pools.call("ListUsers", input).await {
        Ok(listed) => listed,
        Err(error) => return Json(json!({ "error": error.to_string() })),
    };
    let mut users = Vec::new();
    for user in listed.get("Users").and_then(Value::as_array).into_iter().flatten() {
        let name = user.get("Username").and_then(Value::as_str).unwrap_or_default();
        let input = json!({ "UserPoolId": pool, "Username": name });
        let details = console.pools.call("AdminGetUser", input).await.unwrap_or_default();
        users.push(json!({
            "username": name,
            "status": user.get("UserStatus"),
            "enabled": user.get("Enabled"),
            "created": user.get("UserCreateDate"),
            "attributes": attributes(user.get("Attributes")),
            "factors": details.get("UserMFASettingList"),
            "preferred": details.get("PreferredMfaSetting"),
        }));
    }
    Json(json!({ "users": users }))
}

fn attributes(list: Option<&Value>) -> Map<String, Value> {
    let pairs = list.and_then(Value::as_array).into_iter().flatten();
    pairs
        .filter_map(|pair| Some((pair.get("Name")?.as_str()?.to_owned(), pair.get("Value")?.clone())))
        .collect()
}
