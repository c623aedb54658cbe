use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::environment::{Environment, Init, Turn};
use crate::function::{FunctionSpec, function_arn, function_name};
use crate::invocation::{FunctionError, Invocation, InvokeError, Lambda, Request};
use crate::logs::Logs;
use crate::process_group::ProcessGroup;
use crate::usage::Usage;

/// What holds for every function of a host.
#[derive(Debug, Clone)]
pub struct Settings {
    pub region: String,
    pub account_id: String,
    /// Environments per function; an invocation over it is throttled.
    pub concurrency: usize,
    /// An environment that had nothing to do for so long is stopped.
    pub idle_limit: Duration,
    /// Spawn → first `GET …/invocation/next` at most.
    pub init_limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account_id: "111122223333".to_owned(),
            concurrency: 100,
            idle_limit: Duration::from_mins(5),
            init_limit: Duration::from_secs(10),
        }
    }
}

impl Settings {
    pub(crate) fn function_arn(&self, name: &str) -> String {
        function_arn(&self.region, &self.account_id, name)
    }
}

/// Functions as processes of this machine. Dropping the host ends every one of them.
pub struct LambdaHost {
    functions: BTreeMap<String, Arc<Function>>,
    settings: Arc<Settings>,
    group: Arc<ProcessGroup>,
}

struct Function {
    spec: FunctionSpec,
    settings: Arc<Settings>,
    group: Arc<ProcessGroup>,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Environment>>,
    logs: Logs,
}

impl std::fmt::Debug for LambdaHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LambdaHost").field("functions", &self.functions.keys()).finish_non_exhaustive()
    }
}

impl LambdaHost {
    /// A host for `functions` with the default [`Settings`]. Processes start with the first
    /// invocations.
    ///
    /// # Errors
    /// When the leader of the functions' process group cannot be started.
    pub fn start(functions: Vec<FunctionSpec>) -> io::Result<Arc<Self>> {
        Self::start_with(functions, Settings::default())
    }

    /// Like [`Self::start`]; must run inside a Tokio runtime.
    pub fn start_with(functions: Vec<FunctionSpec>, settings: Settings) -> io::Result<Arc<Self>> {
        let group = Arc::new(ProcessGroup::start()?);
        let settings = Arc::new(settings);
        let functions = functions
            .into_iter()
            .map(|spec| {
                let function = Function {
                    settings: Arc::clone(&settings),
                    group: Arc::clone(&group),
                    permits: Arc::new(Semaphore::new(settings.concurrency)),
                    idle: Mutex::default(),
                    logs: Logs::of(&spec.name),
                    spec,
                };
                (function.spec.name.clone(), Arc::new(function))
            })
            .collect();
        let host = Arc::new(Self { functions, settings, group });
        host.stop_idle_environments();
        Ok(host)
    }

    /// Ends every function process now, even if other code still holds the host.
    pub fn stop(&self) {
        self.group.end();
    }

    /// Invokes a function by name or ARN with a JSON payload and waits for the end.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Invocation, InvokeError> {
        self.run(Request::new(function, payload.to_string())).await
    }

    /// Everything the function's processes wrote lately, oldest first.
    pub fn logs(&self, function: &str) -> Vec<String> {
        self.functions.get(function).map(|function| function.logs.lines()).unwrap_or_default()
    }

    /// The first log line of a function that `matches`; waits for it. `None`: no such function.
    pub async fn find_log(&self, function: &str, matches: impl Fn(&str) -> bool) -> Option<String> {
        self.functions.get(function)?.logs.find(matches).await
    }

    /// Environments of a function that wait for work.
    pub fn idle_environments(&self, function: &str) -> usize {
        self.functions.get(function).map_or(0, |function| function.idle().len())
    }

    /// What the environment of a function that worked last has used by now. Exact once it sleeps: the scheduler
    /// adds up a running process in steps.
    pub fn usage(&self, function: &str) -> Option<Usage> {
        self.functions.get(function)?.idle().last()?.usage()
    }

    fn stop_idle_environments(self: &Arc<Self>) {
        let host = Arc::downgrade(self);
        let limit = self.settings.idle_limit;
        tokio::spawn(async move {
            let mut tick = interval((limit / 4).clamp(Duration::from_millis(10), Duration::from_secs(10)));
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let Some(host) = host.upgrade() else { return };
                for function in host.functions.values() {
                    function.idle().retain(|environment| environment.idle_since.elapsed() < limit);
                }
            }
        });
    }
}

#[async_trait]
impl Lambda for LambdaHost {
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
        let name = function_name(&request.function);
        let Some(function) = self.functions.get(name).map(Arc::clone) else {
            return Err(InvokeError::NotFound(self.settings.function_arn(name)));
        };
        // A task of its own: the function goes on when the caller has stopped waiting.
        tokio::spawn(async move { function.run(request).await })
            .await
            .unwrap_or_else(|error| Err(InvokeError::Service(error.to_string())))
    }
}

impl Function {
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
        let Ok(_permit) = self.permits.try_acquire() else {
            return Err(InvokeError::TooManyRequests);
        };
        let request_id = request.request_id;
        let failed = |error: FunctionError, init: Option<Init>, duration| {
            let (init, init_usage) = init.map_or((None, None), |init| (Some(init.duration), init.usage));
            Ok(Invocation {
                request_id: request_id.clone(),
                result: Err(error),
                init,
                duration,
                init_usage,
                usage: None,
            })
        };
        loop {
            let waiting = self.take_idle();
            let (mut environment, init) = match waiting {
                Some(environment) => (environment, None),
                None => match self.start_environment(&request_id).await {
                    Ok((environment, init)) => (environment, Some(init)),
                    Err(error) => return failed(error, None, Duration::ZERO),
                },
            };
            let began = Instant::now();
            let turn =
                environment.invoke(&self.spec, &self.settings, &request_id, request.payload.clone()).await;
            let duration = began.elapsed();
            match turn {
                Turn::Answered(result) => {
                    let usage = environment.usage();
                    environment.idle_since = Instant::now();
                    self.idle().push(environment);
                    let (init, init_usage) =
                        init.map_or((None, None), |init| (Some(init.duration), init.usage));
                    return Ok(Invocation { request_id, result, init, duration, init_usage, usage });
                }
                Turn::Broken(error) => return failed(error, init, duration),
                Turn::NotTaken if init.is_some() => {
                    let reason =
                        format!("RequestId: {request_id} Error: Runtime exited without providing a reason");
                    return failed(FunctionError::new("Runtime.ExitError", reason), init, duration);
                }
                // It ended while it was idle: a fresh one takes the event.
                Turn::NotTaken => {}
            }
        }
    }

    async fn start_environment(&self, request_id: &str) -> Result<(Environment, Init), FunctionError> {
        Environment::start(&self.spec, &self.settings, &self.group, &self.logs, request_id).await
    }

    fn take_idle(&self) -> Option<Environment> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.pop())
            .find_map(|mut environment| environment.is_alive().then_some(environment))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Environment>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
