//! `cognito-mfa claims reconcile`: runs the reconciliation of address claims to its end.

mod dry_run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use mfa_aws::{PoolListing, Table};
use mfa_core::config::{self, process_environment};
use mfa_core::kernel::{SystemClock, UserId};
use mfa_core::sign_up::{
    UniqueSettings,
    claim_reconciler::{
        AddressConflict, ClaimReconciler, ClaimScan as _, PassStart, PassStatus, PassTotals, RunObserver,
    },
};
use serde_json::{Value, json};

use self::dry_run::DryRun;
use crate::aws::{Aws, Service};
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::progress::Progress;
use crate::user::WhichTable;

#[derive(Debug, Subcommand)]
pub(crate) enum Claims {
    /// Claim the verified address of every confirmed user, and free the claims of users who were deleted or
    /// changed their address. The oldest account gets an unclaimed address. The command reports conflicts
    Reconcile(Reconcile),
}

#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    #[arg(long = "user-pool-id", value_name = "ID")]
    pool: String,
    #[command(flatten)]
    table: WhichTable,
    /// The folder with the deployed overrides; its `sign_up.unique` selects the addresses
    #[arg(long, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// Accept another hash key or `sign_up.unique` than the last pass had. Claims under the former key are freed
    #[arg(long)]
    changed_settings: bool,
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
}

impl Claims {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let Self::Reconcile(reconcile) = self;
        reconcile.run(aws, output).await
    }
}

impl Reconcile {
    async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let Some(settings) = self.settings()? else {
            Output::error("sign_up.unique is off: turn it on, or pass the --config-dir that turns it on");
            output.result(&json!({ "outcome": "refused" }));
            return Ok(ExitStatus::Refused);
        };
        let table = self.table.open(aws)?;
        if let Some(reason) = self.differs(&table, &settings).await? {
            Output::error(&reason);
            output.result(&json!({ "outcome": "refused", "reasons": [reason] }));
            return Ok(ExitStatus::Refused);
        }
        let users = Arc::new(PoolListing::of_operator(aws.config(), self.pool.clone()));
        let pool =
            aws.call(Service::Cognito, "DescribeUserPool", &json!({ "UserPoolId": self.pool })).await?;
        let watch = Watch::default();
        watch
            .progress
            .count("users", pool.pointer("/UserPool/EstimatedNumberOfUsers").and_then(Value::as_u64));
        let clock = Arc::new(SystemClock);
        let reconciler = if self.dry_run {
            let claims = Arc::new(DryRun::new(&table).await?);
            ClaimReconciler::new(settings, users, claims.clone(), claims, clock)
        } else {
            let table = Arc::new(table);
            ClaimReconciler::new(settings, users, table.clone(), table, clock)
        };
        let mut start = PassStart::Now;
        let done = loop {
            let run = reconciler.run(start, Timestamp::MAX, &watch).await?;
            match run.status {
                PassStatus::Finished | PassStatus::Idle => break run.done,
                // The scheduled function has handled the page. We continue its pass.
                PassStatus::Overtaken | PassStatus::Unfinished => start = PassStart::WhenDue,
            }
        };
        self.report(output, done, watch);
        Ok(ExitStatus::Done)
    }

    fn report(&self, output: Output, done: PassTotals, watch: Watch) {
        watch.progress.done();
        let accounts = watch.conflicts.into_inner().unwrap_or_else(PoisonError::into_inner);
        for SharedAddress { owner, others } in accounts.values() {
            let others = others.join(", ");
            output.line(format_args!("conflict: {owner} owns an address that also belongs to {others}"));
        }
        let PassTotals { users, made, freed, conflicts } = done;
        let (outcome, verb) = if self.dry_run { ("dry-run", "would be ") } else { ("done", "") };
        Output::note(format_args!(
            "{users} users: {made} claims {verb}made, {freed} {verb}freed, {conflicts} conflicts"
        ));
        let accounts: Vec<_> = accounts
            .values()
            .map(|SharedAddress { owner, others }| json!({ "owner": owner, "others": others }))
            .collect();
        output.result(&json!({
            "outcome": outcome, "users": users, "made": made, "freed": freed, "conflicts": conflicts,
            "accounts": accounts,
        }));
    }

    /// Returns the reason if the last pass had another pool, hash key or policy. Under another key no account has
    /// its claimed address, so a pass would free every claim.
    async fn differs(&self, table: &Table, settings: &UniqueSettings) -> Result<Option<String>> {
        if let Some(deployed) = self.table.user_pool()?.filter(|deployed| *deployed != self.pool) {
            return Ok(Some(format!("the stack's pool is {deployed}, and --user-pool-id is {}", self.pool)));
        }
        let last = table.progress().await?;
        let differs = last.is_some_and(|last| last.fingerprint != settings.fingerprint());
        Ok((differs && !self.changed_settings).then(|| {
            "MFA_HASH_KEY or sign_up.unique differs from the last pass. Check both, or pass --changed-settings".to_owned()
        }))
    }

    fn settings(&self) -> Result<Option<UniqueSettings>> {
        let lookup = |name: &str| match (name, &self.config_dir) {
            ("MFA_CONFIG_DIR", Some(folder)) => folder.to_str().map(str::to_owned),
            _ => process_environment(name),
        };
        config::load(&lookup, UniqueSettings::read).context("MFA_HASH_KEY must be the functions' hash key")
    }
}

/// The accounts that share an address.
struct SharedAddress {
    owner: String,
    others: Vec<String>,
}

/// Shows the progress and collects the conflicts, by address.
struct Watch {
    progress: Progress,
    conflicts: Mutex<BTreeMap<String, SharedAddress>>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { progress: Progress::new(), conflicts: Mutex::default() }
    }
}

impl RunObserver for Watch {
    fn page(&self, done: &PassTotals) {
        self.progress.at(done.users);
    }

    fn conflict(&self, AddressConflict { address, owner, other }: AddressConflict) {
        let name = |user: UserId| user.as_str().to_owned();
        let (owner, other) = (name(owner), name(other));
        let mut conflicts = self.conflicts.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = conflicts.entry(address.as_str().to_owned());
        let shared = shared.or_insert_with(|| SharedAddress { owner: owner.clone(), others: Vec::new() });
        // A page that is repeated reports a conflict again.
        shared.others.retain(|known| *known != owner && *known != other);
        shared.others.push(other);
        shared.owner = owner;
    }
}
