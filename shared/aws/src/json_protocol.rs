//! A client for services that use AWS JSON. An operation is a signed `POST` with the input as JSON and the
//! operation's name in a header.
//!
//! docs/decisions/003-own-aws-json-client.md says why we do not use the SDK's clients. Signature, TLS and
//! connections are the SDK's own parts. Its clients are the oracle for the requests
//! (`tests/json_protocol.rs`).

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;
use shared::kernel::{Clock as _, PortError, SystemClock};
use tokio::time::{sleep, timeout};

/// The names of a service in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The first part of the host.
    pub host: &'static str,
    /// The name in signatures.
    pub signing_name: &'static str,
    /// The prefix of the operation in `X-Amz-Target`. It is empty for services that are called by path.
    pub target: &'static str,
    /// The version of the protocol: `1.0` or `1.1`.
    pub version: &'static str,
}

impl Service {
    pub const DYNAMODB: Self = Self::new("dynamodb", "DynamoDB_20120810", "1.0");
    pub const KMS: Self = Self::new("kms", "TrentService", "1.1");
    pub const SMS: Self = Self::new("sms-voice", "PinpointSMSVoiceV2", "1.0");

    /// Creates a service whose host and signatures have the same name.
    pub const fn new(name: &'static str, target: &'static str, version: &'static str) -> Self {
        Self { host: name, signing_name: name, target, version }
    }

    /// Returns the URL of the service in a Region.
    pub fn endpoint(self, region: &str) -> String {
        // The prefixes of Region names and the domains of their AWS partitions (AWS General Reference,
        // "Partitions").
        const DOMAINS: [(&str, &str); 7] = [
            ("cn-", "amazonaws.com.cn"),
            ("eusc-", "amazonaws.eu"),
            ("us-iso-", "c2s.ic.gov"),
            ("us-isob-", "sc2s.sgov.gov"),
            ("eu-isoe-", "cloud.adc-e.uk"),
            ("us-isof-", "csp.hci.ic.gov"),
            ("", "amazonaws.com"),
        ];
        let domain =
            DOMAINS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("", |(_, name)| name);
        format!("https://{}.{region}.{domain}", self.host)
    }
}

/// The time limits of a call, and its number of tries.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    pub tries: u32,
    /// The longest pause between the first two tries (full jitter). It doubles with each further try.
    pub back_off: Duration,
    /// The time limit of one try, or `None` for no limit.
    pub one_try: Option<Duration>,
    /// The time limit of all tries together.
    pub all_tries: Option<Duration>,
}

impl RetryPolicy {
    /// One attempt without a time limit: the caller counts time and attempts.
    pub const SINGLE_TRY: Self = Self { tries: 1, back_off: Duration::ZERO, one_try: None, all_tries: None };
}

/// Calls operations of one service.
#[derive(Debug, Clone)]
pub struct JsonClient {
    pub connector: SharedHttpConnector,
    pub credentials: SharedCredentialsProvider,
    pub region: String,
    pub service: Service,
    /// The URL of the service, without a slash at its end.
    pub endpoint: String,
    pub retry_policy: RetryPolicy,
}

impl JsonClient {
    /// Calls an operation. A retry may have executed it more than once.
    pub async fn call<O: DeserializeOwned>(
        &self,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<O, CallFault> {
        let Service { target, version, .. } = self.service;
        let body = serde_json::to_vec(input).map_err(CallFault::not_sent)?;
        let headers = [
            ("content-type", format!("application/x-amz-json-{version}")),
            ("x-amz-target", format!("{target}.{operation}")),
        ];
        read(&self.send(Method::POST, "/", &headers, &body).await?)
    }

    /// Reads a resource of a service that is called by path.
    pub async fn get<O: DeserializeOwned>(&self, path: &str) -> Result<O, CallFault> {
        read(&self.send(Method::GET, path, &[], &[]).await?)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Bytes, CallFault> {
        let uri = format!("{}{path}", self.endpoint);
        let tries = async {
            let (mut tries, mut longest) = (1, self.retry_policy.back_off);
            loop {
                match within(self.retry_policy.one_try, self.try_once(&method, &uri, headers, body)).await {
                    Err(fault) if tries < self.retry_policy.tries && fault.is_worth_another_try() => {
                        sleep(longest.mul_f64(fastrand::f64())).await;
                        (tries, longest) = (tries + 1, longest * 2);
                    }
                    ended => return ended,
                }
            }
        };
        within(self.retry_policy.all_tries, tries).await
    }

    async fn try_once(
        &self,
        method: &Method,
        uri: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Bytes, CallFault> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(SdkBody::from(body)).map_err(CallFault::not_sent)?;
        self.sign(uri, headers, body, &mut request).await.map_err(CallFault::not_sent)?;
        let request = HttpRequest::try_from(request).map_err(CallFault::not_sent)?;
        let mut answer = self.connector.call(request).await.map_err(CallFault::no_answer)?;
        let status = answer.status().as_u16();
        let named = answer.headers().get("x-amzn-errortype").map(str::to_owned);
        let is_success = (200..300).contains(&status);
        let body = match ByteStream::new(answer.take_body()).collect().await {
            Ok(body) => body.into_bytes(),
            Err(fault) if is_success => return Err(CallFault::BrokenOff(fault.into())),
            Err(fault) => return Err(CallFault::no_answer(fault)),
        };
        if is_success {
            return Ok(body);
        }
        Err(CallFault::Refused(Refusal::read(status, named.as_deref(), &body)))
    }

    /// Signs a request by AWS Signature Version 4.
    async fn sign(
        &self,
        uri: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
        request: &mut http::Request<SdkBody>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let identity = self.credentials.provide_credentials().await?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.signing_name)
            .time(SystemTime::from(SystemClock.now()))
            .settings(SigningSettings::default())
            .build()?;
        let signed = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable =
            SignableRequest::new(request.method().as_str(), uri, signed, SignableBody::Bytes(body))?;
        let (instructions, _) = sign(signable, &parameters.into())?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

/// Reads a response. Operations without output may leave the body out.
fn read<O: DeserializeOwned>(answer: &[u8]) -> Result<O, CallFault> {
    let answer = if answer.is_empty() { b"{}" } else { answer };
    serde_json::from_slice(answer).map_err(|_| CallFault::Unreadable)
}

async fn within<T>(
    limit: Option<Duration>,
    call: impl Future<Output = Result<T, CallFault>>,
) -> Result<T, CallFault> {
    match limit {
        Some(limit) => timeout(limit, call).await.unwrap_or(Err(CallFault::TimedOut)),
        None => call.await,
    }
}

/// The reason why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallFault {
    #[error("the service answered with {0}")]
    Refused(Refusal),
    #[error("the service's answer can't be read")]
    Unreadable,
    /// The status was a success, but the body did not arrive.
    #[error("the service's answer broke off")]
    BrokenOff(#[source] Box<dyn Error + Send + Sync>),
    #[error("no answer in time")]
    TimedOut,
    /// The request was not sent, or the response was incomplete.
    #[error("no answer")]
    NoAnswer(#[source] Box<dyn Error + Send + Sync>),
    /// There are no credentials, or the input cannot be written as JSON.
    #[error("not sent")]
    NotSent(#[source] Box<dyn Error + Send + Sync>),
}

impl CallFault {
    fn no_answer(fault: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::NoAnswer(fault.into())
    }

    fn not_sent(fault: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::NotSent(fault.into())
    }

    /// Whether to retry: transient and throttled calls, as AWS's SDKs do (AWS SDKs and Tools Reference Guide,
    /// "Retry behavior").
    fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_transient(),
            Self::TimedOut | Self::NoAnswer(_) | Self::BrokenOff(_) => true,
            Self::Unreadable | Self::NotSent(_) => false,
        }
    }

    /// Converts the fault to an error that operators may read. We keep only the error code of the service and
    /// leave out its text. A validation text quotes the refused value, which may be a token, code, key or
    /// address.
    pub(crate) fn of(operation: &'static str) -> impl Fn(Self) -> PortError {
        move |fault| match fault {
            Self::Refused(Refusal { code: Some(code), .. }) => PortError::new(operation, code),
            Self::Refused(Refusal { code: None, .. }) => {
                PortError::new(operation, "the service answered with an error that has no code")
            }
            fault => PortError::new(operation, fault),
        }
    }
}

/// An error response of a service.
pub struct Refusal {
    pub status: u16,
    /// The error code, such as `ResourceNotFoundException`.
    pub code: Option<String>,
    /// The text, which may quote the request. It must not be logged.
    pub message: Option<String>,
    body: Bytes,
}

impl Refusal {
    fn read(status: u16, named: Option<&str>, body: &Bytes) -> Self {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |names: &[&str]| names.iter().find_map(|name| told.get(name)?.as_str()).map(str::to_owned);
        // The code may have a namespace or a link: `com.amazonaws.kms#NotFoundException`,
        // `ResourceNotFoundException:http://…`.
        let code = named.map(str::to_owned).or_else(|| text(&["__type", "code", "Code"])).map(|code| {
            let code = code.split(':').next().unwrap_or_default();
            code.rsplit('#').next().unwrap_or_default().to_owned()
        });
        let code = code.filter(|code| !code.is_empty());
        Self { status, code, message: text(&["message", "Message"]), body: body.clone() }
    }

    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Returns further members of the error.
    pub(crate) fn details<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    fn is_transient(&self) -> bool {
        const CODES: [&str; 15] = [
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "RequestTimeout",
            "RequestTimeoutException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        ];
        [500, 502, 503, 504].contains(&self.status) || CODES.iter().any(|code| self.is(code))
    }
}

/// Prints neither the text of the service nor the values that it quotes.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_deref().unwrap_or("an error that has no code"))
    }
}

/// Bytes that JSON holds as base64. `Debug` does not print them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blob(..)")
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        // The error quotes nothing of the text, because it may be a key.
        data_encoding::BASE64
            .decode(text.as_bytes())
            .map(Self)
            .map_err(|_| serde::de::Error::custom("not base64"))
    }
}
