//! The MFA API: a signed-in user's own factors. One file a topic.

mod activity;
mod addresses;
mod authenticators;
mod message_codes;
#[cfg(test)]
mod openapi;
mod overview;
mod passkeys;
mod preference;
mod recovery_codes;
mod remembered_devices;
mod totp;
mod trusted_devices;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{FromRef, FromRequestParts, Path},
    http::{header, request::Parts},
    middleware,
    response::IntoResponse,
    routing::{get, patch, post},
};
use jiff::Timestamp;
pub(super) use preference::preference_request;
use serde::{Deserialize, Serialize};

use super::{
    Problem,
    changes::{Repeatable, admit},
    shell::with_shell,
};
use crate::{
    api_limits::{IdempotentRequests, RateLimiter},
    factors::{
        ActivityService, AddressService, PoolFactorService,
        custom::{CustomFactorService, FactorId},
        devices::DeviceService,
        enrolment::{FriendlyDeviceName, TotpEnrolment},
    },
    kernel::{OneTimeCode, Refusal},
};

/// What the routes ask.
#[derive(Debug, Clone)]
pub struct MfaServices {
    pub factors: Arc<PoolFactorService>,
    pub custom: Arc<CustomFactorService>,
    pub addresses: Arc<AddressService>,
    pub devices: Arc<DeviceService>,
    pub activity: Arc<ActivityService>,
    pub limits: Arc<RateLimiter>,
    pub idempotency: Arc<IdempotentRequests>,
}

macro_rules! asked_for {
    ($($service:ty: $member:ident,)*) => {$(
        impl FromRef<MfaServices> for Arc<$service> {
            fn from_ref(services: &MfaServices) -> Self {
                services.$member.clone()
            }
        }
    )*};
}

asked_for! {
    PoolFactorService: factors,
    CustomFactorService: custom,
    AddressService: addresses,
    DeviceService: devices,
    ActivityService: activity,
    RateLimiter: limits,
    IdempotentRequests: idempotency,
}

/// The router, ready for `oneshot` in a test or for [`serve`](super::serve).
pub fn mfa_api(services: MfaServices) -> Router {
    let routes = Router::new()
        .route("/openapi.json", get(openapi))
        .route("/mfa", get(overview::get))
        .route("/mfa/totp", post(totp::start))
        .route("/mfa/totp/verify", post(totp::verify))
        .route("/mfa/preference", get(preference::get).put(preference::put))
        .route("/mfa/message-codes", get(message_codes::get).put(message_codes::put))
        .route("/mfa/authenticators", get(authenticators::list).post(authenticators::start))
        .route("/mfa/authenticators/{id}", patch(authenticators::rename).delete(authenticators::remove))
        .route("/mfa/authenticators/{id}/verify", post(authenticators::verify))
        .route("/mfa/recovery-codes", get(recovery_codes::left).post(recovery_codes::replace))
        .route("/mfa/passkeys", get(passkeys::list).post(passkeys::start))
        .route("/mfa/passkeys/verify", post(passkeys::verify))
        .route("/mfa/passkeys/{id}", patch(passkeys::rename).delete(passkeys::remove))
        .route("/mfa/trusted-devices", get(trusted_devices::list).post(trusted_devices::register))
        .route("/mfa/trusted-devices/{id}", patch(trusted_devices::rename).delete(trusted_devices::remove))
        .route("/mfa/email", post(addresses::change_email))
        .route("/mfa/email/code", post(addresses::send_email_code))
        .route("/mfa/email/verify", post(addresses::verify_email))
        .route("/mfa/phone-number", post(addresses::change_phone_number))
        .route("/mfa/phone-number/code", post(addresses::send_phone_number_code))
        .route("/mfa/phone-number/verify", post(addresses::verify_phone_number))
        .route("/mfa/remembered-devices", get(remembered_devices::list))
        .route("/mfa/remembered-devices/forget-others", post(remembered_devices::forget_others))
        .route(
            "/mfa/remembered-devices/{id}",
            patch(remembered_devices::change).delete(remembered_devices::forget),
        )
        .route("/mfa/activity", get(activity::list))
        .route_layer(middleware::from_fn_with_state(services.clone(), admit))
        .with_state(services);
    with_shell(routes)
}

/// The `OpenAPI` document. `openapi.rs` generates it, and a test there checks it. It needs no token.
const DOCUMENT: &str = include_str!("../../../../../infra/openapi.json");

/// `GET /openapi.json`
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

type Answer<T> = Result<Json<T>, Problem>;

/// Without a secret in it.
type Repeated<T> = Result<(Extension<Repeatable>, Json<T>), Problem>;

/// What an authenticator app needs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct NewTotp {
    secret: String,
    uri: String,
    qr: Pictures,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Pictures {
    svg: String,
    /// `data:image/png;base64,…`
    png: String,
}

impl From<TotpEnrolment> for NewTotp {
    fn from(enrolment: TotpEnrolment) -> Self {
        Self {
            secret: enrolment.secret.expose().to_owned(),
            uri: enrolment.uri.to_string(),
            qr: Pictures { svg: enrolment.svg.to_string(), png: enrolment.png.to_string() },
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Verified {
    /// `VERIFIED`
    status: &'static str,
}

const VERIFIED: Verified = Verified { status: "VERIFIED" };

/// The id of the authenticator or trusted device in the path. An invalid id is answered with 404, like an unknown one.
struct Named(FactorId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| FactorId::parse(&text).ok());
        id.map(Self).ok_or_else(|| Refusal::FactorNotFound.into())
    }
}

/// A name of 1 to 64 characters. Blanks at its ends are removed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct NameBody {
    #[cfg_attr(test, schema(min_length = 1, max_length = 64))]
    name: String,
}

/// The six digits that an authenticator app shows. Blanks between them are ignored.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct CodeBody {
    #[cfg_attr(test, schema(example = "123 456"))]
    code: String,
}

fn code(text: &str) -> Result<OneTimeCode, Problem> {
    // Codes in messages have six digits, like those of authenticators (cognito.md §1.12).
    OneTimeCode::parse_totp(text).map_err(|_| Problem::field("code"))
}

fn name(text: &str) -> Result<FriendlyDeviceName, Problem> {
    FriendlyDeviceName::parse(text).map_err(|_| Problem::field("name"))
}

/// RFC 3339, in UTC.
fn time(at: Timestamp) -> String {
    at.to_string()
}
