//! Each function's role, as the templates of `infra/` grant it. The local cloud denies what it does not allow, and
//! [`Cloud::stop`](crate::Cloud::stop) fails for it, because a function may cope with what it is denied.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_norway::Value;

use crate::stacks;

/// Actions as IAM writes them (`dynamodb:PutItem`), by function.
pub type Actions = BTreeMap<String, BTreeSet<String>>;

/// The statements of every function's role, by function.
pub fn statements() -> Result<Vec<(String, Vec<Value>)>> {
    let mut roles = Vec::new();
    for stack in stacks()? {
        for (id, function) in stack.resources("AWS::Serverless::Function") {
            let binary = function.get("Metadata").and_then(|one| one.get("BuildProperties")?.get("Binary"));
            let binary = binary.and_then(Value::as_str).with_context(|| format!("{id} has no binary"))?;
            let policies = function.get("Properties").and_then(|properties| properties.get("Policies"));
            let mut statements = Vec::new();
            for policy in policies.and_then(Value::as_sequence).into_iter().flatten() {
                let of_policy = policy.get("Statement").and_then(Value::as_sequence);
                statements.extend(of_policy.with_context(|| format!("{id} has a policy by name"))?.clone());
            }
            roles.push((binary.to_owned(), statements));
        }
    }
    Ok(roles)
}

/// The actions of a statement.
pub fn actions_of(statement: &Value) -> Vec<String> {
    match statement.get("Action") {
        Some(Value::String(action)) => vec![action.clone()],
        Some(Value::Sequence(actions)) => {
            actions.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// What the roles allow.
pub fn allowed() -> Result<Actions> {
    let of_role = |statements: Vec<Value>| statements.iter().flat_map(actions_of).collect();
    let roles = statements()?.into_iter().map(|(function, statements)| (function, of_role(statements)));
    Ok(roles.filter(|(_, actions): &(_, BTreeSet<_>)| !actions.is_empty()).collect())
}

/// `function: action`, for each of `some` that is not among `others`.
pub fn without(some: &Actions, others: &Actions) -> Vec<String> {
    let is_among = |function: &str, action: &str| others.get(function).is_some_and(|of| of.contains(action));
    some.iter()
        .flat_map(|(function, actions)| actions.iter().map(move |action| (function, action)))
        .filter(|(function, action)| !is_among(function, action))
        .map(|(function, action)| format!("{function}: {action}"))
        .collect()
}
