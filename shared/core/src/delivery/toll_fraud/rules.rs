use std::collections::BTreeSet;

use super::{BudgetLimits, BudgetScope, Country, NotSent, NumberType, Numbering};
use crate::{
    config::{
        Environment, Policy,
        policy::{BudgetPolicy, EmailPolicy, GovernorPolicy, SmsPolicy},
    },
    delivery::Channel,
    kernel::PhoneNumber,
};

/// The numbers that text messages are sent to: the parsed lists of the policy's `[sms]`.
#[derive(Debug, Clone)]
pub struct NumberRules {
    /// If empty, all countries are allowed.
    countries: BTreeSet<Country>,
    types: BTreeSet<NumberType>,
    dry_run: bool,
}

impl NumberRules {
    /// Reads the rules. A name that the number plan does not contain is a problem of the configuration.
    pub fn read(policy: &Policy, environment: &mut Environment<'_>) -> Self {
        let mut countries = BTreeSet::new();
        for code in &policy.sms.allowed_countries {
            match Country::parse(code) {
                Ok(country) => {
                    countries.insert(country);
                }
                Err(_) => environment.problem(format!(
                    "policy.toml: sms.allowed_countries: {code:?} is not a country that has phone numbers"
                )),
            }
        }
        let mut types = BTreeSet::new();
        for name in &policy.sms.allowed_number_types {
            match NumberType::parse(name) {
                Some(kind) => {
                    types.insert(kind);
                }
                None => environment.problem(format!(
                    "policy.toml: sms.allowed_number_types: {name:?} is not a type of number"
                )),
            }
        }
        Self { countries, types, dry_run: policy.governor.dry_run }
    }

    /// Returns whether the number can get text messages, as far as its country and type decide. In a dry run,
    /// every number can.
    pub fn accept(&self, number: &PhoneNumber) -> bool {
        self.dry_run || self.refuse(Numbering::of(number)).is_none()
    }

    pub(super) fn refuse(&self, numbering: Numbering) -> Option<NotSent> {
        // Satellites and other networks without a country are the most expensive of all.
        let allowed = numbering
            .country
            .is_some_and(|country| self.countries.is_empty() || self.countries.contains(&country));
        if !allowed {
            Some(NotSent::CountryNotAllowed)
        } else if !self.types.contains(&numbering.kind) {
            Some(NotSent::NumberTypeNotAllowed)
        } else {
            None
        }
    }
}

/// The parsed parts of the policy that concern the governor.
#[derive(Debug, Clone)]
pub struct GovernorRules {
    policy: GovernorPolicy,
    sms: SmsPolicy,
    email: EmailPolicy,
    numbers: NumberRules,
}

impl GovernorRules {
    pub fn read(policy: &Policy, environment: &mut Environment<'_>) -> Self {
        Self {
            policy: policy.governor.clone(),
            sms: policy.sms.clone(),
            email: policy.email.clone(),
            numbers: NumberRules::read(policy, environment),
        }
    }

    pub(super) fn numbers(&self) -> &NumberRules {
        &self.numbers
    }

    pub(super) fn policy(&self) -> &GovernorPolicy {
        &self.policy
    }

    pub(super) fn budget(&self, channel: Channel, scope: BudgetScope) -> BudgetPolicy {
        match (channel, scope) {
            (Channel::Sms, BudgetScope::User) => self.sms.user,
            (Channel::Sms, BudgetScope::Destination) => self.sms.destination,
            (Channel::Sms, BudgetScope::NumberRange) => self.sms.number_range,
            (Channel::Sms, BudgetScope::NumberPrefix) => self.sms.number_prefix,
            (Channel::Sms, BudgetScope::Country) => self.sms.country,
            (Channel::Sms, BudgetScope::All) => self.sms.all,
            (Channel::Email, BudgetScope::User) => self.email.user,
            (Channel::Email, BudgetScope::Destination) => self.email.destination,
            // An e-mail address has no number, so its other scopes are never used.
            (Channel::Email, _) => self.email.all,
        }
    }

    pub(super) fn limits(&self, channel: Channel, scope: BudgetScope) -> BudgetLimits {
        BudgetLimits::of(&self.budget(channel, scope), self.policy.reserve_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn rules(countries: &[&str], types: &[&str]) -> Result<NumberRules, crate::config::Problems> {
        let mut policy = Policy::default();
        policy.sms.allowed_countries = countries.iter().map(ToString::to_string).collect();
        policy.sms.allowed_number_types = types.iter().map(ToString::to_string).collect();
        load(&|_| None, |environment| NumberRules::read(&policy, environment))
    }

    #[test]
    fn countries_and_types_are_allowed_by_name() {
        let refuses = |rules: &NumberRules, number: &str| {
            rules.refuse(Numbering::of(&PhoneNumber::parse(number).unwrap()))
        };
        let all = rules(&[], &["mobile"]).unwrap();
        assert_eq!(refuses(&all, "+4915123456789"), None);
        assert_eq!(refuses(&all, "+4930123456"), Some(NotSent::NumberTypeNotAllowed));
        assert_eq!(refuses(&all, "+49151234567"), Some(NotSent::NumberTypeNotAllowed), "no valid number");
        assert_eq!(refuses(&all, "+881612345678"), Some(NotSent::CountryNotAllowed), "satellite");
        let some = rules(&["US", "DE"], &["mobile"]).unwrap();
        assert_eq!(refuses(&some, "+4915123456789"), None);
        assert_eq!(refuses(&some, "+447400123456"), Some(NotSent::CountryNotAllowed));
    }

    #[test]
    fn what_is_no_country_or_type_is_a_problem() {
        let problems = rules(&["DE", "de", "XX"], &["mobile", "unknown"]).unwrap_err().0;
        insta::assert_snapshot!(problems.join("\n"), @r#"
        policy.toml: sms.allowed_countries: "de" is not a country that has phone numbers
        policy.toml: sms.allowed_countries: "XX" is not a country that has phone numbers
        policy.toml: sms.allowed_number_types: "unknown" is not a type of number
        "#);
    }
}
