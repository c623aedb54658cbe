use std::{cell::RefCell, collections::BTreeSet};

use crate::{
    config::{self, Environment, Problems, process_environment},
    telemetry,
};

/// Starts a function: reads its settings, reports all problems at once, and starts logging. At level debug
/// the log lists the variables that were read.
pub fn init<T>(read: impl FnOnce(&mut Environment<'_>) -> T) -> Result<T, Problems> {
    let asked = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        process_environment(name)
    };
    let (level, settings) =
        config::load(&lookup, |environment| (telemetry::log_level(environment), read(environment)))?;
    telemetry::start(level);
    let asked: Vec<_> = asked.into_inner().into_iter().collect();
    tracing::debug!(variables = asked.join(","), "configuration read");
    Ok(settings)
}
