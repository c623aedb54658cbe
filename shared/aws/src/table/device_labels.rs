use std::collections::BTreeMap;

use async_trait::async_trait;
use mfa_core::{
    factors::{
        devices::{DeviceId, DeviceLabels},
        enrolment::FriendlyDeviceName,
    },
    kernel::{PortError, UserId},
};

use super::{Table, port_error, text, user_key, version};

/// The item has one attribute for each device, with the pool's key of the device.
const LABELS: &str = "DEVICE_LABELS";

#[async_trait]
impl DeviceLabels for Table {
    async fn labels(&self, user: &UserId) -> Result<BTreeMap<DeviceId, FriendlyDeviceName>, PortError> {
        let answer = self
            .get_item()
            .key("pk", user_key(user))
            .key("sk", text(LABELS))
            .consistent_read(true)
            .send()
            .await
            .map_err(port_error("dynamodb.GetItem"))?;
        let labels = answer.item.unwrap_or_default().into_iter();
        Ok(labels
            .filter_map(|(name, value)| {
                let label = FriendlyDeviceName::parse(value.as_s().ok()?).ok()?;
                Some((DeviceId::parse(&name).ok()?, label))
            })
            .collect())
    }

    async fn label(
        &self,
        user: &UserId,
        id: &DeviceId,
        label: Option<&FriendlyDeviceName>,
    ) -> Result<(), PortError> {
        let update = self.update_item();
        let mut update = update
            .key("pk", user_key(user))
            .key("sk", text(LABELS))
            .expression_attribute_names("#device", id.as_str())
            .expression_attribute_values(":v", version());
        update = match label {
            Some(label) => update
                .update_expression("SET v = :v, #device = :label")
                .expression_attribute_values(":label", text(label.as_str())),
            None => update.update_expression("SET v = :v REMOVE #device"),
        };
        update.send().await.map_err(port_error("dynamodb.UpdateItem"))?;
        Ok(())
    }
}
