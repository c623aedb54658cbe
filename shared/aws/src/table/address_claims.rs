use async_trait::async_trait;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use shared::{
    kernel::{PortError, UserId},
    sign_up::{AddressClaim, AddressClaims, AddressKey, CandidateKey, DAY, FirmClaim, HOLD},
};

use super::{Item, Table, condition_failed, milliseconds, port_error, seconds, text, version};

const OPERATION: &str = "dynamodb.UpdateItem";
/// How the partitions of addresses begin.
pub(super) const ADDRESS: &str = "ADDRESS#";

#[async_trait]
impl AddressClaims for Table {
    async fn claim(
        &self,
        address: &AddressKey,
        candidate: &CandidateKey,
        now: Timestamp,
    ) -> Result<AddressClaim, PortError> {
        let until = now.saturating_add(HOLD).unwrap_or(now);
        let forgotten = until.saturating_add(DAY).unwrap_or(until);
        // The last three holds are kept: `hold_3` is the one before the one before the last. A hold is
        // granted only if that one is a day old.
        let claimed = self
            .address_item(address)
            .condition_expression(
                "attribute_not_exists(firm_for) \
                 AND (attribute_not_exists(held_until) OR held_until <= :now) \
                 AND (attribute_not_exists(hold_3) OR hold_3 <= :yesterday)",
            )
            .update_expression(
                "SET held_by = :candidate, held_until = :until, hold_3 = if_not_exists(hold_2, :never), \
                 hold_2 = if_not_exists(hold_1, :never), hold_1 = :now, v = :v, #ttl = :ttl",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":candidate", text(candidate.as_str()))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":until", milliseconds(until))
            .expression_attribute_values(":yesterday", milliseconds(now.saturating_sub(DAY).unwrap_or(now)))
            .expression_attribute_values(":never", milliseconds(Timestamp::MIN))
            .expression_attribute_values(":ttl", seconds(forgotten))
            .expression_attribute_values(":v", version())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(_) => Ok(AddressClaim::Held),
            Err(SdkError::ServiceError(answer)) if answer.err().is_conditional_check_failed_exception() => {
                let UpdateItemError::ConditionalCheckFailedException(refused) = answer.into_err() else {
                    return Err(PortError::new(OPERATION, "the condition failed without an item"));
                };
                refused
                    .item()
                    .map(|item| standing(item, candidate, now))
                    .ok_or_else(|| PortError::new(OPERATION, "the condition failed without an item"))
            }
            Err(fault) => Err(port_error(OPERATION)(fault)),
        }
    }

    async fn confirm(
        &self,
        address: &AddressKey,
        owner: &UserId,
        now: Timestamp,
    ) -> Result<FirmClaim, PortError> {
        let confirmed = self
            .address_item(address)
            .condition_expression("attribute_not_exists(firm_for) OR firm_for = :owner")
            .update_expression(
                "SET firm_for = :owner, firm_since = if_not_exists(firm_since, :now), v = :v \
                 REMOVE held_by, held_until, hold_1, hold_2, hold_3, #ttl",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":owner", text(owner.as_str()))
            .expression_attribute_values(":now", seconds(now))
            .expression_attribute_values(":v", version())
            .send()
            .await;
        match confirmed {
            Ok(_) => Ok(FirmClaim::Firm),
            Err(fault) if condition_failed(&fault) => Ok(FirmClaim::Lost),
            Err(fault) => Err(port_error(OPERATION)(fault)),
        }
    }

    async fn release(&self, address: &AddressKey, owner: &UserId) -> Result<bool, PortError> {
        let released = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key(address).into_iter().collect()))
            .condition_expression("firm_for = :owner")
            .expression_attribute_values(":owner", text(owner.as_str()))
            .send()
            .await;
        match released {
            Ok(_) => Ok(true),
            Err(fault) if condition_failed(&fault) => Ok(false),
            Err(fault) => Err(port_error("dynamodb.DeleteItem")(fault)),
        }
    }
}

/// What an item means that a claim could not change.
fn standing(item: &Item, candidate: &CandidateKey, now: Timestamp) -> AddressClaim {
    if item.contains_key("firm_for") {
        return AddressClaim::Taken;
    }
    let held_until = item.get("held_until").and_then(|until| until.as_n().ok()?.parse::<i64>().ok());
    if held_until.is_none_or(|until| until <= now.as_millisecond()) {
        return AddressClaim::NotHeld;
    }
    let holder = item.get("held_by").and_then(|holder| holder.as_s().ok());
    if holder.is_some_and(|holder| holder == candidate.as_str()) {
        AddressClaim::Held
    } else {
        AddressClaim::Taken
    }
}

pub(super) fn key(address: &AddressKey) -> [(String, AttributeValue); 2] {
    [("pk".to_owned(), text(format!("{ADDRESS}{}", address.as_str()))), ("sk".to_owned(), text("CLAIM"))]
}

impl Table {
    fn address_item(&self, address: &AddressKey) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(key(address).into_iter().collect()))
    }
}
