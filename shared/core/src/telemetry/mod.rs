//! Logs and metrics for operators. Logs are JSON lines on standard output, and metrics are lines in
//! CloudWatch embedded metric format beside them. We never log events, headers or bodies. We name each logged
//! field, and secrets are types that cannot be printed.

mod metric;

pub use metric::Metric;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets, fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

use crate::{config::Environment, kernel::PortError};

/// Reads `LOG_LEVEL`: error, warn, info (default) or debug. A release build contains no debug lines
/// (`Cargo.toml`).
pub fn log_level(environment: &mut Environment<'_>) -> LevelFilter {
    let Some(level) = environment.optional("LOG_LEVEL") else {
        return LevelFilter::INFO;
    };
    match level.to_ascii_lowercase().as_str() {
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        _ => {
            environment.problem("LOG_LEVEL must be error, warn, info or debug");
            LevelFilter::INFO
        }
    }
}

/// The crates that may write debug lines. A library's debug lines could quote requests.
const DEBUG_CRATES: [&str; 3] = ["mfa_core", "mfa_aws", "mfa_rules"];

/// Starts logging for the process. Call it once, before anything else.
pub fn start(level: LevelFilter) {
    let libraries = level.min(LevelFilter::INFO);
    let filter = Targets::new().with_default(libraries).with_targets(DEBUG_CRATES.map(|name| (name, level)));
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    registry().with(filter).with(lines).init();
    // A panic's message may quote a request, so we log only its place.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// Logs a failed dependency. Call it once, where the failure is answered.
pub fn dependency_failed(fault: &PortError) {
    tracing::error!(operation = fault.operation, fault = fault.chain(), "dependency failed");
    Metric::DependencyFailed.emit();
}
