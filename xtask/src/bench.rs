use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Size, start, first answer and peak memory of every function beside a bare echo
    Init,
}

pub(crate) fn run(_: &Bench) -> Result<()> {
    Ok(())
}
