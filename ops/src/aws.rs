//! Calls AWS services in JSON, signed with the operator's own credentials.
//!
//! The SDK's typed clients drop members that their version does not know, and `UpdateUserPool` resets what is
//! left out (cognito.md §1.1). JSON keeps every member.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, bail};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use serde_json::Value;
use shared::config::process_environment;
use shared::kernel::{Clock, SystemClock};
use shared_aws::{CallFault, JsonClient, RetryPolicy};
use tokio::sync::Mutex;

/// An operator prefers waiting to starting again, but not for ever. Every operation called here may be
/// repeated: it reads, or writes a whole state.
const PATIENCE: RetryPolicy = RetryPolicy {
    tries: 4,
    back_off: Duration::from_millis(600),
    one_try: Some(Duration::from_secs(30)),
    all_tries: Some(Duration::from_mins(2)),
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
    /// Returns the service, and the variable that overrides its endpoint.
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
            Self::Secrets => {
                (Of::new("secretsmanager", "secretsmanager", "1.1"), "AWS_ENDPOINT_URL_SECRETS_MANAGER")
            }
            // These services are called by path.
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
    /// The endpoint of all services without their own: `AWS_ENDPOINT_URL`, or the profile's.
    endpoint: Option<String>,
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
        let region = config.region().context("no Region: pass --region or set it in the profile")?;
        if config.use_fips() == Some(true) || config.use_dual_stack() == Some(true) {
            bail!("the profile asks for FIPS or dual-stack endpoints, which this command does not support");
        }
        let connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT).build())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        let credentials = kept(config.credentials_provider().context("no AWS credentials")?);
        // Before the first call, because the operator may have to type a code, which takes longer than a call
        // may.
        credentials.provide_credentials().await.context("no AWS credentials")?;
        Ok(Self {
            region: region.as_ref().to_owned(),
            credentials,
            connector: SharedHttpConnector::new(connector),
            endpoint: config.endpoint_url().map(str::to_owned),
        })
    }

    pub(crate) fn client(&self, service: Service) -> JsonClient {
        let (service, variable) = service.described();
        let own = process_environment(variable).filter(|endpoint| !endpoint.is_empty());
        let given = own.or_else(|| self.endpoint.clone());
        JsonClient {
            connector: self.connector.clone(),
            credentials: self.credentials.clone(),
            region: self.region.clone(),
            service,
            endpoint: given.map_or_else(
                || service.endpoint(&self.region),
                |endpoint| endpoint.trim_end_matches('/').to_owned(),
            ),
            retry_policy: PATIENCE,
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

/// Credentials kept between calls. Those of single sign-on, a role or a process cost one call per request,
/// and a walk through the table requests them for each page.
#[derive(Debug)]
struct Kept<C> {
    from: SharedCredentialsProvider,
    last: Mutex<Option<Credentials>>,
    clock: C,
}

/// Renews credentials this long before they expire, because a signed request must still arrive in time.
const MARGIN: Duration = Duration::from_mins(1);

fn kept(from: SharedCredentialsProvider) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Kept { from, last: Mutex::default(), clock: SystemClock })
}

impl<C: Clock + std::fmt::Debug> ProvideCredentials for Kept<C> {
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
    struct Hands(AtomicU64);

    impl Clock for Hands {
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
        let kept = Kept { from, last: Mutex::default(), clock: Hands::default() };
        for (seconds, expected) in
            [(0, 1), (1, 1), (3_539, 1), (3_540, 2), (3_600, 2), (7_139, 2), (7_140, 3)]
        {
            kept.clock.0.store(seconds, Ordering::Relaxed);
            kept.provide_credentials().await.unwrap();
            assert_eq!(asked.load(Ordering::Relaxed), expected, "after {seconds} s");
        }
    }
}
