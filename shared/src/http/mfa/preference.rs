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

/// `GET /mfa/preference`
pub(super) async fn get(State(factors): State<Arc<Factors>>, caller: SignedIn) -> Answer<Preference> {
    Ok(Json(factors.state(&caller).await?.into()))
}

/// `PUT /mfa/preference {sms?, totp?, email?}`
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
