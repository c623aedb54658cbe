//! What users change of themselves: password, attributes, the account.

use local_user_pool::{ErrorCode, Switches};
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, access_token, merged};
use crate::support::{Bench, PASSWORD, USERNAME, code_of};

const NEW: &str = "new@example.com";

async fn email_of(bench: &Bench) -> (Value, Value) {
    let user = bench.ok("AdminGetUser", json!({"UserPoolId": bench.pool, "Username": USERNAME})).await;
    let list = user["UserAttributes"].as_array().unwrap().clone();
    let value = |name: &str| list.iter().find(|item| item["Name"] == name).unwrap()["Value"].clone();
    (value("email"), value("email_verified"))
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_with_a_code() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let who = json!({"ClientId": bench.client, "Username": USERNAME});
    let sent = bench.ok("ForgotPassword", who.clone()).await;
    assert_eq!(sent["CodeDeliveryDetails"]["Destination"], "a***@e***");
    let code = code_of(&bench, EMAIL);
    let confirm = |code: &str, password: &str| {
        merged(who.clone(), json!({"ConfirmationCode": code, "Password": password}))
    };
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(
        bench.refused("ConfirmForgotPassword", confirm(wrong, "Another-horse-8")).await,
        (ErrorCode::CodeMismatch, "Invalid verification code provided, please try again.".into())
    );
    assert_eq!(
        bench.refused("ConfirmForgotPassword", confirm(&code, "weak")).await.0,
        ErrorCode::InvalidPassword
    );
    bench.ok("ConfirmForgotPassword", confirm(&code, "Another-horse-8")).await;
    assert_eq!(
        bench.refused("ConfirmForgotPassword", confirm(&code, "Another-horse-9")).await.0,
        ErrorCode::ExpiredCode,
        "a code works once"
    );
    access_token(&bench.with_srp(USERNAME, "Another-horse-8").await.unwrap());
    bench.ok("ForgotPassword", who.clone()).await;
    bench.advance(3600);
    let late = confirm(&code_of(&bench, EMAIL), "Another-horse-9");
    assert_eq!(bench.refused("ConfirmForgotPassword", late).await.0, ErrorCode::ExpiredCode);
}

#[tokio::test]
async fn who_does_not_exist_gets_invented_delivery_details() {
    let bench = Bench::new().await;
    let who = json!({"ClientId": bench.client, "Username": "nobody"});
    let first = bench.ok("ForgotPassword", who.clone()).await;
    assert_eq!(first["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
    assert_eq!(bench.ok("ForgotPassword", who.clone()).await, first);
    let confirm = merged(who.clone(), json!({"ConfirmationCode": "123456", "Password": PASSWORD}));
    assert_eq!(bench.refused("ConfirmForgotPassword", confirm).await.0, ErrorCode::CodeMismatch);
    assert!(bench.outbox.0.lock().unwrap().is_empty());

    let legacy = bench.make_client(json!({"PreventUserExistenceErrors": "LEGACY"})).await;
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    bench.add_user().await;
    let sent = bench.outbox.0.lock().unwrap().len();
    let known = json!({"ClientId": bench.client, "Username": USERNAME});
    let known_to_legacy = json!({"ClientId": legacy, "Username": USERNAME});
    for (change, undo, error) in [
        ("AdminDisableUser", "AdminEnableUser", ErrorCode::NotAuthorized),
        ("AdminUpdateUserAttributes", "AdminEnableUser", ErrorCode::InvalidParameter),
    ] {
        let unverified = json!({"UserAttributes": [{"Name": "email_verified", "Value": "false"}]});
        let with = if change == "AdminUpdateUserAttributes" { unverified } else { json!({}) };
        bench.ok(change, merged(user.clone(), with)).await;
        let shown = bench.ok("ForgotPassword", known.clone()).await;
        assert_eq!(shown["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL", "{change}");
        assert_eq!(bench.refused("ForgotPassword", known_to_legacy.clone()).await.0, error, "{change}");
        bench.ok(undo, user.clone()).await;
    }
    assert_eq!(bench.outbox.0.lock().unwrap().len(), sent, "no code is sent");
    assert_eq!(
        bench.refused("ForgotPassword", json!({"ClientId": legacy, "Username": "nobody"})).await,
        (ErrorCode::UserNotFound, "Username/client id combination not found.".into())
    );
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let bench =
        Bench::with(json!({"Policies": {"PasswordPolicy": {"PasswordHistorySize": 2}}}), json!({})).await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let change = |old: &str, new: &str| json!({"AccessToken": token, "PreviousPassword": old, "ProposedPassword": new});
    assert_eq!(
        bench.refused("ChangePassword", change("Wrong-horse-7", "Another-horse-8")).await,
        (ErrorCode::NotAuthorized, "Incorrect username or password.".into())
    );
    bench.ok("ChangePassword", change(PASSWORD, "Another-horse-8")).await;
    assert_eq!(
        bench.refused("ChangePassword", change("Another-horse-8", PASSWORD)).await.0,
        ErrorCode::PasswordHistoryPolicyViolation
    );
    access_token(&bench.with_srp(USERNAME, "Another-horse-8").await.unwrap());
}

#[tokio::test]
async fn a_new_address_takes_effect_at_once_and_is_verified_later() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let update = json!({"AccessToken": token, "UserAttributes": [{"Name": "email", "Value": NEW}]});
    let sent = bench.ok("UpdateUserAttributes", update).await;
    assert_eq!(sent["CodeDeliveryDetailsList"][0]["Destination"], "n***@e***");
    assert_eq!(email_of(&bench).await, (json!(NEW), json!("false")));
    let verify = |code: &str| json!({"AccessToken": token, "AttributeName": "email", "Code": code});
    let old = code_of(&bench, NEW);
    bench
        .ok("GetUserAttributeVerificationCode", json!({"AccessToken": token, "AttributeName": "email"}))
        .await;
    let code = code_of(&bench, NEW);
    if old != code {
        assert_eq!(bench.refused("VerifyUserAttribute", verify(&old)).await.0, ErrorCode::CodeMismatch);
    }
    bench.ok("VerifyUserAttribute", verify(&code)).await;
    assert_eq!(email_of(&bench).await, (json!(NEW), json!("true")));
}

#[tokio::test]
async fn a_pool_can_keep_the_old_address_until_the_new_one_is_verified() {
    let bench = Bench::with(
        json!({"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}}),
        json!({}),
    )
    .await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let update = json!({"AccessToken": token, "UserAttributes": [{"Name": "email", "Value": NEW}]});
    bench.ok("UpdateUserAttributes", update).await;
    assert_eq!(email_of(&bench).await, (json!(EMAIL), json!("true")));
    let code = code_of(&bench, NEW);
    bench
        .ok("VerifyUserAttribute", json!({"AccessToken": token, "AttributeName": "email", "Code": code}))
        .await;
    assert_eq!(email_of(&bench).await, (json!(NEW), json!("true")));
}

#[tokio::test]
async fn users_do_not_vouch_for_themselves() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let vouch =
        json!({"AccessToken": token, "UserAttributes": [{"Name": "phone_number_verified", "Value": "true"}]});
    assert_eq!(bench.refused("UpdateUserAttributes", vouch).await.0, ErrorCode::NotAuthorized);
    for attributes in [
        json!([{"Name": "email", "Value": "no address"}]),
        json!([{"Name": "phone_number", "Value": "555"}]),
        json!([{"Name": "sub", "Value": "x"}]),
    ] {
        let input = json!({"AccessToken": token, "UserAttributes": attributes});
        assert_eq!(bench.refused("UpdateUserAttributes", input).await.0, ErrorCode::InvalidParameter);
    }
}

#[tokio::test]
async fn hourly_limits_count_only_when_switched_on() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let who = json!({"ClientId": bench.client, "Username": USERNAME});
    for _ in 0..10 {
        bench.ok("ForgotPassword", who.clone()).await;
    }
    bench.pools.set_switches(Switches { hourly_limits: true, ..Switches::default() });
    for _ in 0..5 {
        bench.ok("ForgotPassword", who.clone()).await;
    }
    assert_eq!(
        bench.refused("ForgotPassword", who.clone()).await,
        (ErrorCode::LimitExceeded, "Attempt limit exceeded, please try after some time.".into())
    );
    bench.advance(3600);
    bench.ok("ForgotPassword", who).await;
}

#[tokio::test]
async fn users_delete_themselves() {
    let bench = Bench::new().await;
    bench.add_user().await;
    bench.ok("DeleteUser", json!({"AccessToken": bench.access_token().await})).await;
    assert_eq!(bench.with_password().await.unwrap_err().code, ErrorCode::NotAuthorized);
}

#[tokio::test]
async fn an_address_of_the_second_factor_resets_no_password() {
    let recovery = json!({"RecoveryMechanisms": [
        {"Priority": 1, "Name": "verified_phone_number"}, {"Priority": 2, "Name": "verified_email"},
    ]});
    let told = json!({"PreventUserExistenceErrors": "LEGACY"});
    let bench = Bench::with(json!({"AccountRecoverySetting": recovery}), told).await;
    bench.set_mfa("OPTIONAL").await;
    bench.add_user().await;
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let verified = json!({"UserAttributes": [{"Name": "phone_number_verified", "Value": "true"}]});
    bench.ok("AdminUpdateUserAttributes", merged(user.clone(), verified)).await;
    let who = json!({"ClientId": bench.client, "Username": USERNAME});
    let sent_to = async || {
        bench.ok("ForgotPassword", who.clone()).await["CodeDeliveryDetails"]["AttributeName"].clone()
    };
    assert_eq!(sent_to().await, "phone_number");
    let sms = json!({"SMSMfaSettings": {"Enabled": true}});
    bench.ok("AdminSetUserMFAPreference", merged(user.clone(), sms)).await;
    assert_eq!(sent_to().await, "email");
    let email = json!({"EmailMfaSettings": {"Enabled": true}});
    bench.ok("AdminSetUserMFAPreference", merged(user, email)).await;
    assert_eq!(
        bench.refused("ForgotPassword", who.clone()).await,
        (
            ErrorCode::InvalidParameter,
            "Cannot reset password for the user as there is no registered/verified email or phone_number"
                .into()
        )
    );
}

#[tokio::test]
async fn a_client_writes_only_what_it_may() {
    let bench = Bench::with(json!({}), json!({"WriteAttributes": ["email", "phone_number"]})).await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let name = json!([{"Name": "given_name", "Value": "Alex"}]);
    let refusal = (ErrorCode::NotAuthorized, "A client attempted to write unauthorized attribute".to_owned());
    let update = json!({"AccessToken": token, "UserAttributes": name});
    assert_eq!(bench.refused("UpdateUserAttributes", update).await, refusal);
    let sign_up =
        json!({"ClientId": bench.client, "Username": "second", "Password": PASSWORD, "UserAttributes": name});
    assert_eq!(bench.refused("SignUp", sign_up).await, refusal);
}
