//! What people do, from the first request to the last, as load and bills see it: through the wire protocols
//! alone, with every code read from the message that brought it.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::Cloud;
use crate::people::{PASSWORD, access_token};

const NEW_PASSWORD: &str = "Better-Horse-10";
/// A message that takes longer than this is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// The step after this one, as a clock that is fast has it: the code of this step was good for the set-up.
const TOTP_STEP: u64 = 30;
const LOOK: Duration = Duration::from_millis(5);

/// Lets each of [`Journey`] walk: `MFA_CONFIG_DIR`'s policy. The governor does all of its work and refuses
/// nothing: so many users of one number range are a flood. And they all come from one address.
pub const POLICY: &str = "[api]\nchanges_per_address = 1000000\n[governor]\ndry_run = true\n\
     [custom_auth.clients.custom]\nfirst = \"passwordless\"\n";

/// A journey through the pool's triggers or the MFA API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Journey {
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
    /// An authenticator app of ours set up through the MFA API.
    Enrol,
    /// A lost authenticator: password, recovery code, new password.
    Recovery,
}

impl Journey {
    pub const ALL: [Self; 9] = [
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
        }
    }

    /// How long a traveller has to wait before the next: an authenticator's code is good once.
    pub fn pause(self) -> Duration {
        match self {
            Self::Totp => Duration::from_secs(61),
            _ => Duration::ZERO,
        }
    }

    /// How often somebody may do it: most are once in a life, and a day has fifty sign-ins by name alone
    /// (`by_name_per_day` of the policy).
    pub fn most(self) -> u32 {
        match self {
            Self::SignUp | Self::Enrol | Self::Recovery => 1,
            Self::CustomEmail => 50,
            Self::Password | Self::Totp | Self::Sms | Self::Refresh | Self::Overview => u32::MAX,
        }
    }
}

/// Somebody who is ready for a journey.
#[derive(Debug)]
pub struct Traveller {
    journey: Journey,
    name: String,
    number: String,
    access_token: String,
    refresh_token: String,
    /// The key of the device that the refresh token is of.
    device: String,
    /// Of an authenticator app, or the recovery codes.
    secrets: Vec<String>,
}

impl Traveller {
    /// The `index`-th user, with whatever the journey begins with.
    pub async fn prepare(cloud: &Cloud, journey: Journey, index: usize) -> Result<Self> {
        let mut traveller = Self {
            journey,
            name: format!("user-{index}@example.com"),
            number: format!("+1206{:07}", 2_000_000 + index % 7_999_999),
            access_token: String::new(),
            refresh_token: String::new(),
            device: String::new(),
            secrets: Vec::new(),
        };
        if journey == Journey::SignUp {
            return Ok(traveller);
        }
        traveller.access_token = cloud.add_user(&traveller.name).await?;
        match journey {
            Journey::Totp => {
                traveller.secrets = vec![cloud.enrol_totp(&traveller.access_token, now()?).await?];
            }
            Journey::Sms => cloud.prefer_sms(&traveller.name, &traveller.number).await?,
            Journey::Refresh => {
                let tokens = cloud.sign_in(&traveller.name, PASSWORD).await?;
                traveller.refresh_token = text(&tokens, "/AuthenticationResult/RefreshToken")?;
                traveller.device = text(&tokens, "/AuthenticationResult/NewDeviceMetadata/DeviceKey")?;
            }
            Journey::Recovery => {
                traveller.secrets = cloud.recovery_codes(&traveller.access_token).await?;
                cloud.enrol_totp(&traveller.access_token, now()?).await?;
            }
            Journey::SignUp
            | Journey::Password
            | Journey::CustomEmail
            | Journey::Overview
            | Journey::Enrol => {}
        }
        Ok(traveller)
    }

    /// The whole journey; an error if anything is not as it should be.
    pub async fn walk(&self, cloud: &Cloud) -> Result<()> {
        let name = &self.name;
        match self.journey {
            Journey::SignUp => {
                let client = cloud.client("native")?;
                let attributes = json!([{ "Name": "email", "Value": name }]);
                let user = json!({
                    "ClientId": client, "Username": name, "Password": PASSWORD, "UserAttributes": attributes,
                });
                cloud.cognito("SignUp", user).await?;
                let code = next_code(cloud, name, None).await?;
                let confirmation = json!({ "ClientId": client, "Username": name, "ConfirmationCode": code });
                cloud.cognito("ConfirmSignUp", confirmation).await?;
                access_token(&cloud.sign_in(name, PASSWORD).await?).map(drop)
            }
            Journey::Password => access_token(&cloud.sign_in(name, PASSWORD).await?).map(drop),
            Journey::Totp => {
                let challenge = cloud.sign_in(name, PASSWORD).await?;
                let secret = self.secrets.first().context("no secret")?;
                self.answer(
                    cloud,
                    "native",
                    &challenge,
                    "SOFTWARE_TOKEN_MFA",
                    &totp(secret, now()? + TOTP_STEP)?,
                )
                .await
            }
            Journey::Sms => {
                let before = last_message(cloud, &self.number).await?;
                let challenge = cloud.sign_in(name, PASSWORD).await?;
                let code = next_code(cloud, &self.number, before.as_deref()).await?;
                self.answer(cloud, "native", &challenge, "SMS_MFA", &code).await
            }
            Journey::CustomEmail => {
                let before = last_message(cloud, name).await?;
                let begin = json!({
                    "ClientId": cloud.client("custom")?, "AuthFlow": "CUSTOM_AUTH",
                    "AuthParameters": { "USERNAME": name },
                });
                let choice = cloud.cognito("InitiateAuth", begin).await?;
                let challenge = self.respond(cloud, "custom", &choice, "CUSTOM_CHALLENGE", "email").await?;
                let code = next_code(cloud, name, before.as_deref()).await?;
                self.answer(cloud, "custom", &challenge, "CUSTOM_CHALLENGE", &code).await
            }
            Journey::Refresh => {
                let refresh = json!({
                    "ClientId": cloud.client("native")?, "AuthFlow": "REFRESH_TOKEN_AUTH",
                    "AuthParameters": { "REFRESH_TOKEN": self.refresh_token, "DEVICE_KEY": self.device },
                });
                access_token(&cloud.cognito("InitiateAuth", refresh).await?).map(drop)
            }
            Journey::Overview => {
                let (status, body) = cloud.api("GET", "/mfa", Some(&self.access_token), &Value::Null).await?;
                ensure!(status == 200, "overview: {status} {body}");
                Ok(())
            }
            Journey::Enrol => {
                let new = json!({ "name": "Phone" });
                let begun = self.post(cloud, "/mfa/authenticators", &new).await?;
                let (id, secret) = (text(&begun, "/id")?, text(&begun, "/secret")?);
                let code = json!({ "code": totp(&secret, now()?)? });
                self.post(cloud, &format!("/mfa/authenticators/{id}/verify"), &code).await.map(drop)
            }
            Journey::Recovery => self.recover(cloud).await,
        }
    }

    async fn recover(&self, cloud: &Cloud) -> Result<()> {
        // Past the gateway's limit of an address: all travellers come from one.
        let ask = async |ask: Value| {
            let path = "/2015-03-31/functions/recovery-worker/invocations";
            cloud.request("lambda", "POST", path, ask.to_string()).await
        };
        let code = self.secrets.first().context("no recovery code")?;
        let opened = ask(json!({ "ask": "open", "userName": self.name, "password": PASSWORD })).await?;
        let secret = text(&opened, "/secret")?;
        let proven = ask(json!({ "ask": "code", "secret": secret, "code": code })).await?;
        ensure!(text(&proven, "/standing/status")? == "proven", "{proven}");
        let done = ask(json!({
            "ask": "finish", "secret": secret, "oldPassword": PASSWORD, "password": NEW_PASSWORD,
        }))
        .await?;
        ensure!(text(&done, "/standing/status")? == "recovered", "{done}");
        Ok(())
    }

    async fn post(&self, cloud: &Cloud, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = cloud.api("POST", path, Some(&self.access_token), body).await?;
        ensure!((200..300).contains(&status), "{path}: {status} {answer}");
        Ok(answer)
    }

    /// Answers a challenge, for tokens.
    async fn answer(
        &self,
        cloud: &Cloud,
        client: &str,
        challenge: &Value,
        expected: &str,
        answer: &str,
    ) -> Result<()> {
        access_token(&self.respond(cloud, client, challenge, expected, answer).await?).map(drop)
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

/// When the last message to an address was sent.
async fn last_message(cloud: &Cloud, to: &str) -> Result<Option<String>> {
    Ok(cloud.messages(to).await?.pop().map(|(at, _)| at))
}

/// The code of the first message to an address after the one of `before`, which the outbox may have forgotten
/// by then.
async fn next_code(cloud: &Cloud, to: &str, before: Option<&str>) -> Result<String> {
    let end = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < end {
        let messages = cloud.messages(to).await?;
        let known = messages.iter().position(|(at, _)| Some(at.as_str()) == before);
        let first_new = known.map_or(0, |known| known + 1);
        if let Some((_, code)) = messages.into_iter().nth(first_new) {
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
