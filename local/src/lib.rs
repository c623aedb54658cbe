//! The local cloud: replaces AWS on a laptop, in one process.
//!
//! Rooms: `template` reads what is deployed, `gateway` is the HTTP API, `user_pool` and `functions`
//! join the two crates that hold Cognito and Lambda, `lambda_api` shows how functions are deployed, `dynamodb`, `kms` and `messaging` are the
//! services that functions call, `secrets` what a deployment generates, `outbox` is where every message ends, `faults` is what can go wrong
//! with them, `calls` who called what, `roles` what each function may call, `console` shows it all.
//! `cloud` puts them together.

pub mod ambient;
pub mod args;
pub mod calls;
pub mod cloud;
pub mod console;
pub mod dynamodb;
pub mod endpoints;
pub mod faults;
pub mod functions;
pub mod gateway;
pub mod kms;
pub mod lambda_api;
pub mod listeners;
mod lock;
pub mod messaging;
pub mod outbox;
pub mod roles;
pub mod secrets;
pub mod state;
pub mod template;
pub mod user_pool;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

pub use args::Args;
use args::SignInWith;

/// Runs the local cloud until SIGINT or SIGTERM. What stops it before is one line on stderr and
/// exit code 1.
pub async fn run(args: Args) -> ExitCode {
    match serve(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(io::stderr(), "local: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &Args) -> Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let cloud = tokio::select! {
        cloud = cloud::Cloud::start(args) => cloud?,
        _ = interrupted.recv() => return Ok(()),
        _ = terminated.recv() => return Ok(()),
    };
    let file = std::path::absolute(&args.endpoints_file)?;
    let reservation = match endpoints::reserve(&file) {
        Ok(reservation) => reservation,
        Err(error) => {
            cloud.stop().await;
            return Err(error);
        }
    };
    cloud.write_outputs(&file.with_file_name("stack-outputs.json"))?;
    cloud.endpoints().write(&file)?;
    let announcement = if args.headless {
        format!("READY {}\n", file.display())
    } else {
        cloud.endpoints().greeting(match args.sign_in_with {
            SignInWith::Username => "ada",
            SignInWith::Email => "ada@example.com",
            SignInWith::Phone => "+12025550100",
        })
    };
    // A closed stdout is no error: its reader does not want the text.
    let _closed = io::stdout().write_all(announcement.as_bytes());
    let _closed = io::stdout().flush();
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    cloud.stop().await;
    drop(reservation);
    Ok(())
}
