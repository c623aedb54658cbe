use std::sync::Arc;

use axum::{Json, extract::State};
use futures::future::try_join;
use serde::Serialize;

use super::{
    Answer, authenticators::AuthenticatorView, passkeys::PasskeyView, recovery_codes::RecoveryCodesView,
    trusted_devices::DeviceView,
};
use crate::{
    factors::{PoolFactorService, SignedIn, custom::CustomFactorService},
    kernel::PoolFactor,
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Overview {
    /// `SMS`, `TOTP` or `EMAIL`, as in Amplify's `fetchMFAPreference`.
    enabled: Vec<PoolFactor>,
    preferred: Option<PoolFactor>,
    totp: TotpState,
    authenticators: Vec<AuthenticatorView>,
    recovery_codes: RecoveryCodesView,
    passkeys: Vec<PasskeyView>,
    trusted_devices: Vec<DeviceView>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct TotpState {
    enabled: bool,
    /// A new authenticator replaces the old one, which has stopped working, but is not confirmed yet. Until
    /// then no code is accepted.
    replacing: bool,
}

/// Returns all factors of the user and their state.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa", operation_id = "getOverview",
    responses((status = 200, description = "All of the user's factors", body = Overview))
))]
pub(super) async fn get(
    State(factors): State<Arc<PoolFactorService>>,
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
) -> Answer<Overview> {
    let (state, custom) = try_join(factors.state(&caller), custom.kept(&caller)).await?;
    Ok(Json(Overview {
        totp: TotpState {
            enabled: state.enabled.contains(&PoolFactor::Totp),
            replacing: custom.pool_totp_stopped_at.is_some(),
        },
        preferred: state.preferred,
        enabled: state.enabled.into_iter().collect(),
        authenticators: AuthenticatorView::all(&custom),
        recovery_codes: RecoveryCodesView::of(&custom),
        passkeys: PasskeyView::all(&custom),
        trusted_devices: DeviceView::all(&custom),
    }))
}
