//! SNS `Publish` to a phone number, in the query protocol.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Form, Router};
use local_user_pool::ports::{Channel, Message, Outbox};

use super::OptOuts;
use crate::ambient::unique_id;

/// SNS takes 1600 characters for an SMS.
const LONGEST: usize = 1600;

pub fn router(outbox: Arc<dyn Outbox>, opt_outs: Arc<OptOuts>) -> Router {
    Router::new().route("/", post(publish)).with_state((outbox, opt_outs))
}

async fn publish(
    State((outbox, opt_outs)): State<(Arc<dyn Outbox>, Arc<OptOuts>)>,
    Form(mut input): Form<HashMap<String, String>>,
) -> Response {
    let refuse = |code, text: &str| query_error(StatusCode::BAD_REQUEST, code, text);
    match input.get("Action").map(String::as_str) {
        Some("Publish") => {}
        Some(_) => return refuse("InvalidAction", "the local SNS has Publish only"),
        None => return refuse("MissingAction", "no Action"),
    }
    let Some(to) = input.remove("PhoneNumber") else {
        return refuse(
            "InvalidParameter",
            "Invalid parameter: the local SNS publishes to phone numbers only",
        );
    };
    if !is_e164(&to) {
        let text = "Invalid parameter: PhoneNumber Reason: not valid to publish to";
        return refuse("InvalidParameter", text);
    }
    let text = input.remove("Message").unwrap_or_default();
    if text.is_empty() {
        return refuse("InvalidParameter", "Invalid parameter: Empty message");
    }
    if text.chars().count() > LONGEST {
        return refuse("InvalidParameter", "Invalid parameter: Message too long");
    }
    // SNS takes the message and drops it later: the caller does not hear of an opt-out.
    if !opt_outs.contains(&to) {
        outbox.deliver(Message { channel: Channel::Sms, to, subject: None, text, code: None });
    }
    let (message, request) = (unique_id(), unique_id());
    let body = format!(
        r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>{message}</MessageId></PublishResult><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></PublishResponse>"#
    );
    ([(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

/// An error of the query protocol. `text` is ours and needs no escaping.
pub(crate) fn query_error(status: StatusCode, code: &str, text: &str) -> Response {
    let side = if status.is_server_error() { "Receiver" } else { "Sender" };
    let request = unique_id();
    let body = format!(
        r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>{side}</Type><Code>{code}</Code><Message>{text}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"#
    );
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

/// `+` and 8 to 15 digits, the first no zero.
pub(super) fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::ambient::MachineClock;
    use crate::outbox::Outbox;

    async fn post_form(outbox: &Arc<Outbox>, form: &str) -> (u16, String) {
        let request = Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        let response = router(outbox.clone(), Arc::default()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_message_to_a_phone_lands_in_the_outbox() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        let form =
            "Action=Publish&Version=2010-03-31&PhoneNumber=%2B12025550100&Message=Your+code+is+123456.";
        let (status, body) = post_form(&outbox, form).await;
        assert!(status == 200 && body.contains("<MessageId>"), "{body}");
        let messages = outbox.messages(Some("+12025550100"));
        assert_eq!((messages[0].channel, messages[0].code.as_deref()), ("sms", Some("123456")));
    }

    #[tokio::test]
    async fn what_sns_would_refuse_is_refused() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        for (form, code) in [
            ("Action=Publish&PhoneNumber=5550100&Message=hi", "InvalidParameter"),
            ("Action=Publish&PhoneNumber=%2B12025550100", "InvalidParameter"),
            ("Action=Publish&TopicArn=x&Message=hi", "InvalidParameter"),
            ("Action=CreateTopic", "InvalidAction"),
        ] {
            let (status, body) = post_form(&outbox, form).await;
            assert!(status == 400 && body.contains(&format!("<Code>{code}</Code>")), "{form}: {body}");
        }
        assert!(outbox.messages(None).is_empty());
    }
}
