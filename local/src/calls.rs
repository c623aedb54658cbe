//! Which API calls each function made, how often, and what DynamoDB charges for them: what IAM's
//! last-accessed information and the bill tell on AWS.
//!
//! What its role does not allow a function is denied: by actions, resources and conditions of the template's policies.
//!
//! The signature of a request names an access key. The Lambda host gives each function a key of its own,
//! as Lambda gives each role its own credentials, so a call's signature says which function made it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};

use crate::roles::{self, Request as Asked, Role, Verdict, World};

/// Larger than the largest request of the services here.
const BODY_LIMIT: usize = 42 * 1024 * 1024;

const CAPACITY: &str = "ReturnConsumedCapacity";
const CONSUMED: &str = "ConsumedCapacity";
const REFUSED: &str = "ConditionalCheckFailed";
const BATCH: &str = "BatchExecuteStatement";

/// Calls by function, each as IAM writes the action: `dynamodb:PutItem`.
pub type Seen = BTreeMap<String, BTreeMap<String, Count>>;

/// Each function's role.
pub type Roles = BTreeMap<String, Role>;

/// How often an action was called.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    pub calls: u64,
    /// Of these, which the function's role does not allow.
    pub denied: u64,
    /// Capacity units as DynamoDB's on-demand mode bills them, those of refused writes included; 0 for
    /// every other service.
    pub read_units: f64,
    pub write_units: f64,
    /// The patterns of the role that the calls' partitions matched.
    pub partitions: BTreeSet<String>,
}

#[derive(Debug)]
pub struct Calls {
    /// Access key → function.
    callers: BTreeMap<String, String>,
    roles: Roles,
    world: World,
    seen: Mutex<Seen>,
}

impl Calls {
    pub fn of(callers: BTreeMap<String, String>, roles: Roles, world: World) -> Arc<Self> {
        Arc::new(Self { callers, roles, world, seen: Mutex::default() })
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `router` with its calls noted.
    pub fn around(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), note))
    }

    /// Who made a call, if it was a function.
    fn caller(&self, head: &Head<'_>, body: &Bytes) -> Option<Call> {
        let (key, service) = signer(head.headers)?;
        let function = self.callers.get(key)?.clone();
        let operation = operation(head, body)?;
        let call = roles::Call { service, operation: &operation, path: head.path, body };
        let asked = self.world.requests(call);
        (!asked.is_empty()).then_some(Call { function, operation, asked, partitions: BTreeMap::new() })
    }

    /// The first action of a call that its function's role does not allow. Notes the partitions of the others.
    fn denied(&self, call: &mut Call) -> Option<String> {
        let role = self.roles.get(&call.function);
        for asked in &call.asked {
            match role.map_or(Verdict::Denied, |role| role.answer(asked)) {
                Verdict::Denied => return Some(asked.action.clone()),
                Verdict::Allowed(partitions) => {
                    call.partitions.insert(asked.action.clone(), partitions);
                }
            }
        }
        None
    }

    /// Records the denial at each action of the call, without a search for the denied one.
    fn add_denied(&self, call: Call) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_function = seen.entry(call.function).or_default();
        for asked in call.asked {
            let count = of_function.entry(asked.action).or_default();
            (count.calls, count.denied) = (count.calls + 1, count.denied + 1);
        }
    }

    /// The call and its price stand at its first action.
    fn add(&self, mut call: Call, units: Units) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_function = seen.entry(call.function).or_default();
        for (index, asked) in call.asked.into_iter().enumerate() {
            let partitions = call.partitions.remove(&asked.action).unwrap_or_default();
            let count = of_function.entry(asked.action).or_default();
            count.partitions.extend(partitions);
            if index == 0 {
                count.calls += 1;
                count.read_units += units.read;
                count.write_units += units.write;
            }
        }
    }
}

struct Call {
    function: String,
    operation: String,
    /// More than one for a batch of `PartiQL` statements of several kinds.
    asked: Vec<Asked>,
    /// Action → the patterns of the role that its partitions matched.
    partitions: BTreeMap<String, BTreeSet<String>>,
}

impl Call {
    /// A batch is all reads or all writes.
    fn reads(&self) -> bool {
        matches!(self.operation.as_str(), "GetItem" | "Query" | "Scan")
            || self.asked.iter().any(|asked| asked.action == "dynamodb:PartiQLSelect")
    }

    /// The operation, if it is DynamoDB's.
    fn of_table(&self) -> Option<&str> {
        self.asked.first()?.action.starts_with("dynamodb:").then_some(self.operation.as_str())
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Units {
    read: f64,
    write: f64,
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
    let Some(mut call) = calls.caller(&Head { path: head.uri.path(), headers: &head.headers }, &body) else {
        return next.run(Request::from_parts(head, Body::from(body))).await;
    };
    if let Some(action) = calls.denied(&mut call) {
        let answer = denial(&head.headers, &call.function, &action);
        calls.add_denied(call);
        return answer;
    }
    // Recorded before the answer is sent, so that a caller with an answer finds its call here.
    let Some(metered) = call.of_table().and_then(|operation| metered(operation, &body)) else {
        calls.add(call, Units::default());
        return next.run(Request::from_parts(head, Body::from(body))).await;
    };
    let mut head = head;
    head.headers.insert(header::CONTENT_LENGTH, metered.len().into());
    let (mut answer, body) = next.run(Request::from_parts(head, Body::from(metered))).await.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (units, body) = without_capacity(call.reads(), answer.status, body);
    calls.add(call, units);
    answer.headers.insert(header::CONTENT_LENGTH, body.len().into());
    Response::from_parts(answer, Body::from(body))
}

/// As each protocol says it: the JSON protocols with a target 400, SNS and the REST APIs 403.
fn denial(headers: &HeaderMap, function: &str, action: &str) -> Response {
    let told = format!("the role of {function} does not allow {action}");
    if headers.contains_key("x-amz-target") {
        let body = json!({ "__type": "AccessDeniedException", "Message": told });
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    if action.starts_with("sns:") {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>{told}</Message></Error></ErrorResponse>"
        );
        return (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "text/xml")], body).into_response();
    }
    let named = [("x-amzn-errortype", "AccessDeniedException")];
    (StatusCode::FORBIDDEN, named, Json(json!({ "message": told }))).into_response()
}

/// The request with the question for its price; none if it has no price, or asks itself.
fn metered(operation: &str, body: &Bytes) -> Option<Bytes> {
    let priced = [
        "GetItem",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "Query",
        "Scan",
        "BatchWriteItem",
        "TransactWriteItems",
        BATCH,
    ];
    priced.contains(&operation).then_some(())?;
    let mut input: Value = serde_json::from_slice(body).ok()?;
    let input_fields = input.as_object_mut()?;
    if input_fields.contains_key(CAPACITY) {
        return None;
    }
    input_fields.insert(CAPACITY.to_owned(), "TOTAL".into());
    Some(input.to_string().into())
}

/// Splits an answer into its consumed capacity and the answer without it.
fn without_capacity(is_read: bool, status: StatusCode, body: Bytes) -> (Units, Bytes) {
    if status == StatusCode::BAD_REQUEST && !is_read {
        // A write that its condition refuses is billed as if it had been done; the answer has no figure, and
        // items here are smaller than a unit.
        let is_refused = body.windows(REFUSED.len()).any(|part| part == REFUSED.as_bytes());
        return (Units { read: 0.0, write: f64::from(u8::from(is_refused)) }, body);
    }
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else {
        return (Units::default(), body);
    };
    let Some(consumed) = answer.as_object_mut().and_then(|fields| fields.remove(CONSUMED)) else {
        return (Units::default(), body);
    };
    let tables = match &consumed {
        Value::Array(tables) => tables.iter().collect(),
        table => vec![table],
    };
    let units = tables.iter().filter_map(|table| table.get("CapacityUnits")?.as_f64()).sum();
    let units = if is_read { Units { read: units, write: 0.0 } } else { Units { read: 0.0, write: units } };
    (units, answer.to_string().into())
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
mod tests;
