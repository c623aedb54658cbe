use std::process::ExitCode;

/// How a command ended, and its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// 0
    Done,
    /// 1: it could not be done; what is wrong was said.
    Failed,
    /// 3: refused, nothing was changed.
    Refused,
    /// 4: `doctor` found warnings and no errors.
    Warnings,
    /// 5: `doctor` found errors.
    Errors,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Done => 0,
            Ending::Failed => 1,
            // 2 is clap's, for arguments it can't read.
            Ending::Refused => 3,
            Ending::Warnings => 4,
            Ending::Errors => 5,
        })
    }
}

/// For `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  success; doctor: no findings
  1  failed
  2  wrong arguments
  3  refused, nothing was changed
  4  doctor: warnings
  5  doctor: errors";
