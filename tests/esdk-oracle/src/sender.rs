use std::fmt;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_kms::config::BehaviorVersion;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use aws_types::region::Region;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// Opens a sealed code.
#[async_trait]
pub trait Reader: Send + Sync {
    async fn open(&self, code: &str) -> Result<String>;
}

/// The endpoints of KMS and the SMS service, and the context of the codes. The Node handler beside it uses
/// the same variables.
pub struct Settings {
    region: String,
    credentials: Credentials,
    kms: String,
    sms: String,
    pub key_arn: String,
    pub user_pool_id: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings(..)")
    }
}

impl Settings {
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            region: variable("AWS_REGION")?,
            credentials: Credentials::new(
                variable("AWS_ACCESS_KEY_ID")?,
                variable("AWS_SECRET_ACCESS_KEY")?,
                None,
                None,
                "lambda",
            ),
            kms: variable("AWS_ENDPOINT_URL_KMS")?,
            sms: variable("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2")?,
            key_arn: variable("KMS_KEY_ARN")?,
            user_pool_id: variable("USER_POOL_ID")?,
        })
    }

    pub fn kms(&self) -> Result<aws_sdk_kms::Client> {
        let config = aws_sdk_kms::config::Builder::from(&self.sdk()?).endpoint_url(&self.kms).build();
        Ok(aws_sdk_kms::Client::from_conf(config))
    }

    fn sms(&self) -> Result<aws_sdk_pinpointsmsvoicev2::Client> {
        let sdk = self.sdk()?;
        let config = aws_sdk_pinpointsmsvoicev2::config::Builder::from(&sdk).endpoint_url(&self.sms).build();
        Ok(aws_sdk_pinpointsmsvoicev2::Client::from_conf(config))
    }

    /// Configures TLS as the functions do, without the machine's trust store: the services are on loopback.
    fn sdk(&self) -> Result<SdkConfig> {
        let tls = TlsContext::builder().with_trust_store(TrustStore::empty()).build()?;
        let http =
            Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build_https();
        Ok(SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .http_client(http)
            .build())
    }
}

/// Serves a function that opens the code and sends it.
pub async fn serve(settings: &Settings, reader: impl Reader) -> Result<(), Error> {
    let sms = settings.sms()?;
    let handler = async |event: LambdaEvent<Value>| {
        let event = event.payload;
        let of = |pointer: &str| {
            event.pointer(pointer).and_then(Value::as_str).context("not a custom sender's event")
        };
        let code = reader.open(of("/request/code")?).await?;
        sms.send_text_message()
            .destination_phone_number(of("/request/userAttributes/phone_number")?)
            .message_body(format!("Your code is {code}."))
            .send()
            .await?;
        Ok::<_, Error>(event)
    };
    lambda_runtime::run(service_fn(handler)).await
}

#[expect(clippy::disallowed_methods, reason = "these senders are measured, not deployed")]
fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| name.to_owned())
}
