use async_trait::async_trait;
use jiff::Timestamp;
use shared::{
    admin::{AdministratorSignIns, NotedSignIn, SecondFactor},
    kernel::{PortError, UserId},
};

use super::{AttributeValue, Item, Table, port_error, seconds, text, user_key, version, whole};

const READ: &str = "dynamodb.Query";
const WRITE: &str = "dynamodb.UpdateItem";

#[async_trait]
impl AdministratorSignIns for Table {
    /// Second and word are the key, so that two of one second that differ are two items.
    async fn note(&self, user: &UserId, sign_in: &NotedSignIn) -> Result<(), PortError> {
        let word = match sign_in.second_factor {
            SecondFactor::Asked => "ASKED",
            SecondFactor::NotAsked => "NOT_ASKED",
        };
        self.update_item()
            .key("pk", user_key(user))
            .key("sk", text(format!("{}#{word}", key(sign_in.at))))
            .update_expression("SET v = :v, noted_at = :at, is_asked = :is_asked, #ttl = :ttl")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":at", seconds(sign_in.at))
            .expression_attribute_values(
                ":is_asked",
                AttributeValue::Bool(sign_in.second_factor == SecondFactor::Asked),
            )
            .expression_attribute_values(":ttl", seconds(sign_in.forget_at))
            .send()
            .await
            .map_err(port_error(WRITE))?;
        Ok(())
    }

    async fn noted(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<NotedSignIn>, PortError> {
        let answer = self
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":pk", user_key(user))
            .expression_attribute_values(":from", text(key(from)))
            // Before the next second, after every word of this one.
            .expression_attribute_values(":until", text(format!("{}#~", key(until))))
            .consistent_read()
            .send()
            .await
            .map_err(port_error(READ))?;
        let noted = answer.items.iter().map(|item| {
            read(item).ok_or_else(|| PortError::new(READ, "the note of a sign-in can't be read"))
        });
        noted.collect()
    }
}

/// Of one width, so that keys sort by time.
fn key(at: Timestamp) -> String {
    format!("ADMIN_SIGN_IN#{:012}", at.as_second())
}

fn read(item: &Item) -> Option<NotedSignIn> {
    Some(NotedSignIn {
        at: Timestamp::from_second(whole(item, "noted_at")?).ok()?,
        second_factor: if *item.get("is_asked")?.as_bool()? {
            SecondFactor::Asked
        } else {
            SecondFactor::NotAsked
        },
        forget_at: Timestamp::from_second(whole(item, "ttl")?).ok()?,
    })
}
