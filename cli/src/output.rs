//! Text for the operator, or one JSON document for programs.

use std::fmt::Display;
use std::io::{Write as _, stderr, stdout};

use serde_json::Value;

/// With `--json`, standard output holds nothing but the result. Notes and errors go to standard error either way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints a line of the result, unless the result is printed as JSON.
    pub(crate) fn line(self, line: impl Display) {
        if !self.json {
            // A closed pipe is no error: its reader has read enough.
            let _closed = writeln!(stdout(), "{line}");
        }
    }

    pub(crate) fn note(note: impl Display) {
        let _closed = writeln!(stderr(), "{note}");
    }

    pub(crate) fn error(error: impl Display) {
        let _closed = writeln!(stderr(), "error: {error}");
    }

    /// Prints the whole result as JSON. Call it once.
    pub(crate) fn result(self, result: &Value) {
        if self.json {
            let _closed = writeln!(stdout(), "{result:#}");
        }
    }
}
