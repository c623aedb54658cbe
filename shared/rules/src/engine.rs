use std::{collections::HashMap, path::Path, str::FromStr as _};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    Policy, PolicyId, PolicySet, Request, RestrictedExpression,
};
use jiff::Timestamp;
use mfa_core::{
    delivery::message::Finding,
    kernel::RuleMessage,
    rules::{RuleQuestion, RuleVerdict, Rules},
};

use crate::{
    source::{self, Rule, error},
    version::version,
};

/// Permits everything, so that only a `forbid` refuses.
const EVERYBODY: &str = "permit (principal, action, resource);";

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// An operator's rules, ready to decide.
pub struct CedarRules {
    authorizer: Authorizer,
    policies: PolicySet,
    /// The rules with their position in the operator's order.
    rules: HashMap<PolicyId, (usize, Named)>,
    types: Types,
}

struct Named {
    name: String,
    message: Option<RuleMessage>,
}

struct Types {
    user: EntityTypeName,
    client: EntityTypeName,
    action: EntityTypeName,
    texts: EntityTypeName,
    numbers: EntityTypeName,
}

impl Types {
    fn new() -> Result<Self, Fault> {
        Ok(Self {
            user: EntityTypeName::from_str("User")?,
            client: EntityTypeName::from_str("Client")?,
            action: EntityTypeName::from_str("Action")?,
            texts: EntityTypeName::from_str("Texts")?,
            numbers: EntityTypeName::from_str("Numbers")?,
        })
    }
}

impl CedarRules {
    /// Reads the rules of a folder of overrides. Returns `None` if there are no rules, and starts nothing
    /// then. Returns all faults of the rules as the error.
    pub fn of_folder(config_dir: &Path) -> Result<Option<Self>, Vec<Finding>> {
        let (rules, findings) = source::of_folder(config_dir);
        if !findings.is_empty() {
            return Err(findings);
        }
        if rules.is_empty() {
            return Ok(None);
        }
        Self::of_rules(rules).map(Some).map_err(|fault| vec![error("rules".into(), None, fault.to_string())])
    }

    fn of_rules(rules: Vec<Rule>) -> Result<Self, Fault> {
        let mut policies = PolicySet::new();
        policies.add(Policy::parse(Some(PolicyId::new("everybody")), EVERYBODY)?)?;
        let mut named = HashMap::with_capacity(rules.len());
        for (place, rule) in rules.into_iter().enumerate() {
            let id = PolicyId::new(place.to_string());
            policies.add(rule.policy.new_id(id.clone()))?;
            named.insert(id, (place, Named { name: rule.name(), message: rule.message }));
        }
        Ok(Self { authorizer: Authorizer::new(), policies, rules: named, types: Types::new()? })
    }

    /// Returns the first of some rules in the operator's order.
    fn first<'a>(&self, ids: impl Iterator<Item = &'a PolicyId>) -> Option<&Named> {
        ids.filter_map(|id| self.rules.get(id)).min_by_key(|(place, _)| *place).map(|(_, named)| named)
    }

    fn decide_with(&self, question: &RuleQuestion<'_>, context: Vec<Pair>) -> Result<RuleVerdict, Fault> {
        let (request, entities) = self.ask(question, context)?;
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let diagnostics = response.diagnostics();
        let failed =
            diagnostics.errors().map(|AuthorizationError::PolicyEvaluationError(fault)| fault.policy_id());
        if let Some(failed) = self.first(failed) {
            return Ok(RuleVerdict::Undecided { rule: failed.name.clone() });
        }
        Ok(match (response.decision(), self.first(diagnostics.reason())) {
            (Decision::Allow, None) => RuleVerdict::Passes,
            (_, Some(rule)) => RuleVerdict::Refused { rule: rule.name.clone(), message: rule.message },
            (Decision::Deny, None) => RuleVerdict::Undecided { rule: "none".into() },
        })
    }

    fn ask(&self, question: &RuleQuestion<'_>, context: Vec<Pair>) -> Result<(Request, Entities), Fault> {
        let types = &self.types;
        let entity = |kind: &EntityTypeName, id: &str| {
            EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
        };
        let user = entity(&types.user, question.user_name);
        let texts = |pairs: &[(&str, &str)]| -> Vec<Pair> {
            pairs
                .iter()
                .map(|(name, value)| {
                    ((*name).to_owned(), RestrictedExpression::new_string((*value).to_owned()))
                })
                .collect()
        };
        let numbers = |read: fn(&str) -> Option<i64>| -> Vec<Pair> {
            let read = |(name, value): &(&str, &str)| {
                Some(((*name).to_owned(), RestrictedExpression::new_long(read(value)?)))
            };
            question.app_data.iter().filter_map(read).collect()
        };
        // Cedar treats an absent entity as one without tags.
        let entities = [
            (user.clone(), texts(&question.attributes)),
            (entity(&types.texts, "data"), texts(&question.app_data)),
            (entity(&types.numbers, "numbers"), numbers(|text| text.parse().ok())),
            (entity(&types.numbers, "versions"), numbers(version)),
        ];
        let entities = entities
            .into_iter()
            .filter(|(_, tags)| !tags.is_empty())
            .map(|(uid, tags)| Entity::new_with_tags(uid, [], [], tags).map_err(Fault::from))
            .collect::<Result<Vec<_>, _>>()?;
        let request = Request::new(
            user,
            entity(&types.action, question.action.name()),
            entity(&types.client, question.app_client),
            Context::from_pairs(context)?,
            None,
        )?;
        Ok((request, Entities::from_entities(entities, None)?))
    }

    fn context(&self, question: &RuleQuestion<'_>) -> Vec<Pair> {
        let entity = |kind: &EntityTypeName, id: &str| {
            let uid = EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
            RestrictedExpression::new_entity_uid(uid)
        };
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let types = &self.types;
        let mut context: Vec<Pair> = vec![
            ("now".into(), datetime(question.now)),
            ("appData".into(), entity(&types.texts, "data")),
            ("appNumbers".into(), entity(&types.numbers, "numbers")),
            ("appVersions".into(), entity(&types.numbers, "versions")),
        ];
        if let Some(provider) = question.provider {
            context.push(("provider".into(), text(provider)));
        }
        if let Some(email) = &question.email {
            context.push(("email".into(), text(&email.expose().to_lowercase())));
            context.push(("emailDomain".into(), text(email.domain())));
        }
        if let Some(phone) = &question.phone {
            context.push(("phoneNumber".into(), text(phone.number.expose())));
            context.push(("phoneType".into(), text(phone.kind)));
            if let Some(country) = &phone.country {
                context.push(("phoneCountry".into(), text(country)));
            }
        }
        context
    }
}

type Pair = (String, RestrictedExpression);

/// Converts a time. Cedar's precision is milliseconds.
fn datetime(at: Timestamp) -> RestrictedExpression {
    let milliseconds = at.as_millisecond();
    let text = Timestamp::from_millisecond(milliseconds).unwrap_or(at).strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    RestrictedExpression::new_datetime(text.to_string())
}

impl Rules for CedarRules {
    fn decide(&self, question: &RuleQuestion<'_>) -> RuleVerdict {
        // If we cannot build the context, no rule can be evaluated.
        self.decide_with(question, self.context(question))
            .unwrap_or_else(|_| RuleVerdict::Undecided { rule: "the question".into() })
    }
}

impl std::fmt::Debug for CedarRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CedarRules({})", self.rules.len())
    }
}
