//! Any text as a file of an operator's rules: taken or refused with its findings, and never a panic.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("cognito-mfa-fuzz-rules-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("rules")).expect("a folder");
    folder
});

fuzz_target!(|text: &str| {
    std::fs::write(FOLDER.join("rules/10-fuzzed.cedar"), text).expect("a file");
    let taken = shared_rules::CedarRules::of_folder(&FOLDER);
    // What a function starts with, the operator's check finds no error in.
    let errors = shared_rules::check(&FOLDER);
    if let Err(findings) = taken {
        assert!(!findings.is_empty() && !errors.is_empty(), "refused without a reason: {text}");
    }
});
