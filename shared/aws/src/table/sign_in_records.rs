use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    assurance::{Evidence, RECORD_LIFE, RecordedSignIn, SignInRecords},
    kernel::{PortError, UserId},
};

use super::{Item, Table, number, port_error, seconds, text, user_key, version, whole};

const READ: &str = "dynamodb.Query";
const WRITE: &str = "dynamodb.UpdateItem";

#[async_trait]
impl SignInRecords for Table {
    /// Stores a record. The key holds second, client and evidence, so two different records of one second are
    /// two items.
    async fn record(&self, user: &UserId, sign_in: &RecordedSignIn) -> Result<(), PortError> {
        let Evidence { level, second_factor_at } = sign_in.evidence;
        let proven = if second_factor_at.is_some() { "CODE" } else { "-" };
        let sk = format!("{}#{}#{level}#{proven}", key(sign_in.at), sign_in.client);
        let mut set =
            "SET v = :v, recorded_at = :at, client = :client, #level = :level, #ttl = :ttl".to_owned();
        if second_factor_at.is_some() {
            set.push_str(", second_factor_at = :second_factor_at");
        }
        let mut update = self
            .update_item()
            .key("pk", user_key(user))
            .key("sk", text(sk))
            .update_expression(set)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#level", "level")
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":at", seconds(sign_in.at))
            .expression_attribute_values(":client", text(&sign_in.client))
            .expression_attribute_values(":level", number(level))
            .expression_attribute_values(
                ":ttl",
                seconds(sign_in.at.saturating_add(RECORD_LIFE).unwrap_or(sign_in.at)),
            );
        if let Some(at) = second_factor_at {
            update = update.expression_attribute_values(":second_factor_at", seconds(at));
        }
        update.send().await.map_err(port_error(WRITE))?;
        Ok(())
    }

    async fn recorded(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RecordedSignIn>, PortError> {
        let answer = self
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":pk", user_key(user))
            .expression_attribute_values(":from", text(key(from)))
            // The bound is after every record of this second and before the next second.
            .expression_attribute_values(":until", text(format!("{}#~", key(until))))
            .consistent_read(true)
            .send()
            .await
            .map_err(port_error(READ))?;
        let recorded = answer.items().iter().map(|item| {
            read(item).ok_or_else(|| PortError::new(READ, "the record of a sign-in can't be read"))
        });
        recorded.collect()
    }
}

/// Returns the time with a fixed width, so that keys sort by time.
fn key(at: Timestamp) -> String {
    format!("SIGN_IN#{:012}", at.as_second())
}

fn read(item: &Item) -> Option<RecordedSignIn> {
    let second_factor_at = match item.get("second_factor_at") {
        Some(_) => Some(Timestamp::from_second(whole(item, "second_factor_at")?).ok()?),
        None => None,
    };
    Some(RecordedSignIn {
        at: Timestamp::from_second(whole(item, "recorded_at")?).ok()?,
        client: item.get("client")?.as_s().ok()?.clone(),
        evidence: Evidence { level: whole(item, "level")?, second_factor_at },
    })
}
