//! An execution environment: one process and its Runtime API.

use std::io;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use axum::body::Bytes;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::ambient;
use crate::function::{FunctionSpec, access_key_id};
use crate::host::Settings;
use crate::invocation::{Answer, FunctionError};
use crate::logs::Logs;
use crate::process_group::ProcessGroup;
use crate::runtime_api::{Delivery, RuntimeApi, RuntimeReport};
use crate::usage::Usage;

pub(crate) struct Environment {
    process: Child,
    deliveries: mpsc::Sender<Delivery>,
    said: mpsc::UnboundedReceiver<RuntimeReport>,
    /// Ends with the environment.
    _runtime_api: JoinSet<()>,
    pub(crate) idle_since: Instant,
}

/// How an environment came up.
pub(crate) struct Init {
    pub(crate) duration: Duration,
    pub(crate) usage: Option<Usage>,
}

/// How one invocation in an environment ended.
pub(crate) enum Turn {
    Answered(Result<Answer, FunctionError>),
    /// The environment is of no more use.
    Broken(FunctionError),
    /// The process had ended before it took the event; another environment may run it.
    NotTaken,
}

impl Environment {
    /// Spawns the process and waits until it asks for its first event.
    pub(crate) async fn start(
        spec: &FunctionSpec,
        settings: &Settings,
        group: &ProcessGroup,
        logs: &Logs,
        request_id: &str,
    ) -> Result<(Self, Init), FunctionError> {
        let started = Instant::now();
        let mut environment = Self::spawn(spec, settings, group, logs).await.map_err(|error| {
            FunctionError::new(
                "Runtime.InvalidEntrypoint",
                format!("RequestId: {request_id} Error: fork/exec {}: {error}", spec.name),
            )
        })?;
        let said = tokio::select! {
            biased;
            said = environment.said.recv() => said,
            status = environment.process.wait() => return Err(exited(request_id, status)),
            () = sleep_until(started + settings.init_limit) => {
                return Err(FunctionError::timed_out(request_id, settings.init_limit));
            }
        };
        if let Some(RuntimeReport::InitError(body)) = said {
            return Err(FunctionError::posted(body));
        }
        let init = Init { duration: started.elapsed(), usage: environment.usage() };
        Ok((environment, init))
    }

    async fn spawn(
        spec: &FunctionSpec,
        settings: &Settings,
        group: &ProcessGroup,
        logs: &Logs,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (deliveries, to_deliver) = mpsc::channel(1);
        let (say, said) = mpsc::unbounded_channel();
        let mut runtime_api = JoinSet::new();
        let router = RuntimeApi::router(to_deliver, say);
        runtime_api.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "Runtime API stopped");
            }
        });

        let mut command = Command::new(&spec.command);
        command
            .args(&spec.args)
            .env_clear()
            .envs(lambda_variables(spec, settings))
            .envs(&spec.environment)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .process_group(group.id())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        if let Some(stdout) = process.stdout.take() {
            logs.follow(stdout);
        }
        if let Some(stderr) = process.stderr.take() {
            logs.follow(stderr);
        }
        Ok(Self { process, deliveries, said, _runtime_api: runtime_api, idle_since: Instant::now() })
    }

    /// Hands one event in and waits for the answer, at most for the function's time-out.
    pub(crate) async fn invoke(
        &mut self,
        spec: &FunctionSpec,
        settings: &Settings,
        request_id: &str,
        payload: Bytes,
    ) -> Turn {
        let deadline = Instant::now() + spec.timeout;
        let timeout_ms = i64::try_from(spec.timeout.as_millis()).unwrap_or(i64::MAX);
        let delivery = Delivery {
            request_id: request_id.to_owned(),
            function_arn: settings.function_arn(&spec.name),
            trace_id: trace_id(),
            deadline_ms: ambient::now().as_millisecond().saturating_add(timeout_ms),
            payload,
        };
        if self.deliveries.try_send(delivery).is_err() {
            return Turn::NotTaken;
        }
        loop {
            tokio::select! {
                biased;
                said = self.said.recv() => match said {
                    Some(RuntimeReport::Response { request_id: id, body }) if id == request_id => {
                        return Turn::Answered(Ok(Answer(body)));
                    }
                    Some(RuntimeReport::Error { request_id: id, body }) if id == request_id => {
                        return Turn::Answered(Err(FunctionError::posted(body)));
                    }
                    // Ready after the last answer, or an answer to an event that is over.
                    Some(_) => {}
                    None => return Turn::NotTaken,
                },
                status = self.process.wait() => {
                    if self.deliveries.capacity() == 0 {
                        return Turn::NotTaken;
                    }
                    return Turn::Broken(exited(request_id, status));
                }
                () = sleep_until(deadline) => {
                    return Turn::Broken(FunctionError::timed_out(request_id, spec.timeout));
                }
            }
        }
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.process.id().and_then(Usage::of)
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

/// What Lambda itself puts into a function's environment.
fn lambda_variables(spec: &FunctionSpec, settings: &Settings) -> Vec<(&'static str, String)> {
    let task_root = spec.command.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    vec![
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", spec.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{}", ambient::unique_id().simple())),
        ("AWS_REGION", settings.region.clone()),
        ("AWS_DEFAULT_REGION", settings.region.clone()),
        ("AWS_ACCESS_KEY_ID", access_key_id(&spec.name)),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
    ]
}

/// An X-Ray header, not sampled.
fn trace_id() -> String {
    let root = ambient::unique_id().simple().to_string();
    let parent = ambient::unique_id().simple().to_string();
    let seconds = ambient::now().as_second();
    let (root, parent) = (root.get(..24).unwrap_or_default(), parent.get(..16).unwrap_or_default());
    format!("Root=1-{seconds:08x}-{root};Parent={parent};Sampled=0")
}

/// `Runtime exited with error: exit status 1`, in Lambda's words.
fn exited(request_id: &str, status: io::Result<ExitStatus>) -> FunctionError {
    let reason = match status {
        Ok(status) if status.success() => "Runtime exited without providing a reason".to_owned(),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
            (None, signal) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        },
        Err(error) => format!("Runtime exited with error: {error}"),
    };
    FunctionError::new("Runtime.ExitError", format!("RequestId: {request_id} Error: {reason}"))
}

fn signal_name(signal: Option<i32>) -> String {
    match signal {
        Some(6) => "aborted".to_owned(),
        Some(9) => "killed".to_owned(),
        Some(11) => "segmentation fault".to_owned(),
        Some(15) => "terminated".to_owned(),
        other => other.unwrap_or_default().to_string(),
    }
}
