//! `cognito-mfa deploy`: deploys a stack from a checkout with the SAM command line.

mod binaries;
mod change_set;
mod parameters;
mod refusals;
mod revision;

use std::fs;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use mfa_core::delivery::message::Severity;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::check;
use crate::exit_status::ExitStatus;
use crate::live;
use crate::output::Output;
use crate::outputs::StackOutputs;
use crate::sender;
use change_set::Change;
use parameters::{Parameters, setting};
use revision::{REVISION, revision};

/// A program that has to be installed, and its source.
type Needed = (&'static str, &'static str);
const SAM: Needed = ("sam", "the AWS SAM CLI: pip install aws-sam-cli");
const CARGO_LAMBDA: Needed = ("cargo-lambda", "which builds the Rust functions: pip install cargo-lambda");

const TEMPLATE: &str = "template.yaml";
const CHECKOV: &str = ".checkov.yaml";
/// The folder of the layer with the operator's overrides, beside the template.
const OVERRIDES: &str = "overrides/cognito-mfa";
/// The output folder of `sam build`, beside the template.
const BUILD: &str = ".aws-sam/build";
/// The template with the places of its uploads, beside the template.
const PACKAGED: &str = ".aws-sam/packaged.yaml";

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
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
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
    /// Deploy the functions in .aws-sam/build instead of building them
    #[arg(long)]
    no_build: bool,
    /// Deploy without asking SES whether `EmailFrom` is verified
    #[arg(long)]
    skip_sender_check: bool,
    /// Allow the update to replace or remove this pool, app client, table or key: `Pool/UserPool`. Can be
    /// repeated
    #[arg(long, value_name = "RESOURCE")]
    allow_replacement: Vec<String>,
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
        let needed = if self.no_build { &[SAM][..] } else { &[SAM, CARGO_LAMBDA] };
        let missing: Vec<_> = needed
            .iter()
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
        let aws = self.connect(before.as_ref(), profile, region).await?;
        let declared: serde_norway::Value = serde_norway::from_str(&text).context(TEMPLATE)?;
        let mut reasons = refusals::reasons(before.as_ref(), &parameters, &declared, aws.region())?;
        if reasons.is_empty() && !self.skip_sender_check {
            reasons.extend(unverified(&aws, &parameters).await?);
        }
        if !reasons.is_empty() {
            return Ok(refused(output, &reasons));
        }

        let build = self.infra.join(BUILD);
        if self.no_build {
            self.build_is_fresh(&build, &templates)?;
        } else {
            // `sam build` does not read the template's parameters from where `sam deploy` does.
            self.sam("build", &with(&env, &parameters.arguments()))?;
        }
        binaries::check(&build, parameters.architecture())?;
        let secrets = match &before {
            Some(before) => versions(&aws, before).await?,
            None => Vec::new(),
        };
        let files: Vec<_> = templates.iter().map(|name| self.infra.join(name)).collect();
        let revision = revision(&build, &self.infra.join(OVERRIDES), &files, &parameters, &secrets)?;
        parameters.set(REVISION, &revision);

        if before.is_some() {
            let changes = self.review(&aws, &account, &declared, &parameters).await?;
            let loses = changes.iter().filter(|change| !self.allow_replacement.contains(&change.path));
            let reasons: Vec<_> = loses.filter_map(Change::loses).collect();
            if !reasons.is_empty() {
                return Ok(refused(output, &reasons));
            }
            if self.dry_run {
                Output::note("the dry run changed no resource; SAM's bucket still has the uploads");
                output.result(&json!({ "outcome": "dry-run", "changes": changes }));
                return Ok(ExitStatus::Done);
            }
        }
        let how: &[&str] = match (self.dry_run, self.yes) {
            (true, _) => &["--no-execute-changeset"],
            (false, true) => &["--no-confirm-changeset", "--no-fail-on-empty-changeset"],
            (false, false) => &["--confirm-changeset", "--no-fail-on-empty-changeset"],
        };
        let flags = [&env[..], how, &account].concat();
        self.sam("deploy", &with(&flags, &parameters.arguments()))?;
        if self.dry_run {
            Output::note(
                "no resource was created; review the change set in CloudFormation, then delete the empty stack. SAM's \
                 bucket and the uploads in it stay",
            );
            output.result(&json!({ "outcome": "dry-run" }));
            return Ok(ExitStatus::Done);
        }
        self.finish(&aws, &account, &revision, output).await
    }

    /// Writes the outputs of the deployed stack, and checks that callers get the new versions.
    async fn finish(
        &self,
        aws: &Aws,
        account: &[&str],
        revision: &str,
        output: Output,
    ) -> Result<ExitStatus> {
        let deployed = self.deployed(account)?;
        let Some(deployed) = deployed.filter(|now| now.outputs.revision.as_deref() == Some(revision)) else {
            Output::note("nothing was deployed");
            output.result(&json!({ "outcome": "refused", "reasons": ["not confirmed"] }));
            return Ok(ExitStatus::Refused);
        };
        fs::write(&self.outputs, &deployed.printed).with_context(|| self.outputs.display().to_string())?;
        let outputs = &deployed.outputs;
        let stale = stale(aws, outputs).await?;
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

    async fn connect(
        &self,
        before: Option<&StackOutputs>,
        profile: Option<&str>,
        region: Option<&str>,
    ) -> Result<Aws> {
        let configured = setting(&self.infra, &self.env, "region")?;
        // The stack's ARNs name its Region in any case.
        let deployed = before.and_then(|before| before.all_functions().next()?.1.split(':').nth(3));
        Aws::connect(profile, region.or(deployed).or(configured.as_deref())).await
    }

    /// Fails if a template was changed after the build, which has a copy of it.
    fn build_is_fresh(&self, build: &Path, templates: &[String]) -> Result<()> {
        let changed = |file: &Path| -> Result<SystemTime> {
            let changed = fs::metadata(file).and_then(|file| file.modified());
            changed.with_context(|| file.display().to_string())
        };
        let last = changed(&build.join(TEMPLATE)).context("nothing is built: deploy without --no-build")?;
        for template in templates {
            let is_old = changed(&self.infra.join(template))? > last;
            ensure!(!is_old, "{template} was changed after the build: deploy without --no-build");
        }
        Ok(())
    }

    /// Returns and prints the changes of an update, in nested stacks too.
    async fn review(
        &self,
        aws: &Aws,
        account: &[&str],
        declared: &serde_norway::Value,
        parameters: &Parameters,
    ) -> Result<Vec<Change>> {
        let of_stack = account.iter().position(|flag| *flag == "--stack-name");
        let account = of_stack.map_or(account, |at| account.get(..at).unwrap_or_default());
        let upload = |name: &str| setting(&self.infra, &self.env, name);
        let (bucket, prefix, key) = (upload("s3_bucket")?, upload("s3_prefix")?, upload("kms_key_id")?);
        let mut flags = vec!["--config-env", &self.env, "--output-template-file", PACKAGED];
        match &bucket {
            Some(bucket) => flags.extend(["--s3-bucket", bucket]),
            None => flags.push("--resolve-s3"),
        }
        flags.extend(prefix.iter().flat_map(|prefix| ["--s3-prefix", prefix]));
        flags.extend(key.iter().flat_map(|key| ["--kms-key-id", key]));
        self.sam("package", &[&flags[..], account].concat())?;
        let packaged = self.infra.join(PACKAGED);
        let body = fs::read_to_string(&packaged).with_context(|| packaged.display().to_string())?;
        let configured = setting(&self.infra, &self.env, "stack_name")?;
        let stack = self.stack_name.clone().or(configured).context("no stack name: pass --stack-name")?;
        let known = declared.get("Parameters").and_then(serde_norway::Value::as_mapping);
        let known: Vec<_> =
            known.into_iter().flatten().filter_map(|(name, _)| Some(name.as_str()?.to_owned())).collect();
        Output::note("==> changes, in nested stacks too");
        let changes = change_set::review(aws, &stack, body, &known, parameters).await?;
        for Change { path, kind, action, replacement } in &changes {
            let note = match replacement.as_deref() {
                Some("True") => ", replaced",
                Some("Conditional") => ", perhaps replaced",
                _ => "",
            };
            Output::note(format_args!("{action} {path} ({kind}{note})"));
        }
        Ok(changes)
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

/// Prints the reasons and returns the status of a refused deployment.
fn refused(output: Output, reasons: &[String]) -> ExitStatus {
    for reason in reasons {
        Output::error(reason);
    }
    output.result(&json!({ "outcome": "refused", "reasons": reasons }));
    ExitStatus::Refused
}

/// Returns the reason if SES does not send from the given sender. Without it, the stack keeps its sender.
async fn unverified(aws: &Aws, parameters: &Parameters) -> Result<Option<String>> {
    let Some(sender) = parameters.get("EmailFrom") else { return Ok(None) };
    let fault =
        sender::fault(aws, sender).await.context("pass --skip-sender-check to deploy without this check")?;
    Ok(fault.map(|fault| {
        format!("EmailFrom: {fault}. Users would get no codes by e-mail. Verify it in SES, or pass --skip-sender-check")
    }))
}

/// Returns each secret of the stack with the id of its current version.
async fn versions(aws: &Aws, outputs: &StackOutputs) -> Result<Vec<(String, String)>> {
    let mut versions = Vec::new();
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
async fn stale(aws: &Aws, outputs: &StackOutputs) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, arn) in outputs.all_functions() {
        let latest = live::configuration(aws, arn, true).await?;
        let differs = live::stale(&latest, &live::configuration(aws, arn, false).await?);
        if !differs.is_empty() {
            found.push(format!("{name} has an earlier state of {}", differs.join(", ")));
        }
    }
    Ok(found)
}
