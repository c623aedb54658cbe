use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    // dynoxide warns at each refused condition, which is an answer like any other.
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("warn,function=info,dynoxide=error"))
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    local::run(local::Args::parse()).await
}
