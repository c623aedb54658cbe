use std::{
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock},
    time::Duration,
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared as _,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region, sdk_config::StalledStreamProtectionConfig};
use jiff::SignedDuration;
use mfa_core::{config::Environment, kernel::PortError};
use url::{Host, Url};

/// The authorities that sign AWS's endpoints (Amazon Trust Services). We pin them because reading the
/// system's trust store costs more than everything else at init. An authority that does not sign AWS must not
/// sign our connections (docs/security/model.md, "Trust roots").
const TRUST_ROOTS: [&str; 5] = [
    include_str!("roots/amazon-root-ca-1.pem"),
    include_str!("roots/amazon-root-ca-2.pem"),
    include_str!("roots/amazon-root-ca-3.pem"),
    include_str!("roots/amazon-root-ca-4.pem"),
    include_str!("roots/starfield-services-root-g2.pem"),
];

/// Cognito waits 5 s for a trigger, including the start of the function. Two tries of 1 s and the rest fit
/// into that time.
const CONNECT: Duration = Duration::from_millis(800);
const ATTEMPT: Duration = Duration::from_secs(1);
const OPERATION: Duration = Duration::from_millis(2_200);
const TRIES: u32 = 2;
const BACK_OFF: Duration = Duration::from_millis(50);

/// The Region, our credentials, our table (`MFA_TABLE`), and how long the policy keeps the audit trail. All
/// are in the environment that Lambda provides.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    region: String,
    credentials: Credentials,
    pub(crate) table: String,
    pub(crate) audit_retention: Option<SignedDuration>,
    pub(crate) endpoints: Endpoints,
    use_fips: bool,
    use_dual_stack: bool,
}

/// The endpoints of services outside AWS: those of the local cloud, for tests and laptops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoints {
    pub(crate) dynamodb: Option<String>,
    pub(crate) cognito: Option<String>,
    pub(crate) kms: Option<String>,
    pub(crate) lambda: Option<String>,
    pub(crate) end_user_messaging: Option<String>,
    pub(crate) sns: Option<String>,
    pub(crate) ses: Option<String>,
}

impl Endpoints {
    fn read(environment: &mut Environment<'_>) -> Self {
        // This endpoint serves the services that have none of their own.
        let all = endpoint(environment, "AWS_ENDPOINT_URL");
        let mut of = |name: &str| endpoint(environment, name).or_else(|| all.clone());
        Self {
            dynamodb: of("AWS_ENDPOINT_URL_DYNAMODB"),
            cognito: of("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"),
            kms: of("AWS_ENDPOINT_URL_KMS"),
            lambda: of("AWS_ENDPOINT_URL_LAMBDA"),
            end_user_messaging: of("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"),
            sns: of("AWS_ENDPOINT_URL_SNS"),
            ses: of("AWS_ENDPOINT_URL_SESV2"),
        }
    }
}

impl AwsSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let region = environment.required("AWS_REGION");
        let key = environment.required("AWS_ACCESS_KEY_ID");
        let secret = environment.required("AWS_SECRET_ACCESS_KEY");
        let token = environment.optional("AWS_SESSION_TOKEN");
        Self {
            region,
            credentials: Credentials::new(key, secret, token, None, "lambda"),
            table: environment.required("MFA_TABLE"),
            audit_retention: environment.policy().audit.retention(),
            endpoints: Endpoints::read(environment),
            use_fips: switch(environment, "AWS_USE_FIPS_ENDPOINT"),
            use_dual_stack: switch(environment, "AWS_USE_DUALSTACK_ENDPOINT"),
        }
    }
}

/// Reads a variable of the SDKs that is `true` or `false`. It is off if it is absent.
fn switch(environment: &mut Environment<'_>, name: &str) -> bool {
    match environment.optional(name).map(|value| value.to_ascii_lowercase()).as_deref() {
        Some("true") => true,
        Some("false") | None => false,
        Some(_) => {
            environment.problem(format!("{name} must be true or false"));
            false
        }
    }
}

/// Reads an endpoint override, which must be on loopback. A person who can set a variable of a deployed
/// function must not be able to redirect tokens and codes.
fn endpoint(environment: &mut Environment<'_>, name: &str) -> Option<String> {
    let value = environment.optional(name)?;
    let is_loopback = Url::parse(&value).is_ok_and(|url| match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    });
    if !is_loopback {
        environment.problem(format!("{name} may only name a loopback address, 127.0.0.1 for example"));
        return None;
    }
    Some(value)
}

/// The parts of every client.
#[derive(Debug, Clone)]
pub struct Aws {
    pub(crate) config: SdkConfig,
    pub(crate) settings: AwsSettings,
}

impl Aws {
    pub fn new(settings: AwsSettings) -> Result<Self, PortError> {
        let mut roots = TrustStore::empty();
        for root in TRUST_ROOTS {
            roots.add_pem_certificate(root);
        }
        let tls = TlsContext::builder().with_trust_store(roots).build();
        let connector: SharedHttpConnector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.map_err(|fault| PortError::new("tls.context", fault))?)
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT).build())
            .build()
            .into_shared();
        let config = SdkConfig::builder()
            .behavior_version(aws_sdk_cognitoidentityprovider::config::BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .use_fips(settings.use_fips)
            .use_dual_stack(settings.use_dual_stack)
            .credentials_provider(SharedCredentialsProvider::new(settings.credentials.clone()))
            .http_client(SharedHttpClient::new(SharedConnector(connector)))
            // Stalled-stream protection is for streams of hours. Our bodies are small, and the time-out of an
            // attempt covers them.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(BACK_OFF))
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(ATTEMPT)
                    .operation_timeout(OPERATION)
                    .build(),
            )
            .build();
        Ok(Self { config, settings })
    }
}

/// The one connector of all clients, with their connections and with [`CONNECT`].
///
/// The SDK's own HTTP client builds a connector for each client at set-up, reads all trust roots for it, and
/// drops it after a check. It builds another for the first request. That took a fifth of a sender's init.
#[derive(Debug)]
struct SharedConnector(SharedHttpConnector);

impl HttpClient for SharedConnector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

/// A client of the SDK that many invocations do not need. It is set up at its first use, because each kind
/// reads the SDK's list of AWS partitions then. Providers are such clients: a chain has several, and
/// `deliver` has two chains. The clients of table and user pool are set up at init, where Lambda provides more
/// processor time.
#[derive(Clone)]
pub(crate) struct LazyClient<C>(Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>);

impl<C> LazyClient<C> {
    pub(crate) fn new(set_up: impl FnOnce() -> C + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(set_up))))
    }
}

impl<C> Deref for LazyClient<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> fmt::Debug for LazyClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LazyClient(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn settings(endpoint: &str) -> Result<AwsSettings, mfa_core::config::Problems> {
        settings_with("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    }

    fn settings_with(variable: &str, endpoint: &str) -> Result<AwsSettings, mfa_core::config::Problems> {
        let lookup = |name: &str| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" => Some("key".to_owned()),
            "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => Some("canary".to_owned()),
            "MFA_TABLE" => Some("mfa".to_owned()),
            name if name == variable => Some(endpoint.to_owned()),
            "AWS_ENDPOINT_URL_KMS" => Some("http://127.0.0.9".to_owned()),
            _ => None,
        };
        mfa_core::config::load(&lookup, AwsSettings::read)
    }

    #[test]
    fn an_endpoint_override_is_taken_for_loopback_only() {
        for endpoint in ["http://127.0.0.1:8000", "http://127.1.2.3", "http://[::1]:8000/"] {
            assert_eq!(settings(endpoint).unwrap().endpoints.dynamodb.as_deref(), Some(endpoint));
        }
        for endpoint in [
            "https://example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://localhost:8000",
            "http://192.168.0.1",
            "http://0.0.0.0:8000",
            "file:///etc/passwd",
            "127.0.0.1:8000",
        ] {
            assert!(settings(endpoint).is_err(), "{endpoint}");
        }
    }

    /// Emulators of AWS set this variable.
    #[test]
    fn one_endpoint_is_for_all_services_without_their_own() {
        let endpoints = settings_with("AWS_ENDPOINT_URL", "http://127.0.0.1:4566").unwrap().endpoints;
        assert_eq!(endpoints.kms.as_deref(), Some("http://127.0.0.9"));
        let Endpoints { dynamodb, cognito, kms: _, lambda, end_user_messaging, sns, ses } = endpoints;
        for given in [dynamodb, cognito, lambda, end_user_messaging, sns, ses] {
            assert_eq!(given.as_deref(), Some("http://127.0.0.1:4566"));
        }
        assert!(settings_with("AWS_ENDPOINT_URL", "https://example.com").is_err());
    }

    #[test]
    fn endpoints_of_fips_and_dual_stack_are_switches() {
        let config =
            |variable, value| settings_with(variable, value).map(|read| Aws::new(read).unwrap().config);
        for (variable, value, fips, dual_stack) in [
            ("AWS_USE_FIPS_ENDPOINT", "true", true, false),
            ("AWS_USE_FIPS_ENDPOINT", "FALSE", false, false),
            ("AWS_USE_DUALSTACK_ENDPOINT", "true", false, true),
        ] {
            let config = config(variable, value).unwrap();
            assert_eq!((config.use_fips(), config.use_dual_stack()), (Some(fips), Some(dual_stack)));
        }
        assert!(config("AWS_USE_FIPS_ENDPOINT", "1").is_err());
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let mfa_core::config::Problems(problems) =
            mfa_core::config::load(&|_| None, AwsSettings::read).unwrap_err();
        let names = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MFA_TABLE"];
        assert_eq!(problems, names.map(|name| format!("{name} is not set")));
    }

    #[test]
    fn credentials_are_not_printed() {
        let printed = format!("{:?}", settings("http://127.0.0.1").unwrap().credentials);
        assert!(!printed.contains("canary"), "{printed}");
    }

    #[test]
    fn a_client_on_demand_is_set_up_once_and_only_if_it_is_asked() {
        let set_up = Arc::new(AtomicU32::new(0));
        let counter = set_up.clone();
        let client = LazyClient::new(move || counter.fetch_add(1, Ordering::Relaxed));
        let other = client.clone();
        assert_eq!(set_up.load(Ordering::Relaxed), 0);
        assert_eq!((*client, *other), (0, 0));
        assert_eq!(set_up.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_pinned_roots_build_a_client() {
        assert!(Aws::new(settings("http://127.0.0.1").unwrap()).is_ok());
    }
}
