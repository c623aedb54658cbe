//! Measures the cost of rules: their start, and one decision. `cargo xtask bench rules` runs it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement: it ends where a step of its own fails, and says what it saw"
)]

use std::{fs, path::Path};

use mfa_core::rules::{Phone, RuleAction, RuleQuestion, RuleVerdict, Rules};
use mfa_rules::{CedarRules, check};
use tokio::time::Instant;

const STARTS: usize = 50;
const DECISIONS: usize = 2_000;

fn main() {
    println!("rules | start ms | check ms | permit µs | refuse µs | (medians)");
    for count in [20, 100] {
        let folder = folder(count);
        let start = median(STARTS, || {
            CedarRules::of_folder(folder.path()).unwrap().unwrap();
        });
        let checked = median(STARTS, || assert!(check(folder.path()).is_empty()));
        let rules = CedarRules::of_folder(folder.path()).unwrap().unwrap();
        let decide = |email: &str, passes: bool| {
            let question = question(email);
            median(DECISIONS, || assert_eq!(rules.decide(&question) == RuleVerdict::Passes, passes))
        };
        let (permit, refuse) = (decide("alex@example.com", true), decide("alex@spam.example", false));
        println!(
            "{count:5} | {:8.2} | {:8.2} | {permit:9.1} | {refuse:9.1} |",
            start / 1_000.0,
            checked / 1_000.0
        );
        let limit = if count == 20 { 100.0 } else { 300.0 };
        assert!(permit <= limit && refuse <= limit, "more than {limit} µs at {count} rules");
    }
}

/// Writes a folder of rules like the samples, all of which permit `alex@example.com`.
fn folder(count: usize) -> tempfile::TempDir {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators/rules");
    let mut files: Vec<_> = fs::read_dir(samples).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    for number in 0..count {
        let sample = fs::read_to_string(&files[number % files.len()]).unwrap();
        fs::write(folder.path().join(format!("rules/{number:03}.cedar")), sample).unwrap();
    }
    folder
}

fn question(email: &str) -> RuleQuestion<'_> {
    RuleQuestion {
        action: RuleAction::SignUp,
        now: "2026-02-28T12:00:00Z".parse().unwrap(),
        user_name: "a1b2c3d4-5678-40ab-9cde-f0123456789a",
        app_client: "1example23456789exampleab",
        provider: None,
        email: Some(mfa_core::kernel::EmailAddress::parse(email).unwrap()),
        phone: Some(Phone {
            number: mfa_core::kernel::PhoneNumber::parse("+4915123456789").unwrap(),
            country: Some("DE".into()),
            kind: "mobile",
        }),
        attributes: vec![
            ("email", email),
            ("phone_number", "+4915123456789"),
            ("given_name", "Alex"),
            ("locale", "de-DE"),
            ("custom:team", "support"),
        ],
        app_data: vec![("appVersion", "2.5.0"), ("campaign", "spring")],
    }
}

/// Returns the median in microseconds.
fn median(times: usize, mut work: impl FnMut()) -> f64 {
    let mut took: Vec<_> = (0..times)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    took.sort();
    took[times / 2].as_secs_f64() * 1e6
}
