use std::process::ExitCode;

use clap::Parser as _;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

#[tokio::main]
async fn main() -> ExitCode {
    // dynoxide warns at each refused condition, which is an answer like any other.
    let levels = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("function", LevelFilter::INFO)
        .with_target("dynoxide", LevelFilter::ERROR);
    let lines = tracing_subscriber::fmt::layer().without_time().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(levels).init();
    local::run(local::Args::parse()).await
}
