//! Compares our client of AWS JSON with the SDK's: the request, its destination and its signature. The same
//! input goes through both, member by member, so the comparison finds a name that the service does not know.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_lc_rs::{digest, hmac};
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementRequest, DeleteRequest, ReturnValue, ReturnValuesOnConditionCheckFailure,
    WriteRequest,
};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_pinpointsmsvoicev2::types::MessageType;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::{SdkConfig, region::Region};
use data_encoding::{BASE64, HEXLOWER};
use jiff::{Timestamp, civil::date};
use serde_json::{Map, Value, json};
use shared::{
    audit::AuditLog as _,
    delivery::{
        BudgetCounter, BudgetCounts, BudgetLimits, BudgetScope, Budgets as _, Channel, CounterIncrement,
        DataKeyCiphertext, DataKeys as _, DeliveryId, Provider as _, Reservation, SendHistory, SendLeases,
        Sms, SmsText, TrustLevel,
    },
    factors::custom::{SealedSeed, Seeds as _, TotpSeed},
    kernel::{PhoneNumber, UserId},
    sign_up::{AddressClaims, AddressKey, ClaimCursor, ClaimScan as _},
};
use shared_aws::{
    Aws, AwsSettings, EndUserMessaging, JsonClient, Kms, RetryPolicy, SeedKey, SeedSettings, Service,
    SmsSettings, Table,
};
use shared_testkit::Deployed;
use tokio::time::Instant;

const KEY_ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f";

/// A request on the wire.
#[derive(Debug, Clone)]
struct Sent {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    fn operation(&self) -> &str {
        self.header("x-amz-target").rsplit('.').next().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A service that records its requests. `answer` returns the status and body for each operation.
struct Recorder {
    endpoint: String,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Recorder {
    fn start(answer: impl Fn(usize, &Sent) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = sent.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A failed write means that the client has disconnected.
                let _gone = serve(&stream, &kept, &answer);
            }
        });
        Self { endpoint, sent }
    }

    fn taken(&self) -> Vec<Sent> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

fn serve(
    mut stream: &TcpStream,
    kept: &Mutex<Vec<Sent>>,
    answer: &impl Fn(usize, &Sent) -> (u16, Value),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let sent = Sent { line: line.trim().to_owned(), headers, body };
    let before = {
        let mut kept = kept.lock().unwrap();
        kept.push(sent.clone());
        kept.len() - 1
    };
    let (status, body) = answer(before, &sent);
    let body = body.to_string();
    write!(stream, "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Returns an answer with which every call succeeds.
fn content(_: usize, sent: &Sent) -> (u16, Value) {
    let item = json!({ "pk": { "S": "a" }, "sk": { "S": "b" } });
    let answer = match sent.operation() {
        "Query" => json!({ "Items": [item] }),
        "BatchExecuteStatement" => {
            let asked = sent.json()["Statements"].as_array().unwrap().len();
            json!({ "Responses": vec![json!({}); asked] })
        }
        "Decrypt" => json!({ "KeyId": KEY_ARN, "Plaintext": BASE64.encode(&[7; 32]) }),
        "Encrypt" => json!({ "CiphertextBlob": BASE64.encode(b"sealed") }),
        _ => json!({}),
    };
    (200, answer)
}

fn aws(endpoint: &str) -> Aws {
    Aws::new(Deployed::at(endpoint, "").read(AwsSettings::read)).unwrap()
}

fn sdk(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "local", "local", None, None, "test",
        )))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let texts = || value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    match kind.as_str() {
        "S" => AttributeValue::S(value.as_str().unwrap().into()),
        "N" => AttributeValue::N(value.as_str().unwrap().into()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "B" => AttributeValue::B(Blob::new(BASE64.decode(value.as_str().unwrap().as_bytes()).unwrap())),
        "SS" => AttributeValue::Ss(texts()),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => AttributeValue::M(item(value).unwrap()),
        other => panic!("{other} is no type that we write"),
    }
}

fn item(value: &Value) -> Option<HashMap<String, AttributeValue>> {
    let members = value.as_object()?.iter();
    Some(members.map(|(name, value)| (name.clone(), attribute(value))).collect())
}

fn attributes(input: &Value, name: &str) -> Option<HashMap<String, AttributeValue>> {
    item(input.get(name)?)
}

fn names(input: &Value) -> Option<HashMap<String, String>> {
    let names = input.get("ExpressionAttributeNames")?.as_object()?.iter();
    Some(names.map(|(short, name)| (short.clone(), name.as_str().unwrap().to_owned())).collect())
}

/// Passes the same members to the SDK's builders.
async fn say_again(config: &SdkConfig, said: &Sent) {
    let input = said.json();
    let table = aws_sdk_dynamodb::Client::new(config);
    match said.operation() {
        "UpdateItem" | "PutItem" | "DeleteItem" => write_again(&table, said.operation(), &input).await,
        "GetItem" | "Query" | "Scan" => read_again(&table, said.operation(), &input).await,
        "BatchExecuteStatement" => execute_again(&table, &input).await,
        "BatchWriteItem" => delete_again(&table, &input).await,
        "Decrypt" | "Encrypt" => seal_again(config, said.operation(), &input).await,
        "SendTextMessage" => send_again(config, &input).await,
        other => panic!("nobody says {other} again"),
    }
}

async fn write_again(table: &aws_sdk_dynamodb::Client, operation: &str, input: &Value) {
    let of = |name| text(input, name);
    let on_failure = of("ReturnValuesOnConditionCheckFailure");
    let on_failure = on_failure.as_deref().map(ReturnValuesOnConditionCheckFailure::from);
    match operation {
        "UpdateItem" => drop(
            table
                .update_item()
                .set_table_name(of("TableName"))
                .set_key(attributes(input, "Key"))
                .set_update_expression(of("UpdateExpression"))
                .set_condition_expression(of("ConditionExpression"))
                .set_expression_attribute_names(names(input))
                .set_expression_attribute_values(attributes(input, "ExpressionAttributeValues"))
                .set_return_values(of("ReturnValues").as_deref().map(ReturnValue::from))
                .set_return_values_on_condition_check_failure(on_failure)
                .send()
                .await
                .unwrap(),
        ),
        "PutItem" => drop(
            table
                .put_item()
                .set_table_name(of("TableName"))
                .set_item(attributes(input, "Item"))
                .set_condition_expression(of("ConditionExpression"))
                .set_expression_attribute_values(attributes(input, "ExpressionAttributeValues"))
                .send()
                .await
                .unwrap(),
        ),
        "DeleteItem" => drop(
            table
                .delete_item()
                .set_table_name(of("TableName"))
                .set_key(attributes(input, "Key"))
                .set_condition_expression(of("ConditionExpression"))
                .set_expression_attribute_values(attributes(input, "ExpressionAttributeValues"))
                .send()
                .await
                .unwrap(),
        ),
        other => panic!("{other} writes nothing"),
    }
}

async fn read_again(table: &aws_sdk_dynamodb::Client, operation: &str, input: &Value) {
    let of = |name| text(input, name);
    match operation {
        "GetItem" => drop(
            table
                .get_item()
                .set_table_name(of("TableName"))
                .set_key(attributes(input, "Key"))
                .set_consistent_read(input.get("ConsistentRead").and_then(Value::as_bool))
                .send()
                .await
                .unwrap(),
        ),
        "Query" => drop(
            table
                .query()
                .set_table_name(of("TableName"))
                .set_key_condition_expression(of("KeyConditionExpression"))
                .set_projection_expression(of("ProjectionExpression"))
                .set_expression_attribute_values(attributes(input, "ExpressionAttributeValues"))
                .set_consistent_read(input.get("ConsistentRead").and_then(Value::as_bool))
                .set_scan_index_forward(input.get("ScanIndexForward").and_then(Value::as_bool))
                .set_limit(input.get("Limit").map(|limit| limit.as_i64().unwrap().try_into().unwrap()))
                .send()
                .await
                .unwrap(),
        ),
        "Scan" => drop(
            table
                .scan()
                .set_table_name(of("TableName"))
                .set_filter_expression(of("FilterExpression"))
                .set_projection_expression(of("ProjectionExpression"))
                .set_expression_attribute_values(attributes(input, "ExpressionAttributeValues"))
                .set_exclusive_start_key(attributes(input, "ExclusiveStartKey"))
                .send()
                .await
                .unwrap(),
        ),
        other => panic!("{other} reads nothing"),
    }
}

async fn execute_again(table: &aws_sdk_dynamodb::Client, input: &Value) {
    let statements = input["Statements"].as_array().unwrap().iter().map(|statement| {
        let on_failure = text(statement, "ReturnValuesOnConditionCheckFailure");
        BatchStatementRequest::builder()
            .set_statement(text(statement, "Statement"))
            .set_parameters(Some(statement["Parameters"].as_array().unwrap().iter().map(attribute).collect()))
            .set_consistent_read(statement.get("ConsistentRead").and_then(Value::as_bool))
            .set_return_values_on_condition_check_failure(
                on_failure.as_deref().map(ReturnValuesOnConditionCheckFailure::from),
            )
            .build()
            .unwrap()
    });
    table.batch_execute_statement().set_statements(Some(statements.collect())).send().await.unwrap();
}

async fn delete_again(table: &aws_sdk_dynamodb::Client, input: &Value) {
    let mut batch = table.batch_write_item();
    for (name, writes) in input["RequestItems"].as_object().unwrap() {
        let writes = writes.as_array().unwrap().iter().map(|write| {
            let key = attributes(&write["DeleteRequest"], "Key");
            let delete = DeleteRequest::builder().set_key(key).build().unwrap();
            WriteRequest::builder().delete_request(delete).build()
        });
        batch = batch.request_items(name, writes.collect());
    }
    batch.send().await.unwrap();
}

async fn seal_again(config: &SdkConfig, operation: &str, input: &Value) {
    let of = |name| text(input, name);
    let keys = aws_sdk_kms::Client::new(config);
    let context = input["EncryptionContext"].as_object().unwrap().iter();
    let context =
        Some(context.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect());
    let blob = |name| of(name).map(|text| Blob::new(BASE64.decode(text.as_bytes()).unwrap()));
    match operation {
        "Decrypt" => drop(
            keys.decrypt()
                .set_key_id(of("KeyId"))
                .set_encryption_context(context)
                .set_ciphertext_blob(blob("CiphertextBlob"))
                .send()
                .await
                .unwrap(),
        ),
        "Encrypt" => drop(
            keys.encrypt()
                .set_key_id(of("KeyId"))
                .set_encryption_context(context)
                .set_plaintext(blob("Plaintext"))
                .send()
                .await
                .unwrap(),
        ),
        other => panic!("{other} asks no key"),
    }
}

async fn send_again(config: &SdkConfig, input: &Value) {
    let of = |name| text(input, name);
    aws_sdk_pinpointsmsvoicev2::Client::new(config)
        .send_text_message()
        .set_destination_phone_number(of("DestinationPhoneNumber"))
        .set_message_body(of("MessageBody"))
        .set_message_type(of("MessageType").as_deref().map(MessageType::from))
        .set_origination_identity(of("OriginationIdentity"))
        .set_configuration_set_name(of("ConfigurationSetName"))
        .set_time_to_live(input.get("TimeToLive").map(|life| life.as_i64().unwrap().try_into().unwrap()))
        .send()
        .await
        .unwrap();
}

fn sms() -> Sms {
    Sms {
        to: PhoneNumber::parse("+4915112345678").unwrap(),
        text: SmsText::new("123456 is \"your\" code — Größe".to_owned()),
        sender_id: Some("Example".to_owned()),
        time_to_live: Duration::from_mins(3),
    }
}

/// Calls every operation that we use, with every member that any call has.
async fn say_everything(endpoint: &str) {
    let aws = aws(endpoint);
    let (user, now) = (UserId::parse("a1b2").unwrap(), Timestamp::from_second(1_767_323_045).unwrap());
    let table = Table::new(&aws);
    let id = DeliveryId::new("us-east-1_Example", "alex", "CustomSMSSender_Authentication", "EVENT");
    // Without an item in the answer, these calls fail. Only the requests matter here.
    let _unread = SendLeases::acquire(&table, &id, now, now).await;
    table.history(&user, Channel::Sms).await.unwrap();
    let (before, after) = (
        SendHistory { version: 3, ..SendHistory::default() },
        SendHistory { version: 4, ..SendHistory::default() },
    );
    table.swap_history(&user, Channel::Sms, &before, &after).await.unwrap();
    let counter = |name: &str| BudgetCounter {
        channel: Channel::Sms,
        scope: BudgetScope::User,
        name: name.to_owned(),
        shard: 0,
        day: date(2026, 1, 2),
    };
    table.read(&user, Channel::Sms, 9, &[counter("a1b2"), counter("all")]).await.unwrap();
    let limits = BudgetLimits { per_hour: 5, per_day: 9, open_per_hour: 5, open_per_day: 9, unverified: 4 };
    let increment = |name: &str, seen| CounterIncrement {
        counter: counter(name),
        hour: 9,
        trust: TrustLevel::Unverified,
        limits,
        seen,
    };
    let increments =
        [increment("a1b2", None), increment("all", Some(BudgetCounts { day: 1, ..BudgetCounts::default() }))];
    let reservation = Reservation {
        user: &user,
        channel: Channel::Sms,
        history: Some((&before, &after)),
        increments: &increments,
    };
    table.reserve(&reservation).await.unwrap();
    table.newest(&user, None, 3).await.unwrap();
    table.release(&AddressKey::new("hash".to_owned()), &user).await.unwrap();
    let place = ClaimCursor { pk: "ADDRESS#a".to_owned(), sk: "CLAIM".to_owned() };
    table.unseen(now, Some(&place)).await.unwrap();
    table.forget(&user).await.unwrap();

    let context = BTreeMap::from([("userpool-id".to_owned(), "us-east-1_Example".to_owned())]);
    let sealed = DataKeyCiphertext { key_arn: KEY_ARN, context: &context, ciphertext: b"sealed" };
    Kms::new(&aws).decrypt(&sealed).await.unwrap();
    let lookup = |name: &str| match name {
        "MFA_USER_POOL_ID" => Some("us-east-1_Example".to_owned()),
        "MFA_SEED_KEY_ARN" => Some(KEY_ARN.to_owned()),
        _ => None,
    };
    let seeds = SeedKey::new(&aws, shared::config::load(&lookup, SeedSettings::read).unwrap());
    seeds.seal(&user, &TotpSeed::from_bytes(&[9; 20]).unwrap()).await.unwrap();
    let _of_32_bytes = seeds.open(&user, &SealedSeed::new(b"sealed".to_vec())).await;
    let settings = SmsSettings { configuration_set: Some("codes".to_owned()), ..SmsSettings::default() };
    EndUserMessaging::new(&aws, settings).send(&sms()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_what_the_sdk_sends() {
    let (ours, theirs) = (Recorder::start(content), Recorder::start(content));
    say_everything(&ours.endpoint).await;
    let said = ours.taken();
    let operations: BTreeSet<_> = said.iter().map(Sent::operation).collect();
    let all = [
        "BatchExecuteStatement",
        "BatchWriteItem",
        "Decrypt",
        "DeleteItem",
        "Encrypt",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "SendTextMessage",
        "UpdateItem",
    ];
    assert_eq!(operations.into_iter().collect::<Vec<_>>(), all);
    let config = sdk(&theirs.endpoint);
    for one in said {
        say_again(&config, &one).await;
        let [again] = theirs.taken().try_into().unwrap();
        assert_eq!(one.line, again.line);
        for name in ["x-amz-target", "content-type", "content-length"] {
            assert_eq!(one.header(name), again.header(name), "{name} of {}", one.operation());
        }
        assert_eq!(one.json(), again.json(), "{}", one.operation());
    }
}

/// Computes Signature Version 4 again from the request on the wire (AWS IAM User Guide, "Create a signed AWS
/// API request").
#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_is_what_is_sent() {
    let recorder = Recorder::start(content);
    say_everything(&recorder.endpoint).await;
    // In Lambda, the credentials belong to a session.
    let in_session = client(&recorder, RETRIES, Some("session"));
    let _nothing: Value = in_session.call("GetItem", &json!({})).await.unwrap();
    let sent = recorder.taken();
    assert!(sent.iter().any(|sent| sent.header("x-amz-security-token") == "session"));
    for sent in sent {
        let authorization = sent.header("authorization");
        let part = |name: &str| authorization.split(name).nth(1).unwrap().split(',').next().unwrap();
        let (scope, signed) = (part("Credential=local/"), part("SignedHeaders="));
        let names: Vec<_> = signed.split(';').collect();
        let signed_always = ["content-type", "host", "x-amz-date", "x-amz-target"];
        let in_session = sent.headers.contains_key("x-amz-security-token").then_some("x-amz-security-token");
        let must: BTreeSet<_> = signed_always.into_iter().chain(in_session).collect();
        assert_eq!(names, must.into_iter().collect::<Vec<_>>());
        let mut canonical = "POST\n/\n\n".to_owned();
        for name in names {
            writeln!(canonical, "{name}:{}", sent.header(name)).unwrap();
        }
        let hash = |bytes: &[u8]| HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref());
        write!(canonical, "\n{signed}\n{}", hash(&sent.body)).unwrap();
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            sent.header("x-amz-date"),
            hash(canonical.as_bytes())
        );
        let code = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
        };
        let key = scope.split('/').fold(b"AWS4local".to_vec(), |key, part| code(&key, part));
        assert_eq!(part("Signature="), HEXLOWER.encode(&code(&key, &to_sign)), "{}", sent.operation());
        let service = match sent.header("x-amz-target").split('.').next().unwrap() {
            "DynamoDB_20120810" => "dynamodb",
            "TrentService" => "kms",
            _ => "sms-voice",
        };
        assert_eq!(scope, format!("{}/us-east-1/{service}/aws4_request", &sent.header("x-amz-date")[..8]));
    }
}

macro_rules! sdk_endpoint {
    ($sdk:ident, $region:expr) => {{
        use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
        let (resolver, params) = (DefaultResolver::new(), Params::builder().region($region).build().unwrap());
        resolver.resolve_endpoint(&params).await.unwrap().url().to_owned()
    }};
}

#[tokio::test]
async fn a_service_is_where_the_sdk_finds_it() {
    let regions = [
        "af-south-1",
        "ap-southeast-7",
        "ca-west-1",
        "cn-north-1",
        "cn-northwest-1",
        "eu-central-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
        "il-central-1",
        "me-central-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-gov-east-1",
        "us-gov-west-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "us-isof-south-1",
    ];
    for region in regions {
        let theirs = [
            sdk_endpoint!(aws_sdk_dynamodb, region),
            sdk_endpoint!(aws_sdk_kms, region),
            sdk_endpoint!(aws_sdk_pinpointsmsvoicev2, region),
        ];
        let ours = [Service::DYNAMODB, Service::KMS, Service::SMS].map(|service| service.endpoint(region));
        assert_eq!(ours, theirs);
    }
}

/// Returns our client, connected to a recorder.
fn client(recorder: &Recorder, retry_policy: RetryPolicy, session_token: Option<&str>) -> JsonClient {
    let credentials = Credentials::new("local", "local", session_token.map(str::to_owned), None, "test");
    let connector = aws_smithy_http_client::Connector::builder().build_http();
    JsonClient {
        connector: SharedHttpConnector::new(connector),
        credentials: SharedCredentialsProvider::new(credentials),
        region: "us-east-1".to_owned(),
        service: Service::DYNAMODB,
        endpoint: recorder.endpoint.clone(),
        retry_policy,
    }
}

/// Returns how many requests a call makes to a service with this answer, and whether the call succeeds.
async fn ask(
    retry_policy: RetryPolicy,
    answer: impl Fn(usize, &Sent) -> (u16, Value) + Send + 'static,
) -> (usize, bool) {
    let recorder = Recorder::start(answer);
    let ended = client(&recorder, retry_policy, None).call::<Map<String, Value>>("GetItem", &json!({})).await;
    (recorder.taken().len(), ended.is_ok())
}

const RETRIES: RetryPolicy = RetryPolicy {
    tries: 3,
    back_off: Duration::from_millis(1),
    one_try: Some(Duration::from_millis(300)),
    all_tries: Some(Duration::from_millis(800)),
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_transient_is_tried_again_and_nothing_else() {
    let error = |status, code: &str| (status, json!({ "__type": format!("com.amazonaws#{code}") }));
    let ok = || (200, json!({}));
    for (status, code) in [
        (500, "InternalServerError"),
        (503, ""),
        (400, "ThrottlingException"),
        (400, "ProvisionedThroughputExceededException"),
        (400, "RequestLimitExceeded"),
    ] {
        let first = error(status, code);
        let ended = ask(RETRIES, move |before, _| if before == 0 { first.clone() } else { ok() }).await;
        assert_eq!(ended, (2, true), "{status} {code}");
        assert_eq!(ask(RETRIES, move |_, _| error(status, code)).await, (3, false), "{status} {code}");
        let single = RetryPolicy { tries: 1, ..RETRIES };
        assert_eq!(ask(single, move |_, _| error(status, code)).await, (1, false), "{status} {code}");
    }
    for code in ["ConditionalCheckFailedException", "ValidationException", "AccessDeniedException", ""] {
        assert_eq!(ask(RETRIES, move |_, _| error(400, code)).await, (1, false), "{code}");
    }
    assert_eq!(ask(RETRIES, |_, _| (200, json!("no object"))).await, (1, false), "unreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_and_a_call_have_their_time_and_no_more() {
    let slow = |before, _: &Sent| {
        if before == 0 {
            thread::sleep(Duration::from_millis(400));
        }
        (200, json!({}))
    };
    assert_eq!(ask(RETRIES, slow).await, (2, true));
    let begun = Instant::now();
    let ended = ask(RETRIES, |_, _| {
        thread::sleep(Duration::from_secs(3));
        (200, json!({}))
    });
    assert!(!ended.await.1);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// Returns how often the erasure of a user calls a table that throttles everything `times` times, and whether
/// it succeeds.
async fn erased_after(times: usize) -> (usize, bool) {
    let left = Mutex::new(times);
    let recorder = Recorder::start(move |before, sent| {
        let mut left = left.lock().unwrap();
        if sent.operation() != "BatchWriteItem" || *left == 0 {
            return content(before, sent);
        }
        *left -= 1;
        (200, json!({ "UnprocessedItems": sent.json()["RequestItems"] }))
    });
    let user = UserId::parse("a1b2").unwrap();
    let is_erased = Table::new(&aws(&recorder.endpoint)).forget(&user).await.is_ok();
    let asked: Vec<_> =
        recorder.taken().into_iter().filter(|sent| sent.operation() == "BatchWriteItem").collect();
    assert!(asked.windows(2).all(|pair| pair[0].json() == pair[1].json()), "all that was left");
    (asked.len(), is_erased)
}

#[tokio::test(flavor = "multi_thread")]
async fn unprocessed_keys_are_retried_with_a_limit() {
    let begun = Instant::now();
    assert_eq!(erased_after(2).await, (3, true));
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    // The pauses double from 50 ms to 3.2 s.
    assert_eq!(erased_after(100).await, (8, false));
}
