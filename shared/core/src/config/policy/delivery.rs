use std::time::Duration;

use serde::Deserialize;

/// The delivery of messages to users.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeliveryPolicy {
    pub budget_ms: u32,
    pub sender_ids: Vec<String>,
    pub sms: ProviderPolicy,
    pub email: ProviderPolicy,
}

/// The providers of one channel in their order, and their attempts and time limits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProviderPolicy {
    pub providers: Vec<String>,
    pub attempts: u32,
    pub attempt_timeout_ms: u32,
    pub back_off_ms: u32,
}

impl DeliveryPolicy {
    pub fn budget(&self) -> Duration {
        Duration::from_millis(self.budget_ms.into())
    }

    /// Returns the sender id for a country (ISO 3166, two letters).
    pub fn sender_id(&self, country: &str) -> Option<&str> {
        self.sender_ids
            .iter()
            .find_map(|entry| entry.split_once('=').filter(|(code, _)| *code == country).map(|(_, id)| id))
    }

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if !(500..=10_000).contains(&self.budget_ms) {
            problems.push("delivery.budget_ms must be 500 to 10000".into());
        }
        for entry in &self.sender_ids {
            let is_valid = entry.split_once('=').is_some_and(|(country, id)| {
                country.len() == 2
                    && country.bytes().all(|byte| byte.is_ascii_uppercase())
                    && (1..=11).contains(&id.len())
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                    && id.bytes().any(|byte| byte.is_ascii_alphabetic())
            });
            if !is_valid {
                problems.push(format!(
                    "delivery.sender_ids: {entry:?} is not like \"DE=Example\": a country and 1 to 11 letters, digits or hyphens, with at least one letter"
                ));
            }
        }
        self.sms.check("delivery.sms", &["end-user-messaging", "sns"], self.budget_ms, problems);
        self.email.check("delivery.email", &["ses"], self.budget_ms, problems);
    }
}

impl ProviderPolicy {
    pub fn attempt_timeout(&self) -> Duration {
        Duration::from_millis(self.attempt_timeout_ms.into())
    }

    pub fn back_off(&self) -> Duration {
        Duration::from_millis(self.back_off_ms.into())
    }

    fn check(&self, key: &str, known: &[&str], budget_ms: u32, problems: &mut Vec<String>) {
        if self.providers.is_empty() {
            problems.push(format!("{key}.providers must name one at least"));
        }
        for (index, provider) in self.providers.iter().enumerate() {
            if !known.contains(&provider.as_str()) {
                problems.push(format!("{key}.providers: {provider:?} is not one of {}", known.join(", ")));
            }
            if self.providers.iter().take(index).any(|before| before == provider) {
                problems.push(format!("{key}.providers names {provider:?} twice"));
            }
        }
        if !(1..=5).contains(&self.attempts) {
            problems.push(format!("{key}.attempts must be 1 to 5"));
        }
        let providers = u32::try_from(self.providers.len()).unwrap_or(u32::MAX);
        if self.attempt_timeout_ms < 100 || self.attempt_timeout_ms.saturating_mul(providers) > budget_ms {
            problems.push(format!(
                "{key}.attempt_timeout_ms must be 100 at least, and one attempt with each provider must fit into delivery.budget_ms"
            ));
        }
        if self.back_off_ms > 1_000 {
            problems.push(format!("{key}.back_off_ms must be 1000 at most"));
        }
    }
}
