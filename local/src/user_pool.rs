//! The user pool as the local cloud sets it up: the triggers of the template's pool, four app clients with
//! one way in each (cognito.md §3.6).

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use local_user_pool::{ApiError, UserPools};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::args::{Mfa, SignInWith};
use crate::endpoints::{Client, Clients};

/// What a pool is set up with.
#[derive(Debug)]
pub struct Setup<'a> {
    pub region: &'a str,
    pub account_id: &'a str,
    pub mfa: Mfa,
    pub sign_in_with: SignInWith,
    /// `LambdaConfig`, the key of the custom senders with it.
    pub triggers: &'a Map<String, Value>,
}

/// The pool that is there now, kept between runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub user_pool_id: String,
    pub clients: Clients,
    /// Checks passwords before an account is recovered. Users do not sign in with it, so the
    /// endpoints file does not list it. `None` in a state that an earlier version wrote.
    pub recovery: Option<Client>,
    pub sign_in_with: SignInWith,
}

impl Known {
    /// In the place of a pool that is yet to be made.
    pub fn nothing(sign_in_with: SignInWith) -> Self {
        let none = || Client { id: String::new(), secret: None };
        let clients = Clients { native: none(), custom: none(), server: none() };
        Self { user_pool_id: String::new(), clients, recovery: None, sign_in_with }
    }

    /// What an earlier run left in `file`.
    pub fn read(file: &PathBuf) -> Result<Option<Self>> {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let known = serde_json::from_slice(&text)
            .map_err(|error| anyhow!("{} is broken ({error}); start with --fresh", file.display()))?;
        Ok(Some(known))
    }

    pub fn write(&self, file: &PathBuf) -> Result<()> {
        std::fs::write(file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

impl Setup<'_> {
    /// Creates the pool and its clients, or brings the known one up to date with this run.
    pub async fn apply(&self, pools: &Arc<UserPools>, known: Option<Known>) -> Result<Known> {
        let mut known = match known {
            Some(known) => self.update(pools, known).await?,
            None => self.create(pools).await?,
        };
        if known.recovery.is_none() {
            let flows = ["ALLOW_USER_PASSWORD_AUTH"];
            let client = create_client(pools, &known.user_pool_id, "recovery", &flows, true).await?;
            known.recovery = Some(client);
        }
        self.set_mfa(pools, &known.user_pool_id).await?;
        self.set_risk_responses(pools, &known.user_pool_id).await?;
        Ok(known)
    }

    async fn create(&self, pools: &Arc<UserPools>) -> Result<Known> {
        let mut pool = self.changeable();
        pool.insert("PoolName".to_owned(), "local".into());
        // As the AWS console makes them.
        pool.insert("UsernameConfiguration".to_owned(), json!({ "CaseSensitive": false }));
        match self.sign_in_with {
            SignInWith::Username => {}
            SignInWith::Email => {
                pool.insert("UsernameAttributes".to_owned(), json!(["email"]));
            }
            SignInWith::Phone => {
                pool.insert("UsernameAttributes".to_owned(), json!(["phone_number"]));
            }
        }
        let created = run(pools, "CreateUserPool", Value::Object(pool)).await?;
        let user_pool_id = text(&created, "/UserPool/Id")?;
        let native = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let custom = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let server = [
            "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_USER_SRP_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH",
        ];
        Ok(Known {
            clients: Clients {
                native: create_client(pools, &user_pool_id, "native", &native, false).await?,
                custom: create_client(pools, &user_pool_id, "custom", &custom, false).await?,
                server: create_client(pools, &user_pool_id, "server", &server, true).await?,
            },
            recovery: None,
            user_pool_id,
            sign_in_with: self.sign_in_with,
        })
    }

    async fn update(&self, pools: &Arc<UserPools>, known: Known) -> Result<Known> {
        if known.sign_in_with != self.sign_in_with {
            bail!(
                "the users of this state sign in with their {}; --sign-in-with {} needs --fresh",
                known.sign_in_with,
                self.sign_in_with
            );
        }
        let mut pool = self.changeable();
        pool.insert("UserPoolId".to_owned(), known.user_pool_id.clone().into());
        run(pools, "UpdateUserPool", Value::Object(pool))
            .await
            .map_err(|error| anyhow!("{error} The state does not fit together; start with --fresh"))?;
        Ok(known)
    }

    /// What both `CreateUserPool` and `UpdateUserPool` take. MFA is set afterwards, by the operation
    /// that knows all its factors.
    fn changeable(&self) -> Map<String, Value> {
        let verified = match self.sign_in_with {
            SignInWith::Phone => json!(["email", "phone_number"]),
            SignInWith::Username | SignInWith::Email => json!(["email"]),
        };
        let members = json!({
            "LambdaConfig": self.triggers,
            "AutoVerifiedAttributes": verified,
            "AccountRecoverySetting": { "RecoveryMechanisms": [
                { "Name": "verified_email", "Priority": 1 },
                { "Name": "verified_phone_number", "Priority": 2 },
            ] },
            // E-mail MFA needs an SES identity of one's own (cognito.md §4.1).
            "EmailConfiguration": {
                "EmailSendingAccount": "DEVELOPER",
                "SourceArn": self.mail_identity(),
            },
            "SmsConfiguration": self.sms_configuration(),
            // A risk is what the console's switch says (cognito.md §4.9).
            "UserPoolTier": "PLUS",
            "UserPoolAddOns": {
                "AdvancedSecurityMode": "ENFORCED",
                "AdvancedSecurityAdditionalFlows": { "CustomAuthMode": "ENFORCED" },
            },
            "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true,
                "DeviceOnlyRememberedOnUserPrompt": true,
            },
        });
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn mail_identity(&self) -> String {
        format!("arn:aws:ses:{}:{}:identity/no-reply@example.com", self.region, self.account_id)
    }

    fn sms_configuration(&self) -> Value {
        json!({
            "SnsCallerArn": format!("arn:aws:iam::{}:role/local-sms", self.account_id),
            "ExternalId": "local",
            "SnsRegion": self.region,
        })
    }

    async fn set_mfa(&self, pools: &Arc<UserPools>, user_pool_id: &str) -> Result<()> {
        let mut mfa = json!({
            "UserPoolId": user_pool_id,
            "MfaConfiguration": self.mfa.configuration(),
        });
        // "can't turn off MFA and configure an MFA together" (cognito.md §4.2)
        if let (Value::Object(mfa), Mfa::Optional | Mfa::On) = (&mut mfa, self.mfa) {
            mfa.insert(
                "SmsMfaConfiguration".to_owned(),
                json!({
                    "SmsAuthenticationMessage": "Your sign-in code is {####}",
                    "SmsConfiguration": self.sms_configuration(),
                }),
            );
            mfa.insert("SoftwareTokenMfaConfiguration".to_owned(), json!({ "Enabled": true }));
        }
        // Passwords are recovered by e-mail. Where MFA is required, a user who has nothing but that
        // address could not sign in at all (cognito.md §4.3); without e-mail as a factor they are
        // led to set up an authenticator app.
        if let (Value::Object(mfa), Mfa::Optional) = (&mut mfa, self.mfa) {
            let message = json!({ "Subject": "Your sign-in code", "Message": "Your sign-in code is {####}" });
            mfa.insert("EmailMfaConfiguration".to_owned(), message);
        }
        run(pools, "SetUserPoolMfaConfig", mfa).await.map(drop)
    }

    /// One response a level, each with a notification; the console's switch names them.
    async fn set_risk_responses(&self, pools: &Arc<UserPools>, user_pool_id: &str) -> Result<()> {
        let action = |action: &str| json!({ "EventAction": action, "Notify": true });
        let responses = json!({
            "UserPoolId": user_pool_id,
            "AccountTakeoverRiskConfiguration": {
                "Actions": {
                    "LowAction": action("NO_ACTION"),
                    "MediumAction": action("MFA_IF_CONFIGURED"),
                    "HighAction": action("BLOCK"),
                },
                "NotifyConfiguration": {
                    "SourceArn": self.mail_identity(),
                },
            },
        });
        run(pools, "SetRiskConfiguration", responses).await.map(drop)
    }
}

async fn create_client(
    pools: &Arc<UserPools>,
    user_pool_id: &str,
    name: &str,
    flows: &[&str],
    secret: bool,
) -> Result<Client> {
    let client = json!({
        "UserPoolId": user_pool_id,
        "ClientName": name,
        "GenerateSecret": secret,
        "ExplicitAuthFlows": flows,
        "PreventUserExistenceErrors": "ENABLED",
    });
    let created = run(pools, "CreateUserPoolClient", client).await?;
    let secret = created.pointer("/UserPoolClient/ClientSecret").and_then(Value::as_str);
    Ok(Client { id: text(&created, "/UserPoolClient/ClientId")?, secret: secret.map(str::to_owned) })
}

async fn run(pools: &Arc<UserPools>, operation: &str, input: Value) -> Result<Value> {
    pools.call(operation, input).await.map_err(|error: ApiError| anyhow!("{operation}: {error}"))
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("no {pointer} in the user pool's answer"))
}
