use std::process::ExitCode;

/// The result of a command, with its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// 0
    Done,
    /// 1: failed; the error is on standard error.
    Failed,
    /// 3: refused, nothing was changed.
    Refused,
    /// 4: `doctor` found warnings and no errors.
    Warnings,
    /// 5: `doctor` found errors.
    Errors,
}

impl From<ExitStatus> for ExitCode {
    fn from(ending: ExitStatus) -> Self {
        Self::from(match ending {
            ExitStatus::Done => 0,
            ExitStatus::Failed => 1,
            // Code 2 is clap's, for arguments that it can't read.
            ExitStatus::Refused => 3,
            ExitStatus::Warnings => 4,
            ExitStatus::Errors => 5,
        })
    }
}

/// The exit codes, as `--help` prints them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  success; doctor: no findings
  1  failed
  2  wrong arguments
  3  refused, nothing was changed
  4  doctor: warnings
  5  doctor: errors";
