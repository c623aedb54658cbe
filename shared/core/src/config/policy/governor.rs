use serde::Deserialize;

use super::Policy;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GovernorPolicy {
    pub dry_run: bool,
    pub reserve_percent: u32,
    pub established_after_hours: u32,
    pub codes_before_cool_down: u32,
    pub cool_down_seconds: u32,
    pub cool_down_max_seconds: u32,
    pub credit_per_verification: u32,
}

/// Countries and types are text here, because only the governor has the number plan to read them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SmsPolicy {
    pub allowed_countries: Vec<String>,
    pub allowed_number_types: Vec<String>,
    pub user: BudgetPolicy,
    pub destination: BudgetPolicy,
    pub number_range: BudgetPolicy,
    pub number_prefix: BudgetPolicy,
    pub country: BudgetPolicy,
    pub all: BudgetPolicy,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EmailPolicy {
    pub user: BudgetPolicy,
    pub destination: BudgetPolicy,
    pub all: BudgetPolicy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct BudgetPolicy {
    pub per_hour: u32,
    pub per_day: u32,
    /// Codes per day to unverified numbers that were not entered yet.
    pub unverified: u32,
    #[serde(default = "one")]
    pub shards: u8,
}

fn one() -> u8 {
    1
}

impl BudgetPolicy {
    fn check(&self, key: &str, problems: &mut Vec<String>) {
        // Two messages per shard, so that neither the open part nor the reserve is empty.
        let least = 2 * u32::from(self.shards);
        if self.shards == 0 || self.per_hour < least || self.unverified < u32::from(self.shards) {
            problems.push(format!(
                "{key}: shards must be at least 1, per_hour at least 2 per shard, and unverified at least 1 \
                 per shard"
            ));
        }
        if self.per_day < self.per_hour || self.per_day > 10_000_000 {
            problems.push(format!("{key}.per_day must be at least per_hour and at most 10000000"));
        }
    }
}

impl Policy {
    pub(super) fn check_governor(&self, problems: &mut Vec<String>) {
        let governor = &self.governor;
        if !(50..=90).contains(&governor.reserve_percent) {
            problems.push("governor.reserve_percent must be 50 to 90".into());
        }
        if !(1..=720).contains(&governor.established_after_hours) {
            problems.push("governor.established_after_hours must be 1 to 720".into());
        }
        if !(1..=5).contains(&governor.codes_before_cool_down) {
            problems.push("governor.codes_before_cool_down must be 1 to 5".into());
        }
        let longest = governor.cool_down_max_seconds;
        if !(1..=longest).contains(&governor.cool_down_seconds) || longest > 86_400 {
            problems.push(
                "governor.cool_down_seconds must be at least 1 and at most cool_down_max_seconds, which \
                 must be at most 86400"
                    .into(),
            );
        }
        if governor.credit_per_verification > 10 {
            problems.push("governor.credit_per_verification must be at most 10".into());
        }
        if self.sms.allowed_number_types.is_empty() {
            problems.push("sms.allowed_number_types must name a type".into());
        }
        for (key, budget) in [
            ("sms.user", &self.sms.user),
            ("sms.destination", &self.sms.destination),
            ("sms.number_range", &self.sms.number_range),
            ("sms.number_prefix", &self.sms.number_prefix),
            ("sms.country", &self.sms.country),
            ("sms.all", &self.sms.all),
            ("email.user", &self.email.user),
            ("email.destination", &self.email.destination),
            ("email.all", &self.email.all),
        ] {
            budget.check(key, problems);
        }
    }
}
