//! A pool's triggers: which are ours, and how ours are wired in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::outputs::StackOutputs;

/// Members of `LambdaConfig` that name a version beside the function.
const VERSIONED: [&str; 2] = ["CustomSMSSender", "CustomEmailSender"];
const PRE_TOKEN: &str = "PreTokenGeneration";
const PRE_TOKEN_CONFIG: &str = "PreTokenGenerationConfig";
const KEY: &str = "KMSKeyID";

/// A trigger with a function of another project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) trigger: String,
    pub(crate) arn: String,
}

/// Returns the ARNs of a pool's triggers, by member of `LambdaConfig`. Pre-token generation, which Cognito
/// describes twice, is listed once.
pub(crate) fn current_triggers(pool: &Map<String, Value>) -> BTreeMap<String, String> {
    let config = pool.get("LambdaConfig").and_then(Value::as_object);
    let arn = |value: &Value| value.as_str().or_else(|| value.get("LambdaArn")?.as_str()).map(str::to_owned);
    let mut triggers = BTreeMap::new();
    for (member, value) in config.into_iter().flatten() {
        let name = if member == PRE_TOKEN_CONFIG { PRE_TOKEN } else { member };
        if let (true, Some(arn)) = (name != KEY, arn(value)) {
            triggers.insert(name.to_owned(), arn);
        }
    }
    triggers
}

/// Returns the triggers of a pool whose functions belong to another project.
pub(crate) fn foreign_triggers(pool: &Map<String, Value>, ours: &StackOutputs) -> Vec<Foreign> {
    let is_ours = |arn: &str| ours.triggers.values().any(|own| function_of(own) == function_of(arn));
    let foreign = current_triggers(pool).into_iter().filter(|(_, arn)| !is_ours(arn));
    foreign.map(|(trigger, arn)| Foreign { trigger, arn }).collect()
}

/// Returns an ARN without its version or alias.
pub(crate) fn function_of(arn: &str) -> String {
    arn.split(':').take(7).collect::<Vec<_>>().join(":")
}

/// Sets our functions as triggers of `pool`, except those in `skip`.
pub(crate) fn wire(pool: &mut Map<String, Value>, ours: &StackOutputs, skip: &[String]) {
    let is_lite = pool.get("UserPoolTier").and_then(Value::as_str) == Some("LITE");
    let config = pool.entry("LambdaConfig").or_insert_with(|| json!({}));
    let Value::Object(config) = config else {
        return;
    };
    for (trigger, arn) in ours.triggers.iter().filter(|(trigger, _)| !skip.contains(trigger)) {
        if trigger == PRE_TOKEN {
            config.insert(PRE_TOKEN.to_owned(), arn.as_str().into());
            // Claims in the access token need a plan above Lite (cognito.md §9.4).
            let version = if is_lite { "V1_0" } else { "V2_0" };
            config.insert(PRE_TOKEN_CONFIG.to_owned(), json!({ "LambdaVersion": version, "LambdaArn": arn }));
        } else if VERSIONED.contains(&trigger.as_str()) {
            config.insert(trigger.clone(), json!({ "LambdaVersion": "V1_0", "LambdaArn": arn }));
            if let Some(key) = &ours.code_key_arn {
                config.insert(KEY.to_owned(), key.as_str().into());
            }
        } else {
            config.insert(trigger.clone(), arn.as_str().into());
        }
    }
}

/// Returns the text that the owner of a pool in CloudFormation adds to its template.
pub(crate) fn snippet(ours: &StackOutputs) -> String {
    let mut wired = Map::new();
    wire(&mut wired, ours, &[]);
    let mut text = "Properties:\n  LambdaConfig:\n".to_owned();
    for (member, value) in wired.get("LambdaConfig").and_then(Value::as_object).into_iter().flatten() {
        let line = match value {
            Value::String(arn) => format!("    {member}: {arn}\n"),
            other => {
                let part = |name| other.get(name).and_then(Value::as_str).unwrap_or_default();
                format!(
                    "    {member}: {{ LambdaVersion: {}, LambdaArn: \"{}\" }}\n",
                    part("LambdaVersion"),
                    part("LambdaArn")
                )
            }
        };
        let _infallible = text.write_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> StackOutputs {
        let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}");
        StackOutputs {
            triggers: [("PreSignUp", "a"), ("PreTokenGeneration", "b"), ("CustomSMSSender", "c")]
                .map(|(trigger, name)| (trigger.to_owned(), arn(name)))
                .into(),
            code_key_arn: Some("arn:k".to_owned()),
            ..StackOutputs::default()
        }
    }

    fn pool(value: Value) -> Map<String, Value> {
        let Value::Object(pool) = value else { unreachable!() };
        pool
    }

    #[test]
    fn a_version_or_alias_counts_as_the_function() {
        let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}");
        let pool = pool(json!({ "LambdaConfig": {
            "PreSignUp": arn("a:live"),
            "CustomMessage": arn("theirs"),
            "UserMigration": arn("aa"),
            "CustomSMSSender": { "LambdaArn": arn("c"), "LambdaVersion": "V1_0" },
            "KMSKeyID": "arn:key",
        } }));
        let foreign = foreign_triggers(&pool, &ours());
        let named: Vec<_> = foreign.iter().map(|foreign| foreign.trigger.as_str()).collect();
        assert_eq!(named, ["CustomMessage", "UserMigration"]);
    }

    #[test]
    fn the_plan_chooses_the_version_of_pre_token_generation() {
        for (tier, version) in [("LITE", "V1_0"), ("ESSENTIALS", "V2_0"), ("PLUS", "V2_0")] {
            let mut pool = pool(json!({ "UserPoolTier": tier }));
            wire(&mut pool, &ours(), &["PreSignUp".to_owned()]);
            let config = &pool["LambdaConfig"];
            assert_eq!(config["PreTokenGenerationConfig"]["LambdaVersion"], version);
            assert_eq!(config["PreTokenGeneration"], config["PreTokenGenerationConfig"]["LambdaArn"]);
            assert_eq!(config["KMSKeyID"], "arn:k");
            assert!(config.get("PreSignUp").is_none());
        }
    }

    #[test]
    fn the_snippet_is_a_pools_properties() {
        let snippet = snippet(&ours());
        assert!(snippet.starts_with("Properties:\n  LambdaConfig:\n"), "{snippet}");
        assert!(snippet.contains("    PreSignUp: arn:aws:lambda:eu-west-1:111122223333:function:a\n"));
        assert!(snippet.contains("    CustomSMSSender: { LambdaVersion: V1_0, LambdaArn: \"arn:"));
        assert!(snippet.contains("    KMSKeyID: arn:k\n"));
    }
}
