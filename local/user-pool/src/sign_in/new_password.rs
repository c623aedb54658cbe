//! `NEW_PASSWORD_REQUIRED`: the user an administrator made chooses a password and brings what is
//! missing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::respond::Answers;
use super::{Outcome, Stage, Turn};
use crate::model::attributes::{self, Attribute, Writer};
use crate::model::user::{User, UserStatus};
use crate::password;
use crate::protocol::error::ApiError;

const PREFIX: &str = "userAttributes.";

impl Turn<'_> {
    pub(super) fn ask_new_password(self, user: &User) -> Outcome {
        let missing: Vec<_> = self
            .pool
            .schema
            .iter()
            .filter(|known| known.required && known.name != "sub" && user.attribute(&known.name).is_none())
            .map(|known| format!("{PREFIX}{}", known.name))
            .collect();
        let known: Map<String, Value> = user
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let parameters = self.parameters([
            ("requiredAttributes", json!(missing).to_string()),
            ("userAttributes", Value::Object(known).to_string()),
        ]);
        self.challenge(Stage::NewPassword, parameters)
    }

    /// A password the policy refuses leaves the session usable.
    pub(super) async fn answer_new_password(
        mut self,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let new_password = answers.required("NEW_PASSWORD")?;
        password::check_policy(&self.pool.settings.policies.password_policy, new_password)?;
        let given: Vec<_> = answers
            .iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix(PREFIX)?.to_owned();
                Some(Attribute {
                    name,
                    value: value.to_owned(),
                })
            })
            .collect();
        let given: BTreeMap<_, _> = attributes::check(&self.pool.schema, given, Writer::User)?;
        let sub = self.known_user()?.sub.clone();
        let (pool, now) = (&self.pool, self.pools.now());
        self.pools.store.update_user(&pool.id, &sub, |user| {
            user.attributes.extend(given);
            attributes::check_required(&pool.schema, &user.attributes)?;
            self.pools.sessions.consume(session, now)?;
            password::set(pool, user, new_password)?;
            user.status = UserStatus::Confirmed;
            user.modified = now;
            Ok(())
        })?;
        self.reload_user();
        self.attempt.new_password_set = true;
        self.remember("NEW_PASSWORD_REQUIRED", true, None);
        self.ask_second_factor().await
    }
}
