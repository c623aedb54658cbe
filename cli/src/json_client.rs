//! A client that sends untyped JSON to services with AWS JSON or REST paths. An operation is a signed `POST` with the
//! input as JSON and the operation's name in a header.
//!
//! docs/decisions/002-operator-command-json.md says why the command does not use the SDK's typed clients. Signatures, TLS and connections are the SDK's own parts.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use http::Method;
use mfa_core::kernel::{Clock as _, SystemClock};
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// The names of a service in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protocol {
    /// The name in signatures.
    pub(crate) signing_name: &'static str,
    /// The prefix of the operation in `X-Amz-Target`. It is empty for services that are called by path.
    pub(crate) target: &'static str,
    /// The version of the protocol: `1.0` or `1.1`.
    pub(crate) version: &'static str,
}

/// The time limits of a call, and its number of tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    pub(crate) tries: u32,
    /// The longest pause between the first two tries (full jitter). It doubles with each further try.
    pub(crate) back_off: Duration,
    /// The time limit of one try.
    pub(crate) one_try: Duration,
    /// The time limit of all tries together.
    pub(crate) all_tries: Duration,
}

/// Calls operations of one service.
#[derive(Debug, Clone)]
pub(crate) struct JsonClient {
    pub(crate) connector: SharedHttpConnector,
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) region: String,
    pub(crate) protocol: Protocol,
    /// The URL of the service, without a slash at its end.
    pub(crate) endpoint: String,
    pub(crate) retry_policy: RetryPolicy,
}

impl JsonClient {
    /// Calls an operation. A retry may have executed it more than once.
    pub(crate) async fn call(&self, operation: &str, input: &Value) -> Result<Value, CallFault> {
        let Protocol { target, version, .. } = self.protocol;
        let headers = [
            ("content-type", format!("application/x-amz-json-{version}")),
            ("x-amz-target", format!("{target}.{operation}")),
        ];
        self.send(Method::POST, "/", &headers, input.to_string().as_bytes()).await
    }

    /// Reads a resource of a service that is called by path.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, CallFault> {
        self.send(Method::GET, path, &[], &[]).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Value, CallFault> {
        let uri = format!("{}{path}", self.endpoint);
        let RetryPolicy { tries: most, back_off, one_try, all_tries } = self.retry_policy;
        let tries = async {
            let (mut tries, mut longest) = (1, back_off);
            loop {
                match within(one_try, self.try_once(&method, &uri, headers, body)).await {
                    Err(fault) if tries < most && fault.is_worth_another_try() => {
                        sleep(longest.mul_f64(fastrand::f64())).await;
                        (tries, longest) = (tries + 1, longest * 2);
                    }
                    ended => return ended,
                }
            }
        };
        within(all_tries, tries).await
    }

    async fn try_once(
        &self,
        method: &Method,
        uri: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<Value, CallFault> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(SdkBody::from(body)).map_err(CallFault::not_sent)?;
        self.sign(uri, headers, body, &mut request).await.map_err(CallFault::not_sent)?;
        let request = HttpRequest::try_from(request).map_err(CallFault::not_sent)?;
        let mut answer = self.connector.call(request).await.map_err(CallFault::no_answer)?;
        let status = answer.status();
        let named = answer.headers().get("x-amzn-errortype").map(str::to_owned);
        let body = ByteStream::new(answer.take_body()).collect().await.map_err(CallFault::no_answer)?;
        let body = body.into_bytes();
        if !status.is_success() {
            return Err(CallFault::Refused(Refusal::read(status.as_u16(), named.as_deref(), &body)));
        }
        // Operations without output may leave the body out.
        let body = if body.is_empty() { &b"{}"[..] } else { &body };
        serde_json::from_slice(body).map_err(|_| CallFault::Unreadable)
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
            .name(self.protocol.signing_name)
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

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, CallFault>>,
) -> Result<T, CallFault> {
    timeout(limit, call).await.unwrap_or(Err(CallFault::TimedOut))
}

/// The reason why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallFault {
    #[error("the service answered with {0}")]
    Refused(Refusal),
    #[error("the service's answer can't be read")]
    Unreadable,
    #[error("no answer in time")]
    TimedOut,
    /// The request was not sent, or the response was incomplete.
    #[error("no answer")]
    NoAnswer(#[source] Box<dyn Error + Send + Sync>),
    /// There are no credentials.
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
            Self::TimedOut | Self::NoAnswer(_) => true,
            Self::Unreadable | Self::NotSent(_) => false,
        }
    }
}

/// An error response of a service.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The error code, such as `ResourceNotFoundException`.
    pub(crate) code: Option<String>,
    /// The text, which may quote the request. It must not be logged.
    pub(crate) message: Option<String>,
}

impl Refusal {
    fn read(status: u16, named: Option<&str>, body: &[u8]) -> Self {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |names: &[&str]| names.iter().find_map(|name| told.get(name)?.as_str()).map(str::to_owned);
        // The code may have a namespace or a link: `com.amazonaws.kms#NotFoundException`,
        // `ResourceNotFoundException:http://…`.
        let code = named.map(str::to_owned).or_else(|| text(&["__type", "code", "Code"])).map(|code| {
            let code = code.split(':').next().unwrap_or_default();
            code.rsplit('#').next().unwrap_or_default().to_owned()
        });
        let code = code.filter(|code| !code.is_empty());
        Self { status, code, message: text(&["message", "Message"]) }
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
        [500, 502, 503, 504].contains(&self.status)
            || self.code.as_deref().is_some_and(|code| CODES.contains(&code))
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

#[cfg(test)]
mod tests;
