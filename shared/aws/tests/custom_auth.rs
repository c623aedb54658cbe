//! Custom sign-ins over DynamoDB's semantics (dynoxide, in process). The requests are counted on the wire.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    custom_auth::{DefineDecision, token_gate::TokenDecision},
    kernel::UserId,
};
use mfa_testkit::{CUSTOM, CustomAuthStage, CustomSignIn, Deployed, NATIVE, ServedTable};

const POLICY: &str = "[custom_auth.clients.custom]\nfirst_step = 'passwordless'\n";

#[tokio::test(flavor = "multi_thread")]
async fn each_step_takes_no_more_requests_than_promised() {
    let served = ServedTable::metered(ServedTable::empty()).await;
    let aws = Aws::new(Deployed::at(&served.endpoint, POLICY).read(AwsSettings::read)).unwrap();
    let table = Arc::new(Table::new(&aws));
    let stage = CustomAuthStage::new(POLICY, &table);
    let alex = UserId::parse("alex").unwrap();
    let taken = || served.spent().requests;
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    let mut steps = Vec::new();
    let mut count = |step: &str, most: usize| {
        let requests = taken();
        assert!((1..=most).contains(&requests), "{step}: {requests}");
        steps.push(format!("{step} {requests}"));
    };
    sign_in.define(&stage).await;
    count("Define, first", 1);
    sign_in.create(&stage).await;
    count("Create, begin", 2);
    assert!(!sign_in.verify(&stage, "email", None).await);
    count("Verify, choice", 2);
    sign_in.answer(&stage, "email").await;
    taken();
    sign_in.create(&stage).await;
    count("Create, code", 2);
    let code = stage.code().await.unwrap();
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    taken();
    assert!(!sign_in.verify(&stage, &wrong, None).await);
    count("Verify, wrong", 2);
    sign_in.answer(&stage, &wrong).await;
    taken();
    assert!(sign_in.verify(&stage, &code, None).await);
    count("Verify, right", 2);
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::IssueTokens);
    taken();
    sign_in.define(&stage).await;
    count("Define, last", 1);
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());
    count("pre-token, custom client", 1);
    assert_eq!(
        stage.token(&alex, NATIVE, None).await,
        TokenDecision::NotProven,
        "covered by the custom client"
    );
    count("pre-token, native client", 1);
    println!("requests to DynamoDB: {}", steps.join("; "));

    let mut unknown = CustomSignIn::without_password("nobody", None);
    let mut course = Vec::new();
    unknown.begin(&stage).await;
    course.push(taken());
    for answer in ["email", "000000", "000001"] {
        unknown.answer(&stage, answer).await;
        course.push(taken());
    }
    let mut known = CustomSignIn::without_password("alex", Some(&alex));
    let mut expected = Vec::new();
    known.begin(&stage).await;
    expected.push(taken());
    for answer in ["email", "000000", "000001"] {
        known.answer(&stage, answer).await;
        expected.push(taken());
    }
    println!("a known name {expected:?}, an unknown one {course:?}");
    assert_eq!(course, expected);
}
