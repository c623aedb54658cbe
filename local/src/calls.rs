//! Which API calls each function made: what IAM's last-accessed information tells of a role on AWS.
//!
//! Whoever signs a request names an access key. The Lambda host gives each function a key of its own,
//! as Lambda gives each role its own credentials, so a call's signature says which function made it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

/// Larger than the largest request of the services here.
const BODY_LIMIT: usize = 42 * 1024 * 1024;

/// Calls by function, each as IAM writes the action: `dynamodb:PutItem`.
#[derive(Debug)]
pub struct Calls {
    /// Access key → function.
    callers: BTreeMap<String, String>,
    seen: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Calls {
    pub fn of(callers: BTreeMap<String, String>) -> Arc<Self> {
        Arc::new(Self { callers, seen: Mutex::default() })
    }

    pub fn seen(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `router` with its calls noted.
    pub fn around(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), note))
    }

    fn note(&self, head: &Head<'_>, body: &Bytes) {
        let Some((key, service)) = signer(head.headers) else {
            return;
        };
        let (Some(function), Some(operation)) = (self.callers.get(key), operation(head, body)) else {
            return;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(function.clone()).or_default().insert(format!("{service}:{operation}"));
    }
}

struct Head<'a> {
    path: &'a str,
    headers: &'a HeaderMap,
}

async fn note(State(calls): State<Arc<Calls>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    calls.note(&Head { path: head.uri.path(), headers: &head.headers }, &body);
    next.run(Request::from_parts(head, Body::from(body))).await
}

/// Access key and service in `Credential=KEY/DATE/REGION/SERVICE/aws4_request`. The services' names in
/// signatures are those of IAM's actions.
fn signer(headers: &HeaderMap) -> Option<(&str, &str)> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, scope) = authorization.split_once("Credential=")?;
    let mut parts = scope.split(',').next()?.split('/');
    Some((parts.next()?, parts.nth(2)?))
}

/// By the target of the JSON protocols, the `Action` of the query protocol, the paths of SES and Lambda.
fn operation(head: &Head<'_>, body: &Bytes) -> Option<String> {
    if let Some(target) = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        return target.rsplit('.').next().map(str::to_owned);
    }
    if head.path == "/v2/email/outbound-emails" {
        return Some("SendEmail".to_owned());
    }
    if head.path.ends_with("/invocations") {
        // The action that permits `Invoke`.
        return Some("InvokeFunction".to_owned());
    }
    let form = std::str::from_utf8(body).ok()?;
    form.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_signed_call_is_noted_under_the_function_whose_key_it_is() {
        let calls = Calls::of([("KEY".to_owned(), "sender".to_owned())].into());
        let router = calls.around(Router::new().fallback(post(async |body: Bytes| body)));
        for (key, service, header, path, body) in [
            ("KEY", "dynamodb", ("x-amz-target", "DynamoDB_20120810.PutItem"), "/", "{}"),
            ("KEY", "sns", ("x-other", ""), "/", "Action=Publish&PhoneNumber=1"),
            ("KEY", "ses", ("x-other", ""), "/v2/email/outbound-emails", "{}"),
            ("KEY", "lambda", ("x-other", ""), "/2015-03-31/functions/deliver/invocations", "{}"),
            ("OTHER", "kms", ("x-amz-target", "TrentService.Decrypt"), "/", "{}"),
        ] {
            let signature = format!(
                "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
            );
            let request = Request::post(path)
                .header("authorization", signature)
                .header(header.0, header.1)
                .body(Body::from(body))
                .unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let answer = to_bytes(response.into_body(), 1024).await.unwrap();
            assert_eq!(answer, body, "the service still gets the body");
        }
        let noted = calls.seen();
        assert_eq!(noted.len(), 1);
        let expected =
            ["dynamodb:PutItem", "lambda:InvokeFunction", "ses:SendEmail", "sns:Publish"].map(str::to_owned);
        assert_eq!(noted["sender"], expected.into());
    }
}
