//! The checks, grouped by subject. A check is an entry in a table.

mod clients;
mod factors;
mod functions;
mod messages;
mod pool;
mod storage;
mod strength;
#[cfg(test)]
mod tests;

use super::Check;

pub(super) fn all() -> impl Iterator<Item = &'static Check> {
    [
        functions::CHECKS,
        storage::CHECKS,
        messages::CHECKS,
        strength::CHECKS,
        factors::CHECKS,
        pool::CHECKS,
        clients::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Returns one finding if `wrong`.
fn one(wrong: bool, what: impl Into<String>) -> Vec<String> {
    if wrong { vec![what.into()] } else { Vec::new() }
}
