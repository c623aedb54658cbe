//! Address claims during a pass of the reconciliation, and the progress of the pass.

use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    kernel::{PortError, UserId},
    sign_up::{
        KnownAddress, StoredClaim,
        claim_reconciler::{ClaimCursor, ClaimOutcome, ClaimScan, PassProgress},
    },
};

use super::{
    AttributeValue, ConditionalWriteError as _, OnFailure, ReturnValue, Table,
    address_claims::{IS_CLAIM, key},
    condition_failed, milliseconds, port_error, seconds, text, version, whole,
};

const READ: &str = "dynamodb.GetItem";
const PUT: &str = "dynamodb.PutItem";
const UPDATE: &str = "dynamodb.UpdateItem";
/// Partition and sort key of the progress.
const PARTITION: &str = "RECONCILE";
const PROGRESS: &str = "PROGRESS";

#[async_trait]
impl ClaimScan for Table {
    async fn progress(&self) -> Result<Option<PassProgress>, PortError> {
        let answer = self
            .get_item()
            .key("pk", text(PARTITION))
            .key("sk", text(PROGRESS))
            .consistent_read(true)
            .send()
            .await
            .map_err(port_error(READ))?;
        let kept = answer.item.as_ref().map(|item| {
            let kept = item.get("progress").and_then(|kept| kept.as_s().ok());
            let kept = kept.and_then(|kept| serde_json::from_str(kept).ok());
            kept.ok_or_else(|| PortError::new(READ, "the progress can't be read"))
        });
        kept.transpose()
    }

    async fn keep(&self, progress: &PassProgress, after: Option<u64>) -> Result<bool, PortError> {
        let kept = serde_json::to_string(progress).map_err(|fault| PortError::new(PUT, fault))?;
        let put = self
            .put_item()
            .item("pk", text(PARTITION))
            .item("sk", text(PROGRESS))
            .item("progress", text(kept))
            .item("revision", AttributeValue::N(progress.revision.to_string()))
            .item("v", version());
        let put = match after {
            Some(seen) => put
                .condition_expression("revision = :seen")
                .expression_attribute_values(":seen", AttributeValue::N(seen.to_string())),
            None => put.condition_expression("attribute_not_exists(pk)"),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(fault) if condition_failed(&fault) => Ok(false),
            Err(fault) => Err(port_error(PUT)(fault)),
        }
    }

    async fn reconcile_claim(
        &self,
        known: &KnownAddress,
        pass: Timestamp,
        now: Timestamp,
    ) -> Result<ClaimOutcome, PortError> {
        let update = self
            .update_item()
            .set_key(Some(key(&known.address).into()))
            .expression_attribute_values(":owner", text(known.user.as_str()))
            .expression_attribute_values(":pass", milliseconds(pass))
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let update = if known.is_proven {
            update
                .condition_expression("attribute_not_exists(owned_by) OR owned_by = :owner")
                .update_expression(
                    "SET owned_by = :owner, owned_since = if_not_exists(owned_since, :now), seen = :pass, v = :v \
                     REMOVE reserved_by, reserved_until, reservation_1, reservation_2, reservation_3, #ttl",
                )
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":now", seconds(now))
                .expression_attribute_values(":v", version())
                .return_values(ReturnValue::UpdatedOld)
        } else {
            update.condition_expression("owned_by = :owner").update_expression("SET seen = :pass")
        };
        match update.send().await {
            Ok(_) if !known.is_proven => Ok(ClaimOutcome::Owned),
            Ok(done) => {
                let was_owned =
                    done.attributes.as_ref().is_some_and(|before| before.contains_key("owned_by"));
                Ok(if was_owned { ClaimOutcome::Owned } else { ClaimOutcome::Created })
            }
            Err(fault) if condition_failed(&fault) => {
                let others = fault.kept_item().and_then(|item| {
                    let owner = UserId::parse(item.get("owned_by")?.as_s().ok()?).ok()?;
                    let since = Timestamp::from_second(whole(item, "owned_since")?).ok()?;
                    Some(ClaimOutcome::OwnedByOther { owner, since })
                });
                match others {
                    Some(others) if known.is_proven => Ok(others),
                    None if known.is_proven => {
                        Err(PortError::new(UPDATE, "the condition failed without an owner"))
                    }
                    _ => Ok(ClaimOutcome::Unproven),
                }
            }
            Err(fault) => Err(port_error(UPDATE)(fault)),
        }
    }

    async fn unseen(
        &self,
        pass: Timestamp,
        after: Option<&ClaimCursor>,
    ) -> Result<(Vec<StoredClaim>, Option<ClaimCursor>), PortError> {
        let scan = self
            .scan()
            .filter_expression(format!(
                "{IS_CLAIM} AND owned_since < :since AND (attribute_not_exists(seen) OR seen < :pass)"
            ))
            .expression_attribute_values(":since", seconds(pass))
            .expression_attribute_values(":pass", milliseconds(pass));
        self.claims_page(scan, after).await
    }
}
