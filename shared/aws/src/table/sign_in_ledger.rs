use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};
use jiff::{SignedDuration, Timestamp};
use shared::{
    kernel::{PortError, UserId},
    sign_in::{SignInLedger, Subject},
};

use super::{Table, number, port_error, seconds, text, user_key, version};

/// Counters of names that are no user's are kept for a day.
const UNKNOWN_LIFE: SignedDuration = SignedDuration::from_hours(24);

#[async_trait]
impl SignInLedger for Table {
    async fn count_attempt(&self, subject: &Subject, at: Timestamp) -> Result<u32, PortError> {
        let update = match subject {
            Subject::User(user) => self
                .ledger_item(user_key(user))
                .update_expression("SET last_attempt_at = :at, v = :v ADD attempts :one"),
            Subject::Unknown { shard } => self
                .ledger_item(text(format!("UNKNOWN#{shard:02x}")))
                .update_expression("SET last_attempt_at = :at, v = :v, #ttl = :ttl ADD attempts :one")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", seconds(at.saturating_add(UNKNOWN_LIFE).unwrap_or(at))),
        };
        let updated = update
            .expression_attribute_values(":at", seconds(at))
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(port_error("dynamodb.UpdateItem"))?;
        updated
            .attributes()
            .and_then(|item| item.get("attempts")?.as_n().ok()?.parse().ok())
            .ok_or_else(|| PortError::new("dynamodb.UpdateItem", "the answer holds no count"))
    }

    async fn complete(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        self.ledger_item(user_key(user))
            .update_expression("SET attempts = :none, last_sign_in_at = :at, v = :v")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":at", seconds(at))
            .expression_attribute_values(":v", version())
            .send()
            .await
            .map_err(port_error("dynamodb.UpdateItem"))?;
        Ok(())
    }

    async fn reset(&self, user: &UserId) -> Result<(), PortError> {
        self.ledger_item(user_key(user))
            .update_expression("SET attempts = :none, v = :v")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":v", version())
            .send()
            .await
            .map_err(port_error("dynamodb.UpdateItem"))?;
        Ok(())
    }
}

impl Table {
    fn ledger_item(&self, pk: AttributeValue) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).key("pk", pk).key("sk", text("SIGN_IN"))
    }
}
