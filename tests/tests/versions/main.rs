//! Two versions of the functions side by side, as during a gradual deployment: `cargo xtask test versions`
//! builds those of an earlier revision first.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use comfy_table::{Table, presets};
use end_to_end::Cloud;
use end_to_end::gradual::{Gradual, Mix, Version};
use end_to_end::journeys::{FURTHER_POLICY, Journey, POLICY, Traveller};
use tempfile::TempDir;

use self::outcome::{Outcome, Snapshot};

#[expect(clippy::disallowed_methods, reason = "handed over by the command that has built them")]
fn earlier() -> PathBuf {
    env::var_os("COGNITO_MFA_EARLIER").expect("run `cargo xtask test versions`").into()
}

/// Both versions on one table, and people who walk through it one after another.
struct Road {
    gradual: Arc<Gradual>,
    cloud: Cloud,
    walked: usize,
    _policy: TempDir,
}

impl Road {
    async fn open() -> Self {
        let policy = tempfile::tempdir().unwrap();
        fs::write(policy.path().join("policy.toml"), format!("{POLICY}{FURTHER_POLICY}")).unwrap();
        let (gradual, cloud) = Gradual::start(&earlier(), policy.path()).await.unwrap();
        Self { gradual, cloud, walked: 0, _policy: policy }
    }

    /// A new user's journey, and all that it has left behind.
    async fn walk(&mut self, journey: Journey, mix: Mix) -> Result<Outcome, String> {
        self.walked += 1;
        // All of them come from one.
        self.cloud.let_addresses_try_again().await.unwrap();
        self.gradual.set(mix);
        let before = Snapshot::of(&self.cloud).await;
        let walked = async {
            let traveller = Traveller::prepare(&self.cloud, journey, self.walked).await.context("not ready")?;
            self.gradual.served().await;
            self.gradual.half_way();
            let answer = traveller.walk(&self.cloud).await?;
            anyhow::Ok((traveller, answer))
        };
        let walked = walked.await;
        let served = self.gradual.served().await;
        let (traveller, answer) = match walked {
            Ok(walked) => walked,
            Err(fault) => return Err(format!("{fault:#} {:?}", self.gradual.last_words().await)),
        };
        Ok(Outcome::of(&self.cloud, &traveller, &answer, &before, &served).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_journey_ends_the_same_whichever_version_takes_which_step() {
    let mut road = Road::open().await;
    let mixes = Mix::all();
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(["journey", "earlier beside present", "mixes as either"]);
    let mut wrong = Vec::new();
    for journey in Journey::MEASURED.into_iter().chain(Journey::FURTHER) {
        let mut alone = BTreeMap::new();
        for version in Version::BOTH {
            match road.walk(journey, Mix::Only(version)).await {
                Ok(outcome) => drop(alone.insert(version, outcome)),
                Err(fault) => wrong.push(format!("{}, {version:?} alone: {fault}", journey.name())),
            }
        }
        let [Some(earlier), Some(present)] = Version::BOTH.map(|version| alone.get(&version)) else { continue };
        let changed = earlier.differences(present);
        let mut well = 0;
        for mix in &mixes {
            let found = match road.walk(journey, *mix).await {
                Ok(outcome) => outcome.strange_to(earlier, present),
                Err(fault) => BTreeSet::from([fault]),
            };
            well += usize::from(found.is_empty());
            wrong.extend(found.iter().map(|line| format!("{}, {mix:?}: {line}", journey.name())));
        }
        let same = if changed.is_empty() { "the same".to_owned() } else { format!("{} differences", changed.len()) };
        table.add_row([journey.name().to_owned(), same, format!("{well} of {}", mixes.len())]);
        wrong.extend(changed.iter().map(|line| format!("{}, changed: {line}", journey.name())));
    }
    println!("{table}\n");
    road.cloud.stop().await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
