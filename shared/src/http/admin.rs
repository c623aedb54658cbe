//! The admin API: administrators help users.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, Query, State},
    http::{StatusCode, request::Parts},
    routing::{get, post, put},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Problem, body::Body, shell::with_shell, signed_in::claims};
use crate::{
    admin::{Claims, Found, Reason, Support},
    factors::{FactorState, PreferenceRequest, Setting, SignedIn},
    kernel::{Factor, PhoneNumber, Refusal},
};

type Desk = State<Arc<Support>>;

/// The router, ready for `oneshot` in a test or for [`serve`](super::serve).
pub fn admin_api(support: Arc<Support>) -> Router {
    let routes = Router::new()
        .route("/admin/users/{user}", get(find))
        .route("/admin/users/{user}/audit", get(audit))
        .route("/admin/users/{user}/mfa-reset", post(reset_mfa))
        .route("/admin/users/{user}/preference", put(set_preference))
        .route("/admin/users/{user}/phone-number", put(set_phone_number))
        .route("/admin/users/{user}/unlock", post(unlock))
        .route("/admin/users/{user}/forget-devices", post(forget_devices))
        .route("/admin/users/{user}/erase", post(erase))
        .with_state(support);
    with_shell(routes)
}

/// A user's factors. Addresses are masked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserView {
    sub: String,
    username: String,
    status: String,
    enabled: bool,
    groups: Vec<String>,
    email: Option<String>,
    phone_number: Option<String>,
    factors: FactorsView,
    authenticators: Vec<String>,
    recovery_codes_left: usize,
    trusted_devices: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FactorsView {
    enabled: Vec<Factor>,
    preferred: Option<Factor>,
}

impl From<FactorState> for FactorsView {
    fn from(state: FactorState) -> Self {
        Self { enabled: state.enabled.into_iter().collect(), preferred: state.preferred }
    }
}

impl From<Found> for UserView {
    fn from(Found { account, groups, own }: Found) -> Self {
        let profile = account.profile;
        let name = |name: &crate::factors::FriendlyDeviceName| name.as_str().to_owned();
        Self {
            sub: profile.user.as_str().to_owned(),
            username: profile.contacts.user_name,
            status: account.status,
            enabled: account.is_enabled,
            groups: groups.into_iter().collect(),
            email: profile.contacts.email.map(|email| email.to_string()),
            phone_number: profile.contacts.phone_number.map(|number| number.to_string()),
            factors: profile.factors.into(),
            authenticators: own.confirmed().map(|(_, found)| name(&found.name)).collect(),
            recovery_codes_left: own.recovery.len(),
            trusted_devices: own.devices.values().map(|device| name(&device.name)).collect(),
        }
    }
}

/// `GET /admin/users/{user}`: by user name or alias.
async fn find(State(support): Desk, caller: Claims, Named(user): Named) -> Result<Json<UserView>, Problem> {
    Ok(Json(support.find(&caller, &user).await?.into()))
}

#[derive(Debug, Deserialize)]
struct Span {
    from: Option<String>,
    until: Option<String>,
}

#[derive(Debug, Serialize)]
struct Lines {
    lines: Vec<Map<String, Value>>,
}

/// `GET /admin/users/{user}/audit?from=…&until=…`: RFC 3339, from the first to before the second.
async fn audit(
    State(support): Desk,
    caller: Claims,
    Named(user): Named,
    Query(span): Query<Span>,
) -> Result<Json<Lines>, Problem> {
    let time = |text: Option<String>, name, default| match text {
        Some(text) => text.parse().map_err(|_| Problem::field(name)),
        None => Ok(default),
    };
    let from = time(span.from, "from", Timestamp::UNIX_EPOCH)?;
    let until = time(span.until, "until", Timestamp::MAX)?;
    Ok(Json(Lines { lines: support.lines(&caller, &user, from, until).await? }))
}

/// `POST /admin/users/{user}/mfa-reset {reason}`
async fn reset_mfa(
    State(support): Desk,
    caller: Claims,
    Named(user): Named,
    mut body: Body,
) -> Result<Json<FactorsView>, Problem> {
    let reason = reason(&mut body)?;
    body.finish()?;
    Ok(Json(support.reset_mfa(&caller, &user, &reason).await?.into()))
}

/// `PUT /admin/users/{user}/preference {totp?, sms?, email?, reason}`, in Amplify's words.
async fn set_preference(
    State(support): Desk,
    caller: Claims,
    Named(user): Named,
    mut body: Body,
) -> Result<Json<FactorsView>, Problem> {
    let mut request = PreferenceRequest::new();
    for (factor, name) in [(Factor::Sms, "sms"), (Factor::Totp, "totp"), (Factor::Email, "email")] {
        if let Some(setting) = body.optional::<Setting>(name)? {
            request.insert(factor, setting);
        }
    }
    let reason = reason(&mut body)?;
    body.finish()?;
    Ok(Json(support.set_preference(&caller, &user, &request, &reason).await?.into()))
}

/// `PUT /admin/users/{user}/phone-number {phoneNumber, reason}`
async fn set_phone_number(
    State(support): Desk,
    caller: Claims,
    Named(user): Named,
    mut body: Body,
) -> Result<StatusCode, Problem> {
    let number: String = body.required("phoneNumber")?;
    let number = PhoneNumber::parse(&number).map_err(|_| Problem::field("phoneNumber"))?;
    let reason = reason(&mut body)?;
    body.finish()?;
    support.set_phone_number(&caller, &user, &number, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/users/{user}/unlock {reason}`
async fn unlock(
    State(support): Desk,
    caller: Claims,
    Named(user): Named,
    mut body: Body,
) -> Result<StatusCode, Problem> {
    let reason = reason(&mut body)?;
    body.finish()?;
    support.unlock(&caller, &user, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/users/{user}/forget-devices {reason}`
async fn forget_devices(
    State(support): Desk,
    caller: Claims,
    Named(user): Named,
    mut body: Body,
) -> Result<StatusCode, Problem> {
    let reason = reason(&mut body)?;
    body.finish()?;
    support.forget_devices(&caller, &user, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/users/{user}/erase {reason}`: how many items there were.
async fn erase(
    State(support): Desk,
    caller: Claims,
    Named(user): Named,
    mut body: Body,
) -> Result<Json<BTreeMap<&'static str, usize>>, Problem> {
    let reason = reason(&mut body)?;
    body.finish()?;
    Ok(Json([("erased", support.erase(&caller, &user, &reason).await?)].into()))
}

fn reason(body: &mut Body) -> Result<Reason, Problem> {
    let text: String = body.required("reason")?;
    Reason::parse(&text).map_err(|_| Problem::field("reason"))
}

/// The user whom the path names.
struct Named(String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        let name = name.ok().map(|Path(name)| name).filter(|name| (1..=128).contains(&name.len()));
        name.map(Self).ok_or_else(|| Refusal::UserNotFound.into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Claims {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let signed_in = SignedIn::from_request_parts(parts, state).await?;
        let claims = claims(parts).ok_or(Refusal::NotSignedIn)?;
        // A list comes as `[one two]` (COGNITO.md §8.2).
        let list = |name: &str| -> Vec<&str> {
            let text = claims.get(name).map(String::as_str).unwrap_or_default();
            let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default();
            inside.split_whitespace().collect()
        };
        Ok(Self {
            signed_in,
            groups: list("cognito:groups").into_iter().map(str::to_owned).collect(),
            says_mfa: list("amr").contains(&"mfa"),
        })
    }
}
