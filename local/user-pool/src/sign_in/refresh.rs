//! `REFRESH_TOKEN_AUTH` and `GetTokensFromRefreshToken`: new access and ID tokens of a sign-in. Only
//! `PreTokenGeneration` runs.

use serde_json::Value;

use super::finish::{Generation, result};
use super::{Initiation, Outcome, check_secret_hash};
use crate::UserPools;
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::sign_in::{Reused, SignIn};
use crate::model::user::{User, UserStatus};
use crate::protocol::error::{ApiError, ErrorCode};
use crate::tokens::refresh::{self, Presented};
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
        let Presented { sign_in, digest } = pools.refreshed_sign_in(&pool.id, self.token)?;
        if sign_in.client_id != client.id {
            return Err(invalid());
        }
        let user = pools.store.user(&pool.id, &sign_in.sub).ok_or_else(invalid)?;
        is_client(&user)?;
        sign_in.check_usable(&digest, pools.now()).map_err(reused)?;
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
        let new_token = self.rotate(pools, &sign_in, &digest)?;
        let mut result = result(&tokens);
        if let (Value::Object(members), Some(token)) = (&mut result, new_token) {
            members.insert("RefreshToken".to_owned(), token.into());
        }
        Ok(result)
    }

    /// Returns the next refresh token, if the client rotates them. Of several concurrent requests
    /// with one token, one succeeds. In a grace period, all succeed. A sign-in that has ended is refused.
    fn rotate(&self, pools: &UserPools, sign_in: &SignIn, digest: &str) -> Result<Option<String>, ApiError> {
        let (pool, sub, origin_jti) = (&self.pool.id, &sign_in.sub, &sign_in.origin_jti);
        let revoked = || ApiError::not_authorized("Refresh Token has been revoked");
        let rotates = self.client.rotates_refresh_tokens();
        if !rotates && sign_in.session.is_none() {
            return pools.store.sign_in(pool, sub, origin_jti).map(|_| None).ok_or_else(revoked);
        }
        let (now, grace) = (pools.now(), self.client.refresh_token_grace());
        let new = rotates.then(|| refresh::make(sub, origin_jti));
        let updated = pools.store.update_sign_in(pool, sub, origin_jti, |sign_in| {
            if let Some((_, new_digest)) = &new {
                sign_in.rotate(digest, new_digest.clone(), now, grace).map_err(reused)?;
            }
            if let Some(session) = &mut sign_in.session {
                session.last_active = now;
            }
            Ok(())
        })?;
        updated.map(|()| new.map(|(token, _)| token)).ok_or_else(revoked)
    }
}

fn reused(_: Reused) -> ApiError {
    ApiError::new(ErrorCode::RefreshTokenReuse, "Refresh token has been invalidated by rotation.")
}
