//! `cognito-mfa claims import` and `claims reconcile`: reconcile address claims with the pool's accounts.
//! Changed addresses, deleted users and earlier users fire no trigger.

mod journal;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::config::{self, process_environment};
use shared::kernel::{Clock as _, SystemClock, UserId};
use shared::sign_up::{
    AddressClaims as _, AddressKey, KnownAddress, ListedUser, OwnershipClaim, Reconciliation, StaleClaim,
    UniqueSettings,
};
use shared_aws::Table;

use self::journal::{Done, Head, Journal, Phase};
use crate::aws::{Aws, Service};
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::progress::Progress;
use crate::user::WhichTable;

/// The largest page of `ListUsers`.
const PAGE: u32 = 60;
/// The number of concurrent writes.
const PARALLEL: usize = 16;

#[derive(Debug, Subcommand)]
pub(crate) enum Claims {
    /// Claim the verified address of every confirmed user. The oldest account wins; conflicts are reported
    Import(Options),
    /// Like import, and also free the claims of users who were deleted or changed their address
    Reconcile(Options),
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long = "user-pool-id", value_name = "ID")]
    pool: String,
    #[command(flatten)]
    table: WhichTable,
    /// The folder with the deployed overrides; its `sign_up.unique` selects the addresses
    #[arg(long, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// Save the progress in this file, which is deleted at the end
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Resume from the progress file
    #[arg(long, requires = "state")]
    resume: bool,
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
}

/// One write of a plan.
enum Step<'a> {
    Free(&'a StaleClaim),
    Make(&'a AddressKey, &'a UserId),
}

impl Claims {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        match self {
            Self::Import(options) => options.run("import", aws, output).await,
            Self::Reconcile(options) => options.run("reconcile", aws, output).await,
        }
    }
}

impl Options {
    async fn run(&self, command: &str, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let Some(settings) = self.settings()? else {
            Output::error("sign_up.unique is off: turn it on, or pass the --config-dir that turns it on");
            output.result(&json!({ "outcome": "refused" }));
            return Ok(ExitStatus::Refused);
        };
        let name = self.table.name()?;
        let table = Table::of_operator(aws.config(), &name);
        let head = Head::new(command, &self.pool, &name, settings.fingerprint());
        let mut journal = match &self.state {
            Some(state) if self.resume => Journal::resume(state, &head)?,
            state => Journal::begin(state.as_deref(), &head, SystemClock.now())?,
        };
        let progress = Progress::new();
        self.list(aws, &settings, &mut journal, &progress).await?;
        scan(&table, &mut journal, &progress).await?;

        let frees = command == "reconcile";
        let plan = {
            let learned = &journal.learned;
            Reconciliation::plan(&learned.known, &learned.kept, learned.begun)
        };
        let steps = steps(&plan, frees);
        let done = if self.dry_run {
            would_do(&steps)
        } else {
            self.write(aws, &table, &steps, &settings, &mut journal, &progress).await?
        };
        progress.done();
        let outcome = if self.dry_run { "dry-run" } else { "done" };
        let stale_left = if frees { 0 } else { plan.stale.len() };
        let (users, claims) = (journal.learned.users, journal.learned.kept.len());
        for conflict in &plan.conflicts {
            let others: Vec<_> = conflict.others.iter().map(UserId::as_str).collect();
            output.line(format_args!(
                "conflict: {} owns an address that also belongs to {}",
                conflict.owner.as_str(),
                others.join(", ")
            ));
        }
        let Done { made, freed, left, lost } = done;
        let verb = if self.dry_run { "would be " } else { "" };
        Output::note(format_args!(
            "{users} users, {claims} claims: {} correct, {made} {verb}made, {freed} {verb}freed, {left} kept, \
             {lost} lost, {} conflicts",
            plan.right,
            plan.conflicts.len(),
        ));
        if stale_left > 0 {
            Output::note(format_args!("{stale_left} claims are stale: `claims reconcile` frees them"));
        }
        let conflicts: Vec<_> = plan
            .conflicts
            .iter()
            .map(|conflict| {
                let others: Vec<_> = conflict.others.iter().map(UserId::as_str).collect();
                json!({ "owner": conflict.owner.as_str(), "others": others })
            })
            .collect();
        output.result(&json!({
            "outcome": outcome, "users": users, "claims": claims, "right": plan.right, "young": plan.young,
            "made": made, "freed": freed, "left": left, "lost": lost, "stale": stale_left,
            "conflicts": conflicts,
        }));
        journal.end()?;
        Ok(ExitStatus::Done)
    }

    fn settings(&self) -> Result<Option<UniqueSettings>> {
        let lookup = |name: &str| match (name, &self.config_dir) {
            ("MFA_CONFIG_DIR", Some(folder)) => folder.to_str().map(str::to_owned),
            _ => process_environment(name),
        };
        config::load(&lookup, UniqueSettings::read).context("MFA_HASH_KEY must be the functions' hash key")
    }

    /// Reads every user of the pool.
    async fn list(
        &self,
        aws: &Aws,
        settings: &UniqueSettings,
        journal: &mut Journal,
        progress: &Progress,
    ) -> Result<()> {
        if journal.learned.listing == Phase::Over {
            return Ok(());
        }
        let pool =
            aws.call(Service::Cognito, "DescribeUserPool", &json!({ "UserPoolId": self.pool })).await?;
        let estimate = pool.pointer("/UserPool/EstimatedNumberOfUsers").and_then(Value::as_u64);
        progress.count("users", estimate);
        loop {
            progress.at(journal.learned.users);
            let token = match &journal.learned.listing {
                Phase::Begins => None,
                Phase::At(token) => Some(token.clone()),
                Phase::Over => return Ok(()),
            };
            let mut asked = json!({ "UserPoolId": self.pool, "Limit": PAGE });
            if let (Some(asked), Some(token)) = (asked.as_object_mut(), token) {
                asked.insert("PaginationToken".to_owned(), token.into());
            }
            let page = aws.call(Service::Cognito, "ListUsers", &asked).await?;
            let users = page.get("Users").and_then(Value::as_array).context("ListUsers: no users")?;
            let known = users.iter().map(|user| addresses_of(user, settings)).collect::<Result<Vec<_>>>()?;
            let next = page.get("PaginationToken").and_then(Value::as_str).map(str::to_owned);
            journal.users(users.len(), known.concat(), next)?;
        }
    }

    /// Carries out the plan from where it was interrupted.
    async fn write(
        &self,
        aws: &Aws,
        table: &Table,
        steps: &[Step<'_>],
        settings: &UniqueSettings,
        journal: &mut Journal,
        progress: &Progress,
    ) -> Result<Done> {
        progress.count("claims", u64::try_from(steps.len()).ok());
        let mut done = journal.learned.done;
        let begun = journal.learned.steps.min(steps.len());
        for (index, chunk) in steps.get(begun..).unwrap_or_default().chunks(PARALLEL).enumerate() {
            progress.at(begun + index * PARALLEL);
            let work = chunk.iter().map(|step| self.take(aws, table, step, settings));
            for (step, is_done) in chunk.iter().zip(try_join_all(work).await?) {
                done.count(step, is_done);
            }
            journal.written(begun + index * PARALLEL + chunk.len(), done)?;
        }
        Ok(done)
    }

    /// Takes the step. Returns false if another writer was faster, or if the claim turns out to be right.
    async fn take(
        &self,
        aws: &Aws,
        table: &Table,
        step: &Step<'_>,
        settings: &UniqueSettings,
    ) -> Result<bool> {
        match step {
            Step::Make(address, user) => {
                Ok(table.confirm(address, user, SystemClock.now()).await? == OwnershipClaim::Owned)
            }
            Step::Free(StaleClaim { claim, heir }) => {
                // The listing was no snapshot, so the pool is asked again before a user loses a claim.
                if self.has(aws, &claim.owner, &claim.address, settings).await? {
                    return Ok(false);
                }
                let is_free = table.release(&claim.address, &claim.owner).await?;
                if let (true, Some(heir)) = (is_free, heir) {
                    table.confirm(&claim.address, heir, SystemClock.now()).await?;
                }
                Ok(is_free)
            }
        }
    }

    /// Returns whether the user exists and has the address now.
    async fn has(
        &self,
        aws: &Aws,
        user: &UserId,
        address: &AddressKey,
        settings: &UniqueSettings,
    ) -> Result<bool> {
        let filter = format!("sub = \"{}\"", user.as_str());
        let asked = json!({ "UserPoolId": self.pool, "Filter": filter, "Limit": 1 });
        let found = aws.call(Service::Cognito, "ListUsers", &asked).await?;
        let Some(user) = found.pointer("/Users/0") else { return Ok(false) };
        Ok(addresses_of(user, settings)?.iter().any(|known| known.address == *address))
    }
}

impl Done {
    fn count(&mut self, step: &Step<'_>, is_done: bool) {
        match (step, is_done) {
            (Step::Make(..), true) => self.made += 1,
            (Step::Make(..), false) => self.lost += 1,
            (Step::Free(stale), true) => {
                self.freed += 1;
                self.made += usize::from(stale.heir.is_some());
            }
            (Step::Free(_), false) => self.left += 1,
        }
    }
}

fn steps(plan: &Reconciliation, frees: bool) -> Vec<Step<'_>> {
    let stale = plan.stale.iter().filter(|_| frees).map(Step::Free);
    stale.chain(plan.missing.iter().map(|(address, user)| Step::Make(address, user))).collect()
}

fn would_do(steps: &[Step<'_>]) -> Done {
    let mut done = Done::default();
    for step in steps {
        done.count(step, true);
    }
    done
}

/// Reads every owned claim of the table.
async fn scan(table: &Table, journal: &mut Journal, progress: &Progress) -> Result<()> {
    progress.count("claims read", None);
    loop {
        progress.at(journal.learned.kept.len());
        let place = match &journal.learned.scanning {
            Phase::Begins => None,
            Phase::At(place) => Some(place.clone()),
            Phase::Over => return Ok(()),
        };
        let (kept, next) = table.owned_claims(place.as_ref()).await?;
        journal.claims(kept, next)?;
    }
}

/// Returns the addresses of a user of `ListUsers` that the policy keeps unique.
fn addresses_of(user: &Value, settings: &UniqueSettings) -> Result<Vec<KnownAddress>> {
    let attributes = user.get("Attributes").and_then(Value::as_array);
    let attribute = |name: &str| {
        let mut found = attributes.into_iter().flatten();
        found.find(|one| one.get("Name").and_then(Value::as_str) == Some(name))?.get("Value")?.as_str()
    };
    let Some(sub) = attribute("sub") else { bail!("ListUsers: a user without a sub") };
    let created =
        user.get("UserCreateDate").and_then(Value::as_f64).context("ListUsers: no UserCreateDate")?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a date, far below 2^53")]
    let created = Timestamp::from_millisecond((created * 1_000.0) as i64)?;
    let status = user.get("UserStatus").and_then(Value::as_str);
    Ok(ListedUser::new(UserId::parse(sub)?, created, status, attribute).addresses(settings))
}
