use std::io::Write;

use serde_json::json;

use crate::kernel::{Clock, SystemClock};

/// What alarms and dashboards look at, under the namespace `CognitoMfa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A user's attempts since the last completed sign-in passed `sign_in.surge_after`.
    SignInSurge,
    /// An attempt came too soon after the last one and was refused (`sign_in.enforce`).
    SignInHeldOff,
    /// An operator's rule could not be decided, so somebody was refused.
    RuleUndecided,
    /// An address was signed up with so often today that it is held for nobody.
    AddressNotHeld,
    /// An account was confirmed whose address is another account's already.
    AddressConflict,
    /// The claims on addresses were brought together with the pool's users: a pass is over.
    ClaimsReconciled,
    /// A sign-in by custom challenges leads nowhere, because a limit of the user is reached.
    SignInHeldBack,
    /// A recovery was opened, or a code entered, beyond the user's limit: it leads nowhere.
    RecoveryHeldBack,
    /// An account was recovered.
    Recovered,
    /// A recovery can't be finished without an operator.
    RecoveryHandedOver,
    /// A refusal was answered.
    Refused,
    /// An AWS call failed or timed out.
    DependencyFailed,
    /// A trigger or route panicked.
    Panicked,
    /// A message that should have been sent was not.
    MessageFailed,
    /// A message went out in its built-in text, because the operator's is broken.
    MessageOverrideBroken,
    /// An e-mail was taken by a provider.
    EmailSent,
    /// A text message was taken by a provider.
    SmsSent,
    /// One of them went to an unverified number.
    SmsSentUnverified,
    /// A number was verified by such a code. Of [`Metric::SmsSentUnverified`], this share converts.
    SmsVerified,
    /// The governor withheld a message, or would have in a dry run.
    MessageWithheld,
    /// It did because too few codes are entered there: pumping, most likely.
    LowConversion,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::SignInSurge => "SignInSurge",
            Self::SignInHeldOff => "SignInHeldOff",
            Self::RuleUndecided => "RuleUndecided",
            Self::AddressNotHeld => "AddressNotHeld",
            Self::AddressConflict => "AddressConflict",
            Self::ClaimsReconciled => "ClaimsReconciled",
            Self::SignInHeldBack => "SignInHeldBack",
            Self::RecoveryHeldBack => "RecoveryHeldBack",
            Self::Recovered => "Recovered",
            Self::RecoveryHandedOver => "RecoveryHandedOver",
            Self::Refused => "Refused",
            Self::DependencyFailed => "DependencyFailed",
            Self::Panicked => "Panicked",
            Self::MessageFailed => "MessageFailed",
            Self::MessageOverrideBroken => "MessageOverrideBroken",
            Self::EmailSent => "EmailSent",
            Self::SmsSent => "SmsSent",
            Self::SmsSentUnverified => "SmsSentUnverified",
            Self::SmsVerified => "SmsVerified",
            Self::MessageWithheld => "MessageWithheld",
            Self::LowConversion => "LowConversion",
        }
    }

    /// Counts one, as a line in CloudWatch embedded metric format.
    pub fn emit(self) {
        self.emit_with(&[]);
    }

    /// Counts one, with facts beside it. They are no dimensions, which would cost one metric for each
    /// value (a number prefix, say): Logs Insights groups by them.
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
