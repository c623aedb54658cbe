//! Tests every deployed function with every fault. `cargo xtask test faults` prints the table. [`ROWS`] has
//! the promises of docs/security/failure-modes.md. No cell may grant anything that it did not grant before.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use comfy_table::{Table, presets};
use end_to_end::{Cloud, Function, binary, functions, sample_events, workspace};
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use local_lambda_host::{FunctionSpec, LambdaHost};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The behaviour of a function while a service that it calls is faulty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// Returns the event; bookkeeping is missing.
    Passes,
    /// An error with a neutral text: Cognito fails the user's call, and Lambda repeats asynchronous calls.
    Refuses,
    /// 503.
    Unavailable,
    /// Calls nothing for this event.
    CallsNothing,
}

use Promise::{CallsNothing, Passes, Refuses, Unavailable};

/// The test that covers jumps of the clock by moving a clock by hand, or the reason for its absence.
enum Clock {
    Held(&'static str, &'static str),
    NoClock(&'static str),
}

use Clock::{Held, NoClock};

struct Row {
    function: &'static str,
    event: &'static str,
    promise: Promise,
    clock: Clock,
}

const fn row(function: &'static str, event: &'static str, promise: Promise, clock: Clock) -> Row {
    Row { function, event, promise, clock }
}

const ROWS: &[Row] = &[
    row(
        "admin-api",
        "apigw-admin.find",
        Unavailable,
        Held("shared/core/tests/admin_api.rs", "every_other_caller_is_refused"),
    ),
    row(
        "create-auth-challenge",
        "CreateAuthChallenge_Authentication",
        Refuses,
        Held("shared/core/tests/custom_auth.rs", "a_code_ends_and_another_may_be_asked_for"),
    ),
    row(
        "custom-email-sender",
        "CustomEmailSender_SignUp",
        Refuses,
        Held("shared/core/tests/delivery.rs", "fifty_overlapping_and_ten_later_deliveries_are_one_message"),
    ),
    row("custom-message", "CustomMessage_SignUp", CallsNothing, NoClock("no time in it")),
    row(
        "custom-sms-sender",
        "CustomSMSSender_SignUp",
        Refuses,
        Held("shared/core/tests/delivery.rs", "fifty_overlapping_and_ten_later_deliveries_are_one_message"),
    ),
    row(
        "define-auth-challenge",
        "DefineAuthChallenge_Authentication.custom-ok",
        Refuses,
        Held("shared/core/tests/custom_auth.rs", "a_trusted_device_expires_and_never_suffices_alone"),
    ),
    row(
        "deliver",
        "OutboundMessage_Notification",
        Refuses,
        Held("shared/core/tests/deliver.rs", "what_is_worth_nothing_is_not_sent"),
    ),
    row(
        "mfa-api",
        "apigw-http-v2.access-token",
        Unavailable,
        Held("shared/core/tests/mfa_api.rs", "a_change_needs_a_fresh_sign_in_and_a_read_does_not"),
    ),
    row(
        "post-authentication",
        "PostAuthentication_Authentication.new-device",
        Passes,
        Held("shared/core/tests/triggers.rs", "a_new_device_is_notified_once_at_a_verified_address"),
    ),
    row(
        "post-confirmation",
        "PostConfirmation_ConfirmSignUp",
        Passes,
        NoClock("the time is kept, nothing is decided by it"),
    ),
    row(
        "post-confirmation",
        "PostConfirmation_ConfirmForgotPassword",
        Passes,
        NoClock("the time is kept, nothing is decided by it"),
    ),
    row(
        "pre-authentication",
        "PreAuthentication_Authentication",
        Passes,
        Held("shared/core/tests/triggers.rs", "throttling_is_the_same_for_known_and_unknown_names"),
    ),
    row(
        "pre-sign-up",
        "PreSignUp_SignUp",
        Refuses,
        Held("shared/core/tests/sign_up.rs", "abandoned_sign_ups_block_an_address_30_minutes_a_day"),
    ),
    row("pre-sign-up", "PreSignUp_AdminCreateUser", CallsNothing, NoClock("no time in it")),
    row(
        "pre-token-generation",
        "TokenGeneration_Authentication",
        Refuses,
        Held("shared/core/tests/custom_auth.rs", "a_code_ends_and_another_may_be_asked_for"),
    ),
    row(
        "pre-token-generation",
        "TokenGeneration_RefreshTokens",
        CallsNothing,
        NoClock("a refresh is decided by no time"),
    ),
    row(
        "reconcile-claims",
        "Reconcile_Schedule",
        Refuses,
        Held(
            "shared/core/tests/claim_reconciler.rs",
            "a_pass_that_takes_many_runs_goes_on_where_the_last_one_ended",
        ),
    ),
    row(
        "recovery-api",
        "apigw-recovery.look",
        Unavailable,
        Held("shared/core/tests/recovery.rs", "an_address_has_twenty_tries_an_hour"),
    ),
    row(
        "recovery-worker",
        "Recovery_Open",
        Refuses,
        Held("shared/core/tests/recovery.rs", "a_case_ends_in_time_and_can_be_cancelled"),
    ),
    row(
        "verify-auth-challenge-response",
        "VerifyAuthChallengeResponse_Authentication",
        Refuses,
        Held("shared/core/tests/custom_auth.rs", "a_factor_locks_after_100_failures_until_another_succeeds"),
    ),
];

/// The text that Cognito and Lambda pass on when the reason must stay unknown.
const NEUTRAL: &str = "This service is temporarily unavailable. Try again later";

/// Marks a cell that breaks its promise.
const WRONG: &str = "WRONG";

const POLICY: &str = "
[sign_up]
welcome = true
[sign_up.unique]
email = true
[sign_in]
new_device_notice = true
[admin]
groups = ['helpers']
[governor]
dry_run = true
[custom_auth.clients.custom]
first_step = 'passwordless'
";

/// The faults that the proxy between a function and a service produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Down,
    Hangs,
    Slow,
    Throttles,
    Fails,
    Malformed,
}

const FAULTS: [(Fault, &str); 6] = [
    (Fault::Down, "down"),
    (Fault::Hangs, "hangs"),
    (Fault::Slow, "slow"),
    (Fault::Throttles, "throttles"),
    (Fault::Fails, "5xx"),
    (Fault::Malformed, "malformed"),
];

/// The delay of a call to a slow service that answers.
const SLOWNESS: Duration = Duration::from_millis(700);

#[derive(Default)]
struct Between {
    fault: Option<Fault>,
    calls: usize,
    /// SIGKILL at the call of this number, before the call gets through or before its answer does.
    kill: Option<(usize, bool, Arc<LambdaHost>)>,
    killed: bool,
}

impl Between {
    /// Counts a call. Returns the host to end at this call, and whether to end it after the call.
    fn count(&mut self) -> Option<(bool, Arc<LambdaHost>)> {
        self.calls += 1;
        let (at, ..) = self.kill.as_ref()?;
        if self.calls != *at + 1 {
            return None;
        }
        self.killed = true;
        self.kill.take().map(|(_, after, host)| (after, host))
    }
}

type Shared = Arc<Mutex<Between>>;

/// Starts the proxies between a function and all its services. Returns their URLs.
async fn between(cloud: &Cloud, shared: &Shared) -> BTreeMap<String, String> {
    let mut urls = BTreeMap::new();
    for (name, service) in [
        ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "cognito"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "dynamodb"),
        ("AWS_ENDPOINT_URL_KMS", "kms"),
        ("AWS_ENDPOINT_URL_LAMBDA", "lambda"),
        ("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", "sms"),
        ("AWS_ENDPOINT_URL_SESV2", "ses"),
        ("AWS_ENDPOINT_URL_SNS", "sns"),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        urls.insert(name.to_owned(), url);
        if shared.lock().unwrap().fault == Some(Fault::Down) {
            // Bound and dropped: no process listens there.
            continue;
        }
        let state = (cloud.endpoint(service).unwrap().to_owned(), shared.clone());
        let router = Router::new().fallback(pass_on).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    urls
}

async fn pass_on(
    State((upstream, shared)): State<(String, Shared)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (fault, kill) = {
        let mut shared = shared.lock().unwrap();
        (shared.fault, shared.count())
    };
    let throttled = json!({ "__type": "ThrottlingException", "message": "slow down" }).to_string();
    match fault {
        Some(Fault::Hangs) => std::future::pending().await,
        Some(Fault::Slow) => tokio::time::sleep(SLOWNESS).await,
        Some(Fault::Throttles) => {
            let name = [("x-amzn-errortype", "ThrottlingException")];
            return (StatusCode::BAD_REQUEST, name, throttled).into_response();
        }
        Some(Fault::Fails) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Malformed) => return (StatusCode::OK, "{\"broken").into_response(),
        Some(Fault::Down) | None => {}
    }
    if let Some((false, host)) = &kill {
        host.stop();
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = reqwest::Client::new().request(method, format!("{upstream}{path}")).body(body);
    for (name, value) in &headers {
        if name != "host" && name != "content-length" {
            request = request.header(name, value);
        }
    }
    let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let status = answer.status();
    let kept = ["content-type", "x-amzn-errortype", "x-amz-function-error"]
        .map(|name| (name, answer.headers().get(name).cloned()));
    let bytes = answer.bytes().await.unwrap_or_default();
    if let Some((_, host)) = kill {
        host.stop();
    }
    let mut response = (status, bytes).into_response();
    for (name, value) in kept {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The result of an invocation, as far as promises mention it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Passes,
    Answers(u64),
    Refuses(String),
    /// Tokens or a right answer that the caller has not earned.
    Grants,
}

struct Stage {
    cloud: Cloud,
    overrides: TempDir,
    /// `privateChallengeParameters` of a custom challenge: Verify looks nothing up for any other.
    challenge: Value,
}

impl Stage {
    async fn set() -> Self {
        let overrides = tempfile::tempdir().unwrap();
        fs::write(overrides.path().join("policy.toml"), POLICY).unwrap();
        let cloud = Cloud::start().await.unwrap();
        let mut stage = Self { cloud, overrides, challenge: Value::Null };
        let create = ROWS.iter().find(|row| row.function == "create-auth-challenge").unwrap();
        let host = LambdaHost::start(vec![stage.spec(create, &Shared::default()).await]).unwrap();
        let created = host.invoke(create.function, &stage.event(create)).await.unwrap().json().unwrap();
        host.stop();
        stage.challenge = created["response"]["privateChallengeParameters"].clone();
        assert!(stage.challenge.as_object().is_some_and(|parameters| !parameters.is_empty()), "{created}");
        stage
    }

    fn function(row: &Row) -> &'static Function {
        functions().iter().find(|function| function.name == row.function).unwrap()
    }

    fn event(&self, row: &Row) -> Value {
        let events = sample_events(Self::function(row)).unwrap();
        let mut event = events.into_iter().find(|event| event.name == row.event).unwrap().payload;
        if row.function == "admin-api" {
            // The caller is an administrator, because for others the function makes no call.
            event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = "[helpers]".into();
        }
        if row.function == "pre-sign-up" {
            // Only this row has this address: other samples share one.
            event["request"]["userAttributes"]["email"] = "faults@example.com".into();
        }
        if row.function == "verify-auth-challenge-response" {
            event["request"]["privateChallengeParameters"] = self.challenge.clone();
            event["request"]["challengeAnswer"] = "email".into();
        }
        event
    }

    async fn spec(&self, row: &Row, shared: &Shared) -> FunctionSpec {
        let mut spec = self.cloud.function(Self::function(row), &binary(row.function).unwrap()).unwrap();
        spec.environment.insert("MFA_CONFIG_DIR".into(), self.overrides.path().to_str().unwrap().into());
        if row.function == "pre-token-generation" {
            // The token gate asks for a proof here, and a refresh for what was proven.
            let clients = &spec.environment["MFA_APP_CLIENTS"].replace("native=", "custom=");
            spec.environment.insert("MFA_APP_CLIENTS".into(), clients.clone());
        }
        if row.function == "recovery-worker" {
            spec.environment
                .insert("MFA_RECOVERY_CLIENT".into(), self.cloud.client("server").unwrap().into());
            spec.environment.insert("MFA_RECOVERY_CLIENT_SECRET".into(), "s".repeat(40));
        }
        spec.environment.extend(between(&self.cloud, shared).await);
        spec.timeout = Duration::from_secs(if Self::is_waited_for_by_cognito(row) { 5 } else { 28 });
        spec
    }

    /// Returns whether Cognito waits for the function. It waits 5 s for triggers, and not for senders.
    fn is_waited_for_by_cognito(row: &Row) -> bool {
        Self::function(row).is_trigger && !row.function.ends_with("-sender")
    }

    async fn invoke(host: &LambdaHost, row: &Row, event: &Value) -> Outcome {
        let invocation = host.invoke(row.function, event).await.unwrap();
        if let Err(error) = &invocation.result {
            return Outcome::Refuses(error.message.clone());
        }
        let answer = invocation.json().unwrap();
        if let Some(status) = answer["statusCode"].as_u64() {
            return Outcome::Answers(status);
        }
        if Self::function(row).is_trigger {
            // None of the events may be granted anything.
            let grants = ["issueTokens", "answerCorrect"];
            if grants.iter().any(|grant| answer["response"][grant] == true) {
                return Outcome::Grants;
            }
            let without = |event: &Value| {
                let mut event = event.clone();
                event.as_object_mut().unwrap().remove("response");
                event
            };
            assert_eq!(without(&answer), without(event), "{}", row.event);
        }
        Outcome::Passes
    }

    /// Runs one invocation in its own process.
    async fn once(&self, row: &Row, fault: Option<Fault>) -> (Outcome, usize) {
        let shared = Shared::default();
        shared.lock().unwrap().fault = fault;
        let host = LambdaHost::start(vec![self.spec(row, &shared).await]).unwrap();
        let outcome = Self::invoke(&host, row, &self.event(row)).await;
        host.stop();
        let calls = shared.lock().unwrap().calls;
        (outcome, calls)
    }

    async fn line(&self, row: &Row) -> Vec<String> {
        let (healthy, calls) = self.once(row, None).await;
        let event = self.event(row);
        let promised = match row.promise {
            Passes => Outcome::Passes,
            CallsNothing => healthy.clone(),
            Refuses => Outcome::Refuses(NEUTRAL.to_owned()),
            Unavailable => Outcome::Answers(503),
        };
        let mut line = vec![format!("{}\n{}", row.function, row.event), shown(&healthy)];
        if (calls == 0) != (row.promise == CallsNothing) {
            line.push(format!("{WRONG}: {calls} calls"));
        }
        let faulty =
            FAULTS.map(|(fault, name)| async move { (name, fault, self.once(row, Some(fault)).await.0) });
        for (name, fault, outcome) in join_all(faulty).await {
            // A slow service is not broken: a function that can wait works as usual. An API also reports
            // throttling by AWS.
            let is_kept = outcome == promised
                || (fault == Fault::Slow && outcome == healthy)
                || (fault == Fault::Throttles
                    && row.promise == Unavailable
                    && outcome == Outcome::Answers(429));
            line.push(if is_kept {
                shown(&outcome)
            } else {
                format!("{WRONG}: {name}: {outcome:?}, promised {promised:?}")
            });
        }

        line.push(match row.clock {
            NoClock(why) => format!("none: {why}"),
            Held(file, test) => {
                let source = fs::read_to_string(workspace().join(file)).unwrap();
                assert!(source.contains(&format!("fn {test}(")), "{file} has no {test}");
                "held apart".to_owned()
            }
        });

        // Repeated and concurrent deliveries, and deliveries after another event, have the result of the
        // first.
        let shared = Shared::default();
        let host = LambdaHost::start(vec![self.spec(row, &shared).await]).unwrap();
        let others = sample_events(Self::function(row)).unwrap();
        let other = others.iter().find(|other| other.name != row.event);
        if let Some(other) = other {
            // This event's own result does not matter here. Only the results after it count.
            host.invoke(row.function, &other.payload).await.unwrap().result.ok();
        }
        let mut again = vec![Self::invoke(&host, row, &event).await, Self::invoke(&host, row, &event).await];
        again.extend(join_all((0..5).map(|_| Self::invoke(&host, row, &event))).await);
        host.stop();
        line.push(match again.iter().find(|outcome| **outcome != healthy) {
            None => format!("same, {} times", again.len()),
            Some(other) => format!("{WRONG}: again: {other:?}"),
        });

        line.push(if calls == 0 {
            "no call to die at".to_owned()
        } else {
            match self.kill_at_every_call(row, &healthy).await {
                Ok(kills) => format!("same after {kills} kills"),
                Err(wrong) => format!("{WRONG}: {wrong}"),
            }
        });
        line
    }

    /// Sends SIGKILL before and after each call, then delivers the event again.
    async fn kill_at_every_call(&self, row: &Row, healthy: &Outcome) -> Result<usize, String> {
        let event = self.event(row);
        let mut kills = 0;
        for (at, after) in (0..).flat_map(|at| [(at, false), (at, true)]) {
            let shared = Shared::default();
            let host = LambdaHost::start(vec![self.spec(row, &shared).await]).unwrap();
            shared.lock().unwrap().kill = Some((at, after, Arc::clone(&host)));
            let killed = host.invoke(row.function, &event).await;
            let was_killed = {
                let mut shared = shared.lock().unwrap();
                // The shared state holds the host if no process was killed.
                shared.kill = None;
                shared.killed
            };
            host.stop();
            if !was_killed {
                break;
            }
            drop(killed);
            let (outcome, _) = self.once(row, None).await;
            if outcome != *healthy {
                return Err(format!("killed at call {at}, after it: {after}: {outcome:?}"));
            }
            kills += 1;
            if kills > 100 {
                return Err("calls without end".to_owned());
            }
        }
        if kills > 0 { Ok(kills) } else { Err("nobody was killed".to_owned()) }
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passes => "passes".to_owned(),
        Outcome::Grants => format!("{WRONG}: a grant"),
        Outcome::Answers(status) => status.to_string(),
        Outcome::Refuses(text) if text == NEUTRAL => "refuses".to_owned(),
        Outcome::Refuses(text) => format!("refuses: {text}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_keeps_its_promise_beside_every_fault() {
    let covered: Vec<_> = functions().iter().map(|function| function.name).collect();
    let mut rows: Vec<_> = ROWS.iter().map(|row| row.function).collect();
    rows.dedup();
    assert_eq!(rows, covered, "a function without a row");

    let stage = Stage::set().await;
    let stage_ref = &stage;
    let lines: Vec<_> = stream::iter(ROWS).map(|row| stage_ref.line(row)).buffered(3).collect().await;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    let faults = FAULTS.iter().map(|(_, name)| *name);
    let header = ["function, event", "healthy"].into_iter().chain(faults);
    table.set_header(header.chain(["clock jumps", "again, at a time, out of order", "kill -9 at each call"]));
    let cells: Vec<_> = lines.iter().flat_map(|line| line.iter().skip(2).cloned()).collect();
    for line in lines {
        table.add_row(line);
    }
    println!("{table}");
    stage.cloud.stop().await.unwrap();
    let wrong: Vec<_> = cells.iter().filter(|cell| cell.starts_with(WRONG)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} cells of {} rows, each as promised; 0 grants", cells.len(), ROWS.len());
}
