//! Operations on the table for operators only: reading the audit trail, listing address claims, erasing a
//! user.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    types::{DeleteRequest, WriteRequest},
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use mfa_core::{
    admin::UserItems,
    delivery::{Channel, toll_fraud::BudgetScope},
    kernel::{PortError, UserId},
    sign_up::{AddressClaims as _, StoredClaim, claim_reconciler::ClaimCursor},
};
use serde_json::{Map, Value};
use tokio::time::sleep;

use super::{
    AttributeValue, Item, QueryFluentBuilder, Table, address_claims::IS_CLAIM, audit_trail::audit_key,
    port_error, text, user_key,
};

const QUERY: &str = "dynamodb.Query";
const WRITE: &str = "dynamodb.BatchWriteItem";
/// `BatchWriteItem` accepts no more items.
const BATCH: usize = 25;
/// Pause before we repeat the writes that a throttled table left. It doubles while the table accepts nothing,
/// 6 s in total.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(3_200);

impl Table {
    /// Creates the table for an operator, with the operator's credentials, time-outs and endpoint.
    pub fn of_operator(config: &SdkConfig, name: &str) -> Self {
        Self { client: Client::new(config), name: name.to_owned(), audit_retention: None }
    }

    /// Returns a user's lines of the audit trail from `from` to before `until`, oldest first. Each line has
    /// its stored members, with `id` and `at` (RFC 3339) first.
    pub async fn audit_lines(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, PortError> {
        // The ids sort by time: their first 48 bits are milliseconds (RFC 9562 §5.7).
        let bound = |at: Timestamp| {
            let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or_default() & 0xffff_ffff_ffff;
            format!("{:08x}-{:04x}", milliseconds >> 16, milliseconds & 0xffff)
        };
        let query = self
            .partition(audit_key(user))
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":from", text(bound(from)))
            .expression_attribute_values(":until", text(bound(until)));
        Ok(items(query).await?.iter().map(audit_line).collect())
    }

    /// Returns the owned claims of one page of the table, and the place of the next page, or `None` after the
    /// last. The scan reads every item: half a read unit for 4 KB.
    pub async fn owned_claims(
        &self,
        after: Option<&ClaimCursor>,
    ) -> Result<(Vec<StoredClaim>, Option<ClaimCursor>), PortError> {
        let filter = format!("{IS_CLAIM} AND attribute_exists(owned_by)");
        self.claims_page(self.scan().filter_expression(filter), after).await
    }

    /// Erases every item of a user, and the user's address claims. Returns the number of items. It scans the
    /// whole table for claims, because they are not in the user's partition.
    ///
    /// A concurrent write may stay: a user who still signs in leaves new items.
    pub async fn forget(&self, user: &UserId) -> Result<usize, PortError> {
        let items = self.erase_partitions(user, vec![audit_key(user)]).await?;
        Ok(items + self.release_claims_of(user).await?)
    }

    async fn erase_partitions(
        &self,
        user: &UserId,
        mut partitions: Vec<AttributeValue>,
    ) -> Result<usize, PortError> {
        partitions.push(user_key(user));
        // The user's own message budgets have no shards.
        partitions.extend([Channel::Sms, Channel::Email].map(|channel| {
            text(format!("SENT#{}#{}#{}#0", channel.name(), BudgetScope::User.name(), user.as_str()))
        }));
        let mut keys = Vec::new();
        for pk in partitions {
            let query =
                self.partition(pk).key_condition_expression("pk = :pk").projection_expression("pk, sk");
            keys.extend(items(query).await?);
        }
        for batch in keys.chunks(BATCH) {
            let mut waiting = batch.iter().cloned().map(deletion).collect::<Result<Vec<_>, _>>()?;
            let mut pause = FIRST_PAUSE;
            loop {
                let asked = waiting.len();
                let batch = self.client.batch_write_item().request_items(&self.name, waiting);
                let answer = batch.send().await.map_err(port_error(WRITE))?;
                waiting = answer.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
                if waiting.is_empty() {
                    break;
                }
                if waiting.len() < asked {
                    pause = FIRST_PAUSE;
                } else if pause > LONGEST_PAUSE {
                    return Err(PortError::new(WRITE, "the table is throttled: items are left"));
                }
                // The remaining items were throttled.
                sleep(pause).await;
                pause *= 2;
            }
        }
        Ok(keys.len())
    }

    async fn release_claims_of(&self, user: &UserId) -> Result<usize, PortError> {
        let (mut released, mut place) = (0, None);
        loop {
            let (claims, next) = self.owned_claims(place.as_ref()).await?;
            for claim in claims.iter().filter(|claim| claim.owner == *user) {
                released += usize::from(self.release(&claim.address, user).await?);
            }
            let Some(next) = next else { return Ok(released) };
            place = Some(next);
        }
    }

    fn partition(&self, pk: AttributeValue) -> QueryFluentBuilder {
        let query = self.query().consistent_read(true);
        query.expression_attribute_values(":pk", pk)
    }
}

#[async_trait]
impl UserItems for Table {
    async fn lines(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, PortError> {
        self.audit_lines(user, from, until).await
    }

    async fn erase(&self, user: &UserId) -> Result<usize, PortError> {
        self.erase_partitions(user, Vec::new()).await
    }
}

async fn items(query: QueryFluentBuilder) -> Result<Vec<Item>, PortError> {
    query.into_paginator().items().send().try_collect().await.map_err(port_error(QUERY))
}

fn deletion(key: Item) -> Result<WriteRequest, PortError> {
    let delete = DeleteRequest::builder().set_key(Some(key)).build();
    let delete = delete.map_err(|fault| PortError::new(WRITE, fault))?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}

fn audit_line(item: &Item) -> Map<String, Value> {
    let id = item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str).unwrap_or_default();
    let seconds = item.get("at").and_then(|at| at.as_n().ok()?.parse().ok());
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let mut line = Map::new();
    line.insert("id".to_owned(), id.into());
    line.insert("at".to_owned(), at.map(|at| at.to_string()).into());
    let mut members: Vec<_> =
        item.iter().filter(|(name, _)| !["pk", "sk", "at", "v", "ttl"].contains(&name.as_str())).collect();
    members.sort_by_key(|(name, _)| *name);
    for (name, value) in members {
        let value = match value {
            AttributeValue::S(text) => Value::from(text.as_str()),
            AttributeValue::N(number) => number.parse::<i64>().map_or(Value::Null, Value::from),
            AttributeValue::Bool(flag) => Value::from(*flag),
            _ => Value::Null,
        };
        line.insert(name.clone(), value);
    }
    line
}
