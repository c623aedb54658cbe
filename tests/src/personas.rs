//! Users of a cloud's pool, created by an administrator, so that tests wait for no code.

use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Cloud;

pub const PASSWORD: &str = "Correct-Horse-9";

impl Cloud {
    /// Adds a confirmed user with [`PASSWORD`]. An address that is the name counts as verified. Returns an
    /// access token.
    pub async fn add_user(&self, name: &str) -> Result<String> {
        self.create_user(name).await?;
        let tokens = self.sign_in(name, PASSWORD).await?;
        access_token(&tokens)
    }

    /// Adds the user without a sign-in, because a pool that requires a second factor permits none yet.
    pub async fn create_user(&self, name: &str) -> Result<()> {
        let attribute = if name.starts_with('+') { "phone_number" } else { "email" };
        // A user name that is no address has no attribute.
        let attributes = if name.starts_with('+') || name.contains('@') {
            json!([
                { "Name": attribute, "Value": name },
                { "Name": format!("{attribute}_verified"), "Value": "true" },
            ])
        } else {
            json!([])
        };
        let user = self.named(name, json!({ "UserAttributes": attributes, "MessageAction": "SUPPRESS" }))?;
        self.cognito("AdminCreateUser", user).await?;
        let password = self.named(name, json!({ "Password": PASSWORD, "Permanent": true }))?;
        self.cognito("AdminSetUserPassword", password).await.map(drop)
    }

    /// Signs in at the native client. Returns Cognito's answer.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<Value> {
        let sign_in = json!({
            "ClientId": self.client("native")?, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": name, "PASSWORD": password },
        });
        self.cognito("InitiateAuth", sign_in).await
    }

    /// Sets up an authenticator app through Cognito, and makes it the preferred factor. `now` is in seconds
    /// since the epoch. Returns the app's secret in base32.
    pub async fn enrol_totp(&self, token: &str, now: u64) -> Result<String> {
        let begun = self.cognito("AssociateSoftwareToken", json!({ "AccessToken": token })).await?;
        let secret = begun.get("SecretCode").and_then(Value::as_str).context("no secret")?;
        let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes())?;
        let totp = totp_rs::Builder::new().with_secret(seed).build()?;
        let code = totp.generate(now).to_string();
        self.cognito("VerifySoftwareToken", json!({ "AccessToken": token, "UserCode": code })).await?;
        let preference = json!({
            "AccessToken": token, "SoftwareTokenMfaSettings": { "Enabled": true, "PreferredMfa": true },
        });
        self.cognito("SetUserMFAPreference", preference).await?;
        Ok(secret.to_owned())
    }

    /// Sets up an authenticator app through the MFA API, which notes it, and signs in with its next code.
    /// Returns the access token of that sign-in, which may change factors for five minutes, and the app's
    /// secret.
    pub async fn protect(&self, name: &str, token: &str, now: u64) -> Result<(String, String)> {
        let call = async |method, path, body| -> Result<Value> {
            let (status, answer) = self.api(method, path, Some(token), &body).await?;
            anyhow::ensure!(status < 300, "{path}: {status} {answer}");
            Ok(answer)
        };
        let begun = call("POST", "/mfa/totp", json!({})).await?;
        let secret = begun.get("secret").and_then(Value::as_str).context("no secret")?.to_owned();
        let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes())?;
        let totp = totp_rs::Builder::new().with_secret(seed).build()?;
        call("POST", "/mfa/totp/verify", json!({ "code": totp.generate(now).to_string() })).await?;
        call("PUT", "/mfa/preference", json!({ "totp": "PREFERRED" })).await?;
        let asked = self.sign_in(name, PASSWORD).await?;
        let answer = json!({
            "ClientId": self.client("native")?, "ChallengeName": "SOFTWARE_TOKEN_MFA",
            "Session": asked.get("Session").context("no session")?,
            "ChallengeResponses": {
                "USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": totp.generate(now + 30).to_string(),
            },
        });
        Ok((access_token(&self.cognito("RespondToAuthChallenge", answer).await?)?, secret))
    }

    /// Makes text messages the preferred factor, and the number a verified one.
    pub async fn prefer_sms(&self, name: &str, number: &str) -> Result<()> {
        let attributes = json!([
            { "Name": "phone_number", "Value": number }, { "Name": "phone_number_verified", "Value": "true" },
        ]);
        let update = self.named(name, json!({ "UserAttributes": attributes }))?;
        self.cognito("AdminUpdateUserAttributes", update).await?;
        let sms = json!({ "SMSMfaSettings": { "Enabled": true, "PreferredMfa": true } });
        self.cognito("AdminSetUserMFAPreference", self.named(name, sms)?).await.map(drop)
    }

    /// Signs in with a new code to the number. Returns the access token.
    pub async fn sign_in_by_sms(&self, name: &str, number: &str) -> Result<String> {
        // Notices go to the number too, without a code.
        let codes = async || -> Result<Vec<String>> {
            Ok(self.codes(number).await?.into_iter().filter(|code| !code.is_empty()).collect())
        };
        let before = codes().await?.len();
        let asked = self.sign_in(name, PASSWORD).await?;
        let mut code = None;
        for _ in 0..400 {
            code = codes().await?.get(before).cloned();
            if code.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let answer = json!({
            "ClientId": self.client("native")?, "ChallengeName": "SMS_MFA",
            "Session": asked.get("Session").context("no session")?,
            "ChallengeResponses": { "USERNAME": name, "SMS_MFA_CODE": code.context("no code")? },
        });
        access_token(&self.cognito("RespondToAuthChallenge", answer).await?)
    }

    /// Lets the pool remember the device of a sign-in.
    pub async fn remember_device(&self, name: &str) -> Result<()> {
        let tokens = self.sign_in(name, PASSWORD).await?;
        let device =
            tokens.pointer("/AuthenticationResult/NewDeviceMetadata/DeviceKey").context("no device")?;
        let verifier =
            json!({ "PasswordVerifier": STANDARD.encode([1; 384]), "Salt": STANDARD.encode([1; 16]) });
        let confirmed = json!({
            "AccessToken": access_token(&tokens)?, "DeviceKey": device, "DeviceSecretVerifierConfig": verifier,
        });
        self.cognito("ConfirmDevice", confirmed).await.map(drop)
    }

    /// Creates recovery codes through the MFA API and returns them.
    pub async fn recovery_codes(&self, token: &str) -> Result<Vec<String>> {
        let url = format!("{}/mfa/recovery-codes", self.endpoint("api")?);
        let made = self.post_as(&url, token, &json!({})).await?;
        let codes = made.get("codes").and_then(Value::as_array).context("no codes")?;
        Ok(codes.iter().filter_map(|code| code.as_str().map(str::to_owned)).collect())
    }

    /// Adds a user to a group, which is created if it does not exist.
    pub async fn join_group(&self, name: &str, group: &str) -> Result<()> {
        let pool = self.endpoint("userPoolId")?;
        // The group exists from the second time on.
        let _ = self.cognito("CreateGroup", json!({ "UserPoolId": pool, "GroupName": group })).await;
        self.cognito("AdminAddUserToGroup", self.named(name, json!({ "GroupName": group }))?).await.map(drop)
    }

    /// Sends a request to the API. Returns status and body.
    pub async fn api(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<(u16, Value)> {
        let url = format!("{}{path}", self.endpoint("api")?);
        let mut request = self.http.request(method.parse()?, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        Ok((status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? }))
    }

    /// Adds the pool and the user to the parameters of an operation.
    fn named(&self, name: &str, mut parameters: Value) -> Result<Value> {
        if let Some(members) = parameters.as_object_mut() {
            members.insert("UserPoolId".to_owned(), self.endpoint("userPoolId")?.into());
            members.insert("Username".to_owned(), name.into());
        }
        Ok(parameters)
    }
}

/// Returns the access token of a sign-in's answer.
pub fn access_token(tokens: &Value) -> Result<String> {
    let token = tokens.pointer("/AuthenticationResult/AccessToken").and_then(Value::as_str);
    Ok(token.context("no token")?.to_owned())
}
