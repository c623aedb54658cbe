use std::sync::Arc;

use axum::{Json, extract::State};
use futures::future::try_join;
use serde::Serialize;

use super::{
    Answer, authenticators::AuthenticatorView, recovery_codes::RecoveryCodesView, trusted_devices::DeviceView,
};
use crate::{
    factors::{Factors, SignedIn, own::SelfService},
    kernel::Factor,
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Overview {
    /// `SMS`, `TOTP` or `EMAIL`, as in Amplify's `fetchMFAPreference`.
    enabled: Vec<Factor>,
    preferred: Option<Factor>,
    totp: TotpState,
    authenticators: Vec<AuthenticatorView>,
    recovery_codes: RecoveryCodesView,
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
    State(factors): State<Arc<Factors>>,
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
) -> Answer<Overview> {
    let (state, own) = try_join(factors.state(&caller), own.kept(&caller)).await?;
    Ok(Json(Overview {
        totp: TotpState {
            enabled: state.enabled.contains(&Factor::Totp),
            replacing: own.pool_totp_stopped_at.is_some(),
        },
        preferred: state.preferred,
        enabled: state.enabled.into_iter().collect(),
        authenticators: AuthenticatorView::all(&own),
        recovery_codes: RecoveryCodesView::of(&own),
        trusted_devices: DeviceView::all(&own),
    }))
}
