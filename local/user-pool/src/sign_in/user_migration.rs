//! `UserMigration`: an unknown user comes from another directory, with the password they just typed (cognito.md
//! §1.10).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Initiation, check_secret_hash};
use crate::UserPools;
use crate::model::attributes::{self, Attribute, Writer};
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::user::{Factor, User, UserStatus};
use crate::operations::new_username;
use crate::password;
use crate::protocol::error::{ApiError, ErrorCode};
use crate::triggers::event::{Metadata, with_metadata};
use crate::triggers::{self, Event, Trigger, unrecognizable};

/// An unknown user to request from the function.
pub(crate) struct Migration<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) client: &'a Client,
    /// As the caller wrote it.
    pub(crate) name: &'a str,
    /// `None` for `ForgotPassword`.
    pub(crate) password: Option<&'a str>,
    pub(crate) validation_data: Option<&'a Metadata>,
    pub(crate) metadata: Option<&'a Metadata>,
}

impl Initiation {
    /// Creates an unknown user from the function's response, before a sign-in with a password.
    pub(super) async fn migrate(&self, pools: &UserPools) -> Result<(), ApiError> {
        let (name, password) = (self.required("USERNAME")?, self.required("PASSWORD")?);
        check_secret_hash(&self.client, &[name], self.optional("SECRET_HASH"))?;
        if pools.store.find_user(&self.pool.id, name).is_some() {
            return Ok(());
        }
        let migration = Migration {
            pool: &self.pool,
            client: &self.client,
            name,
            password: Some(password),
            validation_data: self.metadata.as_ref(),
            metadata: None,
        };
        migration.run(pools).await.map(|_| ())
    }
}

impl Migration<'_> {
    /// Returns the new user. `None` if the pool has no such function. `PreSignUp` and `PostConfirmation` don't run,
    /// and no message goes out.
    pub(crate) async fn run(&self, pools: &UserPools) -> Result<Option<Arc<User>>, ApiError> {
        let Some(function) = &self.pool.settings.lambda_config.user_migration else {
            return Ok(None);
        };
        let source = if self.password.is_some() { "Authentication" } else { "ForgotPassword" };
        let request = json!({
            "password": self.password.unwrap_or_default(),
            "validationData": self.validation_data,
            "userAttributes": null,
        });
        let event = Event {
            pool: self.pool,
            client_id: &self.client.id,
            source: format!("UserMigration_{source}"),
            username: self.name,
            version: "1",
            request: with_metadata(request, self.metadata),
            response: Some(json!({
                "userAttributes": null,
                "finalUserStatus": null,
                "messageAction": null,
                "desiredDeliveryMediums": null,
                "forceAliasCreation": null,
                "enableSMSMFA": null,
            })),
        };
        let response = triggers::invoke(pools, Trigger::UserMigration, function, event).await?;
        let user = self.user(pools, &response)?;
        if response.get("forceAliasCreation") == Some(&Value::Bool(true)) {
            for attribute in self.pool.alias_attributes() {
                if let Some(value) = user.attribute(attribute).filter(|_| user.is_verified(attribute)) {
                    pools.store.release_alias(&self.pool.id, attribute, value, &user.sub)?;
                }
            }
        }
        pools.store.insert_user(&self.pool.id, user).map(Some)
    }

    fn user(&self, pools: &UserPools, response: &Value) -> Result<User, ApiError> {
        let given = response.get("userAttributes").and_then(Value::as_object).ok_or_else(unrecognizable)?;
        let mut given: BTreeMap<_, _> = given
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(unrecognizable)?;
        let name = given.remove("username").unwrap_or_else(|| self.name.to_owned());
        let given = given.into_iter().map(|(name, value)| Attribute { name, value }).collect();
        let mut attributes = attributes::check(&self.pool.schema, given, Writer::Administrator)?;
        let (username, sub) = new_username(self.pool, &name, &mut attributes)?;
        attributes::check_required(&self.pool.schema, &attributes)?;
        let status = match response.get("finalUserStatus").and_then(Value::as_str) {
            Some("CONFIRMED") => UserStatus::Confirmed,
            Some("RESET_REQUIRED") | None => UserStatus::ResetRequired,
            Some(_) => return Err(unrecognizable()),
        };
        let password = self.password.filter(|_| status == UserStatus::Confirmed);
        let now = pools.now();
        let password = password.map(|password| password::verifier(self.pool, &username, password));
        let mut user = User { password, ..User::new(sub, username, status, attributes, now) };
        if response.get("enableSMSMFA") == Some(&Value::Bool(true)) {
            if user.attribute("phone_number").is_none() || !self.pool.offers(Factor::Sms) {
                return Err(ApiError::new(
                    ErrorCode::InvalidLambdaResponse,
                    "enableSMSMFA needs a phone number and SMS MFA in the user pool",
                ));
            }
            user.mfa.enabled.insert(Factor::Sms);
        }
        Ok(user)
    }
}
