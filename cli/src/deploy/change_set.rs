//! Reviews an update of the stack and its nested stacks before anything is changed.
//!
//! The change sets of `sam deploy` show a nested stack as one line. A change set with nested stacks shows every
//! resource.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    Capability, Change as SdkChange, ChangeAction, ChangeSetStatus, Parameter, Replacement, Stack,
};
use mfa_core::kernel::{Clock as _, SystemClock};
use serde::Serialize;

use super::parameters::Parameters;
use crate::aws::Aws;

/// Resources with users' data, with ids that apps hold, or with a secret that stored hashes need.
const LASTING: [&str; 5] = [
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
];
const NESTED: &str = "AWS::CloudFormation::Stack";
const WAIT: Duration = Duration::from_secs(2);
/// CloudFormation needs minutes for large hierarchies.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// A change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// The logical ids of the nested stacks and of the resource: `Pool/UserPool`.
    pub(super) path: String,
    pub(super) kind: String,
    /// `Add`, `Modify`, `Remove`, `Import` or `Dynamic`.
    pub(super) action: String,
    /// `True`, `False` or `Conditional`. Absent unless the action is `Modify`.
    pub(super) replacement: Option<String>,
}

impl Change {
    /// Returns the reason if the change would lose what a lasting resource holds.
    pub(super) fn loses(&self) -> Option<String> {
        // A nested stack that goes takes its resources with it.
        if !LASTING.contains(&self.kind.as_str()) && self.kind != NESTED {
            return None;
        }
        let what = match (self.action.as_str(), self.replacement.as_deref()) {
            ("Add" | "Import", _) | ("Modify", Some("False") | None) => return None,
            ("Remove", _) => "would be removed from the stack",
            ("Modify", Some("True")) => "would be replaced by a new, empty one",
            _ => "could be replaced by a new, empty one",
        };
        Some(format!(
            "{}: the {} {what}. Undo the change, or pass --allow-replacement {} to allow it",
            self.path, self.kind, self.path
        ))
    }
}

/// Returns the changes of an update, in nested stacks too. The change set exists only meanwhile.
///
/// `template` is the packaged root template, and `known` its parameters.
pub(super) async fn review(
    aws: &Aws,
    stack: &str,
    template: String,
    known: &[String],
    parameters: &Parameters,
) -> Result<Vec<Change>> {
    let client = Client::new(aws.config());
    let described = client.describe_stacks().stack_name(stack).send().await;
    let described = described.map_err(with_cause).context("DescribeStacks")?;
    let current = described.stacks().first().with_context(|| format!("there is no stack {stack}"))?;
    let created = client
        .create_change_set()
        .stack_name(stack)
        .change_set_name(format!("cognito-mfa-review-{}", SystemClock.now().as_second()))
        .description("A review by cognito-mfa deploy; never executed")
        .include_nested_stacks(true)
        .template_body(template)
        .set_parameters(Some(values(known, parameters, current)))
        // Other tags would be a change of every resource.
        .set_tags(current.tags.clone())
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityAutoExpand)
        .send()
        .await;
    let created = created.map_err(with_cause).context("CreateChangeSet")?;
    let id = created.id().context("CreateChangeSet returned no id")?;
    let found = changes(&client, id).await;
    // It deletes those of the nested stacks, too.
    let deleted = client.delete_change_set().change_set_name(id).send().await;
    let found = found?;
    deleted.map_err(with_cause).context("DeleteChangeSet")?;
    Ok(found)
}

/// Returns the SDK's error with its cause, which its own text leaves out.
fn with_cause<E: std::error::Error + Send + Sync + 'static>(error: E) -> anyhow::Error {
    anyhow::Error::new(error)
}

/// Returns the given values. A parameter that is not given keeps the stack's value, as with `sam deploy`.
fn values(known: &[String], parameters: &Parameters, current: &Stack) -> Vec<Parameter> {
    let earlier: Vec<_> = current.parameters().iter().filter_map(Parameter::parameter_key).collect();
    let value = |name: &String| {
        let parameter = Parameter::builder().parameter_key(name);
        match parameters.get(name) {
            Some(value) => Some(parameter.parameter_value(value).build()),
            None if earlier.contains(&name.as_str()) => Some(parameter.use_previous_value(true).build()),
            None => None,
        }
    };
    known.iter().filter_map(value).collect()
}

/// Waits for a change set and returns its changes, and those of the change sets in it.
async fn changes(client: &Client, root: &str) -> Result<Vec<Change>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(String::new(), root.to_owned())];
    while let Some((path, id)) = waiting.pop() {
        for change in completed(client, &id).await? {
            let Some(change) = change.resource_change else { continue };
            let path = format!("{path}{}", change.logical_resource_id().unwrap_or_default());
            let stays = matches!(change.action(), Some(ChangeAction::Add | ChangeAction::Modify));
            if change.resource_type() == Some(NESTED)
                && stays
                && let Some(nested) = change.change_set_id()
            {
                waiting.push((format!("{path}/"), nested.to_owned()));
                continue;
            }
            let change = Change {
                path: path.clone(),
                kind: change.resource_type().unwrap_or_default().to_owned(),
                action: change.action().map(ChangeAction::as_str).unwrap_or_default().to_owned(),
                replacement: change.replacement().map(Replacement::as_str).map(str::to_owned),
            };
            found.insert(path, change);
        }
    }
    Ok(found.into_values().collect())
}

async fn completed(client: &Client, id: &str) -> Result<Vec<SdkChange>> {
    let begun = tokio::time::Instant::now();
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let asked = client.describe_change_set().change_set_name(id).set_next_token(next.take());
        let page = asked.send().await.map_err(with_cause).context("DescribeChangeSet")?;
        match page.status() {
            Some(ChangeSetStatus::CreateComplete) => {}
            Some(ChangeSetStatus::Failed) if is_empty(page.status_reason()) => return Ok(Vec::new()),
            Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress)
                if begun.elapsed() < LONGEST_WAIT =>
            {
                tokio::time::sleep(WAIT).await;
                continue;
            }
            status => bail!(
                "the change set is {}: {}",
                status.map_or("unknown", ChangeSetStatus::as_str),
                page.status_reason().unwrap_or_default()
            ),
        }
        all.extend(page.changes().iter().cloned());
        next = page.next_token;
        if next.is_none() {
            return Ok(all);
        }
    }
}

/// Returns whether CloudFormation failed only because nothing changes.
fn is_empty(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| {
        ["didn't contain changes", "No updates are to be performed"].iter().any(|none| reason.contains(none))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_loses_users_or_clients_is_recognised() {
        let loses = |kind: &str, action: &str, replacement: Option<&str>| {
            let [kind, action] = [kind, action].map(str::to_owned);
            let path = "Pool/X".to_owned();
            Change { path, kind, action, replacement: replacement.map(str::to_owned) }.loses().is_some()
        };
        for kind in LASTING.into_iter().chain([NESTED]) {
            assert!(!loses(kind, "Add", None) && !loses(kind, "Modify", Some("False")), "{kind}");
            assert!(loses(kind, "Remove", None) && loses(kind, "Modify", Some("True")), "{kind}");
            assert!(loses(kind, "Modify", Some("Conditional")) && loses(kind, "Dynamic", None), "{kind}");
        }
        assert!(!loses("AWS::Lambda::Function", "Modify", Some("True")));
        assert!(!loses("AWS::IAM::Role", "Remove", None));
    }
}
