use std::io::Write;

use serde_json::json;

use crate::kernel::{Clock, SystemClock};

/// What alarms and dashboards look at, under the namespace `CognitoMfa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A user's attempts since the last completed sign-in passed `sign_in.surge_after`.
    SignInSurge,
    /// A refusal was answered.
    Refused,
    /// An AWS call failed or timed out.
    DependencyFailed,
    /// A trigger or route panicked.
    Panicked,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::SignInSurge => "SignInSurge",
            Self::Refused => "Refused",
            Self::DependencyFailed => "DependencyFailed",
            Self::Panicked => "Panicked",
        }
    }

    /// Counts one, as a line in CloudWatch embedded metric format.
    pub fn emit(self) {
        let line = self.line(SystemClock.now().as_millisecond());
        // A lost metric must not fail what it counts.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    fn line(self, milliseconds: i64) -> serde_json::Value {
        let name = self.name();
        json!({
            "_aws": {
                "Timestamp": milliseconds,
                "CloudWatchMetrics": [{
                    "Namespace": "CognitoMfa",
                    "Dimensions": [[]],
                    "Metrics": [{ "Name": name, "Unit": "Count" }],
                }],
            },
            name: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_embedded_metric_format_document() {
        insta::assert_snapshot!(
            Metric::SignInSurge.line(1_767_323_045_000),
            @r#"{"_aws":{"Timestamp":1767323045000,"CloudWatchMetrics":[{"Namespace":"CognitoMfa","Dimensions":[[]],"Metrics":[{"Name":"SignInSurge","Unit":"Count"}]}]},"SignInSurge":1}"#
        );
    }
}
