//! Journeys of users, from the first request to the last, for load, bills and deploys. A journey uses only
//! the wire protocols, and reads every code from its message.

mod trusted_device;

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use self::trusted_device::TrustedDevice;
use crate::Cloud;
use crate::personas::{PASSWORD, access_token};

const NEW_PASSWORD: &str = "Better-Horse-10";
/// A message that takes longer than this is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// The distance of the next time step, which a fast clock has already reached. The set-up used the code of
/// this step.
const TOTP_STEP: u64 = 30;
const LOOK: Duration = Duration::from_millis(5);
/// The group whose members need two factors at a custom sign-in.
const CAREFUL: &str = "careful";
const HELPERS: &str = "helpers";

/// The policy in `MFA_CONFIG_DIR` with which each [`Scenario`] succeeds. Each message is counted and none is
/// refused. All users share one address.
pub const POLICY: &str = concat!(
    include_str!("roomy.toml"),
    "[api]\nchanges_per_address = 1000000\n[custom_auth.clients.custom]\nfirst_step = \"passwordless\"\n"
);

/// The additions to [`POLICY`] for the scenarios that are not measured.
pub const FURTHER_POLICY: &str = "[custom_auth.clients.custom.groups.careful]\nfactors = 2\ntrusted_device = true\n\
     [sign_up.unique]\nemail = true\n\
     [admin]\ngroups = [\"helpers\"]\n";

/// A journey through the pool's triggers or the MFA API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// Sign-up, the code by e-mail, confirmation, first sign-in.
    SignUp,
    /// Native sign-in, password alone.
    Password,
    /// Native sign-in, password and authenticator app.
    Totp,
    /// Native sign-in, password and text message.
    Sms,
    /// Custom sign-in without a password, code by e-mail.
    CustomEmail,
    Refresh,
    /// `GET /mfa`.
    Overview,
    /// A named authenticator set up through the MFA API.
    Enrol,
    /// A lost authenticator: password, recovery code, new password.
    Recovery,
    /// Custom sign-in without a password, code of a named authenticator.
    CustomTotp,
    /// Custom sign-in without a password, code by e-mail and recovery code.
    CustomRecoveryCode,
    /// Custom sign-in without a password, code by e-mail and a trusted device.
    CustomDevice,
    /// A forgotten password, a code by e-mail, sign-in with the new password.
    ForgottenPassword,
    /// Another e-mail address through the MFA API, with its code.
    NewAddress,
    /// [`Self::Recovery`] through the public API.
    PublicRecovery,
    /// An administrator resets a user's factors.
    Support,
}

impl Scenario {
    /// The scenarios of load and bills.
    pub const MEASURED: [Self; 9] = [
        Self::SignUp,
        Self::Password,
        Self::Totp,
        Self::Sms,
        Self::CustomEmail,
        Self::Refresh,
        Self::Overview,
        Self::Enrol,
        Self::Recovery,
    ];

    /// The other scenarios.
    pub const FURTHER: [Self; 7] = [
        Self::CustomTotp,
        Self::CustomRecoveryCode,
        Self::CustomDevice,
        Self::ForgottenPassword,
        Self::NewAddress,
        Self::PublicRecovery,
        Self::Support,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up and first sign-in",
            Self::Password => "native sign-in, password",
            Self::Totp => "native sign-in, TOTP",
            Self::Sms => "native sign-in, SMS code",
            Self::CustomEmail => "custom sign-in, e-mail code",
            Self::Refresh => "refresh",
            Self::Overview => "overview (API)",
            Self::Enrol => "enrol own TOTP (API)",
            Self::Recovery => "recovery by code (API)",
            Self::CustomTotp => "custom sign-in, own TOTP",
            Self::CustomRecoveryCode => "custom sign-in, e-mail code and recovery code",
            Self::CustomDevice => "custom sign-in, e-mail code and trusted device",
            Self::ForgottenPassword => "forgotten password",
            Self::NewAddress => "new e-mail address (API)",
            Self::PublicRecovery => "recovery by code (public API)",
            Self::Support => "support resets factors (admin API)",
        }
    }

    /// Returns the wait before a user's next journey: an authenticator's code works once.
    pub fn pause(self) -> Duration {
        match self {
            Self::Totp => Duration::from_secs(61),
            _ => Duration::ZERO,
        }
    }

    /// Returns how often a user may make the journey. Most are possible once in a user's life. A day has
    /// fifty sign-ins by name alone (`name_only_sign_ins_per_day` of the policy).
    pub fn most(self) -> u32 {
        match self {
            Self::SignUp
            | Self::Enrol
            | Self::Recovery
            | Self::PublicRecovery
            | Self::CustomTotp
            | Self::CustomRecoveryCode
            | Self::ForgottenPassword
            | Self::NewAddress
            | Self::Support => 1,
            Self::CustomEmail | Self::CustomDevice => 50,
            Self::Password | Self::Totp | Self::Sms | Self::Refresh | Self::Overview => u32::MAX,
        }
    }
}

/// A user who is ready for a journey.
#[derive(Debug)]
pub struct ScenarioUser {
    scenario: Scenario,
    name: String,
    number: String,
    access_token: String,
    refresh_token: String,
    /// The key of the refresh token's device.
    device: String,
    /// The secrets of an authenticator app, or the recovery codes.
    secrets: Vec<String>,
    trusted_device: Option<TrustedDevice>,
}

impl ScenarioUser {
    /// Creates the `index`-th user, prepared for the journey.
    pub async fn prepare(cloud: &Cloud, scenario: Scenario, index: usize) -> Result<Self> {
        let mut user = Self {
            scenario,
            name: format!("user-{index}@example.com"),
            number: format!("+1206{:07}", 2_000_000 + index % 7_999_999),
            access_token: String::new(),
            refresh_token: String::new(),
            device: String::new(),
            secrets: Vec::new(),
            trusted_device: None,
        };
        if scenario == Scenario::SignUp {
            return Ok(user);
        }
        user.access_token = cloud.add_user(&user.name).await?;
        match scenario {
            Scenario::Totp => {
                user.secrets = vec![cloud.enrol_totp(&user.access_token, now()?).await?];
            }
            Scenario::Sms => cloud.prefer_sms(&user.name, &user.number).await?,
            Scenario::Refresh => {
                let tokens = cloud.sign_in(&user.name, PASSWORD).await?;
                user.refresh_token = text(&tokens, "/AuthenticationResult/RefreshToken")?;
                user.device = text(&tokens, "/AuthenticationResult/NewDeviceMetadata/DeviceKey")?;
            }
            Scenario::Recovery | Scenario::PublicRecovery => {
                let protected = cloud.protect(&user.name, &user.access_token, now()?).await?;
                user.access_token = protected.0;
                user.secrets = cloud.recovery_codes(&user.access_token).await?;
            }
            // A token of a native client sets up only a factor of the pool.
            Scenario::Enrol => user.access_token = user.custom_token(cloud).await?,
            Scenario::CustomTotp => {
                user.access_token = user.custom_token(cloud).await?;
                user.secrets = vec![user.enrol(cloud).await?];
            }
            Scenario::CustomRecoveryCode => {
                let token = user.token_of_two_factors(cloud).await?;
                user.secrets = cloud.recovery_codes(&token).await?;
            }
            Scenario::CustomDevice => {
                let token = user.token_of_two_factors(cloud).await?;
                user.trusted_device = Some(TrustedDevice::register(cloud, &token).await?);
            }
            Scenario::Support => {
                cloud.prefer_sms(&user.name, &user.number).await?;
                cloud.join_group(&user.name, HELPERS).await?;
                cloud.sign_in_by_sms(&user.name, &user.number).await?;
                user.access_token = cloud.sign_in_by_sms(&user.name, &user.number).await?;
                let helped = cloud.add_user(&user.helped()).await?;
                let (helped, _) = cloud.protect(&user.helped(), &helped, now()?).await?;
                cloud.recovery_codes(&helped).await?;
            }
            Scenario::SignUp
            | Scenario::Password
            | Scenario::CustomEmail
            | Scenario::Overview
            | Scenario::ForgottenPassword
            | Scenario::NewAddress => {}
        }
        Ok(user)
    }

    /// Returns every address that gets messages of the journey.
    pub fn addresses(&self) -> [String; 4] {
        [self.name.clone(), self.number.clone(), self.next_name(), self.helped()]
    }

    fn next_name(&self) -> String {
        format!("next-{}", self.name)
    }

    /// Returns the name of the user whom an administrator helps.
    fn helped(&self) -> String {
        format!("helped-{}", self.name)
    }

    /// Makes the whole journey. Returns the result of its last step, such as tokens. Fails if any step
    /// differs from its expected result.
    pub async fn walk(&self, cloud: &Cloud) -> Result<Value> {
        let name = &self.name;
        match self.scenario {
            Scenario::SignUp => {
                let client = cloud.client("native")?;
                let attributes = json!([{ "Name": "email", "Value": name }]);
                let user = json!({
                    "ClientId": client, "Username": name, "Password": PASSWORD, "UserAttributes": attributes,
                });
                cloud.cognito("SignUp", user).await?;
                let code = next_code(cloud, name, None).await?;
                let confirmation = json!({ "ClientId": client, "Username": name, "ConfirmationCode": code });
                cloud.cognito("ConfirmSignUp", confirmation).await?;
                signed_in(cloud.sign_in(name, PASSWORD).await?)
            }
            Scenario::Password => signed_in(cloud.sign_in(name, PASSWORD).await?),
            Scenario::Totp => {
                let challenge = cloud.sign_in(name, PASSWORD).await?;
                let code = totp(self.secret()?, now()? + TOTP_STEP)?;
                signed_in(self.respond(cloud, "native", &challenge, "SOFTWARE_TOKEN_MFA", &code).await?)
            }
            Scenario::Sms => {
                let before = last_message(cloud, &self.number).await?;
                let challenge = cloud.sign_in(name, PASSWORD).await?;
                let code = next_code(cloud, &self.number, before.as_deref()).await?;
                signed_in(self.respond(cloud, "native", &challenge, "SMS_MFA", &code).await?)
            }
            Scenario::CustomEmail => signed_in(self.sign_in_with_email(cloud).await?),
            Scenario::CustomTotp => {
                let code = totp(self.secret()?, now()? + TOTP_STEP)?;
                self.sign_in_at_once(cloud, &code).await
            }
            Scenario::CustomRecoveryCode => {
                let code = self.secret()?.to_owned();
                signed_in(self.sign_in_with_email_and(cloud, |_challenge| Ok(code)).await?)
            }
            Scenario::CustomDevice => {
                let device = self.trusted_device.as_ref().context("no trusted device")?;
                let client = cloud.client("custom")?;
                signed_in(
                    self.sign_in_with_email_and(cloud, |challenge| device.sign(challenge, client)).await?,
                )
            }
            Scenario::Refresh => {
                let refresh = json!({
                    "ClientId": cloud.client("native")?, "AuthFlow": "REFRESH_TOKEN_AUTH",
                    "AuthParameters": { "REFRESH_TOKEN": self.refresh_token, "DEVICE_KEY": self.device },
                });
                signed_in(cloud.cognito("InitiateAuth", refresh).await?)
            }
            Scenario::Overview => self.api(cloud, "GET", "/mfa", &Value::Null).await,
            Scenario::Enrol => {
                self.enrol(cloud).await?;
                Ok(Value::Null)
            }
            Scenario::NewAddress => {
                let address = self.next_name();
                self.api(cloud, "POST", "/mfa/email", &json!({ "email": address })).await?;
                let code = json!({ "code": next_code(cloud, &address, None).await? });
                self.api(cloud, "POST", "/mfa/email/verify", &code).await
            }
            Scenario::ForgottenPassword => {
                let before = last_message(cloud, name).await?;
                let user = json!({ "ClientId": cloud.client("native")?, "Username": name });
                cloud.cognito("ForgotPassword", user).await?;
                let code = next_code(cloud, name, before.as_deref()).await?;
                let confirmation = json!({
                    "ClientId": cloud.client("native")?, "Username": name, "ConfirmationCode": code,
                    "Password": NEW_PASSWORD,
                });
                cloud.cognito("ConfirmForgotPassword", confirmation).await?;
                signed_in(cloud.sign_in(name, NEW_PASSWORD).await?)
            }
            Scenario::Recovery => self.recover(cloud).await,
            Scenario::PublicRecovery => self.recover_in_public(cloud).await,
            Scenario::Support => {
                let user = self.helped();
                let reset = json!({ "user": user, "reason": "ticket 17" });
                self.api(cloud, "POST", "/admin/users/mfa-reset", &reset).await?;
                self.api(cloud, "POST", "/admin/users/audit", &json!({ "user": user })).await
            }
        }
    }

    fn secret(&self) -> Result<&str> {
        self.secrets.first().map(String::as_str).context("no secret")
    }

    /// Sets up a named authenticator and returns its secret.
    async fn enrol(&self, cloud: &Cloud) -> Result<String> {
        let begun = self.api(cloud, "POST", "/mfa/authenticators", &json!({ "name": "Phone" })).await?;
        let (id, secret) = (text(&begun, "/id")?, text(&begun, "/secret")?);
        let code = json!({ "code": totp(&secret, now()?)? });
        self.api(cloud, "POST", &format!("/mfa/authenticators/{id}/verify"), &code).await?;
        Ok(secret)
    }

    /// Signs in at the custom client with a code by e-mail. Returns the access token.
    async fn custom_token(&self, cloud: &Cloud) -> Result<String> {
        access_token(&signed_in(self.sign_in_with_email(cloud).await?)?)
    }

    /// Sets up a named authenticator and joins the group whose members need two factors. Returns the access token
    /// of a sign-in with both.
    async fn token_of_two_factors(&mut self, cloud: &Cloud) -> Result<String> {
        self.access_token = self.custom_token(cloud).await?;
        let secret = self.enrol(cloud).await?;
        cloud.join_group(&self.name, CAREFUL).await?;
        // A sign-in uses the groups of the sign-in before.
        let too_little = self.sign_in_with_email(cloud).await.and_then(signed_in);
        ensure!(too_little.is_err(), "one factor was enough");
        let code = totp(&secret, now()? + TOTP_STEP)?;
        access_token(&signed_in(self.sign_in_with_email_and(cloud, |_challenge| Ok(code)).await?)?)
    }

    async fn begin_custom(&self, cloud: &Cloud) -> Result<Value> {
        let begin = json!({
            "ClientId": cloud.client("custom")?, "AuthFlow": "CUSTOM_AUTH",
            "AuthParameters": { "USERNAME": self.name },
        });
        cloud.cognito("InitiateAuth", begin).await
    }

    async fn sign_in_at_once(&self, cloud: &Cloud, code: &str) -> Result<Value> {
        let choice = self.begin_custom(cloud).await?;
        signed_in(self.respond(cloud, "custom", &choice, "CUSTOM_CHALLENGE", code).await?)
    }

    /// Signs in with a code by e-mail. Returns the answer after it.
    async fn sign_in_with_email(&self, cloud: &Cloud) -> Result<Value> {
        let before = last_message(cloud, &self.name).await?;
        let choice = self.begin_custom(cloud).await?;
        let challenge = self.respond(cloud, "custom", &choice, "CUSTOM_CHALLENGE", "email").await?;
        let code = next_code(cloud, &self.name, before.as_deref()).await?;
        self.respond(cloud, "custom", &challenge, "CUSTOM_CHALLENGE", &code).await
    }

    /// Signs in with a code by e-mail and a second factor, whose answer depends on the challenge.
    async fn sign_in_with_email_and(
        &self,
        cloud: &Cloud,
        answer: impl FnOnce(&Value) -> Result<String>,
    ) -> Result<Value> {
        let challenge = self.sign_in_with_email(cloud).await?;
        let answer = answer(&challenge)?;
        self.respond(cloud, "custom", &challenge, "CUSTOM_CHALLENGE", &answer).await
    }

    async fn recover(&self, cloud: &Cloud) -> Result<Value> {
        // Bypasses the gateway's limit of an address, because all users share one.
        let ask = async |ask: Value| {
            let path = "/2015-03-31/functions/recovery-worker/invocations";
            cloud.request("lambda", "POST", path, ask.to_string()).await
        };
        let opened = ask(json!({ "ask": "open", "userName": self.name, "password": PASSWORD })).await?;
        let secret = text(&opened, "/secret")?;
        let proven = ask(json!({ "ask": "code", "secret": secret, "code": self.secret()? })).await?;
        ensure!(text(&proven, "/case/status")? == "proven", "{proven}");
        let done = ask(json!({
            "ask": "finish", "secret": secret, "oldPassword": PASSWORD, "password": NEW_PASSWORD,
        }))
        .await?;
        ensure!(text(&done, "/case/status")? == "recovered", "{done}");
        Ok(done)
    }

    async fn recover_in_public(&self, cloud: &Cloud) -> Result<Value> {
        let begin = json!({ "username": self.name, "password": PASSWORD });
        let opened = accepted("/recovery", cloud.api("POST", "/recovery", None, &begin).await?)?;
        let secret = text(&opened, "/secret")?;
        let code = json!({ "code": self.secret()? });
        let passwords = json!({ "oldPassword": PASSWORD, "password": NEW_PASSWORD });
        let mut last = Value::Null;
        for (path, body) in [("/recovery/code", code), ("/recovery/password", passwords)] {
            last = accepted(path, cloud.api("POST", path, Some(&secret), &body).await?)?;
        }
        ensure!(text(&last, "/status")? == "recovered", "{last}");
        Ok(last)
    }

    async fn api(&self, cloud: &Cloud, method: &str, path: &str, body: &Value) -> Result<Value> {
        accepted(path, cloud.api(method, path, Some(&self.access_token), body).await?)
    }

    async fn respond(
        &self,
        cloud: &Cloud,
        client: &str,
        challenge: &Value,
        expected: &str,
        answer: &str,
    ) -> Result<Value> {
        let asked = text(challenge, "/ChallengeName")?;
        ensure!(asked == expected, "{asked} was asked for instead of {expected}");
        let member = match expected {
            "SOFTWARE_TOKEN_MFA" => "SOFTWARE_TOKEN_MFA_CODE",
            "SMS_MFA" => "SMS_MFA_CODE",
            _ => "ANSWER",
        };
        let mut metadata = json!({});
        if let Some(nonce) = challenge.pointer("/ChallengeParameters/nonce") {
            metadata = json!({ "nonce": nonce });
        }
        let respond = json!({
            "ClientId": cloud.client(client)?, "ChallengeName": asked, "Session": challenge.get("Session"),
            "ChallengeResponses": { "USERNAME": self.name, member: answer }, "ClientMetadata": metadata,
        });
        cloud.cognito("RespondToAuthChallenge", respond).await
    }
}

/// Returns an answer of the API whose status reports no fault.
fn accepted(path: &str, (status, answer): (u16, Value)) -> Result<Value> {
    ensure!((200..300).contains(&status), "{path}: {status} {answer}");
    Ok(answer)
}

/// Returns an answer of the pool that has tokens.
fn signed_in(answer: Value) -> Result<Value> {
    access_token(&answer).with_context(|| answer.to_string()).map(|_token| answer)
}

/// Returns the time of the last message to an address.
async fn last_message(cloud: &Cloud, to: &str) -> Result<Option<String>> {
    Ok(cloud.messages(to).await?.pop().map(|(at, _)| at))
}

/// Returns the code of the first message with a code to an address after `before`. The outbox may have
/// forgotten the message of `before`.
async fn next_code(cloud: &Cloud, to: &str, before: Option<&str>) -> Result<String> {
    let end = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < end {
        let messages = cloud.messages(to).await?;
        let known = messages.iter().position(|(at, _)| Some(at.as_str()) == before);
        let first_new = known.map_or(0, |known| known + 1);
        let mut new = messages.into_iter().skip(first_new);
        if let Some((_, code)) = new.find(|(_, code)| !code.is_empty()) {
            return Ok(code);
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("a message to {to} was lost")
}

fn totp(secret: &str, now: u64) -> Result<String> {
    let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes())?;
    Ok(totp_rs::Builder::new().with_secret(seed).build()?.generate(now).to_string())
}

#[expect(clippy::disallowed_methods, reason = "an authenticator app shows the real time's code")]
fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())
}

fn text(answer: &Value, pointer: &str) -> Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {pointer} in {answer}"))?.to_owned())
}
