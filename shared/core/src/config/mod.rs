//! Configuration: read once at init and validated as a whole, with all problems reported together.
//!
//! Environment variables hold what a deployment decides, files what an operator edits. Defaults of the files
//! are compiled in. Overrides come from the folder `MFA_CONFIG_DIR`, on Lambda a layer under `/opt`.

mod check;
mod environment;
pub mod policy;
mod recovery_client;

pub use check::{check_policy, line_of};
pub use environment::{Environment, process_environment};
pub use policy::Policy;
pub use recovery_client::RecoveryClient;

/// All problems of a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} problem(s): {}", .0.len(), .0.join("; "))]
pub struct Problems(pub Vec<String>);

/// Reads a function's settings. `read` asks `environment` for what it needs, and `environment` collects the
/// problems. Returns the settings only if there are no problems.
pub fn load<T>(
    lookup: &dyn Fn(&str) -> Option<String>,
    read: impl FnOnce(&mut Environment<'_>) -> T,
) -> Result<T, Problems> {
    let mut environment = Environment::new(lookup);
    let settings = read(&mut environment);
    environment.finish(settings)
}
