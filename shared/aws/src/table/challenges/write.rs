//! One write of several clauses and conditions.

use std::collections::BTreeMap;

use mfa_core::custom_auth::round_state::ChallengeSlot;

use super::attribute;
use crate::table::{AttributeValue, OnFailure, ReturnValue, UpdateItemFluentBuilder};

/// A conditional write under construction. It has no `Debug`, because its values hold hashes of codes.
#[derive(Default)]
pub(super) struct Write {
    set: Vec<String>,
    remove: Vec<String>,
    delete: Vec<String>,
    add: Vec<String>,
    conditions: Vec<String>,
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
}

impl Write {
    pub(super) fn at(slot: ChallengeSlot) -> Self {
        let mut write = Self::default();
        write.name("#slot", attribute(slot));
        write
    }

    pub(super) fn set(&mut self, clause: impl Into<String>) {
        self.set.push(clause.into());
    }

    pub(super) fn remove(&mut self, path: impl Into<String>) {
        self.remove.push(path.into());
    }

    pub(super) fn delete(&mut self, clause: &str) {
        self.delete.push(clause.to_owned());
    }

    pub(super) fn add(&mut self, clause: &str) {
        self.add.push(clause.to_owned());
    }

    pub(super) fn require(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    pub(super) fn name(&mut self, placeholder: &str, name: impl Into<String>) {
        self.names.insert(placeholder.to_owned(), name.into());
    }

    pub(super) fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(placeholder.to_owned(), value);
    }

    pub(super) fn put_into(self, mut update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let clauses =
            [("SET", self.set), ("REMOVE", self.remove), ("DELETE", self.delete), ("ADD", self.add)];
        let clauses = clauses.into_iter().filter(|(_, clauses)| !clauses.is_empty());
        let expression: Vec<_> =
            clauses.map(|(word, clauses)| format!("{word} {}", clauses.join(", "))).collect();
        let (expression, condition) = (expression.join(" "), self.conditions.join(" AND "));
        // DynamoDB refuses unused values.
        let is_used = |placeholder: &str| uses(&expression, placeholder) || uses(&condition, placeholder);
        for (placeholder, name) in self.names {
            update = update.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in self.values.into_iter().filter(|(placeholder, _)| is_used(placeholder)) {
            update = update.expression_attribute_values(placeholder, value);
        }
        update
            .update_expression(expression)
            .condition_expression(condition)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnFailure::AllOld)
    }
}

/// Whether an expression contains this placeholder, and not only a longer one that begins with it.
pub(super) fn uses(expression: &str, placeholder: &str) -> bool {
    expression.match_indices(placeholder).any(|(at, found)| {
        let next = expression.get(at + found.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_')
    })
}
