//! Measures how fast the local user pool signs users in by SRP: beside a peer, and with a growing number of
//! users.
//!
//! Servers are measured in turn within one run, so that a slow minute of the machine affects all of them.
//! Every figure includes the client's own arithmetic unless it says `wait`.

mod load;
mod pool;
mod report;
mod server;
mod srp;

use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use crate::load::Load;
use crate::pool::Pool;
use crate::report::{Report, Row};
use crate::server::Server;

const WORKERS: [usize; 2] = [1, 4];
const FEW_USERS: usize = 10;
/// Few and many users are measured in turn, this often.
const SLICES: usize = 3;
const LOADERS: usize = 4;

#[derive(Debug, Parser)]
struct Arguments {
    /// The `local` binary
    #[arg(long)]
    local: PathBuf,
    /// The `ministack` program
    #[arg(long)]
    peer: PathBuf,
    /// Length of each span of load
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// The greater number of users
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Where the figures go as JSON
    #[arg(long)]
    json: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let span = Duration::from_secs(arguments.seconds);
    let mut report = Report::default();

    let (ours, ours_pool) = ready(Server::local(&arguments.local).await?).await.context("local")?;
    let (peer, peer_pool) = ready(Server::peer(&arguments.peer).await?).await.context("the peer")?;
    for workers in WORKERS {
        let sign_in = |server, pool| load::sign_in(server, pool, FEW_USERS, workers, span);
        let of_ours = sign_in(&ours, &ours_pool).context("local")?;
        let of_peer = sign_in(&peer, &peer_pool).context("the peer")?;
        report.compare(workers, of_ours, of_peer);
    }
    drop(peer);

    let (grown, grown_pool) = ready(Server::local(&arguments.local).await?).await.context("local")?;
    load::sign_in(&grown, &grown_pool, FEW_USERS, 1, Duration::from_secs(1))?;
    let before = grown.memory();
    load::add_users(&grown_pool, FEW_USERS, arguments.users, LOADERS).context("adding users")?;
    report.memory_per_user(before, grown.memory(), arguments.users - FEW_USERS);
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        few.push(load::sign_in(&ours, &ours_pool, FEW_USERS, 1, span)?);
        many.push(load::sign_in(&grown, &grown_pool, arguments.users, 1, span)?);
    }
    let row = |users, slices| Row::new("local", users, 1, &Load::sum(slices));
    report.grow(row(FEW_USERS, few), row(arguments.users, many));

    fs::write(&arguments.json, serde_json::to_vec_pretty(&report.json())?)
        .with_context(|| arguments.json.display().to_string())?;
    writeln!(stdout(), "{}", report.text())?;
    Ok(())
}

/// Returns a pool with the few users, on a server that checks passwords.
async fn ready(server: Server) -> Result<(Server, Pool)> {
    let pool = Pool::create(&server.endpoint).await?;
    load::add_users(&pool, 0, FEW_USERS, 1)?;
    pool.refuses_a_wrong_password().await?;
    Ok((server, pool))
}
