use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;

use super::{
    Answer, authenticators::AuthenticatorView, recovery_codes::RecoveryCodesView, trusted_devices::DeviceView,
};
use crate::{
    factors::{Factors, SignedIn, own::SelfService},
    kernel::Factor,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overview {
    /// `SMS`, `TOTP`, `EMAIL`: as Amplify's `fetchMFAPreference` names them.
    enabled: Vec<Factor>,
    preferred: Option<Factor>,
    totp: TotpState,
    authenticators: Vec<AuthenticatorView>,
    recovery_codes: RecoveryCodesView,
    trusted_devices: Vec<DeviceView>,
}

#[derive(Debug, Serialize)]
struct TotpState {
    enabled: bool,
}

/// `GET /mfa`
pub(super) async fn get(
    State(factors): State<Arc<Factors>>,
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
) -> Answer<Overview> {
    let state = factors.state(&caller).await?;
    let own = own.kept(&caller).await?;
    Ok(Json(Overview {
        totp: TotpState { enabled: state.enabled.contains(&Factor::Totp) },
        preferred: state.preferred,
        enabled: state.enabled.into_iter().collect(),
        authenticators: AuthenticatorView::all(&own),
        recovery_codes: RecoveryCodesView::of(&own),
        trusted_devices: DeviceView::all(&own),
    }))
}
