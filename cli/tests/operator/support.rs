//! The command as an operator runs it against a cloud.

use std::fs;
use std::process::Command;

use end_to_end::Cloud;
use tempfile::TempDir;

pub(crate) struct Operator {
    folder: TempDir,
    outputs: String,
    environment: Vec<(String, String)>,
}

impl Operator {
    pub(crate) fn of(cloud: &Cloud) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outputs = folder.path().join("outputs.json");
        fs::write(&outputs, cloud.stack_outputs().to_string()).unwrap();
        let mut environment: Vec<_> = cloud.environment().unwrap().into_iter().collect();
        environment.retain(|(name, _)| name.starts_with("AWS_"));
        let lambda = cloud.endpoint("lambda").unwrap().to_owned();
        environment.push(("AWS_ENDPOINT_URL_LAMBDA".to_owned(), lambda));
        Self { outputs: outputs.to_str().unwrap().to_owned(), folder, environment }
    }

    /// Returns the file with the stack's outputs.
    pub(crate) fn outputs(&self) -> &str {
        &self.outputs
    }

    /// Returns the file with the outputs of a stack that was deployed for another pool than its own.
    pub(crate) fn outputs_for(&self, cloud: &Cloud, pool: &str) -> String {
        let mut outputs = cloud.stack_outputs().clone();
        let all = outputs.as_array_mut().unwrap();
        all.retain(|output| {
            output["OutputKey"] != "NativeClientId" && output["OutputKey"] != "CustomClientId"
        });
        for output in all {
            if output["OutputKey"] == "UserPoolId" {
                output["OutputValue"] = pool.into();
            }
        }
        let file = path(self, &format!("outputs-{pool}.json"));
        fs::write(&file, outputs.to_string()).unwrap();
        file
    }

    /// Adds a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognito-mfa"));
        command.args(arguments).envs(self.environment.iter().cloned());
        command
    }

    /// Returns exit code, standard output and standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

/// Returns the path of a file with this name in the test's folder.
pub(crate) fn path(operator: &Operator, name: &str) -> String {
    operator.folder.path().join(name).to_str().unwrap().to_owned()
}
