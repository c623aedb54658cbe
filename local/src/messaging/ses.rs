//! SESv2 `SendEmail` with simple and raw content, REST JSON.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_user_pool::ports::{Channel, Message, Outbox};
use mail_parser::MessageParser;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{account, identities};
use crate::ambient::unique_id;

/// 40 MB after base64 (cognito.md §9.3).
const BODY_LIMIT: usize = 54 * 1024 * 1024;

pub fn router(outbox: Arc<dyn Outbox>) -> Router {
    Router::new()
        .route("/v2/email/outbound-emails", post(send))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(outbox)
        .merge(account::ses())
        .merge(identities::router())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    #[serde(default)]
    destination: Destination,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Destination {
    #[serde(rename = "ToAddresses")]
    to: Vec<String>,
    #[serde(rename = "CcAddresses")]
    cc: Vec<String>,
    #[serde(rename = "BccAddresses")]
    bcc: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
    raw: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    data: String,
}

struct Mail {
    to: Vec<String>,
    subject: Option<String>,
    text: String,
}

async fn send(State(outbox): State<Arc<dyn Outbox>>, body: Bytes) -> Response {
    let mail = match serde_json::from_slice::<SendEmail>(&body) {
        Ok(input) => read(input),
        Err(error) => Err(error.to_string()),
    };
    match mail {
        Err(text) => answer(StatusCode::BAD_REQUEST, &json!({ "message": text })),
        Ok(Mail { to, subject, text }) => {
            for to in to {
                let (subject, text) = (subject.clone(), text.clone());
                outbox.deliver(Message { channel: Channel::Email, to, subject, text, code: None });
            }
            answer(StatusCode::OK, &json!({ "MessageId": unique_id() }))
        }
    }
}

fn read(input: SendEmail) -> Result<Mail, String> {
    let Destination { mut to, cc, bcc } = input.destination;
    to.extend(cc);
    to.extend(bcc);
    let mut mail = match (input.content.simple, input.content.raw) {
        (Some(simple), None) => {
            let text = simple.body.text.or(simple.body.html).ok_or("Missing body")?;
            Mail { to: Vec::new(), subject: Some(simple.subject.data), text: text.data }
        }
        (None, Some(raw)) => parse(&raw.data)?,
        _ => return Err("The local SES takes either Simple or Raw content".to_owned()),
    };
    // The envelope wins over the header.
    if !to.is_empty() {
        mail.to = to;
    }
    if mail.to.is_empty() {
        return Err("Missing destination".to_owned());
    }
    Ok(mail)
}

fn parse(data: &str) -> Result<Mail, String> {
    let bytes = STANDARD.decode(data).map_err(|error| error.to_string())?;
    let message = MessageParser::default().parse(&bytes).ok_or("Raw content is no message")?;
    let addresses = message.to().into_iter().flat_map(|to| to.iter().map(|address| address.address()));
    let text = message.body_text(0).ok_or("Raw content has no text")?;
    Ok(Mail {
        to: addresses.flatten().map(str::to_owned).collect(),
        subject: message.subject().map(str::to_owned),
        text: text.into_owned(),
    })
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let kind = if status.is_success() { "" } else { "BadRequestException" };
    let headers = [("content-type", "application/json"), ("x-amzn-errortype", kind)];
    (status, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::ambient::MachineClock;
    use crate::outbox::Outbox;

    async fn post_mail(outbox: &Arc<Outbox>, input: Value) -> u16 {
        let request = Request::post("/v2/email/outbound-emails")
            .body(axum::body::Body::from(input.to_string()))
            .unwrap();
        router(outbox.clone()).oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn simple_mail_lands_in_the_outbox_of_each_recipient() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        let input = json!({
            "FromEmailAddress": "no-reply@example.com",
            "Destination": { "ToAddresses": ["ada@example.com"], "BccAddresses": ["audit@example.com"] },
            "Content": { "Simple": {
                "Subject": { "Data": "Your code" },
                "Body": { "Text": { "Data": "It is 123456." }, "Html": { "Data": "<b>123456</b>" } },
            } },
        });
        assert_eq!(post_mail(&outbox, input).await, 200);
        let mail = &outbox.messages(Some("ada@example.com"))[0];
        assert_eq!((mail.text.as_str(), mail.code.as_deref()), ("It is 123456.", Some("123456")));
        assert_eq!(mail.subject.as_deref(), Some("Your code"));
        assert_eq!(outbox.messages(Some("audit@example.com")).len(), 1);
    }

    #[tokio::test]
    async fn raw_mail_is_decoded() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        let raw = "From: no-reply@example.com\r\nTo: Ada <ada@example.com>\r\n\
                   Subject: =?utf-8?B?w5xiZXJwcsO8ZnVuZw==?=\r\nMIME-Version: 1.0\r\n\
                   Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                   Your code is=\r\n 123456.\r\n";
        let input = json!({ "Content": { "Raw": { "Data": STANDARD.encode(raw) } } });
        assert_eq!(post_mail(&outbox, input).await, 200);
        let mail = &outbox.messages(Some("ada@example.com"))[0];
        assert_eq!(mail.subject.as_deref(), Some("Überprüfung"));
        assert_eq!(mail.text.trim_end(), "Your code is 123456.");
    }

    #[tokio::test]
    async fn mail_to_nobody_or_of_nothing_is_refused() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        let simple = json!({ "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } } });
        for input in [
            json!({ "Content": { "Simple": simple } }),
            json!({ "Destination": { "ToAddresses": ["a@example.com"] }, "Content": {} }),
            json!({ "Destination": { "ToAddresses": ["a@example.com"] }, "Content": { "Raw": { "Data": "%" } } }),
        ] {
            assert_eq!(post_mail(&outbox, input).await, 400);
        }
        assert!(outbox.messages(None).is_empty());
    }
}
