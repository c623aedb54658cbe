//! The end of a sign-in: `PostAuthentication`, `PreTokenGeneration`, tokens.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Outcome, Turn};
use crate::UserPools;
use crate::entropy;
use crate::model::auth_event::EventOutcome;
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::session::TrackedSession;
use crate::model::sign_in::SignIn;
use crate::model::user::User;
use crate::protocol::error::ApiError;
use crate::tokens::overrides::{Groups, Overrides, parse_v1, parse_v2};
use crate::tokens::{self, Grant, Tokens, refresh};
use crate::triggers::event::{Metadata, with_metadata};
use crate::triggers::{self, Event, Trigger};

impl Turn<'_> {
    pub(super) async fn finish(mut self) -> Result<Outcome, ApiError> {
        // As they are now: a challenge may have changed them, an administrator may have stopped them.
        self.reload_user();
        let user = Arc::clone(self.known_user()?);
        if !user.enabled {
            return Err(ApiError::user_disabled());
        }
        let tracks_devices = self.pool.settings.device_configuration.is_some();
        let new_device = tracks_devices && self.attempt.device_key.is_none();
        self.post_authenticate(new_device).await?;

        let now = self.pools.now();
        let origin_jti = entropy::uuid();
        let (refresh_token, refresh_digest) = refresh::make(&user.sub, &origin_jti);
        let (device_key, device_group_key) = if new_device {
            let key = format!("{}_{}", self.pool.region(), entropy::uuid());
            let group = format!("-{}", entropy::text(entropy::LETTERS_AND_DIGITS, 8));
            (Some(key), Some(group))
        } else {
            (self.attempt.device_key.clone(), None)
        };
        let sign_in = SignIn {
            sub: user.sub.clone(),
            origin_jti,
            client_id: self.client.id.clone(),
            event_id: self.attempt.watched.event_id.clone(),
            auth_time: now,
            refresh_expires: expiry(now, &self.client),
            refresh_digest,
            rotation: Vec::new(),
            session: TrackedSession::begin(&self.pool, Some(self.attempt.watched.address), now),
            device_key,
            device_group_key,
        };
        let source = if self.attempt.new_password_set {
            "TokenGeneration_NewPasswordChallenge"
        } else if self.attempt.device_proven {
            "TokenGeneration_AuthenticateDevice"
        } else {
            "TokenGeneration_Authentication"
        };
        let generation = Generation {
            pool: &self.pool,
            client: &self.client,
            user: &user,
            sign_in: &sign_in,
            source,
            metadata: self.metadata.as_ref(),
        };
        let tokens = generation.run(self.pools).await?;
        let mut result = result(&tokens);
        if let Value::Object(members) = &mut result {
            members.insert("RefreshToken".to_owned(), refresh_token.into());
            if let (Some(key), Some(group)) = (&sign_in.device_key, &sign_in.device_group_key) {
                let metadata = json!({"DeviceKey": key, "DeviceGroupKey": group});
                members.insert("NewDeviceMetadata".to_owned(), metadata);
            }
        }
        self.pools.store.insert_sign_in(&self.pool.id, sign_in)?;
        self.log_outcome(EventOutcome::Pass)?;
        Ok(Outcome::Tokens(result))
    }

    async fn post_authenticate(&self, new_device: bool) -> Result<(), ApiError> {
        let Some(function) = &self.pool.settings.lambda_config.post_authentication else {
            return Ok(());
        };
        let request = json!({"userAttributes": self.user_attributes(), "newDeviceUsed": new_device});
        let request = with_metadata(request, self.metadata.as_ref());
        let source = "PostAuthentication_Authentication";
        self.run_trigger(Trigger::PostAuthentication, function, source, request, json!({})).await?;
        Ok(())
    }
}

pub(super) fn expiry(now: Timestamp, client: &Client) -> Timestamp {
    now.saturating_add(client.refresh_token_validity()).unwrap_or(Timestamp::MAX)
}

/// `AuthenticationResult` without a refresh token.
pub(super) fn result(tokens: &Tokens) -> Value {
    json!({
        "AccessToken": tokens.access,
        "IdToken": tokens.id,
        "TokenType": "Bearer",
        "ExpiresIn": tokens.expires_in,
    })
}

/// One round of `PreTokenGeneration` and signing.
pub(super) struct Generation<'a> {
    pub(super) pool: &'a Pool,
    pub(super) client: &'a Client,
    pub(super) user: &'a User,
    pub(super) sign_in: &'a SignIn,
    pub(super) source: &'a str,
    pub(super) metadata: Option<&'a Metadata>,
}

impl Generation<'_> {
    pub(super) async fn run(&self, pools: &UserPools) -> Result<Tokens, ApiError> {
        let named = pools.store.groups(&self.pool.id)?;
        let own = named.into_iter().filter(|group| self.user.groups.contains(&group.name)).collect();
        let groups = Groups::of(own);
        let mut overrides = self.ask_trigger(pools, &groups).await?;
        let groups = overrides.groups.take().unwrap_or(groups);
        let grant = Grant {
            pool: self.pool,
            client: self.client,
            user: self.user,
            sign_in: self.sign_in,
            groups,
            overrides,
            now: pools.now(),
        };
        tokens::issue(pools, &grant).await
    }

    async fn ask_trigger(&self, pools: &UserPools, groups: &Groups) -> Result<Overrides, ApiError> {
        let lambda = &self.pool.settings.lambda_config;
        let (function, version) = match (&lambda.pre_token_generation_config, &lambda.pre_token_generation) {
            (Some(config), _) => (&config.lambda_arn, config.lambda_version.as_str()),
            (None, Some(function)) => (function, "V1_0"),
            (None, None) => return Ok(Overrides::default()),
        };
        let mut request = json!({
            "userAttributes": self.user.event_attributes(self.pool),
            "groupConfiguration": groups.configuration(),
        });
        let (version, member) = match version {
            "V1_0" => ("1", "claimsOverrideDetails"),
            "V2_0" => ("2", "claimsAndScopeOverrideDetails"),
            _ => ("3", "claimsAndScopeOverrideDetails"),
        };
        if let (Value::Object(members), "2" | "3") = (&mut request, version) {
            members.insert("scopes".to_owned(), json!(["aws.cognito.signin.user.admin"]));
        }
        let event = Event {
            pool: self.pool,
            client_id: &self.client.id,
            source: self.source.to_owned(),
            username: &self.user.username,
            version,
            request: with_metadata(request, self.metadata),
            response: Some(json!({ member: null })),
        };
        let response = triggers::invoke(pools, Trigger::PreTokenGeneration, function, event).await?;
        if version == "1" { parse_v1(&response) } else { parse_v2(&response) }
    }
}
