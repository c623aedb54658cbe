use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    delivery::send_leases::{DeliveryId, Lease, SendLeases, SendOutcome},
    kernel::PortError,
};

use super::{
    ConditionalWriteError as _, Item, OnFailure, ReturnValue, Table, UpdateItemFluentBuilder, WriteToken,
    condition_failed, milliseconds, number, port_error, seconds, text, version,
};

/// Time for which a lease is stored. It exceeds the life of a code (24 h) and Lambda's retries (6 h)
/// together.
const KEPT: SignedDuration = SignedDuration::from_hours(48);

const OPERATION: &str = "dynamodb.UpdateItem";

#[async_trait]
impl SendLeases for Table {
    async fn acquire(&self, id: &DeliveryId, now: Timestamp, until: Timestamp) -> Result<Lease, PortError> {
        let holder = WriteToken::new();
        let claimed = self
            .claim_item(id)
            .condition_expression(
                "attribute_not_exists(outcome) AND (attribute_not_exists(leased_until) OR leased_until <= :now)",
            )
            .update_expression(
                "SET leased_until = :until, leased_by = :holder, first_seen_at = if_not_exists(first_seen_at, :now), v = :v, #ttl = :ttl ADD attempts :one",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":until", milliseconds(until))
            .expression_attribute_values(":holder", holder.value())
            .expression_attribute_values(":ttl", seconds(now.saturating_add(KEPT).unwrap_or(now)))
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(answer) => granted(answer.attributes.as_ref()),
            Err(fault) if condition_failed(&fault) => match fault.kept_item() {
                // The previous holder may have completed meanwhile.
                Some(item) if item.contains_key("outcome") => Ok(Lease::Completed),
                kept if holder.wrote(kept, "leased_by") => granted(kept),
                kept => Ok(Lease::Held { until: moment(kept, "leased_until")? }),
            },
            Err(fault) => Err(port_error(OPERATION)(fault)),
        }
    }

    async fn complete(
        &self,
        id: &DeliveryId,
        attempt: u32,
        outcome: SendOutcome,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let (name, detail) = match outcome {
            SendOutcome::Sent { provider } => ("sent", provider.to_owned()),
            SendOutcome::Refused(reason) => ("refused", reason.name().to_owned()),
            SendOutcome::Failed(failure) => ("failed", failure.name().to_owned()),
        };
        let mut update = self
            .claim_item(id)
            .update_expression("SET outcome = :outcome, detail = :detail, completed_at = :now")
            .expression_attribute_values(":outcome", text(name))
            .expression_attribute_values(":detail", text(detail))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":attempt", number(attempt));
        update = if matches!(outcome, SendOutcome::Sent { .. }) {
            update.condition_expression(
                "attempts >= :attempt AND (attribute_not_exists(outcome) OR outcome <> :outcome)",
            )
        } else {
            update.condition_expression("attempts = :attempt AND attribute_not_exists(outcome)")
        };
        match update.send().await {
            Ok(_) => Ok(()),
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error(OPERATION)(fault)),
        }
    }
}

impl Table {
    fn claim_item(&self, id: &DeliveryId) -> UpdateItemFluentBuilder {
        self.update_item().key("pk", text(format!("DELIVERY#{}", id.as_str()))).key("sk", text("CLAIM"))
    }
}

fn granted(item: Option<&Item>) -> Result<Lease, PortError> {
    let attempt = item
        .and_then(|item| item.get("attempts")?.as_n().ok()?.parse().ok())
        .ok_or_else(|| PortError::new(OPERATION, "the answer holds no number of attempts"))?;
    Ok(Lease::Acquired { attempt, first_seen: moment(item, "first_seen_at")? })
}

fn moment(item: Option<&Item>, name: &str) -> Result<Timestamp, PortError> {
    item.and_then(|item| item.get(name)?.as_n().ok()?.parse().ok())
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .ok_or_else(|| PortError::new(OPERATION, format!("the answer holds no {name}")))
}
