use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, NameBody, Named, name, time};
use crate::{
    factors::{
        SignedIn,
        custom::{CustomFactorService, CustomFactors, DeviceKey, FactorId, InvalidDeviceKey, TrustedDevice},
    },
    http::{Problem, body::Body, changes::Repeatable},
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = TrustedDevice))]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceView {
    id: String,
    name: String,
    #[cfg_attr(test, schema(format = DateTime))]
    created_at: String,
    #[cfg_attr(test, schema(format = DateTime))]
    expires_at: String,
}

impl DeviceView {
    fn new(id: &FactorId, device: &TrustedDevice) -> Self {
        Self {
            id: id.as_str().to_owned(),
            name: device.name.as_str().to_owned(),
            created_at: time(device.created_at),
            expires_at: time(device.expires_at),
        }
    }

    /// Oldest first.
    pub(super) fn all(factors: &CustomFactors) -> Vec<Self> {
        let mut sorted: Vec<_> = factors.devices.iter().collect();
        sorted.sort_by_key(|(_, device)| device.created_at);
        sorted.into_iter().map(|(id, device)| Self::new(id, device)).collect()
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = TrustedDevices))]
#[serde(rename_all = "camelCase")]
pub(super) struct Devices {
    trusted_devices: Vec<DeviceView>,
}

/// Returns the user's trusted devices, oldest first.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/trusted-devices", operation_id = "listTrustedDevices",
    responses((status = 200, description = "At most ten devices", body = Devices))
))]
pub(super) async fn list(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
) -> Answer<Devices> {
    let factors = custom.factors(&caller).await?;
    Ok(Json(Devices { trusted_devices: DeviceView::all(&factors) }))
}

/// Trusts the device that holds the key. The request must follow within minutes of a custom sign-in with a
/// code. Send the key as WebCrypto exports it: `spki` in base64 or base64url, or the object `jwk`.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/trusted-devices", operation_id = "registerTrustedDevice",
    request_body = DeviceBody,
    responses((status = 201, description = "The device is trusted", body = DeviceView))
))]
pub(super) async fn register(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Body(DeviceBody { name: text, public_key }): Body<DeviceBody>,
) -> Result<(StatusCode, Extension<Repeatable>, Json<DeviceView>), Problem> {
    let name = name(&text)?;
    let key = device_key(public_key).map_err(|_| Problem::field("publicKey"))?;
    let (id, device) = custom.register_device(&caller, name, key).await?;
    Ok((StatusCode::CREATED, Extension(Repeatable), Json(DeviceView::new(&id, &device))))
}

/// Renames a trusted device.
#[cfg_attr(test, utoipa::path(
    patch, path = "/mfa/trusted-devices/{id}", operation_id = "renameTrustedDevice",
    params(super::openapi::IdPath), request_body = NameBody,
    responses((status = 204, description = "The device was renamed"))
))]
pub(super) async fn rename(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Named(id): Named,
    Body(NameBody { name: text }): Body<NameBody>,
) -> Result<StatusCode, Problem> {
    custom.rename_device(&caller, &id, &name(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the trust in a device.
#[cfg_attr(test, utoipa::path(
    delete, path = "/mfa/trusted-devices/{id}", operation_id = "removeTrustedDevice",
    params(super::openapi::IdPath), responses((status = 204, description = "The device is no longer trusted"))
))]
pub(super) async fn remove(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    custom.remove_device(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DeviceBody {
    #[cfg_attr(test, schema(min_length = 1, max_length = 64))]
    name: String,
    public_key: PublicKey,
}

/// A public key for ECDSA on P-256.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(untagged)]
enum PublicKey {
    /// The SPKI export in base64 or base64url.
    Spki(String),
    Jwk(Jwk),
}

// RFC 7518 §6.2.1. We ignore the other members that WebCrypto writes (`ext`, `key_ops`).
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    // A private key is refused.
    #[cfg_attr(test, schema(ignore))]
    d: Option<Value>,
}

fn device_key(key: PublicKey) -> Result<DeviceKey, InvalidDeviceKey> {
    match key {
        PublicKey::Spki(text) => {
            let der = BASE64.decode(text.as_bytes()).or_else(|_| BASE64URL_NOPAD.decode(text.as_bytes()));
            DeviceKey::from_spki(&der.map_err(|_| InvalidDeviceKey)?)
        }
        PublicKey::Jwk(key) if key.kty == "EC" && key.crv == "P-256" && key.d.is_none() => {
            DeviceKey::from_coordinates(&key.x, &key.y)
        }
        PublicKey::Jwk(_) => Err(InvalidDeviceKey),
    }
}
