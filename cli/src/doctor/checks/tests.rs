//! Faults that the local cloud cannot have. Every other check has its fault in `tests/operator/doctor.rs`.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mfa_core::config::Policy;
use serde_json::{Value, json};

use super::{all, functions, messages, storage};
use crate::doctor::Check;
use crate::doctor::facts::{Facts, Found, Function};
use crate::outputs::StackOutputs;
use crate::pool::PoolState;

/// The checks of the deployment.
const CHECKS: [&[Check]; 3] = [functions::CHECKS, storage::CHECKS, messages::CHECKS];
const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:ours";

/// Returns a pool with both senders and one trigger of the stack, without responses of AWS.
fn facts() -> Facts {
    let sender = json!({ "LambdaVersion": "V1_0", "LambdaArn": ARN });
    let config = json!({ "PreSignUp": ARN, "CustomSMSSender": sender, "CustomEmailSender": sender });
    let triggers = ["PreSignUp", "CustomSMSSender", "CustomEmailSender"].map(str::to_owned);
    let function = |configuration: Value| Function {
        arn: ARN.to_owned(),
        statements: None,
        configuration: Some(Found::Here(configuration)),
        latest: None,
    };
    Facts {
        state: PoolState {
            pool: [("LambdaConfig".to_owned(), config)].into_iter().collect(),
            mfa: serde_json::Map::new(),
            clients: BTreeMap::new(),
        },
        outputs: StackOutputs {
            triggers: triggers.clone().map(|trigger| (trigger, ARN.to_owned())).into(),
            ..StackOutputs::default()
        },
        policy: Policy::default(),
        functions: triggers.map(|trigger| (trigger, function(json!({ "Timeout": 5 })))).into(),
        others: BTreeMap::new(),
        table: None,
        key: None,
        grants: None,
        sms: None,
        spending: None,
        email: None,
        sender_fault: None,
        unread: Vec::new(),
    }
}

fn found(facts: &Facts) -> BTreeSet<&'static str> {
    CHECKS
        .into_iter()
        .flatten()
        .filter(|check| !(check.find)(facts).is_empty())
        .map(|check| check.id)
        .collect()
}

#[test]
fn sandbox_disabled_key_and_slow_trigger_are_found() {
    assert_eq!(found(&facts()), BTreeSet::new());
    let tier = |tier: &str| Some(json!({ "AccountAttributes": [{ "Name": "ACCOUNT_TIER", "Value": tier }] }));
    let account = |production: bool| Some(json!({ "ProductionAccessEnabled": production }));
    let key = |state: &str| Some(Found::Here(json!({ "KeyMetadata": { "KeyState": state } })));
    let fine = Facts { sms: tier("PRODUCTION"), email: account(true), key: key("Enabled"), ..facts() };
    assert_eq!(found(&fine), BTreeSet::new());

    let mut faulty =
        Facts { sms: tier("SANDBOX"), email: account(false), key: key("PendingDeletion"), ..facts() };
    faulty.sender_fault = Some("the SES identity example.com is not verified (status PENDING)".to_owned());
    faulty.unread.push("GetAccount: AccessDeniedException".to_owned());
    for function in faulty.functions.values_mut() {
        function.configuration = Some(Found::Here(json!({ "Timeout": 15 })));
    }
    let due = [
        "email-identity-unverified",
        "key-unusable",
        "not-read",
        "ses-sandbox",
        "sms-sandbox",
        "trigger-slow",
    ];
    assert_eq!(found(&faulty), due.into());
    let slow = CHECKS.into_iter().flatten().find(|check| check.id == "trigger-slow").unwrap();
    assert_eq!((slow.find)(&faulty), ["PreSignUp can take 15 s"], "senders have their own time");
}

#[test]
fn an_alias_that_runs_an_earlier_version_is_found() {
    let configuration = |level: &str, layer: &str| {
        Some(Found::Here(json!({
            "Environment": { "Variables": { "LOG_LEVEL": level } }, "Layers": [{ "Arn": layer }],
        })))
    };
    let mut facts = facts();
    let trigger = facts.functions.get_mut("PreSignUp").unwrap();
    trigger.configuration = configuration("info", "layer:1");
    trigger.latest = configuration("warn", "layer:1");
    let other = Function {
        arn: ARN.to_owned(),
        statements: None,
        configuration: configuration("info", "layer:1"),
        latest: configuration("info", "layer:2"),
    };
    facts.others.insert("Deliver".to_owned(), other);
    assert_eq!(found(&facts), ["live-stale"].into());
    let check = CHECKS.into_iter().flatten().find(|check| check.id == "live-stale").unwrap();
    let what = [
        "PreSignUp has an earlier state of LOG_LEVEL",
        "Deliver has an earlier state of the overrides (layer)",
    ];
    assert_eq!((check.find)(&facts), what);
}

#[test]
fn every_check_has_an_id_of_its_own_and_refers_to_what_exists() {
    let ids: BTreeSet<_> = all().map(|check| check.id).collect();
    assert_eq!(ids.len(), all().count());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for check in all() {
        let (file, section) = check.reference.split_once(", ").unwrap();
        let text = fs::read_to_string(root.join(file)).unwrap();
        let heading = |line: &str| line.starts_with('#') && line.contains(section);
        assert!(text.lines().any(heading), "{}: {}", check.id, check.reference);
    }
}
