//! Calls AWS services in JSON, signed with the operator's own credentials.
//!
//! The SDK's typed clients drop members that their version does not know, and `UpdateUserPool` resets what is
//! left out (cognito.md §1.1). JSON keeps every member.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use futures::FutureExt as _;
use mfa_core::config::process_environment;
use mfa_core::kernel::{Clock, SystemClock};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::json_client::{CallFault, JsonClient, Protocol, RetryPolicy};

/// An operator prefers waiting to starting again, but not for ever. Every operation called here may be
/// repeated: it reads, or writes a whole state.
const PATIENCE: RetryPolicy = RetryPolicy {
    tries: 4,
    back_off: Duration::from_millis(600),
    one_try: Duration::from_secs(30),
    all_tries: Duration::from_mins(2),
};
const CONNECT: Duration = Duration::from_secs(5);

/// A service that is called this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Cognito,
    DynamoDb,
    Kms,
    Lambda,
    Secrets,
    Sms,
    Ses,
}

impl Service {
    /// Returns the first part of the service's host, the variable that overrides its endpoint, and its names
    /// in requests.
    fn described(self) -> (&'static str, &'static str, Protocol) {
        let json = |signing_name, target, version| Protocol { signing_name, target, version };
        // These services are called by path.
        let by_path = |signing_name| Protocol { signing_name, target: "", version: "" };
        match self {
            Self::Cognito => (
                "cognito-idp",
                "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
                json("cognito-idp", "AWSCognitoIdentityProviderService", "1.1"),
            ),
            Self::DynamoDb => {
                ("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB", json("dynamodb", "DynamoDB_20120810", "1.0"))
            }
            Self::Kms => ("kms", "AWS_ENDPOINT_URL_KMS", json("kms", "TrentService", "1.1")),
            Self::Secrets => (
                "secretsmanager",
                "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                json("secretsmanager", "secretsmanager", "1.1"),
            ),
            Self::Sms => (
                "sms-voice",
                "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2",
                json("sms-voice", "PinpointSMSVoiceV2", "1.0"),
            ),
            Self::Lambda => ("lambda", "AWS_ENDPOINT_URL_LAMBDA", by_path("lambda")),
            Self::Ses => ("email", "AWS_ENDPOINT_URL_SESV2", by_path("ses")),
        }
    }
}

/// A call that AWS answered with an error.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub(crate) struct Refused {
    pub(crate) operation: String,
    /// The error code, such as `ResourceNotFoundException`.
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Returns whether `error` is AWS's error `code`.
pub(crate) fn is_refused_as(error: &anyhow::Error, code: &str) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == code)
}

/// AWS, with the operator's profile or environment.
#[derive(Debug)]
pub(crate) struct Aws {
    region: String,
    credentials: SharedCredentialsProvider,
    connector: SharedHttpConnector,
    /// The configuration of the SDK's clients, with the same credentials and connections.
    config: SdkConfig,
}

impl Aws {
    /// Reads profile, environment and single sign-on as the AWS command line does.
    pub(crate) async fn connect(profile: Option<&str>, region: Option<&str>) -> Result<Self> {
        let connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT).build())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        let connector = SharedHttpConnector::new(connector);
        let shared = connector.clone();
        let http = http_client_fn(move |_, _| shared.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let config = loader.load().await;
        let region = config.region().context("no Region: pass --region or set it in the profile")?;
        let credentials = kept(config.credentials_provider().context("no AWS credentials")?);
        // Before the first call, because the operator may have to type a code, which takes longer than a call
        // may.
        credentials.provide_credentials().await.context("no AWS credentials")?;
        let region = region.as_ref().to_owned();
        let config = config
            .into_builder()
            .credentials_provider(credentials.clone())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(PATIENCE.tries)
                    .with_initial_backoff(PATIENCE.back_off),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(PATIENCE.one_try)
                    .operation_timeout(PATIENCE.all_tries)
                    .build(),
            )
            .build();
        Ok(Self { region, credentials, connector, config })
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Returns the configuration of the SDK's clients.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    fn client(&self, service: Service) -> Result<JsonClient> {
        let (host, variable, protocol) = service.described();
        let own = process_environment(variable).filter(|endpoint| !endpoint.is_empty());
        // `AWS_ENDPOINT_URL`, or the profile's, is for all services without their own.
        let given = own.or_else(|| self.config.endpoint_url().map(str::to_owned));
        let endpoint = match given {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => endpoint(
                host,
                &self.region,
                self.config.use_fips().unwrap_or_default(),
                self.config.use_dual_stack().unwrap_or_default(),
            )?,
        };
        Ok(JsonClient {
            connector: self.connector.clone(),
            credentials: self.credentials.clone(),
            region: self.region.clone(),
            protocol,
            endpoint,
            retry_policy: PATIENCE,
        })
    }

    /// Calls an operation of a service with the JSON protocol.
    pub(crate) async fn call(&self, service: Service, operation: &str, input: &Value) -> Result<Value> {
        let client = self.client(service)?;
        client.call(operation, input).await.map_err(|fault| call_error(operation, &client.endpoint, fault))
    }

    /// Reads a resource of a service that has paths. `operation` is for error messages.
    pub(crate) async fn get(&self, service: Service, operation: &str, path: &str) -> Result<Value> {
        let client = self.client(service)?;
        client.get(path).await.map_err(|fault| call_error(operation, &client.endpoint, fault))
    }
}

/// Returns the URL of a service. The SDK's rules know the domains of AWS's partitions. Cognito and DynamoDB have
/// rules of their own, and the other services that we call have those of KMS.
fn endpoint(host: &str, region: &str, fips: bool, dual_stack: bool) -> Result<String> {
    macro_rules! resolved {
        ($sdk:ident) => {{
            use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
            let params =
                Params::builder().region(region).use_fips(fips).use_dual_stack(dual_stack).build()?;
            let resolved = DefaultResolver::new().resolve_endpoint(&params).now_or_never();
            resolved
                .context("the SDK did not resolve the endpoint at once")?
                .map_err(|fault| anyhow!(fault))?
        }};
    }
    let url = match host {
        "cognito-idp" => resolved!(aws_sdk_cognitoidentityprovider),
        "dynamodb" => resolved!(aws_sdk_dynamodb),
        _ => resolved!(aws_sdk_kms),
    };
    Ok(url.url().replacen("//kms", &format!("//{host}"), 1))
}

fn call_error(operation: &str, endpoint: &str, fault: CallFault) -> anyhow::Error {
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

/// Credentials kept between calls. Those of single sign-on, a role or a process cost one call per request,
/// and a walk through the table requests them for each page.
#[derive(Debug)]
struct CachedCredentials<C> {
    from: SharedCredentialsProvider,
    last: Mutex<Option<Credentials>>,
    clock: C,
}

/// Renews credentials this long before they expire, because a signed request must still arrive in time.
const MARGIN: Duration = Duration::from_mins(1);

fn kept(from: SharedCredentialsProvider) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(CachedCredentials { from, last: Mutex::default(), clock: SystemClock })
}

impl<C: Clock + std::fmt::Debug> ProvideCredentials for CachedCredentials<C> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let mut last = self.last.lock().await;
            let soon = SystemTime::from(self.clock.now()) + MARGIN;
            let is_good = |known: &&Credentials| known.expiry().is_none_or(|end| end > soon);
            if let Some(known) = last.as_ref().filter(is_good) {
                return Ok(known.clone());
            }
            let fresh = self.from.provide_credentials().await?;
            Ok(last.insert(fresh).clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use jiff::{SignedDuration, Timestamp};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

    #[derive(Debug, Default)]
    struct ManualClock(AtomicU64);

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            NOW + SignedDuration::from_secs(self.0.load(Ordering::Relaxed).try_into().unwrap())
        }
    }

    /// Counts the requests. Each answer is valid for an hour from the first.
    #[derive(Debug)]
    struct SignOn(Arc<AtomicU64>);

    impl ProvideCredentials for SignOn {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let asked = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            let end = SystemTime::from(NOW) + Duration::from_hours(asked);
            future::ProvideCredentials::ready(Ok(Credentials::new("a", "b", None, Some(end), "test")))
        }
    }

    #[tokio::test]
    async fn credentials_are_asked_for_anew_before_they_expire() {
        let asked = Arc::<AtomicU64>::default();
        let from = SharedCredentialsProvider::new(SignOn(Arc::clone(&asked)));
        let kept = CachedCredentials { from, last: Mutex::default(), clock: ManualClock::default() };
        for (seconds, expected) in
            [(0, 1), (1, 1), (3_539, 1), (3_540, 2), (3_600, 2), (7_139, 2), (7_140, 3)]
        {
            kept.clock.0.store(seconds, Ordering::Relaxed);
            kept.provide_credentials().await.unwrap();
            assert_eq!(asked.load(Ordering::Relaxed), expected, "after {seconds} s");
        }
    }
    #[test]
    fn endpoints_follow_the_partition_and_the_profile() {
        for (host, region, fips, dual_stack, expected) in [
            ("cognito-idp", "eu-central-1", false, false, "https://cognito-idp.eu-central-1.amazonaws.com"),
            (
                "cognito-idp",
                "us-gov-west-1",
                true,
                false,
                "https://cognito-idp-fips.us-gov-west-1.amazonaws.com",
            ),
            ("dynamodb", "us-gov-west-1", true, false, "https://dynamodb.us-gov-west-1.amazonaws.com"),
            ("dynamodb", "us-east-1", true, false, "https://dynamodb-fips.us-east-1.amazonaws.com"),
            ("lambda", "us-east-1", true, false, "https://lambda-fips.us-east-1.amazonaws.com"),
            ("lambda", "us-east-1", false, true, "https://lambda.us-east-1.api.aws"),
            (
                "secretsmanager",
                "cn-north-1",
                false,
                false,
                "https://secretsmanager.cn-north-1.amazonaws.com.cn",
            ),
            ("email", "us-iso-east-1", false, false, "https://email.us-iso-east-1.c2s.ic.gov"),
            ("kms", "eusc-de-east-1", false, false, "https://kms.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(endpoint(host, region, fips, dual_stack).unwrap(), expected);
        }
    }
}
