//! AWS End User Messaging SMS: `SendTextMessage`, `PutOptedOutNumber`, `DeleteOptedOutNumber`, and the
//! account's attributes and spend limit. AWS JSON 1.0.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use local_user_pool::ports::{Channel, Message, Outbox};
use serde::Deserialize;
use serde_json::{Value, json};

use super::OptOuts;
use super::account::SmsAccount;
use super::sns::is_e164;
use crate::ambient::unique_id;

const LONGEST: usize = 1600;

pub fn router(outbox: Arc<dyn Outbox>, opt_outs: Arc<OptOuts>) -> Router {
    Router::new().route("/", post(handle)).with_state((outbox, opt_outs, Arc::default()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendTextMessage {
    destination_phone_number: String,
    #[serde(default)]
    message_body: String,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptedOutNumber {
    opt_out_list_name: String,
    opted_out_number: String,
}

type Services = (Arc<dyn Outbox>, Arc<OptOuts>, Arc<SmsAccount>);

async fn handle(
    State((outbox, opt_outs, account)): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    match target.strip_prefix("PinpointSMSVoiceV2.") {
        Some("SendTextMessage") => send(outbox.as_ref(), &opt_outs, &body),
        Some("PutOptedOutNumber") => change_opt_out(&opt_outs, &body, true),
        Some("DeleteOptedOutNumber") => change_opt_out(&opt_outs, &body, false),
        Some("DescribeAccountAttributes") => answer(StatusCode::OK, &SmsAccount::attributes()),
        Some("DescribeSpendLimits") => answer(StatusCode::OK, &account.limits()),
        Some("SetTextMessageSpendLimitOverride") => set_spend_limit(&account, &body),
        _ => answer(StatusCode::BAD_REQUEST, &json!({ "__type": "UnknownOperationException" })),
    }
}

fn set_spend_limit(account: &SmsAccount, body: &[u8]) -> Response {
    let input = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let limit = input.get("MonthlyLimit").and_then(Value::as_u64);
    match limit.and_then(|limit| account.override_limit(limit)) {
        Some(changed) => answer(StatusCode::OK, &changed),
        None => invalid("INVALID_PARAMETER", "MonthlyLimit is no limit of this account"),
    }
}

fn invalid(reason: &str, text: &str) -> Response {
    let refusal = json!({ "__type": "ValidationException", "Reason": reason, "Message": text });
    answer(StatusCode::BAD_REQUEST, &refusal)
}

fn change_opt_out(opt_outs: &OptOuts, body: &[u8], out: bool) -> Response {
    let input: OptedOutNumber = match serde_json::from_slice(body) {
        Ok(input) => input,
        Err(error) => return invalid("CANNOT_PARSE", &error.to_string()),
    };
    if !is_e164(&input.opted_out_number) {
        return invalid("INVALID_PARAMETER", "OptedOutNumber is no phone number");
    }
    if out {
        opt_outs.add(&input.opted_out_number);
    } else if !opt_outs.remove(&input.opted_out_number) {
        let refusal =
            json!({ "__type": "ResourceNotFoundException", "Message": "the number is not opted out" });
        return answer(StatusCode::BAD_REQUEST, &refusal);
    }
    let list = input.opt_out_list_name;
    let changed =
        json!({ "OptOutListName": list, "OptedOutNumber": input.opted_out_number, "EndUserOptedOut": false });
    answer(StatusCode::OK, &changed)
}

fn send(outbox: &dyn Outbox, opt_outs: &OptOuts, body: &[u8]) -> Response {
    let input: SendTextMessage = match serde_json::from_slice(body) {
        Ok(input) => input,
        Err(error) => return invalid("CANNOT_PARSE", &error.to_string()),
    };
    if !is_e164(&input.destination_phone_number) {
        return invalid("INVALID_PARAMETER", "DestinationPhoneNumber is no phone number");
    }
    if input.message_body.is_empty() || input.message_body.chars().count() > LONGEST {
        return invalid("FIELD_VALIDATION_FAILED", &format!("MessageBody takes 1 to {LONGEST} characters"));
    }
    if opt_outs.contains(&input.destination_phone_number) {
        let refusal = json!({
            "__type": "ConflictException",
            "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT",
            "Message": "the destination has opted out",
        });
        return answer(StatusCode::BAD_REQUEST, &refusal);
    }
    if !input.dry_run {
        outbox.deliver(Message {
            channel: Channel::Sms,
            to: input.destination_phone_number,
            subject: None,
            text: input.message_body,
            code: None,
        });
    }
    answer(StatusCode::OK, &json!({ "MessageId": unique_id() }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::ambient::MachineClock;
    use crate::outbox::Outbox;

    async fn send(outbox: &Arc<Outbox>, input: Value) -> u16 {
        let request = Request::post("/")
            .header("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage")
            .body(Body::from(input.to_string()))
            .unwrap();
        router(outbox.clone(), Arc::default()).oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn a_text_message_lands_in_the_outbox_unless_it_is_refused() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        for (to, text, dry_run, status) in [
            ("+12025550100", "Your code is 123456.", false, 200),
            ("+12025550100", "Only a try", true, 200),
            ("15555550100", "No plus", false, 400),
            ("+12025550100", "", false, 400),
        ] {
            let input = json!({ "DestinationPhoneNumber": to, "MessageBody": text, "DryRun": dry_run });
            assert_eq!(send(&outbox, input).await, status, "{text}");
        }
        let texts: Vec<_> = outbox.messages(None).into_iter().map(|message| message.text).collect();
        assert_eq!(texts, ["Your code is 123456."]);
    }
}
