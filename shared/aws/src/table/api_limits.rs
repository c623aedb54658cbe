use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    api_limits::{
        IdempotencyKey, IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, RateCounter, RateCounts,
        RequestHash, StoredResponse,
    },
    kernel::{PortError, UserId},
};

use super::{
    ConditionalWriteError as _, Item, OnFailure, Table, UpdateItemFluentBuilder, condition_failed, number,
    port_error, seconds, text, user_key, version, whole,
};

const WRITE: &str = "dynamodb.UpdateItem";
/// A counter is useless after its window. The margin covers the different clocks of two functions.
const MINUTES_COUNTER_LIFE: SignedDuration = SignedDuration::from_mins(10);
const HOURS_COUNTER_LIFE: SignedDuration = SignedDuration::from_mins(70);

#[async_trait]
impl RateCounts for Table {
    async fn count(&self, counter: &RateCounter, start: Timestamp, most: u32) -> Result<bool, PortError> {
        let (pk, kind, life) = match counter {
            RateCounter::User(user) => (user_key(user), "CALLS", MINUTES_COUNTER_LIFE),
            RateCounter::Address(hash) => (text(format!("CALLS#{hash}")), "CALLS", MINUTES_COUNTER_LIFE),
            RateCounter::AdminReads(user) => (user_key(user), "ADMIN_READS", HOURS_COUNTER_LIFE),
            RateCounter::AdminChanges(user) => (user_key(user), "ADMIN_CHANGES", HOURS_COUNTER_LIFE),
        };
        // An absent counter is 0, which a `most` of 0 refuses.
        let room = if most > 0 { "attribute_not_exists(calls) OR calls < :most" } else { "calls < :most" };
        let written = self
            .update_item()
            .key("pk", pk)
            .key("sk", text(format!("{kind}#{}", start.as_second())))
            .update_expression("SET v = :v, #ttl = :ttl ADD calls :one")
            .condition_expression(room)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":ttl", seconds(start.saturating_add(life).unwrap_or(start)))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(most))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(fault) if condition_failed(&fault) => Ok(false),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }
}

#[async_trait]
impl IdempotencyStore for Table {
    async fn claim(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        request: &RequestHash,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<KeyClaim, PortError> {
        let claimed = self
            .request_item(user, key)
            .update_expression(
                "SET v = :v, asked = :asked, holder = :holder, taken_until = :until, #ttl = :until REMOVE ended, answer",
            )
            .condition_expression(
                "attribute_not_exists(taken_until) OR taken_until <= :now OR holder = :holder",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":asked", text(request.as_str()))
            .expression_attribute_values(":holder", text(holder.as_str()))
            .expression_attribute_values(":until", seconds(until))
            .expression_attribute_values(":now", seconds(now))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(_) => Ok(KeyClaim::Granted),
            Err(fault) if condition_failed(&fault) => fault
                .kept_item()
                .and_then(taken)
                .ok_or_else(|| PortError::new(WRITE, "a request can't be read")),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }

    async fn store_response(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        ended: &StoredResponse,
        until: Timestamp,
    ) -> Result<KeyRelease, PortError> {
        let mut set = "SET ended = :ended, taken_until = :until, #ttl = :until".to_owned();
        let mut update = self
            .request_item(user, key)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ended", number(ended.status))
            .expression_attribute_values(":until", seconds(until));
        if let Some(answer) = &ended.answer {
            set.push_str(", answer = :answer");
            update = update.expression_attribute_values(":answer", text(answer));
        }
        settled(update.update_expression(set), holder).await
    }

    async fn release(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
    ) -> Result<KeyRelease, PortError> {
        let update = self.request_item(user, key).update_expression("SET taken_until = :never");
        settled(update.expression_attribute_values(":never", number(0)), holder).await
    }
}

/// Sends an update that applies only if the holder still has the key.
async fn settled(update: UpdateItemFluentBuilder, holder: &KeyHolder) -> Result<KeyRelease, PortError> {
    let update = update
        .condition_expression("holder = :holder")
        .expression_attribute_values(":holder", text(holder.as_str()));
    match update.send().await {
        Ok(_) => Ok(KeyRelease::Done),
        Err(fault) if condition_failed(&fault) => Ok(KeyRelease::TakenOver),
        Err(fault) => Err(port_error(WRITE)(fault)),
    }
}

impl Table {
    fn request_item(&self, user: &UserId, key: &IdempotencyKey) -> UpdateItemFluentBuilder {
        let update = self.update_item().key("pk", user_key(user));
        update.key("sk", text(format!("REQUEST#{}", key.as_str())))
    }
}

fn taken(item: &Item) -> Option<KeyClaim> {
    let request = RequestHash::from_stored(item.get("asked")?.as_s().ok()?.clone());
    let ended = whole(item, "ended").map(|status| StoredResponse {
        status,
        answer: item.get("answer").and_then(|answer| answer.as_s().ok()).cloned(),
    });
    Some(KeyClaim::Taken { request, ended })
}
