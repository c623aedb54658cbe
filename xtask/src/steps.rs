//! Announces the steps of a run, times them, and sums them up at the end.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use comfy_table::{CellAlignment, Table, presets};
use console::style;

#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration, &'static str)>,
}

/// The result of a check that some machines can't run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    Right,
    /// The check did not run, for this reason. It neither passed nor failed.
    Not(&'static str),
}

impl Steps {
    /// Runs one step. After a failure the caller stops.
    pub(crate) fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n{} {name}", style("==>").cyan().bold().for_stderr());
        let start = now();
        let result = step();
        self.done.push((name, start.elapsed(), if result.is_ok() { "ok" } else { "failed" }));
        result.with_context(|| format!("step `{name}`"))
    }

    /// Runs a check that some machines can't run. The sum shows a check that did not run.
    pub(crate) fn check(
        &mut self,
        name: &'static str,
        check: impl FnOnce() -> Result<Checked>,
    ) -> Result<()> {
        let checked = self.run(name, check)?;
        if let (Checked::Not(why), Some((.., outcome))) = (checked, self.done.last_mut()) {
            eprintln!("{}", style(why).yellow().bold().for_stderr());
            *outcome = why;
        }
        Ok(())
    }

    /// Prints the time of each step.
    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(["step", "seconds", ""]);
        for (name, time, outcome) in &self.done {
            table.add_row([(*name).to_owned(), format!("{:.1}", time.as_secs_f64()), (*outcome).to_owned()]);
        }
        let total: Duration = self.done.iter().map(|(_, time, _)| *time).sum();
        table.add_row(["total".to_owned(), format!("{:.1}", total.as_secs_f64()), String::new()]);
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        eprintln!("\n{table}");
    }
}

/// Runs a program to its end. Its output goes to the contributor.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a contributor waits for these seconds: no port, no test clock"
)]
fn now() -> Instant {
    Instant::now()
}
