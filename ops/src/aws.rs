//! Calls of AWS services as JSON, signed with the operator's own credentials.
//!
//! Not through the SDK's typed clients: those leave out what their version does not know, and
//! `UpdateUserPool` resets what is left out (COGNITO.md §1.1). JSON keeps every member.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;
use shared::config::process_environment;
use shared::kernel::{Clock as _, SystemClock};
use tokio::time::sleep;

/// Tries of one call that is throttled or finds the service out of order.
const TRIES: u32 = 4;
const BACK_OFF: Duration = Duration::from_millis(300);

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
    /// Name of the endpoint's host, name in signatures, and how its endpoint override is called.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Cognito => ("cognito-idp", "cognito-idp", "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"),
            Self::DynamoDb => ("dynamodb", "dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"),
            Self::Kms => ("kms", "kms", "AWS_ENDPOINT_URL_KMS"),
            Self::Lambda => ("lambda", "lambda", "AWS_ENDPOINT_URL_LAMBDA"),
            Self::Sms => ("sms-voice", "sms-voice", "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"),
            Self::Ses => ("email", "ses", "AWS_ENDPOINT_URL_SESV2"),
        }
    }

    /// What stands before the operation in `X-Amz-Target`, and the version of the JSON protocol.
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Cognito => ("AWSCognitoIdentityProviderService", "1.1"),
            Self::DynamoDb => ("DynamoDB_20120810", "1.0"),
            Self::Kms => ("TrentService", "1.1"),
            Self::Sms => ("PinpointSMSVoiceV2", "1.0"),
            // These are called by path.
            Self::Lambda | Self::Ses => ("", ""),
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
    status: u16,
}

impl Refused {
    fn is_worth_another_try(&self) -> bool {
        self.status >= 500 || ["Throttl", "TooManyRequests"].iter().any(|word| self.code.contains(word))
    }
}

/// Whether `error` is AWS's error `code`.
pub(crate) fn is_refused_as(error: &anyhow::Error, code: &str) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == code)
}

/// AWS as the operator's profile or environment reaches it.
#[derive(Debug)]
pub(crate) struct Aws {
    /// For the adapters of `shared-aws`.
    pub(crate) config: SdkConfig,
    region: String,
    connector: Connector,
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
        Ok(Self {
            region: region.as_ref().to_owned(),
            connector: Connector::builder()
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .build(),
            config,
        })
    }

    /// Calls an operation of a service with the JSON protocol.
    pub(crate) async fn call(&self, service: Service, operation: &str, input: &Value) -> Result<Value> {
        let (prefix, version) = service.target();
        let target = format!("{prefix}.{operation}");
        let headers =
            [("content-type", format!("application/x-amz-json-{version}")), ("x-amz-target", target)];
        self.persist(service, operation, "POST", "/", &headers, &input.to_string()).await
    }

    /// Reads a resource of a service that has paths. `operation` is for error messages.
    pub(crate) async fn get(&self, service: Service, operation: &str, path: &str) -> Result<Value> {
        self.persist(service, operation, "GET", path, &[], "").await
    }

    /// Every operation here may be repeated: it reads, or writes a whole state.
    async fn persist(
        &self,
        service: Service,
        operation: &str,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Result<Value> {
        let mut tries = 1;
        loop {
            match self.once(service, operation, method, path, headers, body).await {
                Err(error) if tries < TRIES && worth_another_try(&error) => {
                    sleep(BACK_OFF * 2_u32.pow(tries)).await;
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn once(
        &self,
        service: Service,
        operation: &str,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Result<Value> {
        let uri = format!("{}{path}", self.endpoint(service));
        let mut request = http::Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(SdkBody::from(body)).with_context(|| uri.clone())?;
        self.sign(service, method, &uri, headers, body, &mut request).await?;
        let request = HttpRequest::try_from(request).with_context(|| uri.clone())?;
        let mut response =
            self.connector.call(request).await.map_err(|fault| anyhow!("{operation}: {uri}: {fault:?}"))?;
        let status = response.status().as_u16();
        let named = response.headers().get("x-amzn-errortype").map(str::to_owned);
        let answer = ByteStream::new(response.take_body()).collect().await.context("the answer broke off")?;
        let answer = answer.into_bytes();
        let answer: Value = if answer.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer)
                .with_context(|| format!("{operation}: {uri} answered {status} and no JSON"))?
        };
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let text = |names: &[&str]| {
            names.iter().find_map(|name| answer.get(name)?.as_str()).unwrap_or_default().to_owned()
        };
        let code = named.unwrap_or_else(|| text(&["__type", "code", "Code"]));
        // `com.amazonaws.kms#NotFoundException`, `ResourceNotFoundException:http://…`
        let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
        Err(Refused {
            operation: operation.to_owned(),
            code: code.to_owned(),
            message: text(&["message", "Message"]),
            status,
        }
        .into())
    }

    async fn sign(
        &self,
        service: Service,
        method: &str,
        uri: &str,
        headers: &[(&str, String)],
        body: &str,
        request: &mut http::Request<SdkBody>,
    ) -> Result<()> {
        let provider = self.config.credentials_provider().context("no AWS credentials")?;
        let credentials = provider.provide_credentials().await.context("no AWS credentials")?;
        let identity = credentials.into();
        let (_, name, _) = service.names();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(name)
            .time(SystemTime::from(SystemClock.now()))
            .settings(SigningSettings::default())
            .build()?;
        let signed = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new(method, uri, signed, SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(signable, &parameters.into())?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    fn endpoint(&self, service: Service) -> String {
        let (host, _, variable) = service.names();
        if let Some(endpoint) = process_environment(variable).filter(|endpoint| !endpoint.is_empty()) {
            return endpoint.trim_end_matches('/').to_owned();
        }
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{host}.{}.{suffix}", self.region)
    }
}

fn worth_another_try(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(Refused::is_worth_another_try)
}
