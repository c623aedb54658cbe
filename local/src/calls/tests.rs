use axum::routing::post;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;

/// Of a function whose role allows what these tests call.
fn calls_of_sender() -> Arc<Calls> {
    let allowed = [
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:PartiQLInsert",
        "dynamodb:PartiQLSelect",
        "dynamodb:PartiQLUpdate",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "lambda:InvokeFunction",
        "ses:SendEmail",
        "sns:Publish",
    ];
    calls_of(&json!({ "Effect": "Allow", "Action": allowed, "Resource": "*" }))
}

/// Of a function with one statement in its role.
fn calls_of(statement: &Value) -> Arc<Calls> {
    let mut role = Role::default();
    role.add(&json!({ "Statement": [statement] })).unwrap();
    let world = World { partition_keys: [("t".to_owned(), "pk".to_owned())].into(), ..World::default() };
    let callers = [("KEY".to_owned(), "sender".to_owned())].into();
    Calls::of(callers, [("sender".to_owned(), role)].into(), world)
}

/// Returns the response to a call signed with this key for this service.
async fn answered(
    router: &Router,
    (key, service): (&str, &str),
    header: (&str, &str),
    path: &str,
    body: String,
) -> (u16, String) {
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    );
    let request = Request::post(path)
        .header("authorization", signature)
        .header(header.0, header.1)
        .body(Body::from(body))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1024).await.unwrap();
    (status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn what_a_role_does_not_allow_is_denied_in_its_protocol_and_noted() {
    let calls = calls_of(&json!({ "Effect": "Allow", "Action": "dynamodb:PartiQLSelect", "Resource": "*" }));
    let router = calls.around(Router::new().fallback(post(async || "done")));
    let batch = |verbs: &[&str]| {
        let statements: Vec<_> = verbs.iter().map(|verb| json!({ "Statement": verb })).collect();
        json!({ "Statements": statements }).to_string()
    };
    let target = |operation| ("x-amz-target", operation);
    let no_target = ("x-other", "");
    for (service, header, path, body, expected) in [
        (
            "dynamodb",
            target("DynamoDB_20120810.BatchExecuteStatement"),
            "/",
            batch(&["SELECT"]),
            (200, "done"),
        ),
        (
            "dynamodb",
            target("DynamoDB_20120810.BatchExecuteStatement"),
            "/",
            batch(&["SELECT", "INSERT"]),
            (400, r#""__type":"AccessDeniedException""#),
        ),
        (
            "dynamodb",
            target("DynamoDB_20120810.GetItem"),
            "/",
            "{}".to_owned(),
            (400, "does not allow dynamodb:GetItem"),
        ),
        ("kms", target("TrentService.Decrypt"), "/", "{}".to_owned(), (400, "does not allow kms:Decrypt")),
        (
            "sns",
            no_target,
            "/",
            "Action=Publish&PhoneNumber=1".to_owned(),
            (403, "<Code>AuthorizationError</Code>"),
        ),
        (
            "ses",
            no_target,
            "/v2/email/outbound-emails",
            "{}".to_owned(),
            (403, "does not allow ses:SendEmail"),
        ),
    ] {
        let (status, told) = answered(&router, ("KEY", service), header, path, body).await;
        assert!(status == expected.0 && told.contains(expected.1), "{service}: {status} {told}");
    }
    let denied =
        ["dynamodb:GetItem", "dynamodb:PartiQLInsert", "kms:Decrypt", "ses:SendEmail", "sns:Publish"];
    let seen = &calls.seen()["sender"];
    assert!(denied.iter().all(|action| seen[*action].denied == 1), "{seen:?}");
    assert_eq!(seen["dynamodb:PartiQLSelect"], Count { calls: 2, denied: 1, ..Count::default() });
}

#[tokio::test]
async fn a_signed_call_is_noted_under_the_function_whose_key_it_is() {
    let calls = calls_of_sender();
    let router = calls.around(Router::new().fallback(post(async |body: Bytes| body)));
    for (key, service, header, path, body) in [
        ("KEY", "dynamodb", ("x-amz-target", "DynamoDB_20120810.DescribeTable"), "/", "{}"),
        ("KEY", "sns", ("x-other", ""), "/", "Action=Publish&PhoneNumber=1"),
        ("KEY", "ses", ("x-other", ""), "/v2/email/outbound-emails", "{}"),
        ("KEY", "lambda", ("x-other", ""), "/2015-03-31/functions/deliver/invocations", "{}"),
        ("OTHER", "kms", ("x-amz-target", "TrentService.Decrypt"), "/", "{}"),
    ] {
        let (_, answer) = answered(&router, (key, service), header, path, body.to_owned()).await;
        assert_eq!(answer, body, "the service still gets the body");
    }
    let noted = calls.seen();
    assert_eq!(noted.len(), 1);
    let actions: Vec<_> =
        noted["sender"].iter().map(|(action, count)| (action.as_str(), count.calls)).collect();
    let expected = ["dynamodb:DescribeTable", "lambda:InvokeFunction", "ses:SendEmail", "sns:Publish"];
    assert_eq!(actions, expected.map(|action| (action, 1)));
}

/// Checks the partitions of a call against the role, and counts each by the pattern that it matched.
#[tokio::test]
async fn a_call_of_a_partition_that_its_role_does_not_name_is_denied() {
    let named = json!({ "dynamodb:LeadingKeys": ["USER#*", "AUDIT#*"] });
    let calls = calls_of(&json!({
        "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*",
        "Condition": { "ForAllValues:StringLike": named },
    }));
    let router = calls.around(Router::new().fallback(post(async || "{}")));
    let header = ("x-amz-target", "DynamoDB_20120810.GetItem");
    for (partition, expected) in [("USER#1", 200), ("ADDRESS#1", 400)] {
        let body = json!({ "TableName": "t", "Key": { "pk": { "S": partition } } }).to_string();
        let (status, _) = answered(&router, ("KEY", "dynamodb"), header, "/", body).await;
        assert_eq!(status, expected, "{partition}");
    }
    let count = calls.seen()["sender"]["dynamodb:GetItem"].clone();
    let partitions = ["USER#*".to_owned()].into();
    assert_eq!(count, Count { calls: 2, denied: 1, partitions, ..Count::default() });
}

/// A table that answers as DynamoDB does, and refuses a key that requests a refusal.
async fn table(body: Bytes) -> Response {
    let input: Value = serde_json::from_slice(&body).unwrap();
    if input["Key"] == "taken" {
        let refusal = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
        return (StatusCode::BAD_REQUEST, refusal).into_response();
    }
    assert_eq!(input["ReturnConsumedCapacity"], "TOTAL");
    r#"{"Item":{},"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.5}}"#.into_response()
}

#[tokio::test]
async fn a_batch_is_one_call_and_needs_the_action_of_each_statement() {
    let calls = calls_of_sender();
    let answer = r#"{"Responses":[],"ConsumedCapacity":[{"TableName":"t","CapacityUnits":3.0}]}"#;
    let router = calls.around(Router::new().fallback(post(async move || answer)));
    let statements =
        ["INSERT INTO \"t\" VALUE {'pk': ?}", "UPDATE \"t\" SET d = d + 1 WHERE pk = ?", "update \"t\""];
    let statements = statements.map(|statement| json!({ "Statement": statement }));
    let batch = async |input: Value| {
        let request = Request::post("/")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/dynamodb/aws4_request",
            )
            .header("x-amz-target", "DynamoDB_20120810.BatchExecuteStatement")
            .body(Body::from(input.to_string()))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(to_bytes(response.into_body(), 1024).await.unwrap(), r#"{"Responses":[]}"#);
    };
    batch(json!({ "Statements": statements })).await;
    let noted = &calls.seen()["sender"];
    assert_eq!(noted.len(), 2);
    assert_eq!(noted["dynamodb:PartiQLInsert"], Count { calls: 1, write_units: 3.0, ..Count::default() });
    assert_eq!(noted["dynamodb:PartiQLUpdate"], Count::default());
    let read = json!({ "Statements": [{ "Statement": "SELECT d FROM \"t\" WHERE pk = ?" }] });
    batch(read).await;
    let noted = &calls.seen()["sender"];
    assert_eq!(noted["dynamodb:PartiQLSelect"], Count { calls: 1, read_units: 3.0, ..Count::default() });
}

#[tokio::test]
async fn units_are_asked_for_in_the_callers_place_and_kept_from_it() {
    let calls = calls_of_sender();
    let router = calls.around(Router::new().fallback(post(table)));
    for (operation, body, expected) in [
        ("GetItem", r#"{"Key":"free"}"#, r#"{"Item":{}}"#),
        ("GetItem", r#"{"Key":"free"}"#, r#"{"Item":{}}"#),
        ("Scan", r#"{"Key":"free"}"#, r#"{"Item":{}}"#),
        ("UpdateItem", r#"{"Key":"free"}"#, r#"{"Item":{}}"#),
        (
            "UpdateItem",
            r#"{"Key":"taken"}"#,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#,
        ),
    ] {
        let request = Request::post("/")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/dynamodb/aws4_request",
            )
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(Body::from(body))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(to_bytes(response.into_body(), 1024).await.unwrap(), expected);
    }
    let noted = &calls.seen()["sender"];
    assert_eq!(noted["dynamodb:GetItem"], Count { calls: 2, read_units: 3.0, ..Count::default() });
    assert_eq!(noted["dynamodb:Scan"], Count { calls: 1, read_units: 1.5, ..Count::default() });
    assert_eq!(noted["dynamodb:UpdateItem"], Count { calls: 2, write_units: 2.5, ..Count::default() });
}
