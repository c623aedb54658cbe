use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    kernel::{PortError, UserId},
    sign_in::{Attempt, BackOff, History, SignInHistory, SignInLedger, Subject},
};

use super::{
    AttributeValue, ReturnValue, Table, UpdateItemFluentBuilder, condition_failed, milliseconds, number,
    port_error, seconds, text, user_key, version, whole,
};

/// Counters of unknown names are kept for a day.
const UNKNOWN_LIFE: SignedDuration = SignedDuration::from_hours(24);

const OPERATION: &str = "dynamodb.UpdateItem";

#[async_trait]
impl SignInLedger for Table {
    async fn count_attempt(&self, subject: &Subject, at: Timestamp) -> Result<u32, PortError> {
        let updated = self
            .count_one(subject, at)
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        updated
            .attributes
            .as_ref()
            .and_then(|item| whole(item, "attempts"))
            .ok_or_else(|| PortError::new(OPERATION, "the answer holds no count"))
    }

    async fn attempt(
        &self,
        subject: &Subject,
        back_off: &BackOff,
        at: Timestamp,
    ) -> Result<Attempt, PortError> {
        let window_start = at.saturating_sub(back_off.window()).unwrap_or(at);
        // DynamoDB has no powers, so every step of the back-off is a clause of its own. An item that an older
        // function counted has no `attempt_at`.
        let mut far_enough = vec![
            "attribute_not_exists(attempt_at)".to_owned(),
            "attempt_at <= :window_start".to_owned(),
            "attempts < :free".to_owned(),
        ];
        let mut update = self
            .count_one(subject, at)
            .expression_attribute_values(":free", number(back_off.free()))
            .expression_attribute_values(":window_start", milliseconds(window_start));
        let steps = back_off.steps();
        let last = steps.len().saturating_sub(1);
        for (step, (attempts, wait)) in steps.into_iter().enumerate() {
            let comparison = if step == last { ">=" } else { "=" };
            far_enough.push(format!("(attempts {comparison} :n{step} AND attempt_at <= :t{step})"));
            let before = at.saturating_sub(wait).unwrap_or(at);
            update = update
                .expression_attribute_values(format!(":n{step}"), number(attempts))
                .expression_attribute_values(format!(":t{step}"), milliseconds(before));
        }
        let updated = update
            .condition_expression(far_enough.join(" OR "))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        let before = match updated {
            Ok(answer) => answer.attributes,
            Err(fault) if condition_failed(&fault) => return Ok(Attempt::Refused),
            Err(fault) => return Err(port_error(OPERATION)(fault)),
        };
        let before = before.unwrap_or_default();
        let counted: u32 = whole(&before, "attempts").unwrap_or_default();
        let last_at: Option<i64> = whole(&before, "attempt_at");
        if counted > 0 && last_at.is_some_and(|last_at| last_at <= window_start.as_millisecond()) {
            // Only this call saw the earlier window. The next call sees this attempt.
            self.write_off(subject, counted).await?;
            return Ok(Attempt::Counted(1));
        }
        Ok(Attempt::Counted(counted.saturating_add(1)))
    }

    async fn complete(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        self.ledger_item(user_key(user))
            .update_expression("SET attempts = :none, last_sign_in_at = :at, v = :v")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":at", seconds(at))
            .expression_attribute_values(":v", version())
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        Ok(())
    }

    async fn reset(&self, user: &UserId) -> Result<(), PortError> {
        self.ledger_item(user_key(user))
            .update_expression("SET attempts = :none, v = :v")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":v", version())
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        Ok(())
    }

    async fn password_reset(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        self.ledger_item(user_key(user))
            .update_expression("SET attempts = :none, password_reset_at = :at, v = :v")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":at", seconds(at))
            .expression_attribute_values(":v", version())
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        Ok(())
    }
}

#[async_trait]
impl SignInHistory for Table {
    async fn history(&self, user: &UserId) -> Result<History, PortError> {
        const READ: &str = "dynamodb.GetItem";
        let answer = self
            .get_item()
            .key("pk", user_key(user))
            .key("sk", text("SIGN_IN"))
            .consistent_read(true)
            .send()
            .await
            .map_err(port_error(READ))?;
        let time = |name| {
            let second = answer.item.as_ref().and_then(|item| whole(item, name))?;
            Some(Timestamp::from_second(second).map_err(|fault| PortError::new(READ, fault)))
        };
        Ok(History {
            signed_in_at: time("last_sign_in_at").transpose()?,
            password_reset_at: time("password_reset_at").transpose()?,
        })
    }
}

impl Table {
    /// Adds one attempt. Items of unknown names expire by themselves.
    fn count_one(&self, subject: &Subject, at: Timestamp) -> UpdateItemFluentBuilder {
        let update = self
            .ledger_item(subject_key(subject))
            .expression_attribute_values(":at", seconds(at))
            .expression_attribute_values(":at_ms", milliseconds(at))
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":one", number(1));
        match subject {
            Subject::User(_) => update.update_expression(
                "SET last_attempt_at = :at, attempt_at = :at_ms, v = :v ADD attempts :one",
            ),
            Subject::Unknown { .. } | Subject::UnknownName { .. } => update
                .update_expression(
                    "SET last_attempt_at = :at, attempt_at = :at_ms, v = :v, #ttl = :ttl ADD attempts :one",
                )
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", seconds(at.saturating_add(UNKNOWN_LIFE).unwrap_or(at))),
        }
    }

    /// Subtracts the attempts of an earlier window, unless the count was reset meanwhile.
    async fn write_off(&self, subject: &Subject, stale: u32) -> Result<(), PortError> {
        let written_off = self
            .ledger_item(subject_key(subject))
            .condition_expression("attempts > :stale")
            .update_expression("ADD attempts :less")
            .expression_attribute_values(":stale", number(stale))
            .expression_attribute_values(":less", number(-i64::from(stale)))
            .send()
            .await;
        match written_off {
            Ok(_) => Ok(()),
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error(OPERATION)(fault)),
        }
    }

    fn ledger_item(&self, pk: AttributeValue) -> UpdateItemFluentBuilder {
        self.update_item().key("pk", pk).key("sk", text("SIGN_IN"))
    }
}

fn subject_key(subject: &Subject) -> AttributeValue {
    match subject {
        Subject::User(user) => user_key(user),
        Subject::Unknown { shard } => text(format!("UNKNOWN#{shard:02x}")),
        Subject::UnknownName { hash } => text(format!("UNKNOWN#{hash}")),
    }
}
