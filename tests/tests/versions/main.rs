//! Two versions of the functions side by side, as during a gradual deployment. `cargo xtask test versions`
//! builds those of an earlier revision first.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails where its own steps do, and says what it saw"
)]

mod meant;
mod outcome;
mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use comfy_table::{Table, presets};
use end_to_end::Cloud;
use end_to_end::rolling_deploy::{Mix, RollingDeploy, Served, Version};
use end_to_end::scenarios::{FURTHER_POLICY, POLICY, Scenario, ScenarioUser};
use futures::{StreamExt as _, stream};
use serde_json::json;
use tempfile::TempDir;

use self::meant::Meant;
use self::outcome::{Outcome, Snapshot, plain};
use self::replay::Replayed;

#[expect(clippy::disallowed_methods, reason = "handed over by the command that has built them")]
fn earlier() -> PathBuf {
    env::var_os("COGNITO_MFA_EARLIER").expect("run `cargo xtask test versions`").into()
}

/// The number of concurrent journeys, each through its own cloud.
const AT_A_TIME: usize = 4;

/// Both versions on one table, and users who make journeys through it one after another.
struct Road {
    rolling_deploy: Arc<RollingDeploy>,
    cloud: Cloud,
    walked: usize,
    _policy: TempDir,
}

impl Road {
    async fn open() -> Self {
        let policy = tempfile::tempdir().unwrap();
        fs::write(policy.path().join("policy.toml"), format!("{POLICY}{FURTHER_POLICY}")).unwrap();
        let overrides = policy.path().to_owned();
        let (rolling_deploy, cloud) = RollingDeploy::start(earlier(), overrides).await.unwrap();
        Self { rolling_deploy, cloud, walked: 0, _policy: policy }
    }

    /// Clears the limit on recoveries of the address that all users share.
    async fn let_an_hour_pass(&self) {
        let table = self.cloud.table();
        for key in Snapshot::of(&self.cloud, table).await.keys() {
            if key["pk"]["S"].as_str().unwrap().starts_with("RECOVERY#ADDRESS#") {
                let item = json!({ "TableName": table, "Key": key });
                self.cloud.call("dynamodb", "DynamoDB_20120810.DeleteItem", item).await.unwrap();
            }
        }
    }

    /// Returns the outcome of a new user's journey.
    async fn walk(&mut self, scenario: Scenario, mix: Mix) -> Result<Outcome, String> {
        self.record(scenario, mix).await.map(|recorded| recorded.outcome)
    }

    /// Returns the journey's outcome with every event and answer.
    async fn record(&mut self, scenario: Scenario, mix: Mix) -> Result<Recorded, String> {
        self.walked += 1;
        self.let_an_hour_pass().await;
        self.rolling_deploy.set(mix);
        let before = Snapshot::of(&self.cloud, self.cloud.table()).await;
        let walked = async {
            let user =
                ScenarioUser::prepare(&self.cloud, scenario, self.walked).await.context("not ready")?;
            self.rolling_deploy.served().await;
            self.rolling_deploy.half_way();
            let answer = user.walk(&self.cloud).await?;
            anyhow::Ok((user, answer))
        };
        let walked = walked.await;
        let served = self.rolling_deploy.served().await;
        let (user, answer) = match walked {
            Ok(walked) => walked,
            Err(fault) => return Err(format!("{fault:#} {:?}", self.rolling_deploy.last_words().await)),
        };
        let mut lines = vec![format!("answer {}", plain(&answer))];
        for address in user.addresses() {
            for message in self.cloud.outbox(&address).await.unwrap() {
                lines.push(format!("message {}", plain(&message)));
            }
        }
        let failed = served.iter().filter(|one| one.answer.is_none());
        lines.extend(failed.map(|one| format!("failed {}", one.function)));
        let after = Snapshot::of(&self.cloud, self.cloud.table()).await;
        lines.extend(after.since(&before));
        Ok(Recorded { user, served, outcome: Outcome::of(lines) })
    }
}

/// A completed walk.
struct Recorded {
    user: ScenarioUser,
    served: Vec<Served>,
    outcome: Outcome,
}

/// A journey through every mix.
struct Walked {
    scenario: Scenario,
    /// The differences between the two versions, each alone.
    changed: BTreeSet<String>,
    /// Results of a mix that neither version alone has, and results of both that the mix lacks, with the
    /// mixes.
    strange: BTreeMap<String, Vec<Mix>>,
    well: usize,
}

async fn walk(scenario: Scenario) -> Walked {
    let mut road = Road::open().await;
    let mut walked = Walked { scenario, changed: BTreeSet::new(), strange: BTreeMap::new(), well: 0 };
    let mut alone = Vec::new();
    for version in Version::BOTH {
        match road.walk(scenario, Mix::Only(version)).await {
            Ok(outcome) => alone.push(outcome),
            Err(fault) => walked.strange.entry(fault).or_default().push(Mix::Only(version)),
        }
    }
    if let [earlier, present] = &alone[..] {
        walked.changed = earlier.differences(present);
        for mix in Mix::all() {
            let found = match road.walk(scenario, mix).await {
                Ok(outcome) => outcome.strange_to(earlier, present),
                Err(fault) => BTreeSet::from([fault]),
            };
            walked.well += usize::from(found.is_empty());
            for line in found {
                walked.strange.entry(line).or_default().push(mix);
            }
        }
    }
    road.cloud.stop().await.unwrap();
    walked
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_ends_the_same_in_every_mix_of_versions() {
    let scenarios = Scenario::MEASURED.into_iter().chain(Scenario::FURTHER);
    let walked: Vec<_> = stream::iter(scenarios).map(walk).buffered(AT_A_TIME).collect().await;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(["journey", "changed", "mixes that are well"]);
    for one in &walked {
        let well = format!("{} of {}", one.well, Mix::all().len());
        table.add_row([one.scenario.name().to_owned(), one.changed.len().to_string(), well]);
    }
    println!("{table}\n");
    let mut wrong = Vec::new();
    for one in &walked {
        let name = one.scenario.name();
        wrong.extend(one.changed.iter().map(|line| format!("{name}, changed: {line}")));
        wrong.extend(one.strange.iter().map(|(line, mixes)| format!("{name}, {mixes:?}: {line}")));
    }
    Meant::read().judge(wrong);
}

/// The attributes that a later version will add to items are unknown. An attribute that no function reads
/// replaces them here.
#[tokio::test(flavor = "multi_thread")]
async fn what_this_version_does_not_know_stays_where_it_is() {
    const LATER: &str = "later_version";
    let scenarios = Scenario::MEASURED.into_iter().chain(Scenario::FURTHER);
    let walks = scenarios.map(async |scenario| {
        let road = Road::open().await;
        let user = ScenarioUser::prepare(&road.cloud, scenario, 1).await.unwrap();
        road.rolling_deploy.served().await;
        let before = Snapshot::of(&road.cloud, road.cloud.table()).await;
        for key in before.keys() {
            let mark = json!({
                "TableName": road.cloud.table(), "Key": key, "UpdateExpression": format!("SET {LATER} = :one"),
                "ExpressionAttributeValues": { ":one": { "N": "1" } },
            });
            road.cloud.call("dynamodb", "DynamoDB_20120810.UpdateItem", mark).await.unwrap();
        }
        user.walk(&road.cloud).await.unwrap();
        road.rolling_deploy.served().await;
        let after = Snapshot::of(&road.cloud, road.cloud.table()).await;
        road.cloud.stop().await.unwrap();
        after.kept_since(&before).without(LATER)
    });
    let lost: Vec<_> = stream::iter(walks).buffered(AT_A_TIME).collect().await;
    let lost: BTreeSet<_> = lost.into_iter().flatten().collect();
    assert!(lost.is_empty(), "lost what was put there: {lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_answered_alike_by_either_version_alone() {
    let scenarios = Scenario::MEASURED.into_iter().chain(Scenario::FURTHER);
    let replays = scenarios.map(async |scenario| {
        let mut road = Road::open().await;
        let recorded = road.record(scenario, Mix::Only(Version::Present)).await.unwrap();
        let replayed = replay::through_both(&road, &recorded).await;
        road.cloud.stop().await.unwrap();
        (scenario.name(), replayed)
    });
    let replays: Vec<_> = stream::iter(replays).buffered(AT_A_TIME).collect().await;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "journey",
        "events",
        "answered as recorded",
        "differences",
    ]);
    let mut wrong = Vec::new();
    for (name, replayed) in replays {
        let Replayed { differences, events, as_recorded } = replayed;
        let counts = [events, as_recorded, differences.len()].map(|count| count.to_string());
        table.add_row(iter::once(name.to_owned()).chain(counts));
        wrong.extend(differences.into_iter().map(|line| format!("{name}: {line}")));
    }
    println!("{table}\n");
    Meant::read().judge(wrong);
}
