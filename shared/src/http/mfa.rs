//! The MFA API: a signed-in user's own factors.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde::Serialize;

use super::{Problem, body::Body, shell::with_shell};
use crate::{
    factors::{FactorState, Factors, FriendlyDeviceName, PreferenceRequest, Setting, SignedIn},
    kernel::{Factor, OneTimeCode},
};

/// The router, ready for `oneshot` in a test or for [`serve`](super::serve).
pub fn mfa_api(factors: Arc<Factors>) -> Router {
    let routes = Router::new()
        .route("/mfa", get(overview))
        .route("/mfa/totp", post(start_totp))
        .route("/mfa/totp/verify", post(verify_totp))
        .route("/mfa/preference", get(preference).put(set_preference))
        .with_state(factors);
    with_shell(routes)
}

type Answer<T> = Result<Json<T>, Problem>;

#[derive(Debug, Serialize)]
struct Overview {
    /// `SMS`, `TOTP`, `EMAIL`: as Amplify's `fetchMFAPreference` names them.
    enabled: Vec<Factor>,
    preferred: Option<Factor>,
    totp: TotpState,
}

#[derive(Debug, Serialize)]
struct TotpState {
    enabled: bool,
}

/// `GET /mfa`
async fn overview(State(factors): State<Arc<Factors>>, caller: SignedIn) -> Answer<Overview> {
    let state = factors.state(&caller).await?;
    Ok(Json(Overview {
        totp: TotpState { enabled: state.enabled.contains(&Factor::Totp) },
        preferred: state.preferred,
        enabled: state.enabled.into_iter().collect(),
    }))
}

#[derive(Debug, Serialize)]
struct NewTotp {
    secret: String,
    uri: String,
    qr: Pictures,
}

#[derive(Debug, Serialize)]
struct Pictures {
    svg: String,
    png: String,
}

/// `POST /mfa/totp {replace?}`
async fn start_totp(
    State(factors): State<Arc<Factors>>,
    caller: SignedIn,
    mut body: Body,
) -> Answer<NewTotp> {
    let replace = body.optional("replace")?.unwrap_or(false);
    body.finish()?;
    let enrolment = factors.start_totp(&caller, replace).await?;
    Ok(Json(NewTotp {
        secret: enrolment.secret.expose().to_owned(),
        uri: enrolment.uri.to_string(),
        qr: Pictures { svg: enrolment.svg.to_string(), png: enrolment.png.to_string() },
    }))
}

#[derive(Debug, Serialize)]
struct Verified {
    status: &'static str,
}

/// `POST /mfa/totp/verify {code, friendlyDeviceName?}`
async fn verify_totp(
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
    Ok(Json(Verified { status: "VERIFIED" }))
}

/// The same members as the request of `PUT`, so that an answer can be sent back as it is.
#[derive(Debug, Serialize)]
struct Preference {
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
async fn preference(State(factors): State<Arc<Factors>>, caller: SignedIn) -> Answer<Preference> {
    Ok(Json(factors.state(&caller).await?.into()))
}

/// `PUT /mfa/preference {sms?, totp?, email?}`
async fn set_preference(
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
