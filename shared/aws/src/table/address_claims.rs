use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    kernel::{PortError, UserId},
    sign_up::{
        AddressClaim, AddressClaims, AddressKey, CandidateKey, DAY, OwnershipClaim, RESERVATION_TIME,
        StoredClaim, claim_reconciler::ClaimCursor,
    },
};

use super::{
    AttributeValue, ConditionalWriteError as _, Item, OnFailure, ScanFluentBuilder, Table,
    UpdateItemFluentBuilder, condition_failed, milliseconds, port_error, seconds, text, version, whole,
};

const OPERATION: &str = "dynamodb.UpdateItem";
const SCAN: &str = "dynamodb.Scan";
/// The prefix of the partitions of addresses.
const ADDRESS: &str = "ADDRESS#";
/// The filter for address claims in [`Table::claims_page`].
pub(super) const IS_CLAIM: &str = "begins_with(pk, :address)";

#[async_trait]
impl AddressClaims for Table {
    async fn claim(
        &self,
        address: &AddressKey,
        candidate: &CandidateKey,
        now: Timestamp,
    ) -> Result<AddressClaim, PortError> {
        let until = now.saturating_add(RESERVATION_TIME).unwrap_or(now);
        let forgotten = until.saturating_add(DAY).unwrap_or(until);
        // We store the times of the last three reservations, and `reservation_3` is the oldest. A new one is granted
        // only if `reservation_3` is a day old.
        let claimed = self
            .address_item(address)
            .condition_expression(
                "attribute_not_exists(owned_by) \
                 AND (attribute_not_exists(reserved_until) OR reserved_until <= :now) \
                 AND (attribute_not_exists(reservation_3) OR reservation_3 <= :yesterday)",
            )
            .update_expression(
                "SET reserved_by = :candidate, reserved_until = :until, reservation_3 = if_not_exists(reservation_2, :never), \
                 reservation_2 = if_not_exists(reservation_1, :never), reservation_1 = :now, v = :v, #ttl = :ttl",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":candidate", text(candidate.as_str()))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":until", milliseconds(until))
            .expression_attribute_values(":yesterday", milliseconds(now.saturating_sub(DAY).unwrap_or(now)))
            .expression_attribute_values(":never", milliseconds(Timestamp::MIN))
            .expression_attribute_values(":ttl", seconds(forgotten))
            .expression_attribute_values(":v", version())
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(_) => Ok(AddressClaim::Reserved),
            Err(fault) if condition_failed(&fault) => fault
                .kept_item()
                .map(|item| claim_of(item, candidate, now))
                .ok_or_else(|| PortError::new(OPERATION, "the condition failed without an item")),
            Err(fault) => Err(port_error(OPERATION)(fault)),
        }
    }

    async fn confirm(
        &self,
        address: &AddressKey,
        owner: &UserId,
        now: Timestamp,
    ) -> Result<OwnershipClaim, PortError> {
        let confirmed = self
            .address_item(address)
            .condition_expression("attribute_not_exists(owned_by) OR owned_by = :owner")
            .update_expression(
                "SET owned_by = :owner, owned_since = if_not_exists(owned_since, :now), v = :v \
                 REMOVE reserved_by, reserved_until, reservation_1, reservation_2, reservation_3, #ttl",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":owner", text(owner.as_str()))
            .expression_attribute_values(":now", seconds(now))
            .expression_attribute_values(":v", version())
            .send()
            .await;
        match confirmed {
            Ok(_) => Ok(OwnershipClaim::Owned),
            Err(fault) if condition_failed(&fault) => Ok(OwnershipClaim::Conflict),
            Err(fault) => Err(port_error(OPERATION)(fault)),
        }
    }

    async fn release(&self, address: &AddressKey, owner: &UserId) -> Result<bool, PortError> {
        let released = self
            .delete_item()
            .set_key(Some(key(address).into()))
            .condition_expression("owned_by = :owner")
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

/// Interprets an item that refused a claim.
fn claim_of(item: &Item, candidate: &CandidateKey, now: Timestamp) -> AddressClaim {
    if item.contains_key("owned_by") {
        return AddressClaim::Taken;
    }
    let reserved_until = item.get("reserved_until").and_then(|until| until.as_n().ok()?.parse::<i64>().ok());
    if reserved_until.is_none_or(|until| until <= now.as_millisecond()) {
        return AddressClaim::Unreserved;
    }
    let holder = item.get("reserved_by").and_then(|holder| holder.as_s().ok());
    if holder.is_some_and(|holder| holder == candidate.as_str()) {
        AddressClaim::Reserved
    } else {
        AddressClaim::Taken
    }
}

pub(super) fn key(address: &AddressKey) -> [(String, AttributeValue); 2] {
    [("pk".to_owned(), text(format!("{ADDRESS}{}", address.as_str()))), ("sk".to_owned(), text("CLAIM"))]
}

impl Table {
    /// Returns the owned claims of one page of the table that `scan` filters, and the place of the next page.
    /// The place is `None` after the last page. The scan reads every item: half a read unit for 4 KB.
    pub(super) async fn claims_page(
        &self,
        scan: ScanFluentBuilder,
        after: Option<&ClaimCursor>,
    ) -> Result<(Vec<StoredClaim>, Option<ClaimCursor>), PortError> {
        let start = after.map(|place| [("pk", &place.pk), ("sk", &place.sk)]);
        let start = start.map(|key| key.map(|(name, part)| (name.to_owned(), text(part))).into());
        let page = scan
            .projection_expression("pk, owned_by, owned_since")
            .expression_attribute_values(":address", text(ADDRESS))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(port_error(SCAN))?;
        let claims = page.items().iter().map(|item| {
            owned_claim(item).ok_or_else(|| PortError::new(SCAN, "a claim on an address can't be read"))
        });
        let next = page.last_evaluated_key.as_ref().and_then(|key| {
            let part = |name| key.get(name).and_then(|part: &AttributeValue| part.as_s().ok()).cloned();
            Some(ClaimCursor { pk: part("pk")?, sk: part("sk")? })
        });
        Ok((claims.collect::<Result<_, _>>()?, next))
    }

    fn address_item(&self, address: &AddressKey) -> UpdateItemFluentBuilder {
        self.update_item().set_key(Some(key(address).into()))
    }
}

fn owned_claim(item: &Item) -> Option<StoredClaim> {
    Some(StoredClaim {
        address: AddressKey::new(item.get("pk")?.as_s().ok()?.strip_prefix(ADDRESS)?.to_owned()),
        owner: UserId::parse(item.get("owned_by")?.as_s().ok()?).ok()?,
        since: Timestamp::from_second(whole(item, "owned_since")?).ok()?,
    })
}
