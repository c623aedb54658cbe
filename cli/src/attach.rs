//! `cognito-mfa attach`: wires an existing pool to the deployed functions, and loses no setting.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use mfa_core::config::Policy;
use mfa_core::custom_auth::AppClients;
use serde_json::{Map, Value, json};

use crate::attach_record::AttachRecord;
use crate::aws::Aws;
use crate::exit_status::ExitStatus;
use crate::live;
use crate::output::Output;
use crate::outputs::StackOutputs;
use crate::pool::{
    Client, Foreign, PoolState, differences, foreign_triggers, snippet, unknown_setting, wire,
};
use crate::progress::Progress;

#[derive(Debug, Args)]
pub(crate) struct Attach {
    #[arg(long, value_name = "ID")]
    user_pool_id: String,
    /// The stack's outputs: `aws cloudformation describe-stacks --stack-name NAME` or
    /// `sam list stack-outputs --stack-name NAME --output json`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    stack_outputs: PathBuf,
    /// Write the record for `detach` to this file; printed if not given
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Do not change this trigger, for example `CustomSMSSender`. If it has a function of your own, that function stays.
    /// Can be repeated
    #[arg(long, value_name = "TRIGGER")]
    skip: Vec<String>,
    /// Attach although this app client is not in the parameter `AppClients`. Its users get no tokens. Can be repeated
    #[arg(long, value_name = "ID")]
    leave_out: Vec<String>,
    /// Attach although the pool's tags say that Terraform or Pulumi manages it
    #[arg(long)]
    ignore_owner: bool,
    /// Turn on multi-factor authentication and add authenticator apps to the enabled factors
    #[arg(long, value_enum)]
    mfa: Option<Mfa>,
    /// Stop all app clients from revealing whether a user exists (`PreventUserExistenceErrors`)
    #[arg(long)]
    hide_user_existence: bool,
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
}

/// The triggers that share the pool's one key for codes.
const SENDERS: [&str; 2] = ["CustomEmailSender", "CustomSMSSender"];

/// What does not happen without our function at a trigger.
const WITHOUT: [(&str, &str); 6] = [
    ("CustomEmailSender", "Cognito or your function sends e-mails, without our budgets and texts"),
    ("CustomSMSSender", "Cognito or your function sends text messages, without limits against toll fraud"),
    ("PostAuthentication", "a sign-in stops no recovery by e-mail, and attempts are not reset"),
    (
        "PostConfirmation",
        "trusted and remembered devices stay after a password reset, and addresses are not claimed",
    ),
    ("PreAuthentication", "rules, maintenance and throttling do not apply to password sign-ins"),
    ("PreSignUp", "rules, allowed domains and unique addresses do not apply to sign-ups"),
];

/// The triggers that decide whether a sign-in gets tokens.
const GATES: [&str; 4] =
    ["CreateAuthChallenge", "DefineAuthChallenge", "PreTokenGeneration", "VerifyAuthChallengeResponse"];

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mfa {
    Optional,
    On,
}

impl Mfa {
    fn configuration(self) -> &'static str {
        match self {
            Self::Optional => "OPTIONAL",
            Self::On => "ON",
        }
    }
}

impl Attach {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let ours = StackOutputs::read(&self.stack_outputs)?;
        let progress = Progress::new();
        let before = PoolState::read(aws, &self.user_pool_id, &progress).await?;
        progress.done();
        self.check_skipped(&before, &ours)?;
        let after = self.wanted(&before, &ours);
        let mut reasons = self.refusal(&before, &after, &ours);
        if reasons.is_empty() {
            reasons = self.unlisted(&before, listed(aws, &ours).await?.as_deref())?;
        }
        if !reasons.is_empty() {
            return Ok(refuse(output, &reasons, &ours));
        }
        for (trigger, lost) in
            WITHOUT.iter().filter(|(trigger, _)| self.skip.iter().any(|skip| skip == trigger))
        {
            Output::note(format_args!("without our function at {trigger}: {lost}"));
        }
        let changes = differences(&json!(before), &json!(after));
        let record = AttachRecord::new(&self.user_pool_id, changes);
        for change in &record.changes {
            output.line(change);
        }
        if record.changes.is_empty() {
            Output::note("nothing to change: the pool is already attached");
            output.result(&json!({ "outcome": "unchanged", "changes": [] }));
            return Ok(ExitStatus::Done);
        }
        if after.sends_text_messages() {
            Output::note("Cognito may send one billed text message to test the pool's SMS configuration");
        }
        if self.dry_run {
            Output::note("dry run: nothing was changed");
            output.result(&json!({ "outcome": "dry-run", "changes": record.changes }));
            return Ok(ExitStatus::Done);
        }

        // The record comes before the first change, so that the change can be undone whatever happens.
        match &self.record {
            Some(file) => record.write(file)?,
            None => output.line(format_args!("record, for detach:\n{}", serde_json::to_string(&record)?)),
        }
        after.write(aws, &self.user_pool_id, &before, &progress).await?;
        let found = PoolState::read(aws, &self.user_pool_id, &progress).await?;
        progress.done();
        let astray = differences(&json!(after), &json!(found));
        if !astray.is_empty() {
            for change in &astray {
                output.line(change);
            }
            bail!("Cognito did not store every setting as written, see above. `detach` undoes the changes");
        }
        Output::note("attached");
        output.result(&json!({ "outcome": "attached", "changes": record.changes, "record": record }));
        Ok(ExitStatus::Done)
    }

    /// Fails if `--skip` names a trigger that neither the stack nor the pool has.
    fn check_skipped(&self, pool: &PoolState, ours: &StackOutputs) -> Result<()> {
        let foreign = foreign_triggers(&pool.pool, ours);
        let known: BTreeSet<_> =
            ours.triggers.keys().chain(foreign.iter().map(|foreign| &foreign.trigger)).collect();
        match self.skip.iter().find(|skipped| !known.contains(skipped)) {
            None => Ok(()),
            Some(unknown) => {
                let known: Vec<_> = known.into_iter().map(String::as_str).collect();
                bail!("--skip {unknown}: stack and pool have {}", known.join(", "))
            }
        }
    }

    /// Returns the reasons why the pool must not be attached.
    fn refusal(&self, pool: &PoolState, wanted: &PoolState, ours: &StackOutputs) -> Vec<String> {
        let id = &self.user_pool_id;
        let mut reasons = Vec::new();
        if let Some(deployed) = ours.user_pool_id.as_deref().filter(|deployed| deployed != id) {
            reasons.push(format!(
                "the functions are deployed for the pool {deployed}, and every sign-in at {id} would fail. Deploy a \
                 stack with UserPoolId={id}"
            ));
        }
        if let Some(tag) = owning_tool(&pool.pool).filter(|_| !self.ignore_owner) {
            reasons.push(format!(
                "the tag {tag} says that another tool manages the pool, and its next run would undo this. Add the \
                 properties below to its configuration, or pass --ignore-owner"
            ));
        }
        if let Some(stack) = owning_stack(&pool.pool) {
            reasons.push(format!(
                "the CloudFormation stack {stack} owns the pool, and its next update would undo this. Add the \
                 properties below to its template"
            ));
        }
        reasons.extend(self.foreign_reasons(&foreign_triggers(&pool.pool, ours)));
        reasons.extend(wanted.first_factor_conflicts());
        reasons.extend(pool.unknown(wanted).iter().map(|setting| unknown_setting(setting)));
        reasons
    }

    /// Returns the reasons that concern functions of other projects, and triggers that are skipped.
    fn foreign_reasons(&self, foreign: &[Foreign]) -> Vec<String> {
        let is_skipped = |trigger: &str| self.skip.iter().any(|skipped| skipped == trigger);
        let mut reasons = Vec::new();
        for Foreign { trigger, arn } in foreign {
            let taken = format!("{trigger} already has another function: {arn}");
            if GATES.contains(&trigger.as_str()) {
                reasons.push(format!(
                    "{taken}. Our function decides there which sign-ins get tokens, so --skip cannot leave it"
                ));
            } else if !is_skipped(trigger) {
                reasons.push(format!("{taken}. To keep it, pass --skip {trigger}"));
            }
        }
        let is_foreign = |sender: &&str| foreign.iter().any(|foreign| foreign.trigger == **sender);
        if SENDERS.iter().any(is_foreign) && !SENDERS.iter().all(|sender| is_skipped(sender)) {
            reasons.push(
                "a pool has one key for both senders, so the other function could not read its codes any more. To keep \
                 it, pass --skip CustomSMSSender --skip CustomEmailSender"
                    .to_owned(),
            );
        }
        let skipped = GATES.iter().filter(|gate| is_skipped(gate)).count();
        if skipped > 0 && skipped < GATES.len() {
            reasons.push(format!(
                "{} decide together which sign-ins get tokens: skip all four, or do not skip any",
                GATES.join(", ")
            ));
        }
        reasons
    }

    /// Returns the app clients whose users would get no tokens. `listed` is `MFA_APP_CLIENTS` of the deployed
    /// functions.
    fn unlisted(&self, pool: &PoolState, listed: Option<&str>) -> Result<Vec<String>> {
        if let Some(unknown) = self.leave_out.iter().find(|id| !pool.clients.contains_key(*id)) {
            bail!("--leave-out {unknown}: the pool has no such app client");
        }
        let Some(listed) = listed else { return Ok(Vec::new()) };
        if listed.is_empty() {
            return Ok(vec![
                "the functions are deployed without AppClients, and no user would get tokens. Deploy with AppClients \
                 and AppClientIds"
                    .to_owned(),
            ]);
        }
        let listed = AppClients::parse(listed, &Policy::default().custom_auth)
            .map_err(|problem| anyhow!("the deployed functions have {problem}"))?;
        let clients = pool.app_clients().filter(Client::signs_in);
        let unlisted = clients.filter(|client| listed.find(client.id).is_none());
        let refused = unlisted.filter(|client| !self.leave_out.iter().any(|id| id == client.id));
        Ok(refused
            .map(|client| {
                format!(
                    "the app client {} is not in AppClients, and its users would get no tokens. Deploy with {}={} in \
                     AppClients, or pass --leave-out {}",
                    client.name(),
                    client.name(),
                    client.id,
                    client.id,
                )
            })
            .collect())
    }

    fn wanted(&self, before: &PoolState, ours: &StackOutputs) -> PoolState {
        let mut after = before.clone();
        wire(&mut after.pool, ours, &self.skip);
        if let Some(mfa) = self.mfa {
            let configuration = Value::from(mfa.configuration());
            after.pool.insert("MfaConfiguration".to_owned(), configuration.clone());
            after.mfa.insert("MfaConfiguration".to_owned(), configuration);
            after.mfa.insert("SoftwareTokenMfaConfiguration".to_owned(), json!({ "Enabled": true }));
        }
        if self.hide_user_existence {
            for client in after.clients.values_mut() {
                client.insert("PreventUserExistenceErrors".to_owned(), "ENABLED".into());
            }
        }
        after
    }
}

/// Returns `MFA_APP_CLIENTS` of the deployed functions, if they have it.
async fn listed(aws: &Aws, ours: &StackOutputs) -> Result<Option<String>> {
    let Some(arn) = ours.triggers.get("PreTokenGeneration") else { return Ok(None) };
    let configuration = live::configuration(aws, arn, false).await?;
    let variable = configuration.pointer("/Environment/Variables/MFA_APP_CLIENTS");
    Ok(Some(variable.and_then(Value::as_str).unwrap_or_default().to_owned()))
}

/// Returns a tag that names the tool that manages the pool. Pools of CDK and Amplify belong to
/// CloudFormation.
fn owning_tool(pool: &Map<String, Value>) -> Option<String> {
    const TOOLS: [&str; 3] = ["terraform", "opentofu", "pulumi"];
    let tags = pool.get("UserPoolTags")?.as_object()?;
    let tag = tags.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
    tag.into_iter().find(|tag| TOOLS.iter().any(|tool| tag.to_lowercase().contains(tool)))
}

fn owning_stack(pool: &Map<String, Value>) -> Option<&str> {
    pool.get("UserPoolTags")?.get("aws:cloudformation:stack-name")?.as_str()
}

fn refuse(output: Output, reasons: &[String], ours: &StackOutputs) -> ExitStatus {
    for reason in reasons {
        Output::error(reason);
    }
    let snippet = snippet(ours);
    output.line(&snippet);
    Output::note("nothing was changed");
    output.result(&json!({ "outcome": "refused", "reasons": reasons, "snippet": snippet }));
    ExitStatus::Refused
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    fn attach(options: &[&str]) -> Attach {
        let required = ["attach", "--user-pool-id", "p", "--stack-outputs", "-"];
        let matches = Attach::augment_args(clap::Command::new("attach"))
            .get_matches_from([&required[..], options].concat());
        Attach::from_arg_matches(&matches).unwrap()
    }

    fn pool(member: &str, value: Value) -> PoolState {
        PoolState {
            pool: [(member.to_owned(), value)].into_iter().collect(),
            mfa: Map::new(),
            clients: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_pool_of_a_stack_is_not_changed() {
        let refused = |tags: Value, options: &[&str]| {
            let pool = pool("UserPoolTags", tags);
            attach(options).refusal(&pool, &pool, &StackOutputs::default())
        };
        let owned = json!({ "aws:cloudformation:stack-name": "shop" });
        assert!(refused(owned.clone(), &[])[0].contains("stack shop owns the pool"));
        assert_eq!(refused(owned, &["--ignore-owner"]).len(), 1, "CloudFormation's own tag is no guess");
        assert_eq!(refused(json!({ "team": "a" }), &[]), [""; 0]);
        for tags in [json!({ "ManagedBy": "Terraform" }), json!({ "pulumi:project": "shop" })] {
            assert!(refused(tags.clone(), &[])[0].contains("another tool manages the pool"), "{tags}");
            assert_eq!(refused(tags, &["--ignore-owner"]), [""; 0]);
        }
    }

    #[test]
    fn a_function_of_another_project_stays_only_if_it_is_skipped_and_no_gate() {
        let theirs = "arn:aws:lambda:us-east-1:111122223333:function:theirs";
        let refused = |trigger: &str, options: &[&str]| {
            let pool = pool("LambdaConfig", json!({ trigger: theirs }));
            let attach = attach(options);
            attach.check_skipped(&pool, &StackOutputs::default()).unwrap();
            attach.refusal(&pool, &pool, &StackOutputs::default())
        };
        for trigger in
            ["PostConfirmation", "UserMigration", "PreSignUp", "CustomMessage", "InboundFederation"]
        {
            let reasons = refused(trigger, &[]);
            assert!(reasons[0].contains(&format!("{trigger} already has another function: {theirs}")));
            assert_eq!(refused(trigger, &["--skip", trigger]), [""; 0]);
        }
        for trigger in GATES {
            assert!(
                refused(trigger, &["--skip", trigger])[0].contains("which sign-ins get tokens"),
                "{trigger}"
            );
        }
        let both = ["--skip", "CustomSMSSender", "--skip", "CustomEmailSender"];
        for sender in SENDERS {
            let one_key = refused(sender, &["--skip", sender]);
            assert!(one_key[0].contains("one key for both senders"), "{one_key:?}");
        }
        let empty = pool("LambdaConfig", json!({}));
        let ours = StackOutputs {
            triggers: SENDERS
                .iter()
                .chain(&GATES)
                .map(|name| ((*name).to_owned(), theirs.to_owned()))
                .collect(),
            ..StackOutputs::default()
        };
        let skipping = |options: &[&str]| attach(options).refusal(&empty, &empty, &ours);
        assert_eq!(skipping(&both), [""; 0], "Cognito sends");
        assert!(skipping(&["--skip", "PreTokenGeneration"])[0].contains("skip all four"));
        let gates: Vec<_> = GATES.iter().flat_map(|gate| ["--skip", gate]).collect();
        assert_eq!(skipping(&gates), [""; 0], "native clients only");
        let unknown = attach(&["--skip", "UserMigration"]);
        assert!(unknown.check_skipped(&empty, &StackOutputs::default()).is_err(), "no function is there");
    }
}
