//! Any text as an operator's policy.toml: read as a whole or refused with its problems, and never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::config::check_policy;

fuzz_target!(|text: &str| {
    if let Err(problems) = check_policy(text) {
        assert!(!problems.is_empty(), "refused without a reason");
    }
});
