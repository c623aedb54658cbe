//! The core's port for rules, over Cedar.
//!
//! Rules are an operator's files, `rules/*.cedar` in `MFA_CONFIG_DIR`, read once at the start of a
//! process; where there are none, nothing of Cedar is started. They are held against the schema before
//! they are deployed ([`check`], `cargo xtask check`), not at the start: that would cost more than all
//! the rest of it.
//!
//! Cedar skips a rule that fails, so that a `forbid` over a missing attribute lets everybody pass. Here
//! nobody passes while a rule fails.

mod check;
mod engine;
mod literals;
mod source;
mod version;

pub use check::check;
pub use engine::CedarRules;

use std::{path::Path, sync::Arc};

use shared::{config::Environment, rules::Rules};

/// The rules of `MFA_CONFIG_DIR/rules`, all problems reported at once; none where there are no files.
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
