use std::path::Path;

use super::{Policy, Problems};
use crate::kernel::HashKey;

const SHORTEST_KEY: usize = 32;

/// Reads environment variables and collects the problems of reading them.
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
    policy: Option<Policy>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new(), policy: None }
    }

    /// Returns a variable that is set and not empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Returns a required variable. If it is missing, this notes the problem and returns an empty text. The
    /// empty text is never used, because [`load`](super::load) then returns no settings.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is not set"));
            String::new()
        })
    }

    pub fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    /// Returns the compiled-in policy with the overrides of `MFA_CONFIG_DIR/policy.toml`. The file is read
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
            // Without the layer, the function would run without the operator's rules and limits.
            if !Path::new(&folder).is_dir() {
                self.problem(format!(
                    "MFA_CONFIG_DIR: the folder {folder} does not exist, so the layer with the overrides is missing"
                ));
                return None;
            }
            let file = Path::new(&folder).join("policy.toml");
            match std::fs::read_to_string(&file) {
                Ok(text) => Some(text),
                // A layer without this file: the defaults apply.
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

    /// Reads `MFA_HASH_KEY`, for pseudonyms and look-ups. A new key resets all counts by address.
    pub fn hash_key(&mut self) -> HashKey {
        self.key("MFA_HASH_KEY")
    }

    /// Reads `MFA_CHALLENGE_KEY`, for the codes of custom challenges and for recovery codes.
    pub fn challenge_key(&mut self) -> HashKey {
        self.key("MFA_CHALLENGE_KEY")
    }

    /// Reads `MFA_RECOVERY_KEY`, which makes mailed recovery codes and stop links. With this key, an attacker
    /// needs no mailbox, so the public API must not have it.
    pub fn recovery_key(&mut self) -> HashKey {
        self.key("MFA_RECOVERY_KEY")
    }

    /// Reads a key of at least 32 random characters.
    fn key(&mut self, name: &str) -> HashKey {
        let secret = self.required(name);
        if !secret.is_empty() && secret.len() < SHORTEST_KEY {
            self.problem(format!("{name} must have at least {SHORTEST_KEY} characters"));
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

/// Reads the process's own environment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient environment")]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::{Environment, HashKey};
    use crate::config::{Policy, Problems};

    #[test]
    fn a_layer_that_is_missing_stops_the_start_and_an_empty_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let load = |name: &str| {
            let folder = folder.path().join(name);
            let lookup =
                |variable: &str| (variable == "MFA_CONFIG_DIR").then(|| folder.display().to_string());
            crate::config::load(&lookup, |environment| environment.policy().sign_up)
        };
        assert_eq!(load("").map_err(|Problems(problems)| problems), Ok(Policy::default().sign_up));
        let Err(Problems(problems)) = load("missing") else { panic!("the defaults must not apply") };
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("MFA_CONFIG_DIR: "), "{problems:?}");
        let unset = crate::config::load(&|_| None, |environment| environment.policy().sign_up);
        assert!(unset.is_ok(), "on a laptop");
    }

    #[test]
    fn a_key_has_a_variable_of_its_own_and_is_not_short() {
        type Read = fn(&mut Environment<'_>) -> HashKey;
        let keys: [(&str, Read); 3] = [
            ("MFA_HASH_KEY", |environment| environment.hash_key()),
            ("MFA_CHALLENGE_KEY", |environment| environment.challenge_key()),
            ("MFA_RECOVERY_KEY", |environment| environment.recovery_key()),
        ];
        for (variable, read) in keys {
            let loads = |set: &str, secret: &str| {
                crate::config::load(&|name| (name == set).then(|| secret.to_owned()), read).is_ok()
            };
            assert!(loads(variable, &"k".repeat(32)), "{variable}");
            assert!(!loads(variable, &"k".repeat(31)), "{variable}");
            for (other, _) in keys {
                assert_eq!(loads(other, &"k".repeat(32)), other == variable, "{variable} of {other}");
            }
        }
    }
}
