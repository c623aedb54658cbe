//! Calls of AWS services as JSON, signed with the operator's own credentials.
//!
//! Not through the SDK's typed clients: those leave out what their version does not know, and
//! `UpdateUserPool` resets what is left out (COGNITO.md §1.1). JSON keeps every member.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use serde_json::Value;
use shared::config::process_environment;
use shared_aws::{CallFault, JsonClient, Patience};

/// An operator rather waits than starts again. Every operation that is called may be repeated: it reads, or writes
/// a whole state.
const PATIENCE: Patience =
    Patience { tries: 4, back_off: Duration::from_millis(600), one_try: None, all_tries: None };

/// The services that are called this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Cognito,
    DynamoDb,
    Kms,
    Lambda,
    Sms,
    Ses,
}

impl Service {
    /// The service, and how its endpoint override is called.
    fn described(self) -> (shared_aws::Service, &'static str) {
        use shared_aws::Service as Of;
        match self {
            Self::Cognito => (
                Of::new("cognito-idp", "AWSCognitoIdentityProviderService", "1.1"),
                "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
            ),
            Self::DynamoDb => (Of::DYNAMODB, "AWS_ENDPOINT_URL_DYNAMODB"),
            Self::Kms => (Of::KMS, "AWS_ENDPOINT_URL_KMS"),
            Self::Sms => (Of::SMS, "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"),
            // These are called by path.
            Self::Lambda => (Of::new("lambda", "", ""), "AWS_ENDPOINT_URL_LAMBDA"),
            Self::Ses => (Of { signing_name: "ses", ..Of::new("email", "", "") }, "AWS_ENDPOINT_URL_SESV2"),
        }
    }
}

/// A call that AWS answered with an error.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub(crate) struct Refused {
    pub(crate) operation: String,
    /// `ResourceNotFoundException` for example.
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Whether `error` is AWS's error `code`.
pub(crate) fn is_refused_as(error: &anyhow::Error, code: &str) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == code)
}

/// AWS as the operator's profile or environment reaches it.
#[derive(Debug)]
pub(crate) struct Aws {
    region: String,
    credentials: SharedCredentialsProvider,
    connector: SharedHttpConnector,
}

impl Aws {
    /// Reads profile, environment and single sign-on as the AWS command line does.
    pub(crate) async fn connect(profile: Option<&str>, region: Option<&str>) -> Result<Self> {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let config = loader.load().await;
        let region = config.region().context("no region: say --region, or set it in the profile")?;
        let connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        Ok(Self {
            region: region.as_ref().to_owned(),
            credentials: config.credentials_provider().context("no AWS credentials")?,
            connector: SharedHttpConnector::new(connector),
        })
    }

    pub(crate) fn client(&self, service: Service) -> JsonClient {
        let (service, variable) = service.described();
        let given = process_environment(variable).filter(|endpoint| !endpoint.is_empty());
        JsonClient {
            connector: self.connector.clone(),
            credentials: self.credentials.clone(),
            region: self.region.clone(),
            service,
            endpoint: given.map_or_else(
                || service.endpoint(&self.region),
                |endpoint| endpoint.trim_end_matches('/').to_owned(),
            ),
            patience: PATIENCE,
        }
    }

    /// Calls an operation of a service with the JSON protocol.
    pub(crate) async fn call(&self, service: Service, operation: &str, input: &Value) -> Result<Value> {
        let client = self.client(service);
        client.call(operation, input).await.map_err(|fault| told(operation, &client.endpoint, fault))
    }

    /// Reads a resource of a service that has paths. `operation` is for error messages.
    pub(crate) async fn get(&self, service: Service, operation: &str, path: &str) -> Result<Value> {
        let client = self.client(service);
        client.get(path).await.map_err(|fault| told(operation, &client.endpoint, fault))
    }
}

fn told(operation: &str, endpoint: &str, fault: CallFault) -> anyhow::Error {
    match fault {
        CallFault::Refused(refusal) => Refused {
            operation: operation.to_owned(),
            code: refusal.code.unwrap_or_else(|| format!("status {}", refusal.status)),
            message: refusal.message.unwrap_or_default(),
        }
        .into(),
        fault => anyhow!(fault).context(format!("{operation}: {endpoint}")),
    }
}
