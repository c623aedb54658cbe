//! The programs that must already be on the machine. All others are installed under `target/`.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Prerequisite {
    Node,
    Npm,
    Python,
    PythonVenv,
}

impl Prerequisite {
    /// Returns the command that probes for the program, and the advice if it is absent.
    fn probe(self) -> (&'static str, &'static [&'static str], &'static str) {
        match self {
            Self::Node => (
                "node",
                &["--eval", "process.exit(Number(process.versions.node.split('.')[0]) >= 20 ? 0 : 1)"],
                "Node.js 20 or newer is needed: install it from your package manager or nodejs.org",
            ),
            Self::Npm => {
                ("npm", &["--version"], "npm is needed: it comes with Node.js, or as the package `npm`")
            }
            Self::Python => (
                "python3",
                &["-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
                "Python 3.11 or newer is needed as `python3`: install it from your package manager",
            ),
            Self::PythonVenv => (
                "python3",
                &["-c", "import venv, ensurepip"],
                "Python's venv module is needed: on Debian and Ubuntu, apt install python3-venv",
            ),
        }
    }

    /// Returns the program that includes this one. Without it the probe is skipped.
    fn comes_with(self) -> Option<Self> {
        match self {
            Self::Npm => Some(Self::Node),
            Self::PythonVenv => Some(Self::Python),
            Self::Node | Self::Python => None,
        }
    }

    fn is_met(self) -> bool {
        let (program, arguments, _) = self.probe();
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Reports each of `needed` that is missing in one line, before any time is spent on building.
pub(crate) fn check(needed: &[Prerequisite]) -> Result<()> {
    let missing: Vec<_> = needed
        .iter()
        .filter(|prerequisite| {
            !prerequisite.is_met() && prerequisite.comes_with().is_none_or(Prerequisite::is_met)
        })
        .map(|prerequisite| prerequisite.probe().2)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("{}", missing.join("\n       "))
}
