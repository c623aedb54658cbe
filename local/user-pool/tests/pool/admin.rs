//! What administrators do.

use local_user_pool::{ErrorCode, Switches};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, PHONE, access_token, arn, claims, merged};
use crate::support::{Bench, PASSWORD, USERNAME, code_of};

fn user(bench: &Bench) -> Value {
    json!({"UserPoolId": bench.pool, "Username": USERNAME})
}

#[tokio::test]
async fn an_invited_user_changes_the_password_and_is_in() {
    let lambda = json!({
        "PreSignUp": arn("pre"), "PostConfirmation": arn("post"), "PreTokenGeneration": arn("token"),
    });
    let bench = Bench::with(
        json!({
            "LambdaConfig": lambda,
            "Schema": [{"Name": "given_name", "Required": true, "Mutable": true}],
        }),
        json!({}),
    )
    .await;
    let made = bench
        .ok(
            "AdminCreateUser",
            merged(
                user(&bench),
                json!({
                    "UserAttributes": [
                        {"Name": "email", "Value": EMAIL},
                        {"Name": "email_verified", "Value": "true"},
                    ],
                    "DesiredDeliveryMediums": ["EMAIL"],
                }),
            ),
        )
        .await;
    assert_eq!(made["User"]["UserStatus"], "FORCE_CHANGE_PASSWORD");
    let event = bench.event("PreSignUp_AdminCreateUser");
    assert_eq!(event["callerContext"]["clientId"], "CLIENT_ID_NOT_APPLICABLE");
    assert_eq!(event["request"]["userAttributes"]["cognito:user_status"], "FORCE_CHANGE_PASSWORD");
    let temporary = code_of(&bench, EMAIL);

    let challenge = bench.with_srp(USERNAME, &temporary).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert_eq!(challenge["ChallengeParameters"]["requiredAttributes"], r#"["userAttributes.given_name"]"#);
    let known: Value =
        serde_json::from_str(challenge["ChallengeParameters"]["userAttributes"].as_str().unwrap()).unwrap();
    assert_eq!(known, json!({"email": EMAIL, "email_verified": "true"}));
    let weak = bench.respond(&challenge, json!({"NEW_PASSWORD": "weak"})).await.unwrap_err();
    assert_eq!(weak.code, ErrorCode::InvalidPassword);
    let nameless = bench.respond(&challenge, json!({"NEW_PASSWORD": PASSWORD})).await.unwrap_err();
    assert_eq!(nameless.code, ErrorCode::InvalidParameter, "{}", nameless.message);
    let answers = json!({"NEW_PASSWORD": PASSWORD, "userAttributes.given_name": "Alex"});
    access_token(&bench.respond(&challenge, answers).await.unwrap());
    assert_eq!(
        bench.sources(),
        ["PreSignUp_AdminCreateUser", "TokenGeneration_NewPasswordChallenge"],
        "PostConfirmation isn't for users an administrator made"
    );
    let now = bench.ok("AdminGetUser", user(&bench)).await;
    assert_eq!(now["UserStatus"], "CONFIRMED");
    assert!(bench.with_srp(USERNAME, &temporary).await.is_err());
}

#[tokio::test]
async fn a_temporary_password_ends() {
    let bench = Bench::new().await;
    let create = |more: Value| merged(merged(user(&bench), json!({"TemporaryPassword": PASSWORD})), more);
    bench.ok("AdminCreateUser", create(json!({"MessageAction": "SUPPRESS"}))).await;
    assert!(bench.outbox.0.lock().unwrap().is_empty());
    bench.advance(7 * 86_400);
    let refused = bench.with_password().await.unwrap_err();
    assert_eq!(refused.message, "Temporary password has expired and must be reset by an administrator.");
    bench.ok("AdminCreateUser", create(json!({"MessageAction": "RESEND"}))).await;
    assert_eq!(bench.with_password().await.unwrap()["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    bench
        .ok("AdminSetUserPassword", merged(user(&bench), json!({"Password": PASSWORD, "Permanent": true})))
        .await;
    access_token(&bench.with_password().await.unwrap());
    assert_eq!(
        bench.refused("AdminCreateUser", create(json!({"MessageAction": "RESEND"}))).await.0,
        ErrorCode::UnsupportedUserState
    );
    assert_eq!(bench.refused("AdminCreateUser", create(json!({}))).await.0, ErrorCode::UsernameExists);
}

#[tokio::test]
async fn admin_sign_in_takes_the_password_as_it_is() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let input = |flow: &str| {
        json!({
            "UserPoolId": bench.pool, "ClientId": bench.client, "AuthFlow": flow,
            "AuthParameters": {"USERNAME": USERNAME, "PASSWORD": PASSWORD},
        })
    };
    access_token(&bench.ok("AdminInitiateAuth", input("ADMIN_USER_PASSWORD_AUTH")).await);
    let public = json!({"ClientId": bench.client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": USERNAME, "PASSWORD": PASSWORD}});
    assert_eq!(bench.refused("InitiateAuth", public).await.0, ErrorCode::InvalidParameter);
    let mut foreign = input("ADMIN_USER_PASSWORD_AUTH");
    foreign["UserPoolId"] = json!(bench.make_pool(json!({})).await);
    assert_eq!(bench.refused("AdminInitiateAuth", foreign).await.0, ErrorCode::ResourceNotFound);
}

#[tokio::test]
async fn a_disabled_user_is_out_until_enabled() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let token = bench.access_token().await;
    bench.ok("AdminDisableUser", user(&bench)).await;
    let refused = bench.with_password().await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::NotAuthorized, "User is disabled."));
    assert_eq!(bench.refused("GetUser", json!({"AccessToken": token})).await.0, ErrorCode::NotAuthorized);
    bench.ok("AdminEnableUser", user(&bench)).await;
    bench.access_token().await;
}

#[tokio::test]
async fn a_reset_sends_a_code_and_ends_the_password() {
    let bench = Bench::with(json!({"LambdaConfig": {"PostConfirmation": arn("post")}}), json!({})).await;
    bench.add_user().await;
    bench.ok("AdminResetUserPassword", user(&bench)).await;
    let refused = bench.with_password().await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PasswordResetRequired);
    let confirm = json!({
        "ClientId": bench.client, "Username": USERNAME, "Password": "Another-horse-8",
        "ConfirmationCode": code_of(&bench, EMAIL),
    });
    bench.ok("ConfirmForgotPassword", confirm).await;
    assert_eq!(bench.sources().last().unwrap(), "PostConfirmation_ConfirmForgotPassword");
    access_token(&bench.with_srp(USERNAME, "Another-horse-8").await.unwrap());
}

#[tokio::test]
async fn attributes_are_set_verified_and_deleted() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let update = |attributes: Value| merged(user(&bench), json!({"UserAttributes": attributes}));
    let attribute = async |name: &str| {
        let user = bench.ok("AdminGetUser", user(&bench)).await;
        let list = user["UserAttributes"].as_array().unwrap().clone();
        list.into_iter().find(|item| item["Name"] == name).map(|item| item["Value"].clone())
    };
    bench
        .ok("AdminUpdateUserAttributes", update(json!([{"Name": "email", "Value": "new@example.com"}])))
        .await;
    assert_eq!(attribute("email_verified").await, Some(json!("false")));
    code_of(&bench, "new@example.com");
    let vouched =
        json!([{"Name": "email", "Value": "third@example.com"}, {"Name": "email_verified", "Value": "true"}]);
    bench.ok("AdminUpdateUserAttributes", update(vouched)).await;
    assert_eq!(attribute("email_verified").await, Some(json!("true")));
    bench
        .ok(
            "AdminDeleteUserAttributes",
            merged(user(&bench), json!({"UserAttributeNames": ["phone_number"]})),
        )
        .await;
    assert_eq!(attribute("phone_number").await, None);
    let unknown =
        bench.refused("AdminUpdateUserAttributes", update(json!([{"Name": "custom:x", "Value": "1"}]))).await;
    assert_eq!(
        unknown,
        (
            ErrorCode::InvalidParameter,
            "Attributes did not conform to the schema: custom:x: The attribute is not defined in schema.\n"
                .into()
        )
    );
    bench
        .ok(
            "AddCustomAttributes",
            json!({"UserPoolId": bench.pool, "CustomAttributes": [{"Name": "x", "AttributeDataType": "String", "Mutable": true}]}),
        )
        .await;
    bench.ok("AdminUpdateUserAttributes", update(json!([{"Name": "custom:x", "Value": "1"}]))).await;
    let id = bench.with_password().await.unwrap()["AuthenticationResult"]["IdToken"].clone();
    assert_eq!(claims(id.as_str().unwrap())["custom:x"], "1");
}

#[tokio::test]
async fn mfa_preferences_and_the_old_settings() {
    let bench = Bench::new().await;
    bench.set_mfa("OPTIONAL").await;
    bench.add_user().await;
    let prefer = |blocks: Value| merged(user(&bench), blocks);
    bench
        .ok(
            "AdminSetUserMFAPreference",
            prefer(json!({"SoftwareTokenMfaSettings": {"Enabled": false, "PreferredMfa": false}})),
        )
        .await;
    assert_eq!(
        bench
            .refused(
                "AdminSetUserMFAPreference",
                prefer(json!({"SoftwareTokenMfaSettings": {"Enabled": true}}))
            )
            .await
            .1,
        "User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA"
    );
    let options = json!([{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]);
    bench.ok("AdminSetUserSettings", merged(user(&bench), json!({"MFAOptions": options}))).await;
    let now = bench.ok("AdminGetUser", user(&bench)).await;
    assert_eq!((&now["UserMFASettingList"], &now["MFAOptions"]), (&json!(["SMS_MFA"]), &options));
    let challenge = bench.with_password().await.unwrap();
    let answer = bench.respond(&challenge, json!({"SMS_MFA_CODE": code_of(&bench, PHONE)})).await.unwrap();
    let token = access_token(&answer);
    bench.ok("SetUserSettings", json!({"AccessToken": token, "MFAOptions": []})).await;
    bench.enrol_totp(&token).await;
    let older = Switches { without_delete_software_token: true, ..Switches::default() };
    bench.pools.set_switches(older);
    let unknown = bench.refused("AdminDeleteSoftwareToken", user(&bench)).await;
    assert_eq!(unknown, (ErrorCode::UnknownOperation, String::new()));
    bench.pools.set_switches(Switches::default());
    bench.ok("AdminDeleteSoftwareToken", user(&bench)).await;
    access_token(&bench.with_password().await.unwrap());
}

#[rstest]
#[case(r#"email = "B@example.com""#, &["b"])]
#[case(r#"username ^= "a""#, &["a", "ab"])]
#[case(r#"cognito:user_status = "FORCE_CHANGE_PASSWORD""#, &["a", "ab", "b"])]
#[case(r#"status = "Disabled""#, &[])]
#[tokio::test]
async fn users_are_found_by_filter(#[case] filter: &str, #[case] expected: &[&str]) {
    let bench = Bench::new().await;
    for name in ["a", "ab", "b"] {
        bench
            .ok(
                "AdminCreateUser",
                json!({
                    "UserPoolId": bench.pool, "Username": name, "MessageAction": "SUPPRESS",
                    "UserAttributes": [{"Name": "email", "Value": format!("{name}@example.com")}],
                }),
            )
            .await;
    }
    let found = bench.ok("ListUsers", json!({"UserPoolId": bench.pool, "Filter": filter})).await;
    let mut names: Vec<_> =
        found["Users"].as_array().unwrap().iter().map(|user| user["Username"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
    for bad in [r#"custom:x = "1""#, "email", "email = x"] {
        let refused = bench.refused("ListUsers", json!({"UserPoolId": bench.pool, "Filter": bad})).await;
        assert_eq!(refused.0, ErrorCode::InvalidParameter);
    }
}

#[tokio::test]
async fn pages_hold_every_user_once() {
    let bench = Bench::new().await;
    for number in 0..5 {
        let name = format!("user-{number}");
        bench
            .ok(
                "AdminCreateUser",
                json!({"UserPoolId": bench.pool, "Username": name, "MessageAction": "SUPPRESS"}),
            )
            .await;
    }
    let (mut names, mut token) = (Vec::new(), Value::Null);
    for expected in [2, 2, 1] {
        let input = json!({"UserPoolId": bench.pool, "Limit": 2, "PaginationToken": token, "AttributesToGet": ["sub"]});
        let page = bench.ok("ListUsers", input).await;
        let users = page["Users"].as_array().unwrap();
        assert_eq!(users.len(), expected);
        names.extend(users.iter().map(|user| user["Username"].as_str().unwrap().to_owned()));
        token = page.get("PaginationToken").cloned().unwrap_or_default();
    }
    assert!(token.is_null());
    names.sort_unstable();
    assert_eq!(names, ["user-0", "user-1", "user-2", "user-3", "user-4"]);
}

#[tokio::test]
async fn groups_reach_the_tokens() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    for (name, precedence) in [("users", 5), ("admins", 1)] {
        bench
            .ok(
                "CreateGroup",
                json!({"UserPoolId": bench.pool, "GroupName": name, "Precedence": precedence, "RoleArn": role(name)}),
            )
            .await;
        bench.ok("AdminAddUserToGroup", merged(user(&bench), json!({"GroupName": name}))).await;
    }
    let twice = json!({"UserPoolId": bench.pool, "GroupName": "users"});
    assert_eq!(bench.refused("CreateGroup", twice.clone()).await.0, ErrorCode::GroupExists);
    let answer = bench.with_password().await.unwrap();
    let id = claims(answer["AuthenticationResult"]["IdToken"].as_str().unwrap());
    assert_eq!(id["cognito:groups"], json!(["admins", "users"]));
    assert_eq!(id["cognito:preferred_role"], role("admins"));
    assert_eq!(claims(&access_token(&answer))["cognito:groups"], json!(["admins", "users"]));
    let members = bench.ok("ListUsersInGroup", twice.clone()).await;
    assert_eq!(members["Users"].as_array().unwrap().len(), 1);
    bench.ok("DeleteGroup", twice).await;
    let own = bench.ok("AdminListGroupsForUser", user(&bench)).await;
    assert_eq!(own["Groups"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let token = bench.access_token().await;
    bench.ok("AdminDeleteUser", user(&bench)).await;
    assert_eq!(
        bench.refused("AdminGetUser", user(&bench)).await,
        (ErrorCode::UserNotFound, "User does not exist.".into())
    );
    assert_eq!(bench.refused("GetUser", json!({"AccessToken": token})).await.0, ErrorCode::UserNotFound);
    bench.add_user().await;
    let client = json!({"UserPoolId": bench.pool, "ClientId": bench.client});
    bench.ok("DeleteUserPoolClient", client.clone()).await;
    assert_eq!(bench.refused("DescribeUserPoolClient", client).await.0, ErrorCode::ResourceNotFound);
    bench.ok("DeleteUserPool", json!({"UserPoolId": bench.pool})).await;
    assert_eq!(
        bench.refused("ListUsers", json!({"UserPoolId": bench.pool})).await.0,
        ErrorCode::ResourceNotFound
    );
}

#[tokio::test]
async fn a_verified_alias_is_one_users() {
    let settings = json!({"AliasAttributes": ["email"], "LambdaConfig": {"PreAuthentication": arn("pre")}});
    let bench = Bench::with(settings, json!({})).await;
    bench.add_user().await;
    access_token(&bench.with_srp(EMAIL, PASSWORD).await.unwrap());
    let event = bench.event("PreAuthentication_Authentication");
    assert_eq!(event["userName"], USERNAME);
    assert_eq!(event["request"]["userAttributes"]["cognito:email_alias"], EMAIL);
    bench
        .ok(
            "SignUp",
            json!({
                "ClientId": bench.client, "Username": "second", "Password": PASSWORD,
                "UserAttributes": [{"Name": "email", "Value": EMAIL}],
            }),
        )
        .await;
    let mut confirm =
        json!({"ClientId": bench.client, "Username": "second", "ConfirmationCode": code_of(&bench, EMAIL)});
    assert_eq!(
        bench.refused("ConfirmSignUp", confirm.clone()).await,
        (ErrorCode::AliasExists, "An account with the email already exists.".into())
    );
    confirm["ForceAliasCreation"] = json!(true);
    bench.ok("ConfirmSignUp", confirm).await;
    let answer = bench.with_srp(EMAIL, PASSWORD).await.unwrap();
    assert_eq!(claims(&access_token(&answer))["username"], "second");
}

/// The model's text on `Username`: an Admin operation also takes the `sub`.
#[tokio::test]
async fn an_administrator_names_a_user_by_username_or_sub() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let by = |name: &str| json!({"UserPoolId": bench.pool, "Username": name});
    let user = bench.ok("AdminGetUser", by(USERNAME)).await;
    let attributes = user["UserAttributes"].as_array().unwrap();
    let sub = attributes.iter().find(|item| item["Name"] == "sub").unwrap()["Value"].as_str().unwrap();
    assert_eq!(bench.ok("AdminGetUser", by(sub)).await, user);
    for operation in
        ["AdminDisableUser", "AdminEnableUser", "AdminListGroupsForUser", "AdminUserGlobalSignOut"]
    {
        bench.ok(operation, by(sub)).await;
    }
    let unknown = sub.replace('-', "0");
    assert_eq!(bench.refused("AdminGetUser", by(&unknown)).await.0, ErrorCode::UserNotFound);
}
