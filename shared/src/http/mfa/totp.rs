//! The user pool's own authenticator.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{Answer, NewTotp, VERIFIED, Verified};
use crate::{
    factors::{Factors, FriendlyDeviceName, SignedIn},
    http::{Problem, body::Body},
    kernel::OneTimeCode,
};

/// `POST /mfa/totp {replace?}`
pub(super) async fn start(
    State(factors): State<Arc<Factors>>,
    caller: SignedIn,
    mut body: Body,
) -> Answer<NewTotp> {
    let replace = body.optional("replace")?.unwrap_or(false);
    body.finish()?;
    Ok(Json(factors.start_totp(&caller, replace).await?.into()))
}

/// `POST /mfa/totp/verify {code, friendlyDeviceName?}`
pub(super) async fn verify(
    State(factors): State<Arc<Factors>>,
    caller: SignedIn,
    mut body: Body,
) -> Answer<Verified> {
    let code: String = body.required("code")?;
    let device: Option<String> = body.optional("friendlyDeviceName")?;
    body.finish()?;
    let code = OneTimeCode::parse_totp(&code).map_err(|_| Problem::field("code"))?;
    let device = device.as_deref().map(FriendlyDeviceName::parse).transpose();
    let device = device.map_err(|_| Problem::field("friendlyDeviceName"))?;
    factors.verify_totp(&caller, &code, device.as_ref()).await?;
    Ok(Json(VERIFIED))
}
