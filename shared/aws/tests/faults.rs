//! A service's error text may quote a token, a key or an address. A [`PortError`] is logged, so it must hold
//! none of them. The tests run such services on loopback.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use mfa_aws::{Aws, AwsSettings, EndUserMessaging, SmsSettings, Table, UserPool};
use mfa_core::{
    config::Policy,
    delivery::{
        message::SmsText,
        provider_chain::{Provider as _, Sms},
    },
    factors::{NativeFactors as _, UserPoolFault, preference::PreferenceChange},
    kernel::{AccessToken, OneTimeCode, PhoneNumber, PortError, UserId},
    sign_in::SignInLedger as _,
    sign_up::ConfirmedUsers as _,
};
use mfa_testkit::Deployed;
use serde_json::json;
use tokio::time::timeout;

const CANARY: &str = "canary-5550199";

/// The answer of a service to every request.
#[derive(Debug, Clone)]
struct Answer {
    status: &'static str,
    /// The header `x-amzn-errortype`.
    error_type: Option<&'static str>,
    body: String,
}

/// Returns the forms of an error in AWS JSON, each with the canary in its text.
fn answers(known: &'static str) -> Vec<(Option<&'static str>, Answer)> {
    let text = format!("1 validation error detected: Value '{CANARY}' at 'accessToken' failed");
    let bad = "400 Bad Request";
    let typed = |code: &'static str| {
        let body = json!({ "__type": code, "message": text }).to_string();
        (Some(code), Answer { status: bad, error_type: None, body })
    };
    let header = Answer { status: bad, error_type: Some("NeverHeardException"), body: text.clone() };
    let untyped = json!({ "message": text, "Message": text }).to_string();
    vec![
        typed(known),
        typed("NeverHeardException"),
        (Some("NeverHeardException"), header),
        (None, Answer { status: bad, error_type: None, body: untyped }),
        (None, Answer { status: "500 Internal Server Error", error_type: None, body: text.clone() }),
        (None, Answer { status: "200 OK", error_type: None, body: format!("{{\"{CANARY}") }),
    ]
}

/// Starts a service that runs until the test's process ends.
fn service(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A failed write means that the client has disconnected.
            let _gone = serve(&stream, &answer);
        }
    });
    url
}

fn serve(stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let Answer { status, error_type, body } = answer;
    let error_type = error_type.map(|name| format!("x-amzn-errortype: {name}\r\n")).unwrap_or_default();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\n{error_type}");
    let mut stream = stream;
    write!(stream, "{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn aws(endpoint: &str) -> Aws {
    Aws::new(Deployed::at(endpoint, "").read(AwsSettings::read)).unwrap()
}

fn assert_silent(fault: &PortError, code: Option<&str>, answer: &Answer) {
    let chain = fault.chain();
    assert!(!chain.contains(CANARY) && !format!("{fault:?}").contains(CANARY), "{chain} from {answer:?}");
    assert!(chain.starts_with(fault.operation), "{chain}");
    assert!(code.is_none_or(|code| chain.ends_with(code)), "{chain} from {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_user_pool() {
    let token = AccessToken::from_authorization(CANARY).unwrap();
    let code = OneTimeCode::parse("123456").unwrap();
    for (name, answer) in answers("InternalErrorException") {
        let pool = UserPool::new(&aws(&service(answer.clone())));
        let faults = [
            pool.profile(&token).await.err(),
            pool.associate_totp(&token).await.err(),
            pool.verify_totp(&token, &code, None).await.err(),
            pool.set_preference(&token, &PreferenceChange::default()).await.err(),
        ];
        for fault in faults.map(Option::unwrap) {
            match fault {
                UserPoolFault::Port(fault) => assert_silent(&fault, name, &answer),
                other => panic!("{other:?} from {answer:?}"),
            }
        }
    }
    let refused = json!({ "__type": "NotAuthorizedException", "message": CANARY }).to_string();
    let answer = Answer { status: "400 Bad Request", error_type: None, body: refused };
    let fault = UserPool::new(&aws(&service(answer))).profile(&token).await.unwrap_err();
    assert!(matches!(fault, UserPoolFault::NotSignedIn), "{fault:?}");
    assert!(!format!("{fault:?} {fault}").contains(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_table() {
    let user = UserId::parse(CANARY).unwrap();
    for (name, answer) in answers("ValidationException") {
        let table = Table::new(&aws(&service(answer.clone())));
        let faults = [
            table.complete(&user, Timestamp::UNIX_EPOCH).await.err(),
            table.record(&user, Timestamp::UNIX_EPOCH).await.err(),
        ];
        for fault in faults.map(Option::unwrap) {
            assert_silent(&fault, name, &answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_named_with_its_cause() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let fault = Table::new(&aws(&endpoint)).reset(&UserId::parse("sub").unwrap()).await.unwrap_err();
    assert!(fault.chain().contains("refused"), "{}", fault.chain());
}

#[tokio::test]
async fn how_long_a_provider_may_take_is_its_chains_to_say() {
    // The listener accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let provider = EndUserMessaging::new(
        &aws(&format!("http://{}", silent.local_addr().unwrap())),
        SmsSettings::default(),
    );
    let sms = Sms {
        to: PhoneNumber::parse("+4915112345678").unwrap(),
        text: SmsText::new("123456".to_owned()),
        sender_id: None,
        time_to_live: Duration::from_mins(3),
    };
    let chains_limit = Policy::default().delivery.sms.attempt_timeout();
    assert!(timeout(chains_limit, provider.send(&sms)).await.is_err(), "the client gave up before its chain");
}
