use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Named, name, time};
use crate::{
    factors::{
        SignedIn,
        own::{DeviceKey, FactorId, InvalidDeviceKey, OwnFactors, SelfService, TrustedDevice},
    },
    http::{Problem, body::Body},
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceView {
    id: String,
    name: String,
    created_at: String,
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

    /// The oldest first.
    pub(super) fn all(factors: &OwnFactors) -> Vec<Self> {
        let mut sorted: Vec<_> = factors.devices.iter().collect();
        sorted.sort_by_key(|(_, device)| device.created_at);
        sorted.into_iter().map(|(id, device)| Self::new(id, device)).collect()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Devices {
    trusted_devices: Vec<DeviceView>,
}

/// `GET /mfa/trusted-devices`
pub(super) async fn list(State(own): State<Arc<SelfService>>, caller: SignedIn) -> Answer<Devices> {
    let factors = own.factors(&caller).await?;
    Ok(Json(Devices { trusted_devices: DeviceView::all(&factors) }))
}

/// `POST /mfa/trusted-devices {name, publicKey}`. The key as WebCrypto exports it: `spki` in base64 (or
/// base64url), or the object `jwk`.
pub(super) async fn register(
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
    mut body: Body,
) -> Result<(StatusCode, Json<DeviceView>), Problem> {
    let text: String = body.required("name")?;
    let key: Value = body.required("publicKey")?;
    body.finish()?;
    let name = name(&text)?;
    let key = public_key(key).map_err(|_| Problem::field("publicKey"))?;
    let (id, device) = own.register_device(&caller, name, key).await?;
    Ok((StatusCode::CREATED, Json(DeviceView::new(&id, &device))))
}

/// `PATCH /mfa/trusted-devices/{id} {name}`
pub(super) async fn rename(
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
    Named(id): Named,
    mut body: Body,
) -> Result<StatusCode, Problem> {
    let text: String = body.required("name")?;
    body.finish()?;
    own.rename_device(&caller, &id, &name(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /mfa/trusted-devices/{id}`
pub(super) async fn remove(
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    own.remove_device(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// RFC 7518 §6.2.1; what else WebCrypto writes (`ext`, `key_ops`) is of no account.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    /// A private key has no business here.
    d: Option<Value>,
}

fn public_key(key: Value) -> Result<DeviceKey, InvalidDeviceKey> {
    if let Value::String(text) = &key {
        let der = BASE64.decode(text.as_bytes()).or_else(|_| BASE64URL_NOPAD.decode(text.as_bytes()));
        return DeviceKey::from_spki(&der.map_err(|_| InvalidDeviceKey)?);
    }
    let key: Jwk = serde_json::from_value(key).map_err(|_| InvalidDeviceKey)?;
    if key.kty != "EC" || key.crv != "P-256" || key.d.is_some() {
        return Err(InvalidDeviceKey);
    }
    DeviceKey::from_coordinates(&key.x, &key.y)
}
