//! The user pool's own authenticator.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde::Deserialize;

use super::{Answer, NewTotp, Repeated, VERIFIED, Verified, code};
use crate::{
    factors::{PoolFactorService, SignedIn, enrolment::FriendlyDeviceName},
    http::{Problem, body::Body, changes::Repeatable},
};

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct StartTotpBody {
    /// Replaces an authenticator that is already set up. It stops working at once.
    replace: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct VerifyTotpBody {
    #[cfg_attr(test, schema(example = "123 456"))]
    code: String,
    #[cfg_attr(test, schema(min_length = 1, max_length = 64))]
    friendly_device_name: Option<String>,
}

/// Returns the secret for a new authenticator app of the pool. An existing authenticator stops working at
/// once, so replacing it needs `replace`.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/totp", operation_id = "startTotp",
    request_body = Option<StartTotpBody>,
    responses((status = 200, description = "The secret for the app. It is shown only once", body = NewTotp))
))]
pub(super) async fn start(
    State(factors): State<Arc<PoolFactorService>>,
    caller: SignedIn,
    Body(StartTotpBody { replace }): Body<StartTotpBody>,
) -> Answer<NewTotp> {
    Ok(Json(factors.start_totp(&caller, replace.unwrap_or(false)).await?.into()))
}

/// Registers the authenticator app with one of its codes. `PUT /mfa/preference` makes it a factor.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/totp/verify", operation_id = "verifyTotp",
    request_body = VerifyTotpBody,
    responses((status = 200, description = "The authenticator app is registered", body = Verified))
))]
pub(super) async fn verify(
    State(factors): State<Arc<PoolFactorService>>,
    caller: SignedIn,
    Body(VerifyTotpBody { code: text, friendly_device_name }): Body<VerifyTotpBody>,
) -> Repeated<Verified> {
    let code = code(&text)?;
    let device = friendly_device_name.as_deref().map(FriendlyDeviceName::parse).transpose();
    let device = device.map_err(|_| Problem::field("friendlyDeviceName"))?;
    factors.verify_totp(&caller, &code, device.as_ref()).await?;
    Ok((Extension(Repeatable), Json(VERIFIED)))
}
