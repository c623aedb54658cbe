use std::{cell::RefCell, collections::BTreeSet};

use crate::{
    config::{self, Environment, Problems, process_environment},
    telemetry,
};

/// The start of every function: reads its settings, all problems reported at once, and starts
/// logging. At level debug the log says which variables were asked for.
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
