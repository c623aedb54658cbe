//! `REFRESH_TOKEN_AUTH` and `GetTokensFromRefreshToken`: new access and ID tokens of a sign-in. Only
//! `PreTokenGeneration` runs.

use serde_json::Value;

use super::finish::{Generation, result};
use super::{Initiation, Outcome, check_secret_hash};
use crate::UserPools;
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::user::{User, UserStatus};
use crate::protocol::error::ApiError;
use crate::triggers::event::Metadata;

/// What both ways bring.
pub(crate) struct Refresh<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) client: &'a Client,
    pub(crate) token: &'a str,
    pub(crate) device_key: Option<&'a str>,
    pub(crate) metadata: Option<&'a Metadata>,
}

pub(super) async fn refresh(pools: &UserPools, initiation: &Initiation) -> Result<Outcome, ApiError> {
    let (pool, client) = (&initiation.pool, &initiation.client);
    let refresh = Refresh {
        pool,
        client,
        token: initiation.required("REFRESH_TOKEN")?,
        device_key: initiation.optional("DEVICE_KEY"),
        metadata: None,
    };
    if client.rotates_refresh_tokens() {
        return Err(ApiError::invalid_parameter(
            "Refresh token rotation is enabled for this client; use GetTokensFromRefreshToken.",
        ));
    }
    let secret_hash = initiation.optional("SECRET_HASH");
    let is_client = |user: &User| check_secret_hash(client, &[&user.username, &user.sub], secret_hash);
    refresh.run(pools, is_client).await.map(Outcome::Tokens)
}

impl Refresh<'_> {
    /// `AuthenticationResult`, if `is_client` finds that the client is who it says.
    pub(crate) async fn run(
        &self,
        pools: &UserPools,
        is_client: impl FnOnce(&User) -> Result<(), ApiError>,
    ) -> Result<Value, ApiError> {
        let (pool, client) = (self.pool, self.client);
        let invalid = || ApiError::not_authorized("Invalid Refresh Token");
        let sign_in = pools.refreshed_sign_in(&pool.id, self.token)?;
        if sign_in.client_id != client.id {
            return Err(invalid());
        }
        let user = pools.store.user(&pool.id, &sign_in.sub).ok_or_else(invalid)?;
        is_client(&user)?;
        if !user.enabled {
            return Err(ApiError::user_disabled());
        }
        if user.status == UserStatus::ResetRequired {
            return Err(ApiError::password_reset_required());
        }
        let tracks_devices = pool.settings.device_configuration.is_some();
        if tracks_devices && sign_in.device_key.is_some() && sign_in.device_key.as_deref() != self.device_key
        {
            return Err(invalid());
        }
        let generation = Generation {
            pool,
            client,
            user: &user,
            sign_in: &sign_in,
            source: "TokenGeneration_RefreshTokens",
            metadata: self.metadata,
        };
        let tokens = generation.run(pools).await?;
        // Signed out meanwhile: the tokens made above would be refused anywhere.
        if pools.store.sign_in(&pool.id, &user.sub, &sign_in.origin_jti).is_none() {
            return Err(ApiError::not_authorized("Refresh Token has been revoked"));
        }
        Ok(result(&tokens))
    }
}
