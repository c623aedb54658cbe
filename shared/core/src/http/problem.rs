use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    factors::FactorFault,
    kernel::Refusal,
    telemetry::{self, Metric},
};

/// A problem document (RFC 9457). `type` and `code` are stable; `detail` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'static str,
    /// JSON path of the member that is wrong: `$.code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The maximum age of the sign-in, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
    /// Seconds after which it is worth trying again; `Retry-After` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

impl Problem {
    pub fn new(refusal: Refusal) -> Self {
        let status = refusal.status();
        Self {
            kind: format!("urn:cognito-mfa:problem:{}", refusal.code()),
            title: StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or_default(),
            status,
            code: refusal.code(),
            detail: refusal.text(),
            path: None,
            max_age: None,
            retry_after: None,
        }
    }

    /// A member of the body that is missing, unknown or of a wrong kind.
    pub fn field(name: &str) -> Self {
        Self { path: Some(format!("$.{name}")), ..Self::new(Refusal::FieldNotValid) }
    }

    /// Too many requests; the next one after `wait`.
    pub fn later(wait: Duration) -> Self {
        Self { retry_after: Some(seconds(wait)), ..Self::new(Refusal::TooManyRequests) }
    }

    /// A body that is JSON, but no object.
    pub fn not_an_object() -> Self {
        Self { path: Some("$".into()), ..Self::new(Refusal::FieldNotValid) }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal)
    }
}

impl From<FactorFault> for Problem {
    fn from(fault: FactorFault) -> Self {
        match fault {
            FactorFault::Refused(refusal) => refusal.into(),
            FactorFault::Stale { max_age } => {
                Self { max_age: Some(seconds(max_age)), ..Self::new(Refusal::ReauthenticationRequired) }
            }
            FactorFault::SecondFactorRequired { max_age } => {
                Self { max_age: Some(seconds(max_age)), ..Self::new(Refusal::SecondFactorRequired) }
            }
            FactorFault::Later { wait } => Self::later(wait),
            FactorFault::Port(fault) => {
                telemetry::dependency_failed(&fault);
                Refusal::TemporarilyUnavailable.into()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        tracing::info!(refusal = self.code, "api request refused");
        Metric::Refused.emit();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let wait = self.retry_after.map(HeaderValue::from);
        let mut response = (status, Json(self)).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
