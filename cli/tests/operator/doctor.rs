//! `doctor` on a clean deployment, and on one fault after another: exactly the expected findings.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Operator, path};
use end_to_end::Cloud;
use serde_json::{Value, json};

/// Returns the settings of a pool without findings, except for triggers.
fn settings() -> Value {
    json!({
        "AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
        // The local cloud configures the functions like this.
        "AccountRecoverySetting": by_email(),
        "EmailConfiguration": {
            "EmailSendingAccount": "DEVELOPER",
            "SourceArn": "arn:aws:ses:us-east-1:111122223333:identity/no-reply@example.com",
        },
        "SmsConfiguration": sms(),
        "DeletionProtection": "ACTIVE",
        "UserPoolTier": "ESSENTIALS",
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
        "Policies": { "PasswordPolicy": { "MinimumLength": 12, "TemporaryPasswordValidityDays": 3 } },
        "MfaConfiguration": "ON",
    })
}

fn by_email() -> Value {
    json!({ "RecoveryMechanisms": [{ "Name": "verified_email", "Priority": 1 }] })
}

fn by_both() -> Value {
    json!({ "RecoveryMechanisms": [
        { "Name": "verified_email", "Priority": 1 }, { "Name": "verified_phone_number", "Priority": 2 },
    ] })
}

fn sms() -> Value {
    json!({ "SnsCallerArn": "arn:aws:iam::111122223333:role/sms", "ExternalId": "sms", "SnsRegion": "us-east-1" })
}

fn factors() -> Value {
    json!({
        "MfaConfiguration": "ON",
        "SoftwareTokenMfaConfiguration": { "Enabled": true },
        "SmsMfaConfiguration": { "SmsAuthenticationMessage": "{####}", "SmsConfiguration": sms() },
    })
}

fn clients() -> [(&'static str, Value); 3] {
    let client =
        |flows: [&str; 2]| json!({ "ExplicitAuthFlows": flows, "PreventUserExistenceErrors": "ENABLED" });
    [
        ("native", client(["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])),
        ("custom", client(["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])),
        ("server", client(["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])),
    ]
}

/// One fault: the difference from the clean deployment.
#[derive(Default)]
struct Fault {
    /// Merged over the pool's settings; `null` removes a member.
    pool: Value,
    /// Merged over the MFA configuration.
    factors: Value,
    /// Merged over the settings of the client `native`.
    client: Value,
    /// Replaces the stack's outputs, by key.
    outputs: Value,
    /// The deployed policy.toml.
    policy: &'static str,
    /// A call of a service that makes the fault, and one that repairs it.
    call: Option<[Call; 2]>,
}

#[derive(Clone)]
enum Call {
    Json(&'static str, &'static str, Value),
    Rest(&'static str, &'static str, &'static str, Value),
    /// Revokes every grant on a key.
    Revoke(String),
}

fn pool(pool: Value) -> Fault {
    Fault { pool, ..Fault::default() }
}

fn with_factors(factors: Value) -> Fault {
    Fault { factors, ..Fault::default() }
}

fn client(client: Value) -> Fault {
    Fault { client, ..Fault::default() }
}

fn call(fault: Call, mend: Call) -> Fault {
    Fault { call: Some([fault, mend]), ..Fault::default() }
}

fn theirs(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:111122223333:function:{name}")
}

/// A policy that asks for scopes to be suppressed.
const FRESH: &str = "[tokens]\nfresh_factor_changes = true\n";

type Faults = Vec<(Vec<&'static str>, Fault)>;

fn deployment_faults(table: &str, key: &str) -> Faults {
    let grant = |pool: &str| {
        let constraints = json!({ "EncryptionContextSubset": { "userpool-id": pool } });
        let input = json!({
            "KeyId": key,
            "GranteePrincipal": "cognito-idp.amazonaws.com",
            "Operations": ["GenerateDataKey"],
            "Constraints": constraints,
        });
        Call::Json("kms", "TrentService.CreateGrant", input)
    };
    let ttl = |enabled: bool| {
        let input = json!({
            "TableName": table,
            "TimeToLiveSpecification": { "AttributeName": "ttl", "Enabled": enabled },
        });
        Call::Json("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", input)
    };
    let restore = |enabled: bool| {
        let input = json!({
            "TableName": table,
            "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": enabled },
        });
        Call::Json("dynamodb", "DynamoDB_20120810.UpdateContinuousBackups", input)
    };
    let spend = |limit: u32| {
        let input = json!({ "MonthlyLimit": limit });
        Call::Json("sms", "PinpointSMSVoiceV2.SetTextMessageSpendLimitOverride", input)
    };
    let sending = |enabled: bool| {
        Call::Rest("ses", "PUT", "/v2/email/account/sending", json!({ "SendingEnabled": enabled }))
    };
    let identities = "/v2/email/identities";
    let gone_identity = Call::Rest("ses", "DELETE", "/v2/email/identities/example.com", Value::Null);
    let identity = Call::Rest("ses", "POST", identities, json!({ "EmailIdentity": "example.com" }));
    let policy = "/2015-03-31/functions/pre-sign-up/policy?Qualifier=live";
    let permission = |id: &str, source: Value| {
        let mut input = json!({
            "StatementId": id, "Action": "lambda:InvokeFunction", "Principal": "cognito-idp.amazonaws.com",
        });
        input.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        Call::Rest("lambda", "POST", policy, input)
    };
    let own = "/2015-03-31/functions/pre-sign-up/policy/PreSignUpPermission?Qualifier=live";
    let wide = "/2015-03-31/functions/pre-sign-up/policy/wide?Qualifier=live";
    let mut gone = pool(json!({ "LambdaConfig": { "PreSignUp": theirs("gone") } }));
    gone.outputs = json!({ "TriggerPreSignUp": theirs("gone") });
    vec![
        (vec!["trigger-missing"], pool(json!({ "LambdaConfig": { "PreSignUp": null } }))),
        (vec!["trigger-foreign"], pool(json!({ "LambdaConfig": { "UserMigration": theirs("theirs") } }))),
        (vec!["trigger-foreign"], pool(json!({ "LambdaConfig": { "PreSignUp": theirs("theirs") } }))),
        (vec!["permission-missing"], {
            let source = json!({
                "SourceAccount": "111122223333",
                "SourceArn": "arn:aws:cognito-idp:us-east-1:111122223333:userpool/POOL",
            });
            call(Call::Rest("lambda", "DELETE", own, Value::Null), permission("PreSignUpPermission", source))
        }),
        (vec!["permission-wide"], {
            call(permission("wide", json!({})), Call::Rest("lambda", "DELETE", wide, Value::Null))
        }),
        (vec!["function-missing", "permission-missing"], gone),
        (vec!["function-of-another-key", "key-missing"], {
            let key = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000";
            pool(json!({ "LambdaConfig": { "KMSKeyID": key } }))
        }),
        (vec!["key-grant-missing"], call(Call::Revoke(key.to_owned()), grant("POOL"))),
        (vec!["table-missing"], Fault { outputs: json!({ "TableName": "Gone" }), ..Fault::default() }),
        (vec!["ttl-missing"], call(ttl(false), ttl(true))),
        (vec!["no-restore"], call(restore(false), restore(true))),
        (vec!["sms-spend-limit"], call(spend(1), spend(1000))),
        (vec!["ses-off"], call(sending(false), sending(true))),
        (vec!["email-identity-unverified"], call(gone_identity, identity)),
    ]
}

fn pool_faults(has_custom_auth: bool) -> Faults {
    let incomplete = if has_custom_auth {
        (vec!["custom-auth-incomplete", "trigger-missing"], json!({ "DefineAuthChallenge": null }))
    } else {
        (
            vec!["custom-auth-incomplete", "trigger-foreign"],
            json!({ "DefineAuthChallenge": theirs("define") }),
        )
    };
    vec![
        (incomplete.0, pool(json!({ "LambdaConfig": incomplete.1 }))),
        (vec!["email-default-sender", "trigger-missing"], {
            pool(json!({ "EmailConfiguration": null, "LambdaConfig": { "CustomEmailSender": null } }))
        }),
        (vec!["sms-role-open"], pool(json!({ "SmsConfiguration": { "ExternalId": null } }))),
        (vec!["address-changes-unverified"], pool(json!({ "UserAttributeUpdateSettings": null }))),
        (vec!["sign-in-name-unverified"], pool(json!({ "AutoVerifiedAttributes": [] }))),
        (vec!["deletion-unprotected"], pool(json!({ "DeletionProtection": "INACTIVE" }))),
        (vec!["password-short"], pool(json!({ "Policies": { "PasswordPolicy": { "MinimumLength": 6 } } }))),
        (vec!["temporary-password-long"], {
            pool(json!({ "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 90 } } }))
        }),
        (
            vec!["sign-up-differs"],
            pool(json!({ "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true } })),
        ),
    ]
}

fn factor_faults(pre_token: &Value) -> Faults {
    let threat = |mode: Value| json!({ "UserPoolTier": "PLUS", "UserPoolAddOns": mode });
    let enforced = json!({
        "AdvancedSecurityMode": "ENFORCED", "AdvancedSecurityAdditionalFlows": { "CustomAuthMode": "ENFORCED" },
    });
    vec![
        (vec!["fresh-factor-changes-impossible"], {
            let config = json!({ "LambdaVersion": "V1_0", "LambdaArn": pre_token });
            let first = pool(json!({ "LambdaConfig": { "PreTokenGenerationConfig": config } }));
            Fault { policy: FRESH, ..first }
        }),
        (
            vec!["password-recovery-differs", "recovery-unset"],
            pool(json!({ "AccountRecoverySetting": null })),
        ),
        (vec!["gate-missing", "plan-too-small", "trigger-foreign"], {
            let config = json!({ "LambdaVersion": "V2_0", "LambdaArn": theirs("theirs") });
            pool(json!({
                "UserPoolTier": "LITE",
                "LambdaConfig": { "PreTokenGeneration": theirs("theirs"), "PreTokenGenerationConfig": config },
            }))
        }),
        (vec!["plan-unused"], pool(json!({ "UserPoolTier": "PLUS" }))),
        (vec!["threat-protection-cannot-ask"], pool(threat(enforced))),
        (vec!["threat-protection-cannot-ask", "threat-protection-passed-by"], {
            pool(threat(json!({ "AdvancedSecurityMode": "ENFORCED" })))
        }),
        (vec!["device-beside-custom"], {
            pool(json!({ "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true,
            } }))
        }),
        (vec!["device-beside-custom", "device-remembered-silently"], {
            pool(json!({ "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false,
            } }))
        }),
        (vec!["mfa-off", "native-beside-custom"], {
            with_factors(json!({
                "MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": null, "SmsMfaConfiguration": null,
            }))
        }),
        (vec!["no-authenticator"], with_factors(json!({ "SoftwareTokenMfaConfiguration": null }))),
        (vec!["password-recovery-differs", "recovery-is-the-factor"], {
            let email = json!({ "EmailMfaConfiguration": { "Message": "{####}", "Subject": "Code" } });
            Fault { pool: json!({ "AccountRecoverySetting": by_both() }), ..with_factors(email) }
        }),
    ]
}

fn client_faults() -> Faults {
    vec![
        (vec!["user-existence-revealed"], client(json!({ "PreventUserExistenceErrors": "LEGACY" }))),
        (vec!["custom-client-mixed"], client(json!({ "ExplicitAuthFlows": null }))),
        (vec!["plain-passwords"], {
            client(json!({ "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }))
        }),
        (vec!["refresh-fails"], client(json!({ "RefreshTokenRotation": { "Feature": "ENABLED" } }))),
        (vec!["no-refresh"], client(json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] }))),
        (
            vec!["app-client-kind-differs", "flow-names-old"],
            client(json!({ "ExplicitAuthFlows": ["CUSTOM_AUTH_FLOW_ONLY"] })),
        ),
        (vec!["no-revocation"], client(json!({ "EnableTokenRevocation": false }))),
        (vec!["access-token-long"], client(json!({ "AccessTokenValidity": 12 }))),
        (vec!["refresh-token-long"], client(json!({ "RefreshTokenValidity": 3650 }))),
        (vec!["code-validity-mismatch"], client(json!({ "AuthSessionValidity": 10 }))),
    ]
}

/// Returns a fault of the policy alone, on the clean deployment, where e-mail recovers passwords.
fn policy(policy: &'static str) -> Fault {
    Fault { policy, ..Fault::default() }
}

fn strength_faults() -> Faults {
    let email_first =
        json!({ "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] } } });
    vec![
        (vec!["gate-missing", "trigger-missing"], {
            pool(json!({ "LambdaConfig": { "PreTokenGeneration": null, "PreTokenGenerationConfig": null } }))
        }),
        (vec!["password-recovery-differs"], pool(json!({ "AccountRecoverySetting": by_both() }))),
        (vec!["native-beside-custom"], with_factors(json!({ "MfaConfiguration": "OPTIONAL" }))),
        (vec!["native-beside-custom", "one-time-code-first"], {
            let flows =
                client(json!({ "ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }));
            Fault { pool: email_first, factors: json!({ "MfaConfiguration": "OPTIONAL" }), ..flows }
        }),
        (vec!["native-beside-custom", "passkey-alone-signs-in"], {
            let flows =
                client(json!({ "ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }));
            let factors = json!({
                "MfaConfiguration": "OPTIONAL",
                "WebAuthnConfiguration": {
                    "RelyingPartyId": "example.com",
                    "UserVerification": "required",
                    "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION",
                },
            });
            let first = ["PASSWORD", "WEB_AUTHN"];
            let pool = json!({ "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": first } } });
            Fault { pool, factors, ..flows }
        }),
        (vec!["app-client-kind-differs"], {
            client(json!({ "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }))
        }),
        (vec!["app-client-kind-differs"], policy("[custom_auth.clients.server]\n")),
        (vec!["policy-client-unlisted"], policy("[custom_auth.clients.mobile]\n")),
        (vec!["recovery-channel-counts"], {
            policy("[custom_auth.clients.custom]\nrecovery_channel_counts = true\n")
        }),
        (vec!["sign-in-impossible"], policy("[custom_auth.clients.custom]\nfactor_kinds = ['email']\n")),
        (vec!["first-factor-impossible"], {
            policy("[custom_auth.clients.custom]\nfactor_kinds = ['email', 'totp']\nenrolment = 'closed'\n")
        }),
        (vec!["authenticator-locks-out"], policy("[custom_auth.clients.custom]\nfactors = 2\n")),
    ]
}

/// Merges `over` into `value`: objects are merged, `null` removes (RFC 7396).
fn merge(value: &mut Value, over: &Value) {
    let Value::Object(over) = over else { return };
    for (name, over) in over {
        match over {
            Value::Null => {
                value.as_object_mut().unwrap().remove(name);
            }
            Value::Object(_) if value.get(name).is_some_and(Value::is_object) => {
                merge(&mut value[name], over);
            }
            _ => value[name] = over.clone(),
        }
    }
}

struct Deployment<'a> {
    cloud: &'a Cloud,
    operator: Operator,
    id: String,
    lambda_config: Value,
}

impl<'a> Deployment<'a> {
    async fn of(cloud: &'a Cloud) -> Self {
        let id = cloud.endpoint("userPoolId").unwrap().to_owned();
        let pool = cloud.cognito("DescribeUserPool", json!({ "UserPoolId": id })).await.unwrap();
        let lambda_config = pool.pointer("/UserPool/LambdaConfig").unwrap().clone();
        Self { cloud, operator: Operator::of(cloud), id, lambda_config }
    }

    /// Applies `fault` to the clean deployment.
    async fn become_(&self, fault: &Fault) {
        let mut factors = factors();
        merge(&mut factors, &fault.factors);
        factors["UserPoolId"] = self.id.clone().into();
        let mut pool = settings();
        pool["LambdaConfig"] = self.lambda_config.clone();
        merge(&mut pool, &fault.pool);
        pool["UserPoolId"] = self.id.clone().into();
        pool["MfaConfiguration"] = factors["MfaConfiguration"].clone();
        self.cloud.cognito("UpdateUserPool", pool).await.unwrap();
        self.cloud.cognito("SetUserPoolMfaConfig", factors).await.unwrap();
        for (name, mut settings) in clients() {
            if name == "native" {
                merge(&mut settings, &fault.client);
            }
            settings["UserPoolId"] = self.id.clone().into();
            settings["ClientId"] = self.cloud.client(name).unwrap().into();
            self.cloud.cognito("UpdateUserPoolClient", settings).await.unwrap();
        }
    }

    async fn call(&self, call: &Call) {
        match call.clone() {
            Call::Json(service, target, input) => {
                let input = input.to_string().replace("POOL", &self.id);
                self.cloud.call(service, target, serde_json::from_str(&input).unwrap()).await.unwrap();
            }
            Call::Revoke(key) => {
                let asked = json!({ "KeyId": key });
                let listed = self.cloud.call("kms", "TrentService.ListGrants", asked).await.unwrap();
                for grant in listed["Grants"].as_array().unwrap() {
                    let revoked = json!({ "KeyId": key, "GrantId": grant["GrantId"] });
                    self.cloud.call("kms", "TrentService.RevokeGrant", revoked).await.unwrap();
                }
            }
            Call::Rest(service, method, path, input) => {
                let input = input.to_string().replace("POOL", &self.id);
                self.cloud.request(service, method, path, input).await.unwrap();
            }
        }
    }

    /// Returns the exit code and the ids of the findings.
    fn examined(&self, pool: &str, outputs: &Value, policy: &str) -> (i32, BTreeSet<String>) {
        let file = path(&self.operator, "doctor.json");
        let mut list = self.cloud.stack_outputs().clone();
        for output in list.as_array_mut().unwrap() {
            if let Some(value) = outputs.get(output["OutputKey"].as_str().unwrap()) {
                output["OutputValue"] = value.clone();
            }
        }
        fs::write(&file, list.to_string()).unwrap();
        let folder = path(&self.operator, "config");
        fs::create_dir_all(&folder).unwrap();
        fs::write(format!("{folder}/policy.toml"), policy).unwrap();
        let (code, result, said) = self.operator.run(&[
            "doctor",
            "--user-pool-id",
            pool,
            "--stack-outputs",
            &file,
            "--config-dir",
            &folder,
            "--json",
        ]);
        let result: Value = serde_json::from_str(&result).unwrap_or_else(|_| panic!("{said}"));
        let findings = result["findings"].as_array().unwrap().iter();
        let ids = findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect();
        (code, ids)
    }
}

#[tokio::test]
async fn every_seeded_fault_is_found_and_nothing_else() {
    let cloud = Cloud::start().await.unwrap();
    let deployment = Deployment::of(&cloud).await;
    deployment.become_(&Fault::default()).await;
    let (code, found) = deployment.examined(&deployment.id, &Value::Null, "");
    assert_eq!((code, found), (0, BTreeSet::new()), "no false alarm");
    // Where scopes can be suppressed the policy may ask for it.
    let ours = &deployment.lambda_config["PreTokenGeneration"];
    let config = json!({ "LambdaVersion": "V2_0", "LambdaArn": ours });
    deployment.become_(&pool(json!({ "LambdaConfig": { "PreTokenGenerationConfig": config } }))).await;
    let (code, found) = deployment.examined(&deployment.id, &Value::Null, FRESH);
    assert_eq!((code, found), (0, BTreeSet::new()), "no false alarm with V2_0");

    let table = cloud.environment().unwrap()["MFA_TABLE"].clone();
    let key = deployment.lambda_config["KMSKeyID"].as_str().unwrap();
    let has_custom_auth = deployment.lambda_config.get("DefineAuthChallenge").is_some();
    let faults: Faults = [
        strength_faults(),
        deployment_faults(&table, key),
        pool_faults(has_custom_auth),
        factor_faults(ours),
        client_faults(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (mut seeded, mut wrong) = (0, Vec::new());
    for (due, fault) in &faults {
        deployment.become_(fault).await;
        if let Some([make, _]) = &fault.call {
            deployment.call(make).await;
        }
        let (code, found) = deployment.examined(&deployment.id, &fault.outputs, fault.policy);
        let due: BTreeSet<_> = due.iter().map(|id| (*id).to_owned()).collect();
        seeded += 1;
        if found != due || !(code == 4 || code == 5) {
            wrong.push(format!("due {due:?}, found {found:?}, exit code {code}"));
        }
        if let Some([_, mend]) = &fault.call {
            deployment.call(mend).await;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());

    // The stack was not deployed for this pool.
    let mut other = settings();
    other["PoolName"] = "other".into();
    other["LambdaConfig"] = deployment.lambda_config.clone();
    let created = cloud.cognito("CreateUserPool", other).await.unwrap();
    let id = created.pointer("/UserPool/Id").and_then(Value::as_str).unwrap();
    let mut factors = factors();
    factors["UserPoolId"] = id.into();
    cloud.cognito("SetUserPoolMfaConfig", factors).await.unwrap();
    let (_, mut stranger) = clients().into_iter().next().unwrap();
    stranger["UserPoolId"] = id.into();
    stranger["ClientName"] = "stranger".into();
    cloud.cognito("CreateUserPoolClient", stranger).await.unwrap();
    let (code, found) = deployment.examined(id, &Value::Null, "");
    let due =
        ["app-client-unlisted", "function-of-another-pool", "names-case-sensitive", "permission-missing"]
            .map(str::to_owned);
    assert_eq!((code, found), (5, due.into()));
    seeded += 1;

    deployment.become_(&Fault::default()).await;
    let (code, found) = deployment.examined(&deployment.id, &Value::Null, "");
    assert_eq!((code, found), (0, BTreeSet::new()), "mended");
    let kinds: BTreeSet<_> = faults.iter().flat_map(|(due, _)| due).collect();
    println!("doctor: {seeded} seeded faults of {} kinds, {seeded} found, 0 false alarms", kinds.len() + 3);
    cloud.stop().await.unwrap();
}
