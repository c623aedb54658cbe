//! Implements the core's port for rules with Cedar.
//!
//! Rules are an operator's files, `rules/*.cedar` in `MFA_CONFIG_DIR`. A process reads them once at its
//! start. Without rules, nothing of Cedar is started. The rules are checked against the schema before their
//! deployment ([`check`], `cargo xtask check`). A check at the start would cost more than the rest of the
//! start.
//!
//! Cedar skips a rule that fails, so a `forbid` over a missing attribute would let every user pass. Here no
//! user passes while a rule fails.

mod check;
mod engine;
mod literals;
mod source;
mod version;

pub use check::check;
pub use engine::CedarRules;

use std::{path::Path, sync::Arc};

use mfa_core::{config::Environment, rules::Rules};

/// Reads the rules of `MFA_CONFIG_DIR/rules` and reports all problems at once. Returns `None` if there are no
/// files.
pub fn read(environment: &mut Environment<'_>) -> Option<Arc<dyn Rules>> {
    let folder = environment.optional("MFA_CONFIG_DIR")?;
    match CedarRules::of_folder(Path::new(&folder)) {
        Ok(rules) => rules.map(|rules| Arc::new(rules) as Arc<dyn Rules>),
        Err(findings) => {
            for finding in findings {
                environment.problem(finding.to_string());
            }
            None
        }
    }
}
