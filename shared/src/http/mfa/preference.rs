use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;

use super::Answer;
use crate::{
    factors::{FactorState, Factors, PreferenceRequest, Setting, SignedIn},
    http::body::Body,
    kernel::Factor,
};

/// The same members as the request of `PUT`, so that an answer can be sent back as it is.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Preference {
    sms: Setting,
    totp: Setting,
    email: Setting,
}

impl From<FactorState> for Preference {
    fn from(state: FactorState) -> Self {
        Self {
            sms: state.setting(Factor::Sms),
            totp: state.setting(Factor::Totp),
            email: state.setting(Factor::Email),
        }
    }
}

/// Which of the pool's factors are on, and which is asked for first.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/preference", operation_id = "getPreference",
    responses((status = 200, description = "As it is", body = Preference))
))]
pub(super) async fn get(State(factors): State<Arc<Factors>>, caller: SignedIn) -> Answer<Preference> {
    Ok(Json(factors.state(&caller).await?.into()))
}

/// Turns factors on and off. What is not named stays as it is.
#[cfg_attr(test, utoipa::path(
    put, path = "/mfa/preference", operation_id = "putPreference",
    request_body = Option<super::openapi::PreferenceBody>,
    responses((status = 200, description = "As it is now, read back from the pool", body = Preference))
))]
pub(super) async fn put(
    State(factors): State<Arc<Factors>>,
    caller: SignedIn,
    mut body: Body,
) -> Answer<Preference> {
    let mut request = PreferenceRequest::new();
    for (name, factor) in [("sms", Factor::Sms), ("totp", Factor::Totp), ("email", Factor::Email)] {
        if let Some(setting) = body.optional(name)? {
            request.insert(factor, setting);
        }
    }
    body.finish()?;
    Ok(Json(factors.set_preference(&caller, &request).await?.into()))
}
