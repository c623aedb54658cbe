//! Who calls, by the access token of the operations a user runs for themselves.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::claims::ADMIN_SCOPE;
use crate::UserPools;
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::user::{User, UserStatus};
use crate::protocol::error::ApiError;

/// A signed-in user.
pub(crate) struct Bearer {
    pub(crate) pool: Arc<Pool>,
    pub(crate) client: Arc<Client>,
    pub(crate) user: Arc<User>,
    pub(crate) origin_jti: String,
}

impl UserPools {
    /// Believes an access token that one of our pools signed, that hasn't ended, wasn't revoked and
    /// has the scope of these operations.
    pub(crate) async fn bearer(&self, token: &str) -> Result<Bearer, ApiError> {
        let invalid = || ApiError::not_authorized("Invalid Access Token");
        let pool_id = claimed_pool(token).ok_or_else(invalid)?;
        let pool = self.store.pool(&pool_id).map_err(|_| invalid())?;
        let claims = self.keys_of(&pool_id).await?.verify(token).ok_or_else(invalid)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("token_use") != "access" {
            return Err(invalid());
        }
        if claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= self.now().as_second()) {
            return Err(ApiError::not_authorized("Access Token has expired"));
        }
        if !text("scope").split(' ').any(|scope| scope == ADMIN_SCOPE) {
            return Err(ApiError::not_authorized("Access Token does not have required scopes"));
        }
        let (_, client) = self.store.client_of(&pool_id, text("client_id")).map_err(|_| invalid())?;
        let user = self.store.user(&pool_id, text("sub")).ok_or_else(ApiError::user_not_found)?;
        if self.store.sign_in(&pool_id, &user.sub, text("origin_jti")).is_none() {
            return Err(ApiError::not_authorized("Access Token has been revoked"));
        }
        if !user.enabled {
            return Err(ApiError::user_disabled());
        }
        if user.status == UserStatus::ResetRequired {
            return Err(ApiError::password_reset_required());
        }
        Ok(Bearer { pool, client, user, origin_jti: text("origin_jti").to_owned() })
    }
}

/// The pool named in `iss`, before anything is proven.
fn claimed_pool(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let (_, pool) = claims.get("iss")?.as_str()?.rsplit_once('/')?;
    Some(pool.to_owned())
}
