//! The identities of SES: `CreateEmailIdentity`, `GetEmailIdentity` and `DeleteEmailIdentity` (SES API v2
//! reference). There is no DNS here, so an identity is verified as soon as it exists.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// The domain of the template's default sender.
const FIRST: &str = "example.com";

type Identities = Arc<Mutex<BTreeSet<String>>>;

pub(super) fn router() -> Router {
    let identities: Identities = Arc::new(Mutex::new([FIRST.to_owned()].into()));
    Router::new()
        .route("/v2/email/identities", post(create))
        .route("/v2/email/identities/{identity}", get(describe).delete(remove))
        .with_state(identities)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateEmailIdentity {
    email_identity: String,
}

async fn create(State(identities): State<Identities>, Json(input): Json<CreateEmailIdentity>) -> Response {
    let identity = input.email_identity.to_lowercase();
    if !lock(&identities).insert(identity.clone()) {
        let message = format!("Email identity {identity} already exist.");
        return refused(StatusCode::BAD_REQUEST, "AlreadyExistsException", &message);
    }
    let created = json!({
        "IdentityType": kind(&identity), "VerifiedForSendingStatus": true, "DkimAttributes": dkim(),
    });
    Json(created).into_response()
}

async fn describe(State(identities): State<Identities>, Path(identity): Path<String>) -> Response {
    if !lock(&identities).contains(&identity.to_lowercase()) {
        return unknown(&identity);
    }
    Json(json!({
        "IdentityType": kind(&identity),
        "FeedbackForwardingStatus": true,
        "VerifiedForSendingStatus": true,
        "VerificationStatus": "SUCCESS",
        "DkimAttributes": dkim(),
        "MailFromAttributes": { "BehaviorOnMxFailure": "USE_DEFAULT_VALUE" },
        "Policies": {},
        "Tags": [],
    }))
    .into_response()
}

async fn remove(State(identities): State<Identities>, Path(identity): Path<String>) -> Response {
    if lock(&identities).remove(&identity.to_lowercase()) {
        Json(json!({})).into_response()
    } else {
        unknown(&identity)
    }
}

fn kind(identity: &str) -> &'static str {
    if identity.contains('@') { "EMAIL_ADDRESS" } else { "DOMAIN" }
}

fn dkim() -> Value {
    json!({ "SigningEnabled": true, "Status": "SUCCESS", "SigningAttributesOrigin": "AWS_SES" })
}

fn unknown(identity: &str) -> Response {
    let message = format!("Email identity {identity} does not exist.");
    refused(StatusCode::NOT_FOUND, "NotFoundException", &message)
}

fn refused(status: StatusCode, code: &'static str, message: &str) -> Response {
    (status, [("x-amzn-errortype", code)], Json(json!({ "message": message }))).into_response()
}

fn lock(identities: &Identities) -> MutexGuard<'_, BTreeSet<String>> {
    identities.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn call(router: &Router, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer =
            router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn an_identity_exists_from_its_creation_to_its_deletion() {
        let router = router();
        let address = "/v2/email/identities/a%40shop.example";
        let (status, answer) = call(&router, "GET", "/v2/email/identities/example.com", Value::Null).await;
        assert_eq!((status, &answer["IdentityType"]), (200, &json!("DOMAIN")));
        assert_eq!(answer["VerifiedForSendingStatus"], true);
        assert_eq!(call(&router, "GET", address, Value::Null).await.0, 404);
        let input = json!({ "EmailIdentity": "a@shop.example" });
        assert_eq!(call(&router, "POST", "/v2/email/identities", input.clone()).await.0, 200);
        assert_eq!(call(&router, "POST", "/v2/email/identities", input).await.0, 400, "it exists");
        let (status, answer) = call(&router, "GET", address, Value::Null).await;
        assert_eq!((status, &answer["IdentityType"]), (200, &json!("EMAIL_ADDRESS")));
        assert_eq!(call(&router, "DELETE", address, Value::Null).await.0, 200);
        assert_eq!(call(&router, "DELETE", address, Value::Null).await.0, 404);
    }
}
