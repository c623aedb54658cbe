//! The figures as a table and as JSON, and their aims.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::load::{Load, SignIn};

/// The least ratio of our sign-ins per second to the peer's.
const AIM_RATIO: f64 = 20.0;
/// The greatest ratio of p99 with many users to p99 with few.
const AIM_GROWTH: f64 = 3.0;

/// One span of load on one server. Times in milliseconds.
#[derive(Debug)]
pub(crate) struct Row {
    server: &'static str,
    users: usize,
    workers: usize,
    sign_ins: usize,
    per_second: f64,
    p50: f64,
    p99: f64,
    wait_p50: f64,
    wait_p99: f64,
    server_cpu: Option<f64>,
    client_cpu: Option<f64>,
}

impl Row {
    pub(crate) fn new(server: &'static str, users: usize, workers: usize, load: &Load) -> Self {
        let count = count(load.sign_ins.len());
        let percentile = |time: fn(&SignIn) -> Duration, percent| {
            percentile(load.sign_ins.iter().map(|sign_in| milliseconds(time(sign_in))).collect(), percent)
        };
        let each = |cpu: Option<Duration>| cpu.map(|cpu| milliseconds(cpu) / count);
        Self {
            server,
            users,
            workers,
            sign_ins: load.sign_ins.len(),
            per_second: count / load.elapsed.as_secs_f64(),
            p50: percentile(|sign_in| sign_in.whole, 50),
            p99: percentile(|sign_in| sign_in.whole, 99),
            wait_p50: percentile(|sign_in| sign_in.waited, 50),
            wait_p99: percentile(|sign_in| sign_in.waited, 99),
            server_cpu: each(load.server_cpu),
            client_cpu: each(load.client_cpu),
        }
    }

    fn json(&self) -> Value {
        json!({
            "server": self.server,
            "users": self.users,
            "workers": self.workers,
            "signIns": self.sign_ins,
            "perSecond": self.per_second,
            "p50Ms": self.p50,
            "p99Ms": self.p99,
            "waitP50Ms": self.wait_p50,
            "waitP99Ms": self.wait_p99,
            "serverCpuMs": self.server_cpu,
            "clientCpuMs": self.client_cpu,
        })
    }

    fn cells(&self) -> [String; 11] {
        let cpu = |cpu: Option<f64>| cpu.map_or_else(|| "?".to_owned(), |cpu| format!("{cpu:.1}"));
        [
            self.server.to_owned(),
            self.users.to_string(),
            self.workers.to_string(),
            self.sign_ins.to_string(),
            format!("{:.1}", self.per_second),
            format!("{:.1}", self.p50),
            format!("{:.1}", self.p99),
            format!("{:.1}", self.wait_p50),
            format!("{:.1}", self.wait_p99),
            cpu(self.server_cpu),
            cpu(self.client_cpu),
        ]
    }
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    comparisons: Vec<(Row, Row)>,
    growth: Option<(Row, Row)>,
    memory_per_user: Option<f64>,
}

impl Report {
    pub(crate) fn compare(&mut self, workers: usize, ours: Load, peer: Load) {
        let row = |server, load: Load| Row::new(server, crate::FEW_USERS, workers, &load);
        self.comparisons.push((row("local", ours), row("ministack", peer)));
    }

    pub(crate) fn grow(&mut self, few: Row, many: Row) {
        self.growth = Some((few, many));
    }

    /// Resident bytes of the server before and after `users` were added.
    pub(crate) fn memory_per_user(&mut self, before: Option<u64>, after: Option<u64>, users: usize) {
        self.memory_per_user =
            before.zip(after).map(|(before, after)| bytes(after.saturating_sub(before)) / count(users));
    }

    pub(crate) fn json(&self) -> Value {
        let comparisons = self.comparisons.iter().map(|(ours, peer)| {
            json!({
                "ours": ours.json(),
                "peer": peer.json(),
                "perSecondRatio": ours.per_second / peer.per_second,
                "aim": AIM_RATIO,
            })
        });
        let growth = self.growth.as_ref().map(|(few, many)| {
            json!({
                "few": few.json(),
                "many": many.json(),
                "p99Ratio": many.p99 / few.p99,
                "waitP99Ratio": many.wait_p99 / few.wait_p99,
                "aim": AIM_GROWTH,
            })
        });
        json!({
            "comparisons": comparisons.collect::<Vec<_>>(),
            "growth": growth,
            "memoryPerUserBytes": self.memory_per_user,
        })
    }

    pub(crate) fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN).set_header([
            "server",
            "users",
            "workers",
            "sign-ins",
            "per second",
            "p50 ms",
            "p99 ms",
            "wait p50",
            "wait p99",
            "server CPU ms",
            "client CPU ms",
        ]);
        let rows = self.comparisons.iter().chain(&self.growth).flat_map(|(one, other)| [one, other]);
        table.add_rows(rows.map(Row::cells));
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = format!(
            "{table}\n\n`wait` is both requests alone; all other times have the client's arithmetic in \
             them, which is more at a user's first sign-in. CPU is for each sign-in.\n"
        );
        for (ours, peer) in &self.comparisons {
            let ratio = ours.per_second / peer.per_second;
            let verdict = verdict(ratio >= AIM_RATIO);
            let _infallible = writeln!(
                text,
                "{ratio:.1} × the peer's sign-ins a second with {} worker(s); aim ≥ {AIM_RATIO:.0}: {verdict}",
                ours.workers
            );
        }
        if let Some((few, many)) = &self.growth {
            let ratio = many.wait_p99 / few.wait_p99;
            let verdict = verdict(ratio <= AIM_GROWTH);
            let _infallible = writeln!(
                text,
                "{ratio:.2} × the wait at p99 with {} users as with {}; aim ≤ {AIM_GROWTH:.0}: {verdict}",
                many.users, few.users
            );
        }
        if let Some(memory) = self.memory_per_user {
            let _infallible = writeln!(text, "{:.1} KiB of memory a user", memory / 1_024.0);
        }
        text
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Returns the percentile by nearest rank.
fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 of anything")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
fn bytes(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<f64> = (1..=100_u8).rev().map(f64::from).collect();
        assert!((percentile(hundred.clone(), 50) - 50.0).abs() < f64::EPSILON);
        assert!((percentile(hundred, 99) - 99.0).abs() < f64::EPSILON);
        assert!((percentile(vec![7.0], 99) - 7.0).abs() < f64::EPSILON);
    }
}
