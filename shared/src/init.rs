use crate::{
    config::{self, Environment, Problems, process_environment},
    telemetry,
};

/// The start of every function: reads its settings, all problems reported at once, and starts
/// logging.
pub fn init<T>(read: impl FnOnce(&mut Environment<'_>) -> T) -> Result<T, Problems> {
    let (level, settings) = config::load(&process_environment, |environment| {
        (telemetry::log_level(environment), read(environment))
    })?;
    telemetry::start(level);
    Ok(settings)
}
