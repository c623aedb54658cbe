use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, header},
    response::AppendHeaders,
};
use serde::{Deserialize, Serialize};

use crate::{
    factors::{
        PoolFactorService, SignedIn,
        preference::{FactorState, PreferenceRequest, PreferenceTag, PreferredMfa, Setting},
    },
    http::{Problem, body::Body},
    kernel::PoolFactor,
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
            sms: state.setting(PoolFactor::Sms),
            totp: state.setting(PoolFactor::Totp),
            email: state.setting(PoolFactor::Email),
        }
    }
}

/// Amplify's values. At most one can be `PREFERRED`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PreferenceBody {
    sms: Option<Setting>,
    totp: Option<Setting>,
    email: Option<Setting>,
    /// Amplify v5's single value, instead of the others.
    #[serde(rename = "preferredMFA")]
    preferred_mfa: Option<PreferredMfa>,
}

/// Returns which of the pool's factors are enabled and which is preferred.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/preference", operation_id = "getPreference",
    responses((status = 200, description = "The preference", body = Preference))
))]
pub(super) async fn get(State(factors): State<Arc<PoolFactorService>>, caller: SignedIn) -> Tagged {
    Ok(tagged(factors.preference(&caller).await?))
}

/// Turns factors on and off. Factors that the request does not name stay unchanged.
#[cfg_attr(test, utoipa::path(
    put, path = "/mfa/preference", operation_id = "putPreference",
    params(("If-Match" = Option<String>, Header, description = "Changes the preference only if it still has this `ETag`")),
    request_body = Option<PreferenceBody>,
    responses((status = 200, description = "The new preference, read back from the pool", body = Preference))
))]
pub(super) async fn put(
    State(factors): State<Arc<PoolFactorService>>,
    caller: SignedIn,
    headers: HeaderMap,
    Body(PreferenceBody { sms, totp, email, preferred_mfa }): Body<PreferenceBody>,
) -> Tagged {
    let mut request = preference_request(sms, totp, email);
    // The value is one word for all factors, or one word for each.
    if let Some(word) = preferred_mfa {
        if !request.is_empty() {
            return Err(Problem::field("preferredMFA"));
        }
        request = word.request();
    }
    let if_match = headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default());
    // `*` accepts any current state.
    let if_match = if_match.filter(|tags| tags.trim() != "*");
    Ok(tagged(factors.set_preference(&caller, &request, if_match).await?))
}

/// Returns the request for the factors that have a setting.
pub(in crate::http) fn preference_request(
    sms: Option<Setting>,
    totp: Option<Setting>,
    email: Option<Setting>,
) -> PreferenceRequest {
    let settings = [(PoolFactor::Sms, sms), (PoolFactor::Totp, totp), (PoolFactor::Email, email)];
    settings.into_iter().filter_map(|(factor, setting)| Some((factor, setting?))).collect()
}

type Tagged = Result<(AppendHeaders<Option<(HeaderName, String)>>, Json<Preference>), Problem>;

fn tagged(
    (state, tag): (FactorState, Option<PreferenceTag>),
) -> (AppendHeaders<Option<(HeaderName, String)>>, Json<Preference>) {
    (AppendHeaders(tag.map(|tag| (header::ETAG, tag.as_str().to_owned()))), Json(state.into()))
}
