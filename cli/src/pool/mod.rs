//! All settings of a user pool: reads, compares and writes them.

mod client;
mod difference;
mod state;
mod triggers;

pub(crate) use client::{Client, at, texts};
pub(crate) use difference::{Change, differences, revert};
pub(crate) use state::{PoolState, unknown_setting};
pub(crate) use triggers::{Foreign, current_triggers, foreign_triggers, function_of, snippet, wire};
