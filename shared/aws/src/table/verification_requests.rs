use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    delivery::Channel,
    factors::VerificationRequests,
    kernel::{PortError, UserId},
};

use super::{
    Table, UpdateItemFluentBuilder, condition_failed, milliseconds, number, port_error, seconds, text,
    user_key, version,
};

const WRITE: &str = "dynamodb.UpdateItem";
/// Time for which a request is stored. It is longer than any cool-down.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

#[async_trait]
impl VerificationRequests for Table {
    async fn take(
        &self,
        user: &UserId,
        channel: Channel,
        now: Timestamp,
        free_since: Timestamp,
    ) -> Result<bool, PortError> {
        let taken = self
            .verification_requests(user, channel)
            .update_expression("SET v = :v, asked_at = :now, #ttl = :ttl")
            .condition_expression("attribute_not_exists(asked_at) OR asked_at <= :free_since")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":free_since", milliseconds(free_since))
            .expression_attribute_values(":ttl", seconds(now.saturating_add(LIFE).unwrap_or(now)));
        done(taken).await
    }

    async fn give_back(&self, user: &UserId, channel: Channel, taken_at: Timestamp) -> Result<(), PortError> {
        let given_back = self
            .verification_requests(user, channel)
            .update_expression("SET asked_at = :never")
            .condition_expression("asked_at = :taken_at")
            .expression_attribute_values(":never", number(0))
            .expression_attribute_values(":taken_at", milliseconds(taken_at));
        done(given_back).await.map(drop)
    }
}

impl Table {
    fn verification_requests(&self, user: &UserId, channel: Channel) -> UpdateItemFluentBuilder {
        let update = self.update_item().key("pk", user_key(user));
        update.key("sk", text(format!("ADDRESS_CODE#{}", channel.name())))
    }
}

async fn done(update: UpdateItemFluentBuilder) -> Result<bool, PortError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(fault) if condition_failed(&fault) => Ok(false),
        Err(fault) => Err(port_error(WRITE)(fault)),
    }
}
