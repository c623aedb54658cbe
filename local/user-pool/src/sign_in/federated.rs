//! A sign-in through an identity provider (cognito.md §1.3, §1.5). Cognito's own way there, a browser that
//! comes back to the pool's domain from a provider, is not built: who a provider has vouched for is told.
//!
//! ```text
//! unknown identity → PreSignUp_ExternalProvider → a user <Provider>_<subject> → PostConfirmation → tokens
//! identity of a user, the provider's own or one it was linked with
//!                    → PreAuthentication → PostAuthentication → tokens
//! ```
//! Cognito's MFA never applies: that is the provider's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::finish::{Generation, expiry, result};
use super::risk::Watched;
use super::{Attempt, Flow, Subject, Turn};
use crate::UserPools;
use crate::entropy;
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::session::TrackedSession;
use crate::model::sign_in::SignIn;
use crate::model::user::{User, UserStatus};
use crate::operations::{PreSignUpEvent, post_confirmation, pre_sign_up};
use crate::protocol::error::ApiError;
use crate::tokens::refresh;
use crate::triggers::Trigger;

/// Whom a provider has vouched for, with the attributes that the pool's mapping makes of its claims.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedSignIn {
    pub client_id: String,
    /// As the pool calls it.
    pub provider: String,
    /// The provider's own name for the user.
    pub subject: String,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl UserPools {
    /// Completes the sign-in; `AuthenticationResult` as of a native one. An error is what the browser would
    /// be sent back with.
    pub async fn federated_sign_in(&self, told: FederatedSignIn) -> Result<Value, ApiError> {
        let (pool, client) = self.store.client(&told.client_id)?;
        if let Some(user) = self.identified(&pool, &told)? {
            if !user.enabled {
                return Err(ApiError::user_disabled());
            }
            let user = self.updated(&pool, &user, &told)?;
            self.triggers_of_a_later_one(&pool, &client, &user).await?;
            return self.tokens(&pool, &client, &user).await;
        }
        let user = self.first(&pool, &client, told).await?;
        self.tokens(&pool, &client, &user).await
    }

    /// Whose the identity is.
    fn identified(&self, pool: &Pool, told: &FederatedSignIn) -> Result<Option<Arc<User>>, ApiError> {
        let has_it = |user: &Arc<User>| {
            let identities = user.attribute("identities").and_then(|text| serde_json::from_str(text).ok());
            let identities: Vec<Value> = identities.unwrap_or_default();
            identities
                .iter()
                .any(|known| known["providerName"] == told.provider && known["userId"] == told.subject)
        };
        Ok(self.store.users(&pool.id)?.into_iter().find(has_it))
    }

    /// A provider's own user has what the provider says now; a linked account keeps what it has [inferred].
    fn updated(&self, pool: &Pool, user: &User, told: &FederatedSignIn) -> Result<Arc<User>, ApiError> {
        let now = self.now();
        self.store.update_user(&pool.id, &user.sub, |user| {
            if user.status == UserStatus::ExternalProvider {
                user.attributes.extend(told.attributes.clone());
                user.modified = now;
            }
            Ok(Arc::new(user.clone()))
        })
    }

    async fn first(&self, pool: &Pool, client: &Client, told: FederatedSignIn) -> Result<User, ApiError> {
        let FederatedSignIn { provider, subject, mut attributes, .. } = told;
        let username = format!("{provider}_{subject}");
        // What no mapping makes verified is not.
        for address in ["email", "phone_number"] {
            if attributes.contains_key(address) {
                attributes.entry(format!("{address}_verified")).or_insert_with(|| "false".to_owned());
            }
        }
        let mut of_event = attributes.clone();
        for alias in ["cognito:email_alias", "cognito:phone_number_alias"] {
            of_event.insert(alias.to_owned(), String::new());
        }
        let event = PreSignUpEvent {
            client_id: &client.id,
            source: "PreSignUp_ExternalProvider",
            username: &username,
            attributes: json!(of_event),
            validation_data: Some(json!({})),
            metadata: None,
        };
        // A provider's user needs no confirmation, so only a failure of the trigger matters.
        pre_sign_up(self, pool, event).await?;
        let now = self.now();
        let identity = json!([{
            "userId": subject,
            "providerName": provider,
            "providerType": provider,
            "issuer": null,
            "primary": true,
            "dateCreated": now.as_millisecond(),
        }]);
        attributes.insert("identities".to_owned(), identity.to_string());
        let user = User::new(entropy::uuid(), username, UserStatus::ExternalProvider, attributes, now);
        let user = self.store.insert_user(&pool.id, user)?;
        post_confirmation(self, pool, &client.id, &user, "ConfirmSignUp", None).await?;
        Ok(User::clone(&user))
    }

    async fn triggers_of_a_later_one(
        &self,
        pool: &Arc<Pool>,
        client: &Arc<Client>,
        user: &Arc<User>,
    ) -> Result<(), ApiError> {
        let subject = Subject::Known { sub: user.sub.clone() };
        let turn = Turn {
            pools: self,
            pool: Arc::clone(pool),
            client: Arc::clone(client),
            user: Some(Arc::clone(user)),
            attempt: Attempt::new(pool, client, subject, Flow::Password, Watched::begin(None)?),
            metadata: None,
        };
        turn.pre_authenticate(None).await?;
        let Some(function) = &pool.settings.lambda_config.post_authentication else {
            return Ok(());
        };
        // Without `newDeviceUsed` (cognito.md §1.8).
        let request = json!({"userAttributes": turn.user_attributes()});
        let source = "PostAuthentication_Authentication";
        turn.run_trigger(Trigger::PostAuthentication, function, source, request, json!({})).await?;
        Ok(())
    }

    async fn tokens(&self, pool: &Pool, client: &Client, user: &User) -> Result<Value, ApiError> {
        let now = self.now();
        let origin_jti = entropy::uuid();
        let (refresh_token, refresh_digest) = refresh::make(&user.sub, &origin_jti);
        let sign_in = SignIn {
            sub: user.sub.clone(),
            origin_jti,
            client_id: client.id.clone(),
            event_id: entropy::uuid(),
            auth_time: now,
            refresh_expires: expiry(now, client),
            refresh_digest,
            rotation: Vec::new(),
            session: TrackedSession::begin(pool, None, now),
            device_key: None,
            device_group_key: None,
        };
        let source = "TokenGeneration_HostedAuth";
        let generation = Generation { pool, client, user, sign_in: &sign_in, source, metadata: None };
        let mut result = result(&generation.run(self).await?);
        if let Value::Object(members) = &mut result {
            members.insert("RefreshToken".to_owned(), refresh_token.into());
        }
        self.store.insert_sign_in(&pool.id, sign_in)?;
        Ok(json!({ "AuthenticationResult": result }))
    }
}
