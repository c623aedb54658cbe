use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{FactorChangeGuard, FactorFault, SignedIn, UserPoolFault, enrolment::FriendlyDeviceName};
use crate::{
    assurance::ChangeKind,
    audit::{AuditAction, AuditEntry, FactorEvent},
    delivery::Notice,
    kernel::{AccessToken, PortError, Refusal, UserId},
    telemetry,
};

/// The pool's id of a device: `<region>_<uuid>`. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a device of the pool")]
pub struct InvalidDeviceId;

impl DeviceId {
    /// Reads an id of 1 to 55 characters in this form (cognito.md §5).
    pub fn parse(text: &str) -> Result<Self, InvalidDeviceId> {
        let (region, uuid) = text.split_once('_').ok_or(InvalidDeviceId)?;
        let is_region =
            !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_uuid = uuid.len() == 36 && uuid::Uuid::try_parse(uuid).is_ok();
        (text.len() <= 55 && is_region && is_uuid).then(|| Self(text.to_owned())).ok_or(InvalidDeviceId)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn uuid(&self) -> Option<uuid::Uuid> {
        self.0.split_once('_').and_then(|(_, uuid)| uuid::Uuid::try_parse(uuid).ok())
    }
}

/// A device that the pool knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolDevice {
    pub id: DeviceId,
    /// The name that the client gave it, most likely a user agent.
    pub name: Option<String>,
    /// Whether it replaces a second factor at sign-in.
    pub is_remembered: bool,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

/// Manages the devices that the pool knows of a user, with only the user's access token.
///
/// Contract: `devices` returns all devices, however many. An unknown device is
/// [`UserPoolFault::DeviceNotFound`].
#[async_trait]
pub trait DeviceRegistry: Send + Sync + std::fmt::Debug {
    /// `ListDevices`.
    async fn devices(&self, token: &AccessToken) -> Result<Vec<PoolDevice>, UserPoolFault>;

    /// `UpdateDeviceStatus`.
    async fn remember(&self, token: &AccessToken, id: &DeviceId, remember: bool)
    -> Result<(), UserPoolFault>;

    /// `ForgetDevice`.
    async fn forget(&self, token: &AccessToken, id: &DeviceId) -> Result<(), UserPoolFault>;
}

/// Stores users' names for their devices, because the pool keeps only the first name that the client set.
///
/// Contract: one read, one write. Racing writes to different devices all succeed.
#[async_trait]
pub trait DeviceLabels: Send + Sync + std::fmt::Debug {
    async fn labels(&self, user: &UserId) -> Result<BTreeMap<DeviceId, FriendlyDeviceName>, PortError>;

    /// Sets the label, or removes it if it is `None`.
    async fn label(
        &self,
        user: &UserId,
        id: &DeviceId,
        label: Option<&FriendlyDeviceName>,
    ) -> Result<(), PortError>;
}

/// A remembered device as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedDevice {
    pub device: PoolDevice,
    pub label: Option<FriendlyDeviceName>,
    /// Whether the caller signed in on this device.
    pub is_this: bool,
}

/// Manages the devices that the pool lets in without a second factor.
#[derive(Debug)]
pub struct DeviceService {
    access: Arc<FactorChangeGuard>,
    registry: Arc<dyn DeviceRegistry>,
    labels: Arc<dyn DeviceLabels>,
}

impl DeviceService {
    pub fn new(
        access: Arc<FactorChangeGuard>,
        registry: Arc<dyn DeviceRegistry>,
        labels: Arc<dyn DeviceLabels>,
    ) -> Self {
        Self { access, registry, labels }
    }

    /// Returns the devices, last used first.
    pub async fn list(&self, caller: &SignedIn) -> Result<Vec<RememberedDevice>, FactorFault> {
        let mut devices = self.registry.devices(&caller.token).await?;
        devices.sort_by_key(|device| std::cmp::Reverse(device.last_used_at));
        let mut labels = self.labels.labels(&caller.user).await?;
        let seen = |device: PoolDevice| RememberedDevice {
            label: labels.remove(&device.id),
            is_this: caller.device.as_ref() == Some(&device.id),
            device,
        };
        Ok(devices.into_iter().map(seen).collect())
    }

    /// Sets a device's label, and whether the device replaces a second factor. A `None` value stays as it is.
    pub async fn change(
        &self,
        caller: &SignedIn,
        id: &DeviceId,
        label: Option<&FriendlyDeviceName>,
        remember: Option<bool>,
    ) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::PoolFactor).await?;
        let device = self.known(caller, id).await?;
        if let Some(label) = label {
            self.note(caller, FactorEvent::DeviceRenamed, id).await?;
            self.labels.label(&caller.user, id, Some(label)).await?;
        }
        let Some(remember) = remember.filter(|remember| *remember != device.is_remembered) else {
            return Ok(());
        };
        let (event, notice) = if remember {
            (FactorEvent::DeviceRemembered, Notice::TrustedDeviceAdded)
        } else {
            (FactorEvent::DeviceForgotten, Notice::TrustedDeviceRemoved)
        };
        let entry = self.note(caller, event, id).await?;
        self.registry.remember(&caller.token, id, remember).await?;
        self.access.tell_afterwards(&profile, &entry, notice, device.name.as_deref()).await;
        Ok(())
    }

    pub async fn forget(&self, caller: &SignedIn, id: &DeviceId) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::PoolFactor).await?;
        let device = self.known(caller, id).await?;
        let entry = self.note(caller, FactorEvent::DeviceForgotten, id).await?;
        self.registry.forget(&caller.token, id).await?;
        self.unlabel(caller, id).await;
        self.access
            .tell_afterwards(&profile, &entry, Notice::TrustedDeviceRemoved, device.name.as_deref())
            .await;
        Ok(())
    }

    /// Forgets all devices but the one that the caller signed in on, and returns how many. If a call ends
    /// half-way, the next one forgets the rest.
    pub async fn forget_others(&self, caller: &SignedIn) -> Result<usize, FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::PoolFactor).await?;
        let mut others = self.registry.devices(&caller.token).await?;
        others.retain(|device| caller.device.as_ref() != Some(&device.id));
        let mut last = None;
        for device in &others {
            last = Some(self.note(caller, FactorEvent::DeviceForgotten, &device.id).await?);
            match self.registry.forget(&caller.token, &device.id).await {
                // Another caller forgot the device first.
                Ok(()) | Err(UserPoolFault::DeviceNotFound) => self.unlabel(caller, &device.id).await,
                Err(fault) => return Err(fault.into()),
            }
        }
        if let Some(entry) = last {
            self.access.tell_afterwards(&profile, &entry, Notice::TrustedDeviceRemoved, None).await;
        }
        Ok(others.len())
    }

    async fn known(&self, caller: &SignedIn, id: &DeviceId) -> Result<PoolDevice, FactorFault> {
        let devices = self.registry.devices(&caller.token).await?;
        let found = devices.into_iter().find(|device| device.id == *id);
        found.ok_or_else(|| Refusal::FactorNotFound.into())
    }

    async fn note(
        &self,
        caller: &SignedIn,
        event: FactorEvent,
        id: &DeviceId,
    ) -> Result<AuditEntry, PortError> {
        self.access.note(caller, AuditAction::CustomFactor { event, id: id.uuid() }).await
    }

    /// Removes the label. A label that remains does no harm.
    async fn unlabel(&self, caller: &SignedIn, id: &DeviceId) {
        if let Err(fault) = self.labels.label(&caller.user, id, None).await {
            telemetry::dependency_failed(&fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_region_and_a_uuid() {
        assert!(DeviceId::parse("us-east-1_a1b2c3d4-5678-40ab-9cde-f0123456789a").is_ok());
        for text in [
            "",
            "us-east-1",
            "_a1b2c3d4-5678-40ab-9cde-f0123456789a",
            "us/east_a1b2c3d4-5678-40ab-9cde-f0123456789a",
            "us-east-1_a1b2c3d4567840ab9cdef0123456789a",
            "us-east-1_a1b2c3d4-5678-40ab-9cde-f0123456789g",
        ] {
            assert!(DeviceId::parse(text).is_err(), "{text}");
        }
    }
}
