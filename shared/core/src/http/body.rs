use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::Problem;
use crate::kernel::Refusal;

/// The body of a request, a JSON object. An empty body is an empty object. A problem names the wrong member.
/// An optional member may be absent or `null`. Every body has `deny_unknown_fields`, so a
/// misspelt member is refused.
pub(super) struct Body<T>(pub(super) T);

// A body without members. Without a doc comment, as its schema has no description.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EmptyBody {}

impl<T: DeserializeOwned> Body<T> {
    fn read(members: Map<String, Value>) -> Result<Self, Problem> {
        serde_path_to_error::deserialize(Value::Object(members)).map(Self).map_err(|fault| {
            // serde names a missing member in its text only.
            let text = fault.inner().to_string();
            let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
            let wrong = fault.path().iter().find_map(|segment| match segment {
                Segment::Map { key } => Some(key.as_str()),
                _ => None,
            });
            Problem::field(wrong.or(missing).unwrap_or_default())
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
            let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/json")
        });
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
            Problem::new(if too_large { Refusal::BodyTooLarge } else { Refusal::JsonMalformed })
        })?;
        if bytes.is_empty() {
            return Self::read(Map::new());
        }
        if !is_json {
            return Err(Refusal::ContentTypeNotSupported.into());
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Self::read(members),
            Ok(_) => Err(Problem::not_an_object()),
            Err(_) => Err(Refusal::JsonMalformed.into()),
        }
    }
}
