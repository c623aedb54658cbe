//! The stack's outputs, as the AWS or the SAM command line prints them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, stdin};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// The prefix of an output with a trigger's ARN. The member of `LambdaConfig` follows.
const TRIGGER: &str = "Trigger";
/// The prefix of an output with the ARN of another function.
const FUNCTION: &str = "Function";

/// The deployed functions and what belongs to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StackOutputs {
    /// ARNs by member of `LambdaConfig`.
    pub(crate) triggers: BTreeMap<String, String>,
    /// The key under which Cognito is to seal codes.
    pub(crate) code_key_arn: Option<String>,
    pub(crate) table: Option<String>,
    /// The pool for which the functions were deployed.
    pub(crate) user_pool_id: Option<String>,
    /// Whether the pool is the stack's own, wired by its template.
    pub(crate) makes_pool: bool,
    /// The attribute with which users of the stack's own pool sign in.
    pub(crate) sign_in_with: Option<String>,
    /// ARNs of the functions other than triggers, by name.
    pub(crate) functions: BTreeMap<String, String>,
    /// ARNs of the secrets whose values the functions have.
    pub(crate) secrets: Vec<String>,
    /// The revision that was deployed last.
    pub(crate) revision: Option<String>,
}

impl StackOutputs {
    /// Reads `aws cloudformation describe-stacks` (or its `--query Stacks[0].Outputs`),
    /// `sam list stack-outputs --output json`, or the local cloud's file; `-` is standard input.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let mut text = String::new();
        if file == Path::new("-") {
            stdin().read_to_string(&mut text)?;
        } else {
            text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        }
        let value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
        Self::parse(&value).with_context(|| file.display().to_string())
    }

    /// Returns every function with the ARN that callers use.
    pub(crate) fn all_functions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.triggers.iter().chain(&self.functions).map(|(name, arn)| (name.as_str(), arn.as_str()))
    }

    /// Reads the parsed JSON of any of these forms.
    pub(crate) fn parse(value: &Value) -> Result<Self> {
        let list = match value.get("Stacks").and_then(Value::as_array).map(Vec::as_slice) {
            None => value,
            Some([stack]) => stack.get("Outputs").context("the stack has no outputs")?,
            Some(stacks) => bail!("the file has {} stacks: name one with --stack-name", stacks.len()),
        };
        let outputs: BTreeMap<&str, &str> = list
            .as_array()
            .context("no list of outputs")?
            .iter()
            .filter_map(|output| {
                Some((output.get("OutputKey")?.as_str()?, output.get("OutputValue")?.as_str()?))
            })
            .collect();
        let own = |name: &str| outputs.get(name).map(|value| (*value).to_owned());
        let named = |prefix: &str| -> BTreeMap<_, _> {
            let named = outputs.iter().filter_map(|(name, arn)| Some((name.strip_prefix(prefix)?, *arn)));
            named.map(|(name, arn)| (name.to_owned(), arn.to_owned())).collect()
        };
        let triggers = named(TRIGGER);
        ensure!(!triggers.is_empty(), "no output name begins with {TRIGGER}: is this the right stack?");
        Ok(Self {
            triggers,
            code_key_arn: own("CodeKeyArn"),
            table: own("TableName"),
            user_pool_id: own("UserPoolId"),
            makes_pool: own("NativeClientId").is_some(),
            sign_in_with: own("SignInWith"),
            functions: named(FUNCTION),
            secrets: own("Secrets")
                .map(|arns| arns.split(',').filter(|arn| !arn.is_empty()).map(str::to_owned).collect())
                .unwrap_or_default(),
            revision: own("Revision").filter(|revision| !revision.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stack_outputs_are_the_same_in_every_format() {
        let list = json!([
            { "OutputKey": "ApiUrl", "OutputValue": "https://example.com", "Description": "…" },
            { "OutputKey": "TriggerPreSignUp", "OutputValue": "arn:a" },
            { "OutputKey": "CodeKeyArn", "OutputValue": "arn:k" },
            { "OutputKey": "TableName", "OutputValue": "t" },
            { "OutputKey": "UserPoolId", "OutputValue": "eu-west-1_a" },
            { "OutputKey": "FunctionDeliver", "OutputValue": "arn:d" },
            { "OutputKey": "Secrets", "OutputValue": "arn:s,arn:t" },
            { "OutputKey": "Revision", "OutputValue": "1a" },
        ]);
        let expected = StackOutputs {
            triggers: [("PreSignUp".to_owned(), "arn:a".to_owned())].into(),
            code_key_arn: Some("arn:k".to_owned()),
            table: Some("t".to_owned()),
            user_pool_id: Some("eu-west-1_a".to_owned()),
            makes_pool: false,
            sign_in_with: None,
            functions: [("Deliver".to_owned(), "arn:d".to_owned())].into(),
            secrets: vec!["arn:s".to_owned(), "arn:t".to_owned()],
            revision: Some("1a".to_owned()),
        };
        assert_eq!(StackOutputs::parse(&list).unwrap(), expected);
        assert_eq!(StackOutputs::parse(&json!({ "Stacks": [{ "Outputs": list }] })).unwrap(), expected);
    }

    #[test]
    fn the_stacks_own_pool_has_clients_of_the_stack() {
        let list = json!([
            { "OutputKey": "NativeClientId", "OutputValue": "1a" },
            { "OutputKey": "TriggerPreSignUp", "OutputValue": "arn:a" },
        ]);
        assert!(StackOutputs::parse(&list).unwrap().makes_pool);
    }

    #[test]
    fn another_stack_is_distinguished_from_ours() {
        for other in [
            json!([{ "OutputKey": "ApiUrl", "OutputValue": "https://example.com" }]),
            json!({ "Stacks": [] }),
            json!({ "Stacks": [{}] }),
            json!({}),
        ] {
            assert!(StackOutputs::parse(&other).is_err(), "{other}");
        }
    }
}
