//! The user pool's own authenticator.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};

use super::{Answer, NewTotp, Repeated, VERIFIED, Verified};
use crate::{
    factors::{FriendlyDeviceName, PoolFactorService, SignedIn},
    http::{Problem, body::Body, changes::Repeatable},
    kernel::OneTimeCode,
};

/// Returns the secret for a new authenticator app of the pool. An existing authenticator stops working at
/// once, so replacing it needs `replace`.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/totp", operation_id = "startTotp",
    request_body = Option<super::openapi::StartTotpBody>,
    responses((status = 200, description = "The secret for the app. It is shown only once", body = NewTotp))
))]
pub(super) async fn start(
    State(factors): State<Arc<PoolFactorService>>,
    caller: SignedIn,
    mut body: Body,
) -> Answer<NewTotp> {
    let replace = body.optional("replace")?.unwrap_or(false);
    body.finish()?;
    Ok(Json(factors.start_totp(&caller, replace).await?.into()))
}

/// Registers the authenticator app with one of its codes. `PUT /mfa/preference` makes it a factor.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/totp/verify", operation_id = "verifyTotp",
    request_body = super::openapi::VerifyTotpBody,
    responses((status = 200, description = "The authenticator app is registered", body = Verified))
))]
pub(super) async fn verify(
    State(factors): State<Arc<PoolFactorService>>,
    caller: SignedIn,
    mut body: Body,
) -> Repeated<Verified> {
    let code: String = body.required("code")?;
    let device: Option<String> = body.optional("friendlyDeviceName")?;
    body.finish()?;
    let code = OneTimeCode::parse_totp(&code).map_err(|_| Problem::field("code"))?;
    let device = device.as_deref().map(FriendlyDeviceName::parse).transpose();
    let device = device.map_err(|_| Problem::field("friendlyDeviceName"))?;
    factors.verify_totp(&caller, &code, device.as_ref()).await?;
    Ok((Extension(Repeatable), Json(VERIFIED)))
}
