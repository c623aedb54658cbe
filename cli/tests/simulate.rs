//! `cognito-mfa simulate` on overrides of its own.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn simulate(policy: &str, flags: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognito-mfa"));
    command.args(["simulate", folder.path().to_str().unwrap()]).args(flags).output().unwrap()
}

#[test]
fn a_policy_without_a_country_refuses_its_users_and_the_built_in_policy_does_not() {
    let policy = "[sms]\nallowed_countries = [\"DE\", \"AT\", \"US\"]\n";
    let output = simulate(policy, &["--flood", "none", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["weeks"].as_array().unwrap().len(), 1);
    let week = &result["weeks"][0];
    for (code, country) in week["policy"]["countries"].as_object().unwrap() {
        let (users, blocked) = (country["users"].as_u64().unwrap(), country["blocked"].as_u64().unwrap());
        let is_allowed = ["DE", "AT", "US"].contains(&code.as_str());
        // A user who changes to a number of a country that is left out is blocked for this wish.
        assert!(if is_allowed { blocked * 20 < users } else { blocked * 2 > users }, "{code}: {country}");
    }
    let reasons: Vec<_> =
        week["policy"]["blocked"].as_array().unwrap().iter().map(|blocked| &blocked["reason"]).collect();
    assert!(reasons.iter().all(|reason| **reason == "country-not-allowed"), "{reasons:?}");
    assert_eq!(week["built_in"]["blocked_users"], 0);
}

#[test]
fn the_table_compares_with_the_built_in_policy() {
    let output = simulate("[sms]\nallowed_countries = [\"DE\"]\n", &["--flood", "rotating-users"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("| rotating-users |") && table.contains("; built-in policy: "), "{table}");
    assert!(table.contains("\n  US 1601 of ") && !table.contains("  DE "), "{table}");
    assert!(table.contains("last refused as country-not-allowed"), "{table}");
}

#[test]
fn an_invalid_policy_or_flood_is_refused() {
    let output = simulate("[sms]\nallowed_countries = [\"XX\"]\n", &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("\"XX\""));
    let output = simulate("", &["--flood", "tsunami"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("one-range"), "the known names");
}
