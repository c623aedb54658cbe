//! `REFRESH_TOKEN_AUTH`: new access and ID tokens of a sign-in. Only `PreTokenGeneration` runs.

use super::finish::{Generation, result};
use super::{Initiation, Outcome, check_secret_hash};
use crate::UserPools;
use crate::model::user::UserStatus;
use crate::protocol::error::ApiError;

pub(super) async fn refresh(pools: &UserPools, initiation: &Initiation) -> Result<Outcome, ApiError> {
    let token = initiation.required("REFRESH_TOKEN")?;
    let (pool, client) = (&initiation.pool, &initiation.client);
    if client.rotates_refresh_tokens() {
        return Err(ApiError::invalid_parameter(
            "Refresh token rotation is enabled for this client; use GetTokensFromRefreshToken.",
        ));
    }
    let invalid = || ApiError::not_authorized("Invalid Refresh Token");
    let sign_in = pools.refreshed_sign_in(&pool.id, token)?;
    if sign_in.client_id != client.id {
        return Err(invalid());
    }
    let user = pools.store.user(&pool.id, &sign_in.sub).ok_or_else(invalid)?;
    let names = [user.username.as_str(), user.sub.as_str()];
    check_secret_hash(client, &names, initiation.optional("SECRET_HASH"))?;
    if !user.enabled {
        return Err(ApiError::user_disabled());
    }
    if user.status == UserStatus::ResetRequired {
        return Err(ApiError::password_reset_required());
    }
    let tracks_devices = pool.settings.device_configuration.is_some();
    if tracks_devices
        && sign_in.device_key.is_some()
        && sign_in.device_key.as_deref() != initiation.optional("DEVICE_KEY")
    {
        return Err(invalid());
    }
    let generation = Generation {
        pool,
        client,
        user: &user,
        sign_in: &sign_in,
        source: "TokenGeneration_RefreshTokens",
        metadata: None,
    };
    let tokens = generation.run(pools).await?;
    // Signed out meanwhile: the tokens made above would be refused anywhere.
    if pools
        .store
        .sign_in(&pool.id, &user.sub, &sign_in.origin_jti)
        .is_none()
    {
        return Err(ApiError::not_authorized("Refresh Token has been revoked"));
    }
    Ok(Outcome::Tokens(result(&tokens)))
}
