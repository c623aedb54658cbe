use std::path::Path;

use super::{Policy, Problems};

/// Environment variables, and the problems met while reading them.
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
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

    /// The policy: the compiled-in one, with the overrides of `MFA_CONFIG_DIR/policy.toml`.
    pub fn policy(&mut self) -> Policy {
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
