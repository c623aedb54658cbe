//! Devices that the pool lets in without a second factor.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use serde::{Deserialize, Serialize};

use super::{Answer, Repeated, name, time};
use crate::{
    factors::{
        SignedIn,
        devices::{DeviceId, DeviceService, RememberedDevice},
        enrolment::FriendlyDeviceName,
    },
    http::{
        Problem,
        body::{Body, EmptyBody},
        changes::Repeatable,
    },
    kernel::Refusal,
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = RememberedDevice))]
#[serde(rename_all = "camelCase")]
pub(super) struct RememberedView {
    id: String,
    /// The name that the user chose, or else the client's name for it.
    name: Option<String>,
    /// Whether the device replaces a second factor.
    remembered: bool,
    /// Whether this token belongs to the device.
    this_device: bool,
    #[cfg_attr(test, schema(format = DateTime))]
    created_at: String,
    #[cfg_attr(test, schema(format = DateTime))]
    last_used_at: String,
}

impl From<RememberedDevice> for RememberedView {
    fn from(RememberedDevice { device, label, is_this }: RememberedDevice) -> Self {
        let label = label.as_ref().map(FriendlyDeviceName::as_str).map(str::to_owned);
        Self {
            id: device.id.as_str().to_owned(),
            name: label.or(device.name),
            remembered: device.is_remembered,
            this_device: is_this,
            created_at: time(device.created_at),
            last_used_at: time(device.last_used_at),
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = RememberedDevices))]
#[serde(rename_all = "camelCase")]
pub(super) struct RememberedViews {
    remembered_devices: Vec<RememberedView>,
}

/// Returns the devices that the pool knows, most recently used first.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/remembered-devices", operation_id = "listRememberedDevices",
    responses((status = 200, description = "All devices", body = RememberedViews))
))]
pub(super) async fn list(
    State(devices): State<Arc<DeviceService>>,
    caller: SignedIn,
) -> Answer<RememberedViews> {
    let devices = devices.list(&caller).await?;
    Ok(Json(RememberedViews { remembered_devices: devices.into_iter().map(RememberedView::from).collect() }))
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RememberedBody {
    #[cfg_attr(test, schema(min_length = 1, max_length = 64))]
    name: Option<String>,
    /// Whether the device replaces a second factor.
    remembered: Option<bool>,
}

/// Names a device and sets whether it replaces a second factor.
#[cfg_attr(test, utoipa::path(
    patch, path = "/mfa/remembered-devices/{id}", operation_id = "changeRememberedDevice",
    params(super::openapi::DevicePath), request_body = Option<RememberedBody>,
    responses((status = 204, description = "The device was changed"))
))]
pub(super) async fn change(
    State(devices): State<Arc<DeviceService>>,
    caller: SignedIn,
    Device(id): Device,
    Body(RememberedBody { name: text, remembered }): Body<RememberedBody>,
) -> Result<StatusCode, Problem> {
    let label = text.as_deref().map(name).transpose()?;
    devices.change(&caller, &id, label.as_ref(), remembered).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a device.
#[cfg_attr(test, utoipa::path(
    delete, path = "/mfa/remembered-devices/{id}", operation_id = "forgetRememberedDevice",
    params(super::openapi::DevicePath),
    responses((status = 204, description = "The device was forgotten"))
))]
pub(super) async fn forget(
    State(devices): State<Arc<DeviceService>>,
    caller: SignedIn,
    Device(id): Device,
) -> Result<StatusCode, Problem> {
    devices.forget(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Forgotten {
    forgotten: usize,
}

/// Forgets all devices except the one that this token belongs to.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/remembered-devices/forget-others", operation_id = "forgetOtherDevices",
    request_body = Option<EmptyBody>,
    responses((status = 200, description = "The number of forgotten devices", body = Forgotten))
))]
pub(super) async fn forget_others(
    State(devices): State<Arc<DeviceService>>,
    caller: SignedIn,
    _: Body<EmptyBody>,
) -> Repeated<Forgotten> {
    let forgotten = devices.forget_others(&caller).await?;
    Ok((Extension(Repeatable), Json(Forgotten { forgotten })))
}

/// The id of the remembered device in the path. An invalid id is answered with 404, like an unknown one.
pub(super) struct Device(DeviceId);

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| DeviceId::parse(&text).ok());
        id.map(Self).ok_or_else(|| Refusal::FactorNotFound.into())
    }
}
