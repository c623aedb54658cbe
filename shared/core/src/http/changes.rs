use std::{net::IpAddr, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use lambda_http::request::RequestContext;

use super::{Problem, shell::MAX_BODY_BYTES};
use crate::{
    api_limits::{
        Idempotency, IdempotencyKey, IdempotentRequests, RateDecision, RateLimiter, RequestHash,
        StoredResponse,
    },
    factors::{FactorFault, SignedIn},
    kernel::{PortError, Refusal},
    telemetry,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Marks a response without a secret. We store it, and a repeated request gets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeatable;

/// Counts each change, and runs a POST with an `Idempotency-Key` once.
pub(super) async fn admit(
    State(limits): State<Arc<RateLimiter>>,
    State(idempotency): State<Arc<IdempotentRequests>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    change(&limits, &idempotency, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn change(
    limits: &RateLimiter,
    idempotency: &IdempotentRequests,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let user = SignedIn::from_request_parts(&mut parts, &()).await?.user;
    match limits.admit(&user, address(&parts)).await.map_err(FactorFault::from)? {
        RateDecision::Admitted => {}
        RateDecision::Later { wait } => return Err(Problem::later(wait)),
    }
    let Some(key) = idempotency_key(&parts)? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Refusal::BodyTooLarge)?;
    let asked = RequestHash::new(parts.method.as_str(), parts.uri.path(), &bytes);
    let holder = match idempotency.begin(&user, &key, &asked).await.map_err(FactorFault::from)? {
        Idempotency::First(holder) => holder,
        Idempotency::Repeated(ended) => return again(ended),
        Idempotency::OtherRequest => return Err(Refusal::IdempotencyKeyReused.into()),
        Idempotency::Running => return Err(Refusal::RequestRunning.into()),
    };
    let (response, ended) = end(next.run(Request::from_parts(parts, Body::from(bytes))).await).await;
    // The change is done. If this fails, the key becomes free when its lease ends.
    if let Err(fault) = idempotency.end(&user, &key, &holder, ended).await {
        telemetry::dependency_failed(&fault);
    }
    Ok(response)
}

/// Returns the response and what we store of it. A refusal is not stored. If the body may hold a secret, we
/// store only the status.
async fn end(response: Response) -> (Response, Option<StoredResponse>) {
    let status = response.status();
    if !status.is_success() {
        return (response, None);
    }
    let mut ended = StoredResponse { status: status.as_u16(), answer: None };
    if response.extensions().get::<Repeatable>().is_none() {
        return (response, Some(ended));
    }
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            ended.answer = String::from_utf8(bytes.to_vec()).ok();
            (Response::from_parts(parts, Body::from(bytes)), Some(ended))
        }
        Err(fault) => {
            telemetry::dependency_failed(&PortError::new("http.body", fault));
            (Problem::new(Refusal::TemporarilyUnavailable).into_response(), Some(ended))
        }
    }
}

fn again(ended: StoredResponse) -> Result<Response, Problem> {
    let answer = ended.answer.ok_or(Refusal::AnswerShownOnce)?;
    let status = StatusCode::from_u16(ended.status).unwrap_or(StatusCode::OK);
    let json = HeaderValue::from_static("application/json");
    Ok((status, [(header::CONTENT_TYPE, json)], answer).into_response())
}

fn idempotency_key(parts: &Parts) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = parts.headers.get(IDEMPOTENCY_KEY).filter(|_| parts.method == Method::POST) else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(|text| IdempotencyKey::parse(text).ok());
    key.map(Some).ok_or_else(|| Refusal::IdempotencyKeyNotValid.into())
}

/// Where the call comes from, by API Gateway's word; any caller can set `X-Forwarded-For`.
fn address(parts: &Parts) -> Option<IpAddr> {
    let RequestContext::ApiGatewayV2(context) = parts.extensions.get::<RequestContext>()? else {
        return None;
    };
    context.http.source_ip.as_deref()?.parse().ok()
}
