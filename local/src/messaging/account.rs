//! What the account may send, as an operator asks for it and sets it: out of every sandbox from the
//! start, with a monthly limit on text messages that is kept and never reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// US$ a month.
const LARGEST_SMS_LIMIT: u64 = 1_000;

/// The part of End User Messaging SMS.
#[derive(Debug)]
pub(super) struct SmsAccount(AtomicU64);

impl Default for SmsAccount {
    fn default() -> Self {
        Self(AtomicU64::new(LARGEST_SMS_LIMIT))
    }
}

impl SmsAccount {
    /// `DescribeAccountAttributes`
    pub(super) fn attributes() -> Value {
        json!({ "AccountAttributes": [{ "Name": "ACCOUNT_TIER", "Value": "PRODUCTION" }] })
    }

    /// `DescribeSpendLimits`
    pub(super) fn limits(&self) -> Value {
        let enforced = self.0.load(Ordering::Relaxed);
        json!({ "SpendLimits": [{
            "Name": "TEXT_MESSAGE_MONTHLY_SPEND_LIMIT",
            "EnforcedLimit": enforced,
            "MaxLimit": LARGEST_SMS_LIMIT,
            "Overridden": enforced != LARGEST_SMS_LIMIT,
        }] })
    }

    /// `SetTextMessageSpendLimitOverride`; `None` if that is more than the account may.
    pub(super) fn override_limit(&self, limit: u64) -> Option<Value> {
        if limit > LARGEST_SMS_LIMIT {
            return None;
        }
        self.0.store(limit, Ordering::Relaxed);
        Some(json!({ "MonthlyLimit": limit }))
    }
}

/// The part of SES: `GetAccount` and `PutAccountSendingAttributes`.
pub(super) fn ses() -> Router {
    let enabled = Arc::new(AtomicBool::new(true));
    Router::new()
        .route("/v2/email/account", get(account))
        .route("/v2/email/account/sending", put(set_sending))
        .with_state(enabled)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct SendingAttributes {
    sending_enabled: bool,
}

async fn account(State(enabled): State<Arc<AtomicBool>>) -> Json<Value> {
    Json(json!({
        "ProductionAccessEnabled": true,
        "SendingEnabled": enabled.load(Ordering::Relaxed),
        "EnforcementStatus": "HEALTHY",
        "SendQuota": { "Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 0.0 },
    }))
}

async fn set_sending(
    State(enabled): State<Arc<AtomicBool>>,
    Json(attributes): Json<SendingAttributes>,
) -> Response {
    enabled.store(attributes.sending_enabled, Ordering::Relaxed);
    (StatusCode::OK, Json(json!({}))).into_response()
}
