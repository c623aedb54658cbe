use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

/// A function as it is deployed.
#[derive(Clone)]
pub struct FunctionSpec {
    pub name: String,
    /// The `bootstrap` binary.
    pub command: PathBuf,
    pub args: Vec<OsString>,
    /// The function's own variables; they win over the ones that Lambda sets.
    pub environment: BTreeMap<String, String>,
    pub memory_mb: u32,
    pub timeout: Duration,
}

impl FunctionSpec {
    /// A function without variables, with 256 MB and 5 s.
    pub fn new(name: impl Into<String>, command: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            command: command.into(),
            args: Vec::new(),
            environment: BTreeMap::new(),
            memory_mb: 256,
            timeout: Duration::from_secs(5),
        }
    }
}

/// Without the values of the variables: they may be secrets.
impl fmt::Debug for FunctionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionSpec")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("environment", &self.environment.keys())
            .field("memory_mb", &self.memory_mb)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The access key of a function's role: always the same and no other function's, so that a signature
/// says who made it.
pub fn access_key_id(name: &str) -> String {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("ASIA{:016X}", hasher.finish())
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`
pub fn function_arn(region: &str, account_id: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{account_id}:function:{name}")
}

/// The name in what the Invoke API takes for one: a name, a partial or a whole ARN, each with an
/// optional `:QUALIFIER`.
pub fn function_name(reference: &str) -> &str {
    let mut parts = reference.split(':');
    if parts.by_ref().any(|part| part == "function") {
        return parts.next().unwrap_or(reference);
    }
    reference.split(':').next().unwrap_or(reference)
}

/// The `QUALIFIER` in the same: a version or an alias.
pub fn function_qualifier(reference: &str) -> Option<&str> {
    let mut parts = reference.split(':');
    if !parts.by_ref().any(|part| part == "function") {
        parts = reference.split(':');
    }
    parts.nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_reference_names_the_function() {
        for reference in [
            "deliver",
            "deliver:$LATEST",
            "111122223333:function:deliver",
            "arn:aws:lambda:us-east-1:111122223333:function:deliver",
            "arn:aws:lambda:us-east-1:111122223333:function:deliver:live",
        ] {
            assert_eq!(function_name(reference), "deliver", "{reference}");
        }
        for reference in ["deliver", "111122223333:function:deliver"] {
            assert_eq!(function_qualifier(reference), None, "{reference}");
        }
        for reference in ["deliver:live", "arn:aws:lambda:us-east-1:111122223333:function:deliver:live"] {
            assert_eq!(function_qualifier(reference), Some("live"), "{reference}");
        }
    }
}
