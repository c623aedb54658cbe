use std::io::Write;

use serde_json::json;

use crate::kernel::{Clock, SystemClock};

/// The metrics in the CloudWatch namespace `CognitoMfa`, for alarms and dashboards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A user has more attempts since the last completed sign-in than `sign_in.surge_after` allows.
    SignInSurge,
    /// A sign-in attempt was refused because it came too soon after the last one (`sign_in.enforce`).
    SignInThrottled,
    /// An operator's rule could not be evaluated, so the request was refused.
    RuleUndecided,
    /// Too many sign-ups used this address today, so it was not reserved for this one.
    AddressNotReserved,
    /// An account was confirmed although another account already owns its address.
    AddressConflict,
    /// A pass that reconciles address claims with the pool's users has finished.
    ClaimsReconciled,
    /// A custom-challenge sign-in became a decoy because the user has reached a limit.
    ChallengeThrottled,
    /// A recovery or a recovery code exceeded the user's limit. The caller sees a wrong code.
    RecoveryThrottled,
    /// An account was recovered.
    Recovered,
    /// A recovery cannot be completed without an operator.
    RecoveryNeedsOperator,
    /// A caller received a refusal.
    Refused,
    /// An AWS call failed or timed out.
    DependencyFailed,
    /// A trigger or route panicked.
    Panicked,
    /// A message could not be sent.
    MessageFailed,
    /// A message was sent with its built-in text because the operator's override is broken.
    MessageOverrideBroken,
    /// A provider accepted an e-mail.
    EmailSent,
    /// A provider accepted a text message.
    SmsSent,
    /// A provider accepted a text message to an unverified number.
    SmsSentUnverified,
    /// A user verified a number with such a code: the conversions of [`Metric::SmsSentUnverified`].
    SmsVerified,
    /// The governor throttled a message, or would have done so outside a dry run.
    MessageThrottled,
    /// The governor throttled a message because too few codes there are entered: probably toll fraud.
    LowConversion,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::SignInSurge => "SignInSurge",
            Self::SignInThrottled => "SignInThrottled",
            Self::RuleUndecided => "RuleUndecided",
            Self::AddressNotReserved => "AddressNotReserved",
            Self::AddressConflict => "AddressConflict",
            Self::ClaimsReconciled => "ClaimsReconciled",
            Self::ChallengeThrottled => "ChallengeThrottled",
            Self::RecoveryThrottled => "RecoveryThrottled",
            Self::Recovered => "Recovered",
            Self::RecoveryNeedsOperator => "RecoveryNeedsOperator",
            Self::Refused => "Refused",
            Self::DependencyFailed => "DependencyFailed",
            Self::Panicked => "Panicked",
            Self::MessageFailed => "MessageFailed",
            Self::MessageOverrideBroken => "MessageOverrideBroken",
            Self::EmailSent => "EmailSent",
            Self::SmsSent => "SmsSent",
            Self::SmsSentUnverified => "SmsSentUnverified",
            Self::SmsVerified => "SmsVerified",
            Self::MessageThrottled => "MessageThrottled",
            Self::LowConversion => "LowConversion",
        }
    }

    /// Counts one, as a line in CloudWatch embedded metric format.
    pub fn emit(self) {
        self.emit_with(&[]);
    }

    /// Counts one and adds facts to the log line. Facts are not dimensions, because CloudWatch bills each
    /// value of a dimension as a metric. Group by them in Logs Insights.
    pub fn emit_with(self, facts: &[(&str, &str)]) {
        let line = self.line(SystemClock.now().as_millisecond(), facts);
        // A lost metric must not fail what it counts.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    fn line(self, milliseconds: i64, facts: &[(&str, &str)]) -> serde_json::Value {
        let name = self.name();
        let mut line = json!({
            "_aws": {
                "Timestamp": milliseconds,
                "CloudWatchMetrics": [{
                    "Namespace": "CognitoMfa",
                    "Dimensions": [[]],
                    "Metrics": [{ "Name": name, "Unit": "Count" }],
                }],
            },
            name: 1,
        });
        if let Some(line) = line.as_object_mut() {
            line.extend(facts.iter().map(|(fact, value)| ((*fact).to_owned(), (*value).into())));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_embedded_metric_format_document() {
        insta::assert_snapshot!(
            Metric::SignInSurge.line(1_767_323_045_000, &[]),
            @r#"{"_aws":{"Timestamp":1767323045000,"CloudWatchMetrics":[{"Namespace":"CognitoMfa","Dimensions":[[]],"Metrics":[{"Name":"SignInSurge","Unit":"Count"}]}]},"SignInSurge":1}"#
        );
    }

    #[test]
    fn facts_stand_beside_a_metric_and_are_no_dimensions() {
        insta::assert_snapshot!(
            Metric::LowConversion.line(1_767_323_045_000, &[("country", "DE"), ("prefix", "491512")]),
            @r#"{"_aws":{"Timestamp":1767323045000,"CloudWatchMetrics":[{"Namespace":"CognitoMfa","Dimensions":[[]],"Metrics":[{"Name":"LowConversion","Unit":"Count"}]}]},"LowConversion":1,"country":"DE","prefix":"491512"}"#
        );
    }
}
