//! Words for people, or one JSON document for programs.

use std::fmt::Display;
use std::io::{Write as _, stderr, stdout};

use serde_json::Value;

/// With `--json` standard output holds nothing but the result; what people read goes to standard
/// error either way, except the lines they asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Say {
    pub(crate) json: bool,
}

impl Say {
    /// A line of what was asked for.
    pub(crate) fn line(self, line: impl Display) {
        if !self.json {
            // Whoever closed the pipe does not want to read it.
            let _closed = writeln!(stdout(), "{line}");
        }
    }

    pub(crate) fn note(note: impl Display) {
        let _closed = writeln!(stderr(), "{note}");
    }

    pub(crate) fn error(error: impl Display) {
        let _closed = writeln!(stderr(), "error: {error}");
    }

    /// The whole result, once.
    pub(crate) fn result(self, result: &Value) {
        if self.json {
            let _closed = writeln!(stdout(), "{result:#}");
        }
    }
}
