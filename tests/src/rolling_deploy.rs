//! A gradual deployment: the functions of two versions behind one Invoke API, serving one cloud.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use local_lambda_host::{
    AsyncPolicy, EventQueue, Invocation, InvokeError, Lambda, LambdaHost, Request, function_name, invoke_api,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::Cloud;
use crate::functions::{binary, functions};

/// After this many looks without a further call, no call follows. Functions call functions.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(20);

/// One of two versions that are deployed at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Earlier,
    Present,
}

impl Version {
    pub const BOTH: [Self; 2] = [Self::Earlier, Self::Present];

    fn other(self) -> Self {
        if self == Self::Earlier { Self::Present } else { Self::Earlier }
    }

    /// Returns the other version if `is_other`.
    fn or_other(self, is_other: bool) -> Self {
        if is_other { self.other() } else { self }
    }
}

/// Decides which version takes an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    Only(Version),
    /// This version until [`RollingDeploy::half_way`], then the other.
    First(Version),
    /// In turn, from this version on.
    InTurn(Version),
    /// Fixed for each function: this version if the function's place in [`functions`] has the bit.
    ByFunction(u32, Version),
    /// At random, the same in every run.
    Coin(u64),
}

impl Mix {
    /// Returns all mixes in which both versions work. For any two functions and either version, some
    /// [`Self::ByFunction`] runs one in it and the other in the other version.
    pub fn all() -> Vec<Self> {
        let bits = functions().len().next_power_of_two().ilog2();
        let of_each = Version::BOTH.into_iter().flat_map(|version| {
            let by_function = (0..bits).map(move |bit| Self::ByFunction(bit, version));
            [Self::First(version), Self::InTurn(version)].into_iter().chain(by_function)
        });
        of_each.chain((1..=3).map(Self::Coin)).collect()
    }
}

/// A completed invocation.
#[derive(Debug, Clone)]
pub struct Served {
    pub function: String,
    pub version: Version,
    pub event: Value,
    /// Absent if the invocation failed.
    pub answer: Option<Value>,
}

/// Routes every invocation of a cloud to one of two versions.
pub struct RollingDeploy {
    /// The folder of the earlier functions' binaries.
    earlier: PathBuf,
    /// The folder of the operator's overrides.
    config_dir: PathBuf,
    hosts: Mutex<BTreeMap<Version, Arc<LambdaHost>>>,
    course: Mutex<Course>,
}

struct Course {
    mix: Mix,
    is_half_way: bool,
    /// Invocations since the mix was set, in total and by function.
    taken: u64,
    of_function: BTreeMap<String, u64>,
    under_way: usize,
    served: Vec<Served>,
}

impl std::fmt::Debug for RollingDeploy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RollingDeploy(..)")
    }
}

impl RollingDeploy {
    /// Starts a cloud with the functions of this build and of an earlier one. A function that the earlier one
    /// lacks is always this build's.
    pub async fn start(earlier: PathBuf, config_dir: PathBuf) -> Result<(Arc<Self>, Cloud)> {
        let course = Mutex::new(Course::of(Mix::Only(Version::Present)));
        let rolling_deploy = Arc::new(Self { earlier, config_dir, hosts: Mutex::default(), course });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let lambda = Arc::clone(&rolling_deploy) as Arc<dyn Lambda>;
        let router = invoke_api(EventQueue::new(lambda, AsyncPolicy::default()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let cloud = Cloud::start_with(&["--lambda-endpoint", &url]).await?;
        rolling_deploy.deploy(&cloud).await?;
        Ok((rolling_deploy, cloud))
    }

    /// Starts the functions of both versions.
    async fn deploy(&self, cloud: &Cloud) -> Result<()> {
        for version in Version::BOTH {
            let mut specs = Vec::new();
            for function in functions() {
                let mut command = self.earlier.join(function.name);
                if version == Version::Present || !command.is_file() {
                    command = binary(function.name)?;
                }
                let mut spec = cloud.deployed(function, &command).await?;
                let overrides = self.config_dir.display().to_string();
                spec.environment.insert("MFA_CONFIG_DIR".to_owned(), overrides);
                specs.push(spec);
            }
            self.hosts().insert(version, LambdaHost::start(specs)?);
        }
        Ok(())
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<Version, Arc<LambdaHost>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the mix of the next invocations.
    pub fn set(&self, mix: Mix) {
        *self.course() = Course::of(mix);
    }

    /// Switches to the other version. See [`Mix::First`].
    pub fn half_way(&self) {
        self.course().is_half_way = true;
    }

    /// Invokes a function and waits for its answer. Returns `None` if it failed.
    pub async fn call(&self, function: &str, event: &Value) -> Option<Value> {
        let invocation = self.run(Request::new(function, event.to_string())).await;
        invocation.ok().as_ref().and_then(Invocation::json)
    }

    /// Waits until no invocation is running. Returns all invocations since the mix was set.
    pub async fn served(&self) -> Vec<Served> {
        let (mut quiet, mut last) = (0, 0);
        while quiet < LOOKS {
            sleep(LOOK).await;
            let course = self.course();
            let is_quiet = course.under_way == 0 && course.taken == last;
            (quiet, last) = (if is_quiet { quiet + 1 } else { 0 }, course.taken);
        }
        self.course().served.clone()
    }

    /// Returns the last log line of each function that has failed since the mix was set.
    pub async fn last_words(&self) -> Vec<String> {
        let failed = self.served().await.into_iter().filter(|one| one.answer.is_none());
        let words = failed.map(|one| {
            let logs = self.hosts().get(&one.version).map(|host| host.logs(&one.function));
            let last = logs.and_then(|mut lines| lines.pop()).unwrap_or_default();
            format!("{:?} {}: {last}", one.version, one.function)
        });
        words.collect()
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course {
    fn of(mix: Mix) -> Self {
        let (of_function, served) = (BTreeMap::new(), Vec::new());
        Self { mix, is_half_way: false, taken: 0, of_function, under_way: 0, served }
    }

    /// Returns the version of a function's next invocation.
    fn take(&mut self, function: &str) -> Version {
        let of_function = self.of_function.entry(function.to_owned()).or_default();
        let version = match self.mix {
            Mix::Only(version) => version,
            Mix::First(version) => version.or_other(self.is_half_way),
            Mix::InTurn(version) => version.or_other(self.taken % 2 == 1),
            Mix::ByFunction(bit, version) => {
                let place = functions().iter().position(|one| one.name == function).unwrap_or_default();
                version.or_other((place >> bit) & 1 == 0)
            }
            Mix::Coin(seed) => {
                let mut hasher = DefaultHasher::new();
                (seed, function, *of_function).hash(&mut hasher);
                Version::Earlier.or_other(hasher.finish() % 2 == 1)
            }
        };
        *of_function += 1;
        self.taken += 1;
        self.under_way += 1;
        version
    }
}

#[async_trait]
impl Lambda for RollingDeploy {
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
        let function = function_name(&request.function).to_owned();
        let version = self.course().take(&function);
        let host = self.hosts().get(&version).cloned();
        let event = serde_json::from_slice(&request.payload).unwrap_or_default();
        let invocation = match host {
            Some(host) => host.run(request).await,
            None => Err(InvokeError::Service("not deployed yet".to_owned())),
        };
        let answer = invocation.as_ref().ok().and_then(Invocation::json);
        let mut course = self.course();
        course.under_way = course.under_way.saturating_sub(1);
        course.served.push(Served { function, version, event, answer });
        invocation
    }
}
