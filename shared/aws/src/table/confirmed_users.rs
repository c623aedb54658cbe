use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    kernel::{PortError, UserId},
    sign_up::{ConfirmedUsers, Recorded},
};

use super::{Table, condition_failed, port_error, seconds, text, user_key, version};

#[async_trait]
impl ConfirmedUsers for Table {
    async fn record(&self, user: &UserId, at: Timestamp) -> Result<Recorded, PortError> {
        let put = self
            .put_item()
            .item("pk", user_key(user))
            .item("sk", text("SIGN_UP"))
            .item("confirmed_at", seconds(at))
            .item("v", version())
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await {
            Ok(_) => Ok(Recorded::First),
            Err(fault) if condition_failed(&fault) => Ok(Recorded::Before),
            Err(fault) => Err(port_error("dynamodb.PutItem")(fault)),
        }
    }
}
