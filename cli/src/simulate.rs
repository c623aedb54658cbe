//! `cognito-mfa simulate`: replays a week of text messages with the operator's policy, and shows which messages
//! and users the policy refuses. The replay is local; it contacts no AWS service.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, builder::PossibleValuesParser};
use comfy_table::{Cell, CellAlignment, Table, presets};
use mfa_core::config::{Policy, Problems, load};
use mfa_core::delivery::{
    message::Severity,
    toll_fraud::{BudgetScope, GovernorRules},
};
use mfa_traffic_replay::{FLOODS, Figures, Flood, replay};
use serde_json::{Value, json};

use crate::check;
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::progress::Progress;

/// The number of countries that a line names.
const COUNTRIES: usize = 8;
/// The replay without a flood.
const NO_FLOOD: &str = "none";

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The folder with the overrides; without it, the built-in policy decides
    folder: Option<PathBuf>,
    /// Replay only this flood. Can be repeated
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(
        std::iter::once(NO_FLOOD).chain(FLOODS.iter().map(|flood| flood.name))
    ))]
    flood: Vec<String>,
}

/// A week that was replayed twice.
struct Week {
    name: &'static str,
    description: &'static str,
    built_in: Figures,
    own: Figures,
}

impl Simulate {
    pub(crate) async fn run(&self, output: Output) -> Result<ExitStatus> {
        let policy = match &self.folder {
            Some(folder) => {
                let (policy, findings) = check::check(folder)?;
                let errors: Vec<_> =
                    findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
                for error in &errors {
                    Output::note(format_args!("{}/{error}", folder.display()));
                }
                if !errors.is_empty() {
                    output.result(&json!({ "outcome": "refused" }));
                    return Ok(ExitStatus::Refused);
                }
                policy
            }
            None => Policy::default(),
        };
        let progress = Progress::new();
        let mut weeks = Vec::new();
        for (name, description, flood) in self.chosen() {
            progress.show(&format!("a week with {description}"));
            let own = week(&policy, flood).await?;
            let built_in =
                if self.folder.is_some() { week(&Policy::default(), flood).await? } else { own.clone() };
            weeks.push(Week { name, description, built_in, own });
        }
        progress.done();
        output.line(summary(&weeks));
        let mut printed = Vec::new();
        for week in &weeks {
            let lines = refused(&week.own);
            if !lines.is_empty() && !printed.contains(&lines) {
                output.line(format_args!(
                    "\nUsers without a code, with {}:\n{}",
                    week.description,
                    lines.join("\n")
                ));
                printed.push(lines);
            }
        }
        output.line(
            "\nThe week is invented: 9,500 users, most of them in Germany and the United States, and floods of \
             20,000 requests on one day. docs/security/toll-fraud.md describes it.",
        );
        output.result(&json!({ "weeks": weeks.iter().map(in_json).collect::<Vec<_>>() }));
        Ok(ExitStatus::Done)
    }

    fn chosen(&self) -> Vec<(&'static str, &'static str, Option<&'static Flood>)> {
        let all = std::iter::once((NO_FLOOD, "no flood", None))
            .chain(FLOODS.into_iter().map(|flood| (flood.name, flood.description, Some(flood))));
        all.filter(|(name, ..)| self.flood.is_empty() || self.flood.iter().any(|chosen| chosen == name))
            .collect()
    }
}

async fn week(policy: &Policy, flood: Option<&Flood>) -> Result<Figures> {
    let rules = load(&|_| None, |environment| GovernorRules::read(policy, environment))
        .map_err(|Problems(problems)| anyhow!(problems.join("\n")))?;
    replay(rules, flood).await.context("the replay failed")
}

/// Returns the effect of each flood, with the built-in policy's figures in brackets.
fn summary(weeks: &[Week]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "Flood",
        "Fraudulent messages that you pay",
        "Honest users without a code",
        "Second factors without a code",
        "Users with a dead code",
    ]);
    for Week { name, built_in, own, .. } in weeks {
        let paid =
            |figures: &Figures| format!("{} ({:.2} %)", figures.fraud_paid, 100.0 * figures.fraud_share());
        let blocked = |figures: &Figures| {
            format!("{} ({:.2} %)", figures.blocked_users(), 100.0 * figures.blocked_share())
        };
        let second = |figures: &Figures| figures.blocked_second_factors().to_string();
        let dead = |figures: &Figures| figures.dead_codes().to_string();
        let figures: [&dyn Fn(&Figures) -> String; 4] = [&paid, &blocked, &second, &dead];
        let cells = figures.map(|figure| {
            let (own, built_in) = (figure(own), figure(built_in));
            let text = if own == built_in { own } else { format!("{own}; built-in policy: {built_in}") };
            Cell::new(text).set_alignment(CellAlignment::Right)
        });
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    table
}

/// Returns a line with the countries of the refused users, and a line for each reason.
fn refused(figures: &Figures) -> Vec<String> {
    let mut countries: Vec<_> =
        figures.by_country.iter().filter(|(_, country)| country.blocked > 0).collect();
    countries.sort_by_key(|(_, country)| std::cmp::Reverse(country.blocked));
    let more = countries.len().saturating_sub(COUNTRIES);
    let named = countries.iter().take(COUNTRIES);
    let named: Vec<_> =
        named.map(|(code, country)| format!("{code} {} of {}", country.blocked, country.users)).collect();
    let more = if more == 0 { String::new() } else { format!(", and {more} more (--json lists them)") };
    let countries = (!named.is_empty()).then(|| format!("  {}{more}", named.join(", ")));
    let reasons = figures.blocked_by.iter().map(|((wish, reason), count)| {
        let scope = reason.scope().map(|scope| format!(" ({})", scope.name())).unwrap_or_default();
        format!("  {}: {count}, last refused as {}{scope}", wish.name(), reason.name())
    });
    countries.into_iter().chain(reasons).collect()
}

fn in_json(week: &Week) -> Value {
    let figures = |figures: &Figures| {
        let countries = figures.by_country.iter().map(|(code, country)| {
            (code.clone(), json!({ "users": country.users, "blocked": country.blocked }))
        });
        let blocked = figures.blocked_by.iter().map(|((wish, reason), count)| {
            json!({
                "wish": wish.name(),
                "reason": reason.name(),
                "scope": reason.scope().map(BudgetScope::name),
                "count": count,
            })
        });
        json!({
            "fraud": figures.fraud,
            "fraud_paid": figures.fraud_paid,
            "honest_users": figures.honest_users,
            "blocked_users": figures.blocked_users(),
            "second_factors": figures.second_factors,
            "blocked_second_factors": figures.blocked_second_factors(),
            "dead_codes": figures.dead_codes(),
            "countries": countries.collect::<serde_json::Map<_, _>>(),
            "blocked": blocked.collect::<Vec<_>>(),
        })
    };
    json!({ "flood": week.name, "policy": figures(&week.own), "built_in": figures(&week.built_in) })
}
