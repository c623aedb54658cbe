//! `cognito-mfa deploy`: deploys a stack from a checkout with the SAM command line.

mod binaries;
mod parameters;
mod revision;

use std::fs;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use shared::delivery::Severity;

use crate::aws::{Aws, Service};
use crate::check;
use crate::exit_status::ExitStatus;
use crate::live;
use crate::output::Output;
use crate::outputs::StackOutputs;
use parameters::Parameters;
use revision::{REVISION, revision};

/// The programs that have to be installed, and their sources.
const NEEDED: [(&str, &str); 2] = [
    ("sam", "the AWS SAM CLI: pip install aws-sam-cli"),
    ("cargo-lambda", "which builds the Rust functions: pip install cargo-lambda"),
];

const TEMPLATE: &str = "template.yaml";
const CHECKOV: &str = ".checkov.yaml";
/// The folder of the layer with the operator's overrides, beside the template.
const OVERRIDES: &str = "overrides/cognito-mfa";
/// The output folder of `sam build`, beside the template.
const BUILD: &str = ".aws-sam/build";

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Use this environment of samconfig.toml
    #[arg(long, value_name = "NAME", default_value = "prod")]
    env: String,
    /// The folder with template.yaml, samconfig.toml and overrides/
    #[arg(long, value_name = "FOLDER", default_value = "infra")]
    infra: PathBuf,
    /// Use this stack instead of samconfig.toml's
    #[arg(long, value_name = "NAME")]
    stack_name: Option<String>,
    /// Write the stack's outputs to this file, for `attach` and `doctor`
    #[arg(long, value_name = "FILE", default_value = "outputs.json")]
    outputs: PathBuf,
    /// Set a parameter of the template, before those of samconfig.toml. Can be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    parameter: Vec<String>,
    /// Create and show a change set without executing it
    #[arg(long)]
    dry_run: bool,
    /// Deploy without asking for confirmation
    #[arg(long)]
    yes: bool,
}

/// The output of `sam list stack-outputs`, as text and parsed.
struct Deployed {
    printed: Vec<u8>,
    outputs: StackOutputs,
}

impl Deploy {
    pub(crate) async fn run(
        &self,
        profile: Option<&str>,
        region: Option<&str>,
        output: Output,
    ) -> Result<ExitStatus> {
        ensure!(
            self.dry_run || self.yes || stdin().is_terminal(),
            "this is not a terminal: pass --yes or --dry-run"
        );
        let missing: Vec<_> = NEEDED
            .into_iter()
            .filter(|(program, _)| which::which(program).is_err())
            .map(|(program, what)| format!("{program} is missing, {what}"))
            .collect();
        ensure!(missing.is_empty(), "{}", missing.join("; "));

        if !self.overrides_are_right()? {
            output.result(&json!({ "outcome": "refused" }));
            return Ok(ExitStatus::Refused);
        }
        let env = ["--config-env", &self.env];
        let template = self.infra.join(TEMPLATE);
        let text = fs::read_to_string(&template).with_context(|| template.display().to_string())?;
        let mut parameters = Parameters::read(&self.infra, &self.env, &self.parameter, &text)?;
        let templates = self.templates()?;
        for template in &templates {
            self.sam("validate", &[&["--lint", "--template-file", template][..], &env].concat())?;
        }
        let account: Vec<_> = [("--profile", profile), ("--region", region)]
            .into_iter()
            .chain([("--stack-name", self.stack_name.as_deref())])
            .filter_map(|(flag, value)| Some([flag, value?]))
            .flatten()
            .collect();
        let before = self.deployed(&account)?.map(|deployed| deployed.outputs);
        let mut reasons = incomplete(before.is_none(), &parameters);
        reasons.extend(before.as_ref().and_then(|before| loses_users(before, &parameters)));
        if !reasons.is_empty() {
            for reason in &reasons {
                Output::error(reason);
            }
            output.result(&json!({ "outcome": "refused", "reasons": reasons }));
            return Ok(ExitStatus::Refused);
        }

        // `sam build` does not read the template's parameters from where `sam deploy` does.
        self.sam("build", &with(&env, &parameters.arguments()))?;
        let build = self.infra.join(BUILD);
        binaries::check(&build, parameters.architecture())?;
        let secrets = match &before {
            Some(before) => versions(before, profile, region).await?,
            None => Vec::new(),
        };
        let templates: Vec<_> = templates.iter().map(|name| self.infra.join(name)).collect();
        let revision = revision(&build, &self.infra.join(OVERRIDES), &templates, &parameters, &secrets)?;
        parameters.set(REVISION, &revision);

        let how: &[&str] = match (self.dry_run, self.yes) {
            (true, _) => &["--no-execute-changeset"],
            (false, true) => &["--no-confirm-changeset", "--no-fail-on-empty-changeset"],
            (false, false) => &["--confirm-changeset", "--no-fail-on-empty-changeset"],
        };
        let flags = [&env[..], how, &account].concat();
        self.sam("deploy", &with(&flags, &parameters.arguments()))?;
        if self.dry_run {
            Output::note(
                "no resource was changed; review the change set in CloudFormation, then delete it. SAM's bucket and \
                 the uploads in it stay",
            );
            output.result(&json!({ "outcome": "dry-run" }));
            return Ok(ExitStatus::Done);
        }

        let deployed = self.deployed(&account)?;
        let Some(deployed) = deployed.filter(|now| now.outputs.revision.as_ref() == Some(&revision)) else {
            Output::note("nothing was deployed");
            output.result(&json!({ "outcome": "refused", "reasons": ["not confirmed"] }));
            return Ok(ExitStatus::Refused);
        };
        fs::write(&self.outputs, &deployed.printed).with_context(|| self.outputs.display().to_string())?;
        let outputs = &deployed.outputs;
        let stale = stale(outputs, profile, region).await?;
        let listed: Value = serde_json::from_slice(&deployed.printed)?;
        if !stale.is_empty() {
            for function in &stale {
                Output::error(format_args!("the alias live of {function}"));
            }
            Output::error("the stack is updated, but callers get earlier versions of these functions");
            output.result(&json!({ "outcome": "stale", "stale": stale, "outputs": listed }));
            return Ok(ExitStatus::Failed);
        }
        let file = self.outputs.display();
        let attach = if outputs.makes_pool {
            String::new()
        } else {
            format!(
                "\n  cognito-mfa attach --user-pool-id ID --stack-outputs {file} --record attached.json --dry-run"
            )
        };
        Output::note(format_args!(
            "deployed; the alias live of all {} functions runs this revision. Next:{attach}\n  \
             cognito-mfa doctor --user-pool-id {} --stack-outputs {file}",
            outputs.all_functions().count(),
            outputs.user_pool_id.as_deref().unwrap_or("ID"),
        ));
        output.result(&json!({ "outcome": "deployed", "revision": revision, "outputs": listed }));
        Ok(ExitStatus::Done)
    }

    /// Returns the current stack, or `None` if it does not exist or was never deployed.
    fn deployed(&self, account: &[&str]) -> Result<Option<Deployed>> {
        let list = ["list", "stack-outputs", "--output", "json", "--config-env", &self.env];
        let listed = self.command(&[&list[..], account].concat()).output().context("sam")?;
        let said = String::from_utf8_lossy(&listed.stderr);
        if !listed.status.success() {
            // SAM's words for a stack that does not exist, and for one without outputs.
            if ["does not exist", "do not exist"].iter().any(|absent| said.contains(absent)) {
                return Ok(None);
            }
            bail!("sam list stack-outputs: {}: {}", listed.status, said.trim());
        }
        let value: Value = serde_json::from_slice(&listed.stdout).context("sam list stack-outputs")?;
        if value.as_array().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let outputs = StackOutputs::parse(&value).context("sam list stack-outputs")?;
        Ok(Some(Deployed { printed: listed.stdout, outputs }))
    }

    /// Returns the template, then those of the stacks in it.
    fn templates(&self) -> Result<Vec<String>> {
        let mut within = Vec::new();
        for entry in fs::read_dir(&self.infra).with_context(|| self.infra.display().to_string())? {
            let path = PathBuf::from(entry?.file_name());
            let is_template = path.extension().is_some_and(|end| end == "yaml");
            if is_template && path != Path::new(TEMPLATE) && path != Path::new(CHECKOV) {
                within.push(path.display().to_string());
            }
        }
        within.sort();
        Ok([vec![TEMPLATE.to_owned()], within].concat())
    }

    fn overrides_are_right(&self) -> Result<bool> {
        let folder = self.infra.join(OVERRIDES);
        let (_, findings) = check::check(&folder)?;
        for finding in &findings {
            Output::note(format_args!("{}/{finding}", folder.display()));
        }
        Ok(findings.iter().all(|finding| finding.severity != Severity::Error))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut sam = Command::new("sam");
        sam.args(arguments).current_dir(&self.infra);
        sam
    }

    /// Runs SAM. Its output is for people and must stay apart from a result in JSON.
    fn sam(&self, command: &str, flags: &[&str]) -> Result<()> {
        Output::note(format_args!("==> sam {command}"));
        let status = self.command(&[&[command], flags].concat()).stdout(stderr()).status().context("sam")?;
        ensure!(status.success(), "sam {command}: {status}");
        Ok(())
    }
}

fn with<'a>(flags: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    flags.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

/// Returns what the template's Rules would refuse after the build. An existing stack has values for absent
/// parameters.
fn incomplete(is_first: bool, parameters: &Parameters) -> Vec<String> {
    let lacks = |name: &str| parameters.get(name).map_or(is_first, str::is_empty);
    let mut reasons = Vec::new();
    if lacks("EmailFrom") || parameters.get("EmailFrom") == Some("no-reply@example.com") {
        reasons.push(
            "EmailFrom: set it to an address whose identity is verified in SES. Otherwise no user gets a code by e-mail"
                .to_owned(),
        );
    }
    if parameters.get("UserPoolId").is_some_and(|id| !id.is_empty()) {
        let missing = ["AppClients", "AppClientIds"].into_iter().filter(|name| lacks(name));
        reasons.extend(missing.map(|name| {
            format!("{name}: a deployment for an existing pool needs it. Otherwise no user gets tokens that the API takes")
        }));
    }
    reasons
}

/// Returns the reason if a deployment would lose the users or the app clients of the stack's own pool.
fn loses_users(before: &StackOutputs, parameters: &Parameters) -> Option<String> {
    if !before.makes_pool {
        return None;
    }
    if parameters.get("UserPoolId").is_some_and(|id| !id.is_empty()) {
        return Some(
            "UserPoolId: this stack has made its own pool. With another pool it would give that one up, and delete its \
             app clients. Deploy a second stack for the other pool, with its own FunctionPrefix"
                .to_owned(),
        );
    }
    let wanted = parameters.get("SignInWith")?;
    let kept = before.sign_in_with.as_deref().filter(|kept| *kept != wanted)?;
    Some(format!(
        "SignInWith: users of the stack's pool sign in with {kept}, which a pool can't change. With {wanted}, \
         CloudFormation would fail or create an empty pool. Deploy a second stack, with its own FunctionPrefix"
    ))
}

async fn connect(outputs: &StackOutputs, profile: Option<&str>, region: Option<&str>) -> Result<Aws> {
    // SAM can have its Region from samconfig.toml. The stack's ARNs name it in any case.
    let deployed = outputs.all_functions().next().and_then(|(_, arn)| arn.split(':').nth(3));
    Aws::connect(profile, region.or(deployed)).await
}

/// Returns each secret of the stack with the id of its current version.
async fn versions(
    outputs: &StackOutputs,
    profile: Option<&str>,
    region: Option<&str>,
) -> Result<Vec<(String, String)>> {
    let mut versions = Vec::new();
    if outputs.secrets.is_empty() {
        return Ok(versions);
    }
    let aws = connect(outputs, profile, region).await?;
    for arn in &outputs.secrets {
        let described = aws.call(Service::Secrets, "DescribeSecret", &json!({ "SecretId": arn })).await?;
        let stages = described.get("VersionIdsToStages").and_then(Value::as_object);
        let is_current = |stages: &Value| {
            stages.as_array().is_some_and(|stages| stages.contains(&Value::from("AWSCURRENT")))
        };
        let current = stages.into_iter().flatten().find(|(_, stages)| is_current(stages));
        let (version, _) = current.with_context(|| format!("{arn} has no current version"))?;
        versions.push((arn.clone(), version.clone()));
    }
    Ok(versions)
}

/// Returns the functions whose alias runs another version than was deployed, with the differences.
async fn stale(outputs: &StackOutputs, profile: Option<&str>, region: Option<&str>) -> Result<Vec<String>> {
    let aws = connect(outputs, profile, region).await?;
    let mut found = Vec::new();
    for (name, arn) in outputs.all_functions() {
        let latest = live::configuration(&aws, arn, true).await?;
        let differs = live::stale(&latest, &live::configuration(&aws, arn, false).await?);
        if !differs.is_empty() {
            found.push(format!("{name} has an earlier state of {}", differs.join(", ")));
        }
    }
    Ok(found)
}
