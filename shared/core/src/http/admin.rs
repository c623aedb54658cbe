//! The admin API: administrators help users. A body names the user, on fixed paths: a name in a path could lead
//! to another user and another operation (cognito.md §8.4).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    routing::{post, put},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Problem, body::Body, mfa::preference_request, shell::with_shell, signed_in::claims};
use crate::{
    admin::{AdminCaller, AdminService, AdminUserView, Reason, UserName},
    factors::{
        SignedIn,
        preference::{FactorState, Setting},
    },
    kernel::{PhoneNumber, PoolFactor, Refusal},
};

type AdminState = State<Arc<AdminService>>;

/// The router, ready for `oneshot` in a test or for [`serve`](super::serve).
pub fn admin_api(admin: Arc<AdminService>) -> Router {
    let routes = Router::new()
        .route("/admin/users/find", post(find))
        .route("/admin/users/audit", post(audit))
        .route("/admin/users/mfa-reset", post(reset_mfa))
        .route("/admin/users/preference", put(set_preference))
        .route("/admin/users/phone-number", put(set_phone_number))
        .route("/admin/users/unlock", post(unlock))
        .route("/admin/users/forget-devices", post(forget_devices))
        .route("/admin/users/erase", post(erase))
        .with_state(admin);
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
    passkeys: Vec<String>,
    recovery_codes_left: usize,
    trusted_devices: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FactorsView {
    enabled: Vec<PoolFactor>,
    preferred: Option<PoolFactor>,
}

impl From<FactorState> for FactorsView {
    fn from(state: FactorState) -> Self {
        Self { enabled: state.enabled.into_iter().collect(), preferred: state.preferred }
    }
}

impl From<AdminUserView> for UserView {
    fn from(AdminUserView { account, groups, custom }: AdminUserView) -> Self {
        let profile = account.profile;
        let name = |name: &crate::factors::enrolment::FriendlyDeviceName| name.as_str().to_owned();
        Self {
            sub: profile.user.as_str().to_owned(),
            username: profile.contacts.user_name,
            status: account.status,
            enabled: account.is_enabled,
            groups: groups.into_iter().collect(),
            email: profile.contacts.email.map(|email| email.to_string()),
            phone_number: profile.contacts.phone_number.map(|number| number.to_string()),
            factors: profile.factors.into(),
            authenticators: custom.confirmed().map(|(_, found)| name(&found.name)).collect(),
            passkeys: custom.passkeys.values().map(|passkey| name(&passkey.name)).collect(),
            recovery_codes_left: custom.recovery_codes_left(),
            trusted_devices: custom.devices.values().map(|device| name(&device.name)).collect(),
        }
    }
}

/// `POST /admin/users/find {user}`
async fn find(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(UserBody { user }): Body<UserBody>,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(admin.find(&caller, &user_name(&user)?).await?.into()))
}

#[derive(Debug, Serialize)]
struct Lines {
    lines: Vec<Map<String, Value>>,
}

/// `POST /admin/users/audit {user, from?, until?}`: RFC 3339, from the first to before the second.
async fn audit(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(AuditBody { user, from, until }): Body<AuditBody>,
) -> Result<Json<Lines>, Problem> {
    let user = user_name(&user)?;
    let from = time(from, "from")?.unwrap_or(Timestamp::UNIX_EPOCH);
    let until = time(until, "until")?.unwrap_or(Timestamp::MAX);
    Ok(Json(Lines { lines: admin.lines(&caller, &user, from, until).await? }))
}

/// `POST /admin/users/mfa-reset {user, reason}`
async fn reset_mfa(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(change): Body<ChangeBody>,
) -> Result<Json<FactorsView>, Problem> {
    let (user, reason) = change.parse()?;
    Ok(Json(admin.reset_mfa(&caller, &user, &reason).await?.into()))
}

/// `PUT /admin/users/preference {user, totp?, sms?, email?, reason}`, in Amplify's words.
async fn set_preference(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(PreferenceChange { sms, totp, email, user, reason }): Body<PreferenceChange>,
) -> Result<Json<FactorsView>, Problem> {
    let (user, reason) = ChangeBody { user, reason }.parse()?;
    let request = preference_request(sms, totp, email);
    Ok(Json(admin.set_preference(&caller, &user, &request, &reason).await?.into()))
}

/// `PUT /admin/users/phone-number {user, phoneNumber, reason}`
async fn set_phone_number(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(PhoneNumberChange { phone_number, user, reason }): Body<PhoneNumberChange>,
) -> Result<StatusCode, Problem> {
    let number = PhoneNumber::parse(&phone_number).map_err(|_| Problem::field("phoneNumber"))?;
    let (user, reason) = ChangeBody { user, reason }.parse()?;
    admin.set_phone_number(&caller, &user, &number, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/users/unlock {user, reason}`
async fn unlock(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(change): Body<ChangeBody>,
) -> Result<StatusCode, Problem> {
    let (user, reason) = change.parse()?;
    admin.unlock(&caller, &user, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/users/forget-devices {user, reason}`
async fn forget_devices(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(change): Body<ChangeBody>,
) -> Result<StatusCode, Problem> {
    let (user, reason) = change.parse()?;
    admin.forget_devices(&caller, &user, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/users/erase {user, reason}`: how many items there were.
async fn erase(
    State(admin): AdminState,
    caller: AdminCaller,
    Body(change): Body<ChangeBody>,
) -> Result<Json<BTreeMap<&'static str, usize>>, Problem> {
    let (user, reason) = change.parse()?;
    Ok(Json([("erased", admin.erase(&caller, &user, &reason).await?)].into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserBody {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditBody {
    user: String,
    from: Option<String>,
    until: Option<String>,
}

/// The members that every change has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    user: String,
    reason: String,
}

impl ChangeBody {
    fn parse(&self) -> Result<(UserName, Reason), Problem> {
        let reason = Reason::parse(&self.reason).map_err(|_| Problem::field("reason"));
        Ok((user_name(&self.user)?, reason?))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreferenceChange {
    sms: Option<Setting>,
    totp: Option<Setting>,
    email: Option<Setting>,
    user: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PhoneNumberChange {
    phone_number: String,
    user: String,
    reason: String,
}

fn time(text: Option<String>, name: &str) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::field(name))).transpose()
}

fn user_name(name: &str) -> Result<UserName, Problem> {
    UserName::parse(name).map_err(|_| Problem::field("user"))
}

impl<S: Send + Sync> FromRequestParts<S> for AdminCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let signed_in = SignedIn::from_request_parts(parts, state).await?;
        let claims = claims(parts).ok_or(Refusal::NotSignedIn)?;
        // API Gateway writes a list as `[one two]` (cognito.md §8.2).
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
