use std::path::Path;

use super::{Policy, Problems};
use crate::kernel::HashKey;

const SHORTEST_HASH_KEY: usize = 32;

/// Environment variables, and the problems met while reading them.
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
    policy: Option<Policy>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new(), policy: None }
    }

    /// A variable that is set and not empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A variable that must be there. Where it is not, the problem is noted and an empty text
    /// stands in, which nobody sees: [`load`](super::load) gives no settings then.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is not set"));
            String::new()
        })
    }

    pub fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    /// The policy: the compiled-in one, with the overrides of `MFA_CONFIG_DIR/policy.toml`. Read
    /// once, however many parts of a function ask for it.
    pub fn policy(&mut self) -> Policy {
        if let Some(policy) = &self.policy {
            return policy.clone();
        }
        let policy = self.read_policy();
        self.policy = Some(policy.clone());
        policy
    }

    fn read_policy(&mut self) -> Policy {
        let overrides = self.optional("MFA_CONFIG_DIR").and_then(|folder| {
            let file = Path::new(&folder).join("policy.toml");
            match std::fs::read_to_string(&file) {
                Ok(text) => Some(text),
                // No layer, or a layer without this file: the defaults are meant.
                Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => None,
                Err(fault) => {
                    self.problem(format!("{} can't be read: {fault}", file.display()));
                    None
                }
            }
        });
        Policy::read(overrides.as_deref()).unwrap_or_else(|Problems(problems)| {
            self.problems.extend(problems.into_iter().map(|problem| format!("policy.toml: {problem}")));
            Policy::default()
        })
    }

    /// `MFA_HASH_KEY`: at least 32 random characters. Another key starts every count of an address anew.
    pub fn hash_key(&mut self) -> HashKey {
        let secret = self.required("MFA_HASH_KEY");
        if !secret.is_empty() && secret.len() < SHORTEST_HASH_KEY {
            self.problem(format!("MFA_HASH_KEY must have at least {SHORTEST_HASH_KEY} characters"));
        }
        HashKey::new(secret.as_bytes())
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(settings) } else { Err(Problems(self.problems)) }
    }
}

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("problems", &self.problems).finish_non_exhaustive()
    }
}

/// The process's own environment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient environment")]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::{Environment, HashKey};

    fn hash_key(environment: &mut Environment<'_>) -> HashKey {
        environment.hash_key()
    }

    #[test]
    fn a_short_hash_key_is_a_problem() {
        let read = |secret: &str| {
            let secret = secret.to_owned();
            crate::config::load(&move |_| Some(secret.clone()), hash_key).is_ok()
        };
        assert!(read(&"k".repeat(32)));
        assert!(!read(&"k".repeat(31)));
        assert!(!read(""));
    }
}
