//! `attach` and `detach` on a pool of the local cloud: no setting is lost, and each is restored.

use crate::support::{Operator, path};
use end_to_end::Cloud;
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Returns settings unrelated to triggers, none at its default.
fn unrelated() -> Value {
    json!({
        "PoolName": "shop",
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": 14, "RequireUppercase": false, "RequireLowercase": true, "RequireNumbers": false,
                "RequireSymbols": false, "PasswordHistorySize": 5, "TemporaryPasswordValidityDays": 3,
            },
            "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] },
        },
        "DeletionProtection": "ACTIVE",
        "AutoVerifiedAttributes": ["email", "phone_number"],
        "SmsVerificationMessage": "Shop code {####}",
        "EmailVerificationMessage": "Your shop code is {####}",
        "EmailVerificationSubject": "Shop",
        "VerificationMessageTemplate": {
            "SmsMessage": "Shop code {####}", "EmailMessage": "Your shop code is {####}", "EmailSubject": "Shop",
            "EmailMessageByLink": "{##Click##}", "EmailSubjectByLink": "Click", "DefaultEmailOption": "CONFIRM_WITH_CODE",
        },
        "SmsAuthenticationMessage": "Shop sign-in {####}",
        "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
        "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true },
        "EmailConfiguration": {
            "EmailSendingAccount": "DEVELOPER", "From": "Shop <shop@example.com>", "ConfigurationSet": "shop",
            "SourceArn": "arn:aws:ses:us-east-1:111122223333:identity/example.com", "ReplyToEmailAddress": "help@example.com",
        },
        "SmsConfiguration": {
            "SnsCallerArn": "arn:aws:iam::111122223333:role/shop-sms", "ExternalId": "shop", "SnsRegion": "us-east-1",
        },
        "UserPoolTags": { "team": "shop", "stage": "production" },
        "AdminCreateUserConfig": {
            "AllowAdminCreateUserOnly": true,
            "InviteMessageTemplate": { "SMSMessage": "{username} {####}", "EmailMessage": "{username} {####}", "EmailSubject": "Welcome" },
        },
        "UserPoolAddOns": { "AdvancedSecurityMode": "AUDIT" },
        "AccountRecoverySetting": { "RecoveryMechanisms": [
            { "Priority": 1, "Name": "verified_email" }, { "Priority": 2, "Name": "verified_phone_number" },
        ] },
        "UserPoolTier": "PLUS",
        "UsernameAttributes": ["email"],
        "UsernameConfiguration": { "CaseSensitive": false },
    })
}

/// Returns settings of an app client, none at its default.
fn client(name: &str, is_confidential: bool) -> Value {
    json!({
        "ClientName": name, "GenerateSecret": is_confidential,
        "RefreshTokenValidity": 10, "AccessTokenValidity": 15, "IdTokenValidity": 20,
        "TokenValidityUnits": { "AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days" },
        "ReadAttributes": ["email", "name"], "WriteAttributes": ["name"],
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "SupportedIdentityProviders": ["COGNITO"], "CallbackURLs": ["https://example.com/back"],
        "LogoutURLs": ["https://example.com/out"], "DefaultRedirectURI": "https://example.com/back",
        "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"], "AllowedOAuthFlowsUserPoolClient": true,
        "PreventUserExistenceErrors": "LEGACY", "EnableTokenRevocation": false, "AuthSessionValidity": 7,
        "EnablePropagateAdditionalUserContextData": is_confidential,
    })
}

struct Shop<'a> {
    cloud: &'a Cloud,
    id: String,
    clients: Vec<String>,
}

impl<'a> Shop<'a> {
    async fn open(cloud: &'a Cloud) -> Self {
        let created = cloud.cognito("CreateUserPool", unrelated()).await.unwrap();
        let id = created.pointer("/UserPool/Id").and_then(Value::as_str).unwrap().to_owned();
        let mfa = json!({
            "UserPoolId": id, "MfaConfiguration": "OPTIONAL",
            "SmsMfaConfiguration": {
                "SmsAuthenticationMessage": "Shop sign-in {####}",
                "SmsConfiguration": unrelated().pointer("/SmsConfiguration"),
            },
            "EmailMfaConfiguration": { "Message": "Shop sign-in {####}", "Subject": "Shop" },
        });
        cloud.cognito("SetUserPoolMfaConfig", mfa).await.unwrap();
        let mut clients = Vec::new();
        for name in ["web", "till"] {
            let mut client = client(name, name == "till");
            client["UserPoolId"] = id.clone().into();
            let created = cloud.cognito("CreateUserPoolClient", client).await.unwrap();
            let client = created.pointer("/UserPoolClient/ClientId").and_then(Value::as_str).unwrap();
            clients.push(client.to_owned());
        }
        Self { cloud, id, clients }
    }

    /// Returns the clients. None of them is listed in the local cloud's `AppClients`.
    fn left_out(&self) -> Vec<&str> {
        self.clients.iter().flat_map(|client| ["--leave-out", client.as_str()]).collect()
    }

    /// Returns Cognito's description without dates.
    async fn described(&self) -> Value {
        let id = json!({ "UserPoolId": self.id });
        let mut all = json!({
            "pool": self.cloud.cognito("DescribeUserPool", id.clone()).await.unwrap(),
            "mfa": self.cloud.cognito("GetUserPoolMfaConfig", id).await.unwrap(),
        });
        for client in &self.clients {
            let asked = json!({ "UserPoolId": self.id, "ClientId": client });
            let described = self.cloud.cognito("DescribeUserPoolClient", asked).await.unwrap();
            all.as_object_mut().unwrap().insert(client.clone(), described);
        }
        without_dates(&mut all);
        all
    }
}

fn without_dates(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|name, _| name != "CreationDate" && name != "LastModifiedDate");
        members.values_mut().for_each(without_dates);
    }
}

/// Counts the members that hold a value. A list counts as one.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

fn lambda_config(described: &mut Value) -> Value {
    described.pointer_mut("/pool/UserPool/LambdaConfig").unwrap().take()
}

#[tokio::test]
async fn attach_keeps_every_setting_and_detach_brings_everything_back() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud);
    let shop = Shop::open(&cloud).await;
    let before = shop.described().await;
    let record = path(&operator, "record.json");
    let outputs = operator.outputs_for(&cloud, &shop.id);
    let attach = |more: &[&str]| {
        let flags = ["attach", "--user-pool-id", &shop.id, "--stack-outputs", &outputs];
        operator.run(&[&flags[..], &shop.left_out(), more].concat())
    };

    let (code, shown, _) = attach(&["--dry-run"]);
    assert_eq!(code, 0);
    assert!(shown.contains("+ pool.LambdaConfig.PreSignUp: \"arn:aws:lambda:"), "{shown}");
    assert_eq!(shop.described().await, before, "a dry run changes nothing");

    let (code, shown, said) = attach(&["--record", &record]);
    assert_eq!(code, 0, "{shown}{said}");
    assert!(said.contains("one billed text message"), "{said}");
    let mut after = shop.described().await;
    let config = lambda_config(&mut after);
    let stack = cloud.stack_outputs().as_array().unwrap().iter();
    let triggers =
        stack.filter(|output| output["OutputKey"].as_str().unwrap().starts_with("Trigger")).count();
    // The trigger before tokens has two members of the same ARN (cognito.md §1.9).
    let more = ["KMSKeyID", "PreTokenGenerationConfig"];
    assert_eq!(
        config.as_object().unwrap().len(),
        triggers + more.len(),
        "every trigger and the key: {config}"
    );
    assert!(more.iter().all(|member| config.get(member).is_some()), "{config}");
    assert_eq!(config["CustomSMSSender"]["LambdaVersion"], "V1_0");
    let mut rest = before.clone();
    lambda_config(&mut rest);
    assert_eq!(after, rest, "nothing else has changed");
    let kept = leaves(&unrelated());
    assert!(kept >= 30, "{kept}");
    println!("attach: {kept} unrelated settings of the pool kept, {} with MFA and clients", leaves(&rest));

    // A second run finds nothing to do, and does not overwrite the record.
    let (code, shown, said) = attach(&["--record", &record]);
    assert_eq!((code, shown.as_str()), (0, ""), "{said}");
    let (code, ..) = attach(&["--record", &record, "--hide-user-existence"]);
    assert_eq!(code, 1, "the record is there already");

    let (code, shown, said) = operator.run(&["detach", "--record", &record]);
    assert_eq!(code, 0, "{shown}{said}");
    assert_eq!(shop.described().await, before);
    cloud.stop().await.unwrap();
}

#[tokio::test]
async fn detach_undoes_attach_and_keeps_later_changes() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud);
    let shop = Shop::open(&cloud).await;
    let off = json!({ "UserPoolId": shop.id, "MfaConfiguration": "OFF" });
    cloud.cognito("SetUserPoolMfaConfig", off).await.unwrap();
    let before = shop.described().await;
    let record = path(&operator, "record.json");
    let outputs = operator.outputs_for(&cloud, &shop.id);
    let attach = ["attach", "--user-pool-id", &shop.id, "--stack-outputs", &outputs];
    let more = [
        "--mfa",
        "optional",
        "--hide-user-existence",
        "--skip",
        "CustomMessage",
        "--record",
        &record,
        "--json",
    ];
    let (code, result, said) = operator.run(&[&attach[..], &shop.left_out(), &more].concat());
    assert_eq!(code, 0, "{said}");
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["outcome"], "attached");

    let attached = shop.described().await;
    assert_eq!(attached["mfa"]["MfaConfiguration"], "OPTIONAL");
    assert_eq!(attached["mfa"]["SoftwareTokenMfaConfiguration"]["Enabled"], true);
    assert!(attached.pointer("/pool/UserPool/LambdaConfig/CustomMessage").is_none());
    for client in &shop.clients {
        let client = &attached[client]["UserPoolClient"];
        assert_eq!(client["PreventUserExistenceErrors"], "ENABLED");
        assert_eq!(client["AuthSessionValidity"], 7);
    }

    // Meanwhile the owner renames the pool and wires their own function to a trigger.
    let mut theirs = attached.pointer("/pool/UserPool").unwrap().clone();
    theirs["LambdaConfig"]["PreSignUp"] = "arn:aws:lambda:us-east-1:111122223333:function:theirs".into();
    let members = theirs.as_object_mut().unwrap();
    members.retain(|name, _| {
        ![
            "Id",
            "Name",
            "Arn",
            "Status",
            "SchemaAttributes",
            "EstimatedNumberOfUsers",
            "UsernameAttributes",
            "UsernameConfiguration",
        ]
        .contains(&name.as_str())
    });
    members.insert("UserPoolId".to_owned(), shop.id.clone().into());
    members.insert("PoolName".to_owned(), "market".into());
    cloud.cognito("UpdateUserPool", theirs).await.unwrap();

    let (code, _, said) = operator.run(&["detach", "--record", &record]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("changed since attach: + pool.LambdaConfig.PreSignUp"), "{said}");
    let (code, _, said) = operator.run(&["detach", "--record", &record, "--force"]);
    assert_eq!(code, 0, "{said}");
    let mut after = shop.described().await;
    let config = lambda_config(&mut after);
    assert_eq!(config, json!({ "PreSignUp": "arn:aws:lambda:us-east-1:111122223333:function:theirs" }));
    assert_eq!(after["pool"]["UserPool"]["Name"], "market");
    after["pool"]["UserPool"]["Name"] = "shop".into();
    let mut rest = before;
    lambda_config(&mut rest);
    assert_eq!(after, rest);
    cloud.stop().await.unwrap();
}

#[tokio::test]
async fn functions_of_another_project_stay_beside_ours() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud);
    let theirs = |name: &str| json!(format!("arn:aws:lambda:us-east-1:111122223333:function:{name}"));
    let mut pool = unrelated();
    pool["LambdaConfig"] =
        json!({ "PostConfirmation": theirs("welcome"), "UserMigration": theirs("migrate") });
    let created = cloud.cognito("CreateUserPool", pool).await.unwrap();
    let id = created.pointer("/UserPool/Id").and_then(Value::as_str).unwrap();
    let outputs = operator.outputs_for(&cloud, id);
    let attach = ["attach", "--user-pool-id", id, "--stack-outputs", &outputs];
    let (code, _, said) = operator.run(&[&attach[..], &["--skip", "PostConfirmation"]].concat());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("To keep it, pass --skip UserMigration"), "{said}");
    let skip = ["--skip", "PostConfirmation", "--skip", "UserMigration"];
    let (code, _, said) = operator.run(&[&attach[..], &skip].concat());
    assert_eq!(code, 0, "{said}");
    let after = cloud.cognito("DescribeUserPool", json!({ "UserPoolId": id })).await.unwrap();
    let config = &after["UserPool"]["LambdaConfig"];
    assert_eq!(config["PostConfirmation"], theirs("welcome"));
    assert_eq!(config["UserMigration"], theirs("migrate"));
    assert!(config["PreTokenGeneration"].as_str().unwrap().contains("pre-token-generation"), "{config}");
    cloud.stop().await.unwrap();
}

#[tokio::test]
async fn a_pool_of_another_stack_is_refused_with_instructions() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud);
    let foreign = json!({ "PostConfirmation": "arn:aws:lambda:us-east-1:111122223333:function:theirs" });
    let owned = json!({ "aws:cloudformation:stack-name": "shop-stack" });
    for (member, value, reason) in [
        ("LambdaConfig", foreign, "PostConfirmation already has another function"),
        ("UserPoolTags", owned, "the CloudFormation stack shop-stack owns the pool"),
    ] {
        let mut pool = unrelated();
        pool[member] = value;
        let created = cloud.cognito("CreateUserPool", pool).await.unwrap();
        let id = created.pointer("/UserPool/Id").and_then(Value::as_str).unwrap();
        let described = cloud.cognito("DescribeUserPool", json!({ "UserPoolId": id })).await.unwrap();
        let outputs = operator.outputs_for(&cloud, id);
        let (code, shown, said) =
            operator.run(&["attach", "--user-pool-id", id, "--stack-outputs", &outputs]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(
            shown.contains("  LambdaConfig:\n    PreSignUp: arn:") || shown.contains("    PreSignUp: arn:"),
            "{shown}"
        );
        let after = cloud.cognito("DescribeUserPool", json!({ "UserPoolId": id })).await.unwrap();
        assert_eq!(after, described);
    }
    let (code, _, said) = operator.run(&[
        "attach",
        "--user-pool-id",
        "us-east-1_nothing99",
        "--stack-outputs",
        operator.outputs(),
    ]);
    assert_eq!(code, 1);
    assert!(said.contains("DescribeUserPool: ResourceNotFoundException"), "{said}");
    cloud.stop().await.unwrap();
}

#[tokio::test]
async fn what_would_break_sign_ins_is_refused() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud);
    let shop = Shop::open(&cloud).await;
    let before = shop.described().await;
    let outputs = operator.outputs_for(&cloud, &shop.id);
    let attach = |outputs: &str, more: &[&str]| {
        let flags = ["attach", "--user-pool-id", &shop.id, "--stack-outputs", outputs];
        operator.run(&[&flags[..], more].concat())
    };
    let (code, _, said) = attach(operator.outputs(), &shop.left_out());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("the functions are deployed for the pool us-east-1_"), "{said}");

    let [web, till] = &shop.clients[..] else { panic!("two clients") };
    let (code, _, said) = attach(&outputs, &["--leave-out", web]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("the app client till is not in AppClients"), "{said}");
    assert!(said.contains(&format!("--leave-out {till}")) && !said.contains(web), "{said}");

    let (code, _, said) = attach(&outputs, &["--leave-out", "1unknown"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the pool has no such app client"), "{said}");
    assert_eq!(shop.described().await, before);

    // The deployed functions list this pool's client.
    let own = cloud.endpoint("userPoolId").unwrap();
    let (code, _, said) =
        operator.run(&["attach", "--user-pool-id", own, "--stack-outputs", operator.outputs()]);
    assert_eq!(code, 0, "{said}");
    cloud.stop().await.unwrap();
}

/// Returns about three of four settings, at random.
fn most_of(settings: &Value, random: &mut Rng) -> Map<String, Value> {
    let members = settings.as_object().unwrap().iter();
    members.filter(|_| random.u8(..4) > 0).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Creates a pool with any of the settings, MFA in any state, and up to three clients.
async fn generated<'a>(cloud: &'a Cloud, random: &mut Rng) -> Shop<'a> {
    let mut pool = most_of(&unrelated(), random);
    let state = random.choice(["OFF", "OFF", "OPTIONAL", "ON"]).unwrap();
    if state == "ON" {
        // Cognito refuses codes as first factors there.
        pool.remove("Policies");
    }
    pool.insert("PoolName".to_owned(), "generated".into());
    if !pool.contains_key("UserPoolTier") {
        pool.remove("UserPoolAddOns");
    }
    let has_sms = pool.contains_key("SmsConfiguration");
    let by_email = pool.contains_key("EmailConfiguration");
    let created = cloud.cognito("CreateUserPool", pool.into()).await.unwrap();
    let id = created.pointer("/UserPool/Id").and_then(Value::as_str).unwrap().to_owned();

    let mut mfa = json!({ "UserPoolId": id, "MfaConfiguration": state });
    if state != "OFF" {
        mfa["SoftwareTokenMfaConfiguration"] = json!({ "Enabled": true });
        if has_sms && random.bool() {
            mfa["SoftwareTokenMfaConfiguration"]["Enabled"] = random.bool().into();
            mfa["SmsMfaConfiguration"] = json!({
                "SmsAuthenticationMessage": "Shop {####}", "SmsConfiguration": unrelated()["SmsConfiguration"],
            });
        }
        if by_email && random.bool() {
            mfa["EmailMfaConfiguration"] = json!({ "Message": "Shop {####}", "Subject": "Shop" });
        }
    }
    if random.bool() {
        mfa["WebAuthnConfiguration"] =
            json!({ "RelyingPartyId": "shop.example", "UserVerification": "required" });
    }
    cloud.cognito("SetUserPoolMfaConfig", mfa).await.unwrap();

    let mut clients = Vec::new();
    for number in 0..random.usize(0..4) {
        let mut client = most_of(&client("generated", random.bool()), random);
        // Each of these settings is invalid without the others.
        for together in [
            &["AccessTokenValidity", "IdTokenValidity", "RefreshTokenValidity", "TokenValidityUnits"][..],
            &[
                "AllowedOAuthFlows",
                "AllowedOAuthScopes",
                "AllowedOAuthFlowsUserPoolClient",
                "CallbackURLs",
                "DefaultRedirectURI",
            ],
        ] {
            if !together.iter().all(|name| client.contains_key(*name)) {
                client.retain(|name, _| !together.contains(&name.as_str()));
            }
        }
        client.insert("UserPoolId".to_owned(), id.clone().into());
        client.insert("ClientName".to_owned(), format!("client{number}").into());
        let created = cloud.cognito("CreateUserPoolClient", client.into()).await.unwrap();
        clients.push(created.pointer("/UserPoolClient/ClientId").and_then(Value::as_str).unwrap().to_owned());
    }
    Shop { cloud, id, clients }
}

#[tokio::test]
async fn fifty_generated_pools_are_as_before_after_attach_and_detach() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud);
    let mut random = Rng::with_seed(22);
    let (mut settings, mut passkeys_without_mfa, mut refused) = (0, 0, 0);
    for number in 0..50 {
        let shop = generated(&cloud, &mut random).await;
        let before = shop.described().await;
        let outputs = operator.outputs_for(&cloud, &shop.id);
        let record = path(&operator, &format!("record-{number}.json"));
        let mut flags =
            vec!["attach", "--user-pool-id", &shop.id, "--stack-outputs", &outputs, "--record", &record];
        flags.extend(shop.left_out());
        for (flag, value) in
            [("--mfa", Some("optional")), ("--mfa", Some("on")), ("--skip", Some("CustomMessage"))]
        {
            if random.u8(..4) == 0 && !flags.contains(&flag) {
                flags.extend([Some(flag), value].into_iter().flatten());
            }
        }
        if random.bool() {
            flags.push("--hide-user-existence");
        }
        let context = format!("pool {number}: {}\n{before:#}", flags.join(" "));
        let (code, shown, said) = operator.run(&flags);
        if flags.contains(&"on")
            && before.pointer("/pool/UserPool/Policies/SignInPolicy/AllowedFirstAuthFactors/1").is_some()
        {
            assert_eq!(code, 3, "{context}\n{shown}{said}");
            assert!(said.contains("does not accept EMAIL_OTP as a first factor"), "{said}");
            assert_eq!(shop.described().await, before, "{context}");
            refused += 1;
            continue;
        }
        assert_eq!(code, 0, "{context}\n{shown}{said}");
        assert_ne!(shop.described().await, before, "{context}");
        let (code, shown, said) = operator.run(&["detach", "--record", &record]);
        assert_eq!(code, 0, "{context}\n{shown}{said}");
        assert_eq!(shop.described().await, before, "{context}");
        settings += leaves(&before);
        let off = before["mfa"]["MfaConfiguration"] == "OFF";
        passkeys_without_mfa += usize::from(off && before["mfa"].get("WebAuthnConfiguration").is_some());
    }
    assert!(passkeys_without_mfa >= 5 && refused >= 1, "{passkeys_without_mfa} {refused}");
    println!("attach and detach: {settings} settings of {} pools as before, {refused} refused", 50 - refused);
    cloud.stop().await.unwrap();
}
