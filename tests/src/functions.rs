use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// A Lambda function of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// The name of folder, package, binary and deployed function.
    pub name: &'static str,
    /// The prefix of its sample events' names.
    pub events: &'static str,
    /// Whether the function is a trigger and so answers with its event.
    pub is_trigger: bool,
}

impl Function {
    /// Returns whether the function answers HTTP requests.
    pub fn is_api(&self) -> bool {
        self.events.starts_with("apigw-")
    }
}

const fn trigger(name: &'static str, events: &'static str) -> Function {
    Function { name, events, is_trigger: true }
}

/// Returns every function of `functions/`. A test compares the two.
pub const fn functions() -> &'static [Function] {
    const {
        &[
            Function { name: "admin-api", events: "apigw-admin.", is_trigger: false },
            trigger("create-auth-challenge", "CreateAuthChallenge_"),
            trigger("custom-email-sender", "CustomEmailSender_"),
            trigger("custom-message", "CustomMessage_"),
            trigger("custom-sms-sender", "CustomSMSSender_"),
            trigger("define-auth-challenge", "DefineAuthChallenge_"),
            Function { name: "deliver", events: "OutboundMessage_", is_trigger: false },
            Function { name: "mfa-api", events: "apigw-http-v2.", is_trigger: false },
            trigger("post-authentication", "PostAuthentication_"),
            trigger("post-confirmation", "PostConfirmation_"),
            trigger("pre-authentication", "PreAuthentication_"),
            trigger("pre-sign-up", "PreSignUp_"),
            trigger("pre-token-generation", "TokenGeneration_"),
            Function { name: "reconcile-claims", events: "Reconcile_", is_trigger: false },
            Function { name: "recovery-api", events: "apigw-recovery.", is_trigger: false },
            Function { name: "recovery-worker", events: "Recovery_", is_trigger: false },
            trigger("verify-auth-challenge-response", "VerifyAuthChallengeResponse_"),
        ]
    }
}

/// Returns the built binary of a package, beside the one that runs.
pub fn binary(name: &str) -> Result<PathBuf> {
    // The path is target/<profile>/deps/<test> or target/<profile>/<command>.
    let this = env::current_exe().context("this program's own path")?;
    let folder =
        this.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).context("target folder")?;
    let path = folder.join(name);
    ensure!(path.is_file(), "{} is not built: run `cargo xtask test rust`", path.display());
    Ok(path)
}

/// Returns the folder of the workspace's `Cargo.toml`.
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_workspace_is_listed() {
        let mut folders: Vec<_> = workspace()
            .join("functions")
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        folders.sort();
        let listed: Vec<_> = functions().iter().map(|function| function.name).collect();
        assert_eq!(listed, folders);
    }
}
