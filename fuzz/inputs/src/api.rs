//! Requests to the public APIs, one line each: `METHOD PATH BODY`. They go to one user's factors, the
//! administrators' help and recoveries, in turn on the same state. Lines `# {…}` before them change the
//! claims and headers of the requests that follow.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    body::Body,
    http::{Method, Response, StatusCode, Uri},
};
use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    admin::{AdminPorts, AdminService},
    api_limits::{IdempotentRequests, RateLimiter},
    assurance::{Evidence, PasswordRecovery, RecordedSignIn, SignInRecords as _},
    config::{self, Policy, policy::CustomAuthPolicy},
    custom_auth::{AppClients, CustomAuthSettings},
    delivery::toll_fraud::NumberRules,
    factors::{
        ActivityService, AddressService, FactorChangeGuard, FactorChangePorts, PoolFactorService,
        ResendCooldown,
        custom::{Change, CustomFactorService, CustomFactorStore as _, RecoveryCode},
        devices::DeviceService,
    },
    http::{MfaServices, RecoveryFrontSettings, admin_api, mfa_api, recovery_api},
    kernel::{HashKey, PoolFactor, Refusal, UserId},
    recovery::{CaseService, RecoveryPorts, RecoverySettings},
};
use mfa_testkit::{
    InMemoryAccounts, InMemoryMessageQueue, InMemorySeeds, InMemoryTable, InMemoryUserPool, ManualClock,
    SeededEntropy,
};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

const SAMPLE: &str = include_str!("../../../events/apigw-http-v2.access-token.json");
/// The user of the sample: signed in, and an administrator if the claims say so.
const USER: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
/// The `client_id` of the sample events.
const CLIENT: &str = "1example23456789exampleab";
/// The `auth_time` of the sample.
const SIGNED_IN_AT: Timestamp = Timestamp::constant(1_767_322_985, 0);
/// The password of Sam, who may recover the account.
const PASSWORD: &str = "Correct-Horse-9";
/// More requests would find no further faults.
const MOST: usize = 12;

static EVENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(SAMPLE).expect("a sample"));
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    Policy::read(Some("[admin]\ngroups = ['helpers']\n[recovery.email]\nopen = true")).expect("a policy")
});

fn numbers() -> NumberRules {
    config::load(&|_| None, |environment| NumberRules::read(&POLICY, environment)).expect("rules")
}

fn key() -> HashKey {
    HashKey::new(&[7; 32])
}

fn lookup(name: &str) -> Option<String> {
    (name == "MFA_HASH_KEY").then(|| "k".repeat(64))
}

struct Stage {
    mfa: Router,
    admin: Router,
    recovery: Router,
    /// The secret of the last opened recovery.
    secret: String,
    code: String,
}

/// Passkeys are off here.
fn custom_clients(policy: CustomAuthPolicy, clients: AppClients) -> CustomAuthSettings {
    CustomAuthSettings { policy, clients, recovery: PasswordRecovery::default(), relying_party: None }
}

fn stage() -> Stage {
    let user = UserId::parse(USER).expect("a user");
    let policy = &*POLICY;
    let (table, queue) = (Arc::new(InMemoryTable::default()), Arc::new(InMemoryMessageQueue::default()));
    let pool = Arc::new(InMemoryUserPool::new(user.clone()).with_factors(&[PoolFactor::Totp]));
    let clock = Arc::new(ManualClock::at(SIGNED_IN_AT + SignedDuration::from_mins(1)));
    let entropy = Arc::new(SeededEntropy::new(1));
    let accounts = Arc::new(InMemoryAccounts::default());
    accounts.add("alex", PASSWORD, &[PoolFactor::Totp]);
    accounts.add("sam", PASSWORD, &[PoolFactor::Totp]);
    accounts.change("alex", |alex| alex.groups = BTreeSet::from(["helpers".to_owned()]));
    let sign_in = RecordedSignIn {
        at: SIGNED_IN_AT,
        client: CLIENT.into(),
        evidence: Evidence { level: 2, second_factor_at: Some(SIGNED_IN_AT) },
    };
    for signed_in in [&user, &UserId::parse("sub-alex").expect("a user")] {
        table.record(signed_in, &sign_in).now_or_never().expect("no wait").expect("recorded");
    }
    let custom_auth = policy.custom_auth.clone();
    let clients = AppClients::parse(&format!("custom={CLIENT}"), &custom_auth).expect("clients");
    let clients = custom_clients(custom_auth, clients);
    let guard = FactorChangePorts {
        custom: table.clone(),
        records: table.clone(),
        clients: Arc::new(clients),
        devices: pool.clone(),
    };
    let code = RecoveryCode::generate(entropy.as_ref()).expect("a code");
    let sam = UserId::parse("sub-sam").expect("a user");
    let change = Change { recovery: Some([code.hash(&key(), &sam)].into()), ..Change::default() };
    table.change(&sam, 0, &change).now_or_never().expect("no wait").expect("changed");

    let access = FactorChangeGuard::new(
        pool.clone(),
        guard,
        table.clone(),
        queue.clone(),
        clock.clone(),
        entropy.clone(),
        policy,
    );
    let access = Arc::new(access);
    let custom =
        CustomFactorService::new(access.clone(), table.clone(), Arc::new(InMemorySeeds), key(), policy);
    let waits = ResendCooldown::new(table.clone(), table.clone(), clock.clone(), &policy.governor);
    let mfa = mfa_api(MfaServices {
        addresses: Arc::new(AddressService::new(
            access.clone(),
            pool.clone(),
            table.clone(),
            waits,
            numbers(),
        )),
        devices: Arc::new(DeviceService::new(access.clone(), pool.clone(), table.clone())),
        activity: Arc::new(ActivityService::new(access.clone(), table.clone())),
        factors: Arc::new(PoolFactorService::new(access, table.clone(), policy)),
        custom: Arc::new(custom),
        limits: Arc::new(RateLimiter::new(table.clone(), clock.clone(), key(), policy)),
        idempotency: Arc::new(IdempotentRequests::new(table.clone(), clock.clone(), entropy.clone())),
    });
    let admin = admin_api(Arc::new(AdminService::new(
        policy.admin.clone(),
        numbers(),
        AdminPorts {
            pool,
            accounts: accounts.clone(),
            custom: table.clone(),
            sign_ins: table.clone(),
            ledger: table.clone(),
            items: table.clone(),
            audit: table.clone(),
            calls: table.clone(),
            queue: queue.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        },
    )));
    let ports = RecoveryPorts {
        cases: table.clone(),
        attempts: table.clone(),
        codes: table.clone(),
        passwords: accounts.clone(),
        accounts,
        custom: table.clone(),
        history: table.clone(),
        audit: table.clone(),
        queue,
        clock: clock.clone(),
        entropy,
    };
    let settings = RecoverySettings {
        policy: policy.recovery.clone(),
        hash_key: key(),
        challenge_key: key(),
        recovery_key: key(),
    };
    let front = config::load(&lookup, RecoveryFrontSettings::read).expect("settings");
    let front = front.front(Arc::new(CaseService::new(settings, ports)), table, clock);
    let code = code.readable().to_string();
    Stage { mfa, admin, recovery: recovery_api(front), secret: String::new(), code }
}

/// Checks that no request is answered with 5xx, and that every refusal is a problem document of the
/// catalogue. A caller who is not signed in, or no administrator, is refused.
pub fn requests(bytes: &[u8]) {
    let Some(text) = super::utf8(bytes) else { return };
    let mut stage = stage();
    let mut event = EVENT.clone();
    for line in text.split('\n').take(MOST) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if first == "#" {
            if let Ok(Value::Object(changes)) = serde_json::from_str(rest) {
                around(&mut event, changes);
            }
            continue;
        }
        let (target, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let body = body.replace("$CODE", &stage.code).replace("$PASSWORD", PASSWORD);
        if let Some(asked) = ApiRequest::new(&event, &stage.secret, first, target, &body) {
            stage.ask(asked);
        }
    }
}

/// Changes claims and headers, which are texts as from API Gateway. `"claims": null` is a route without
/// authorizer.
fn around(event: &mut Value, changes: Map<String, Value>) {
    for (name, value) in changes {
        let place = match name.as_str() {
            "claims" => &mut event["requestContext"]["authorizer"]["jwt"]["claims"],
            "headers" => &mut event["headers"],
            _ => continue,
        };
        match value {
            Value::Object(members) => {
                if !place.is_object() {
                    *place = json!({});
                }
                let place = place.as_object_mut().expect("made one");
                // API Gateway sets these headers itself.
                let is_ours = |name: &str| name != "host" && !name.starts_with("x-forwarded-");
                for (name, value) in members.into_iter().filter(|(name, _)| is_ours(name)) {
                    match value {
                        Value::String(text) => drop(place.insert(name, text.into())),
                        _ => drop(place.remove(&name)),
                    }
                }
            }
            _ if name == "claims" => event["requestContext"]["authorizer"] = Value::Null,
            _ => {}
        }
    }
}

struct ApiRequest {
    request: lambda_http::Request,
    /// API Gateway's route, which names the function. The HTTP library reads the path on its own.
    route: String,
    claims: Option<Map<String, Value>>,
    text: String,
}

impl ApiRequest {
    /// Returns `None` for a request that API Gateway would not pass on.
    fn new(event: &Value, secret: &str, method: &str, target: &str, body: &str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        // API Gateway decodes a path, but not a query.
        let is_query = format!("/?{query}").parse::<Uri>().is_ok();
        if !path.starts_with('/') || !is_query || method.parse::<Method>().is_err() {
            return None;
        }
        let mut event = event.clone();
        event["rawPath"] = path.into();
        event["rawQueryString"] = query.into();
        event["requestContext"]["http"]["method"] = method.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["body"] = if body.is_empty() { Value::Null } else { body.into() };
        let claims = event["requestContext"]["authorizer"]["jwt"]["claims"].as_object().cloned();
        if path.starts_with("/recovery") {
            // This route is open to every caller.
            event["requestContext"]["authorizer"] = Value::Null;
            event["headers"]["authorization"] = format!("Bearer {secret}").into();
        }
        let text = event.to_string();
        let request = lambda_http::request::from_str(&text).ok()?;
        Some(Self { request, route: path.to_owned(), claims, text: format!("{method} {target} {body}") })
    }

    fn claim(&self, name: &str) -> &str {
        self.claims.as_ref().and_then(|claims| claims.get(name)?.as_str()).unwrap_or_default()
    }

    /// Returns whether the access token is one that the pool's own API would accept.
    fn is_signed_in(&self) -> bool {
        let has_scope = self.claim("scope").split(' ').any(|scope| scope == "aws.cognito.signin.user.admin");
        self.claim("token_use") == "access" && has_scope && !self.claim("sub").is_empty()
    }

    fn is_administrator(&self) -> bool {
        self.is_signed_in() && self.claim("cognito:groups").contains("helpers")
    }
}

impl Stage {
    fn ask(&mut self, asked: ApiRequest) {
        let (path, text) = (asked.request.uri().path().to_owned(), &asked.text);
        let (router, is_admitted) = if asked.route.starts_with("/admin") {
            (&self.admin, asked.is_administrator())
        } else if asked.route.starts_with("/recovery") {
            (&self.recovery, true)
        } else {
            (&self.mfa, asked.is_signed_in() || path == "/openapi.json")
        };
        let request = asked.request.map(|body| Body::from(body.to_vec()));
        let answered = router.clone().oneshot(request).now_or_never().expect("the ports in here never wait");
        let response = answered.expect("a router does not fail");
        let (status, answer) = read(response, text);
        assert!(!status.is_success() || is_admitted, "{status} for a caller without the right: {text}");
        if path == "/recovery"
            && let Some(secret) = answer["secret"].as_str()
        {
            secret.clone_into(&mut self.secret);
        }
    }
}

fn read(response: Response<Body>, asked: &str) -> (StatusCode, Value) {
    let status = response.status();
    assert!(!status.is_server_error(), "{status}: {asked}");
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    assert_eq!(header("cache-control").as_deref(), Some("no-store"), "{asked}");
    let kind = header("content-type").unwrap_or_default();
    let bytes = response.into_body().collect().now_or_never().expect("no wait").expect("a body").to_bytes();
    if kind.starts_with("text/html") {
        return (status, Value::Null);
    }
    if bytes.is_empty() {
        assert!(
            status == StatusCode::NO_CONTENT || asked.starts_with("HEAD "),
            "{status} says nothing: {asked}"
        );
        return (status, Value::Null);
    }
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or_else(|fault| panic!("{fault}: {asked}"));
    if !status.is_success() {
        assert_eq!(kind, "application/problem+json", "{asked}");
        let code = answer["code"].as_str().unwrap_or_default();
        let refusal = Refusal::from_code(code).unwrap_or_else(|| panic!("{answer}: {asked}"));
        assert_eq!(answer["status"], status.as_u16(), "{asked}");
        assert_eq!(answer["detail"], refusal.text(), "{asked}");
        // An answer quotes only names of members, and only to their sender.
        assert!(
            answer["path"].is_null() || answer["path"].as_str().is_some_and(|path| path.starts_with('$'))
        );
    }
    (status, answer)
}
