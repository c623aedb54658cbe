//! Maps each answer of a provider's service to a fault. The chain moves on only for a fault that another
//! provider can mend. Each provider sends one request, because the caller counts tries and time.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode};
use mfa_aws::{Aws, AwsSettings, EmailSender, EmailSettings, EndUserMessaging, Ses, SmsSettings, Sns};
use mfa_core::{
    delivery::{
        message::{EmailText, SmsText},
        provider_chain::{Email, Provider, ProviderFault, Sms},
    },
    kernel::{EmailAddress, PhoneNumber},
};
use mfa_testkit::Deployed;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Returns the result of a service that answers every request with `status` and `body`. Checks that it was
/// called once.
async fn told<P: Provider<M>, M>(
    provider: impl FnOnce(&Aws) -> P,
    message: &M,
    (status, body): (u16, String),
) -> &'static str {
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    let service = Router::new().fallback(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        (StatusCode::from_u16(status).unwrap(), body)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, service).await });
    let aws = Aws::new(Deployed::at(endpoint, "").read(AwsSettings::read)).unwrap();
    let sent = provider(&aws).send(message).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1, "asked once");
    match sent {
        Ok(()) => "taken",
        Err(ProviderFault::Throttled) => "throttled",
        Err(ProviderFault::OptedOut) => "opted out",
        Err(ProviderFault::AddressRejected) => "rejected",
        Err(ProviderFault::Unavailable(_)) => "unavailable",
    }
}

fn sms() -> Sms {
    Sms {
        to: PhoneNumber::parse("+4915112345678").unwrap(),
        text: SmsText::new("123456 is your code".to_owned()),
        sender_id: None,
        time_to_live: Duration::from_mins(3),
    }
}

fn email() -> Email {
    let part = |text: &str| text.to_owned().into();
    Email {
        to: EmailAddress::parse("alex@example.com").unwrap(),
        text: EmailText { subject: "s".to_owned(), text: part("t"), html: part("<p>t</p>") },
    }
}

fn end_user_messaging_of(aws: &Aws) -> EndUserMessaging {
    EndUserMessaging::new(aws, SmsSettings::default())
}

fn sns_of(aws: &Aws) -> Sns {
    Sns::new(aws, SmsSettings::default())
}

fn ses_of(aws: &Aws) -> Ses {
    Ses::new(
        aws,
        EmailSettings {
            from: EmailSender::parse("Müller & Söhne <no-reply@example.com>").ok(),
            configuration_set: None,
        },
    )
}

#[tokio::test]
async fn end_user_messaging() {
    let conflict = |reason: &str| (400, json!({ "__type": "ConflictException", "Reason": reason }));
    let invalid = |reason: &str, field: &str| {
        let fields = json!([{ "Name": field, "Message": "no" }]);
        (400, json!({ "__type": "ValidationException", "Reason": reason, "Fields": fields }))
    };
    let null = json!({ "__type": "ConflictException", "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT", "Fields": null });
    let answers = [
        ((200, json!({ "MessageId": "one" })), "taken"),
        ((400, json!({ "__type": "ThrottlingException" })), "throttled"),
        (conflict("DESTINATION_PHONE_NUMBER_OPTED_OUT"), "opted out"),
        ((400, null), "opted out"),
        (conflict("DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"), "rejected"),
        (conflict("DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE"), "rejected"),
        (invalid("DESTINATION_COUNTRY_BLOCKED", "none"), "rejected"),
        (invalid("FIELD_VALIDATION_FAILED", "DestinationPhoneNumber"), "rejected"),
        (invalid("FIELD_VALIDATION_FAILED", "MessageBody"), "unavailable"),
        (conflict("RESOURCE_NOT_ACTIVE"), "unavailable"),
        ((400, json!({ "__type": "AccessDeniedException" })), "unavailable"),
        ((500, json!({ "__type": "InternalServerException" })), "unavailable"),
    ];
    for ((status, body), expected) in answers {
        assert_eq!(told(end_user_messaging_of, &sms(), (status, body.to_string())).await, expected, "{body}");
    }
    // A second request for an accepted message would be paid twice.
    assert_eq!(told(end_user_messaging_of, &sms(), (200, "<html>".to_owned())).await, "taken");
}

/// The connection breaks in the middle of each successful response.
#[tokio::test]
async fn an_answer_that_breaks_off_is_taken() {
    broken_off(end_user_messaging_of, &sms()).await;
    broken_off(sns_of, &sms()).await;
    broken_off(ses_of, &email()).await;
}

async fn broken_off<P: Provider<M>, M>(provider: impl FnOnce(&Aws) -> P, message: &M) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answered = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _read = stream.read(&mut [0; 4_096]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{").await.unwrap();
    });
    let aws = Aws::new(Deployed::at(endpoint, "").read(AwsSettings::read)).unwrap();
    let provider = provider(&aws);
    let sent = provider.send(message).await;
    assert!(sent.is_ok(), "{}: {sent:?}", provider.name());
    answered.await.unwrap();
}

#[tokio::test]
async fn sns() {
    let error = |status, code: &str, message: &str| {
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        (status, format!("<ErrorResponse>{error}<RequestId>one</RequestId></ErrorResponse>"))
    };
    let published =
        "<PublishResponse><PublishResult><MessageId>one</MessageId></PublishResult></PublishResponse>";
    let answers = [
        ((200, published.to_owned()), "taken"),
        ((200, "{}".to_owned()), "taken"),
        ((200, String::new()), "taken"),
        (error(400, "Throttling", "Rate exceeded"), "throttled"),
        (error(429, "Throttled", "Rate exceeded"), "throttled"),
        (error(400, "OptedOut", "Phone number is opted out"), "opted out"),
        (error(400, "InvalidParameter", "Invalid parameter: PhoneNumber"), "rejected"),
        (error(400, "InvalidParameter", "Invalid parameter: Message"), "unavailable"),
        (error(403, "AuthorizationError", "no"), "unavailable"),
        (error(500, "InternalError", "no"), "unavailable"),
    ];
    for (answer, expected) in answers {
        let body = answer.1.clone();
        assert_eq!(told(sns_of, &sms(), answer).await, expected, "{body}");
    }
}

#[tokio::test]
async fn ses() {
    let error = |status, code: &str| (status, json!({ "__type": code, "message": "no" }));
    let answers = [
        ((200, json!({ "MessageId": "one" })), "taken"),
        (error(429, "TooManyRequestsException"), "throttled"),
        (error(400, "LimitExceededException"), "throttled"),
        (error(400, "ThrottlingException"), "throttled"),
        (error(400, "BadRequestException"), "rejected"),
        (error(400, "SendingPausedException"), "unavailable"),
        (error(400, "MessageRejected"), "unavailable"),
        (error(403, "AccessDeniedException"), "unavailable"),
        (error(500, "InternalServiceErrorException"), "unavailable"),
    ];
    for ((status, body), expected) in answers {
        assert_eq!(told(ses_of, &email(), (status, body.to_string())).await, expected, "{body}");
    }
    assert_eq!(told(ses_of, &email(), (200, "<html>".to_owned())).await, "taken");
}
