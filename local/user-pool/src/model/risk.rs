//! Threat protection (cognito.md §4.9): what a pool or a client does about a sign-in that is judged
//! risky, in the members' own names on the wire.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire_time;
use crate::protocol::error::ApiError;

/// `UserPoolAddOns`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UserPoolAddOns {
    advanced_security_mode: Protection,
    advanced_security_additional_flows: Option<AdditionalFlows>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AdditionalFlows {
    custom_auth_mode: Protection,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Protection {
    #[default]
    Off,
    /// Events are kept, nothing is done.
    Audit,
    Enforced,
}

impl UserPoolAddOns {
    /// Of sign-ins with a password.
    pub(crate) fn standard(&self) -> Protection {
        self.advanced_security_mode
    }

    pub(crate) fn custom(&self) -> Protection {
        self.advanced_security_additional_flows
            .as_ref()
            .map_or(Protection::Off, |flows| flows.custom_auth_mode)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.standard() != Protection::Off || self.custom() != Protection::Off
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RiskLevel {
    Low,
    Medium,
    High,
}

/// `RiskConfigurationType` as it was set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RiskConfiguration {
    pub(crate) settings: RiskSettings,
    pub(crate) modified: Timestamp,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RiskSettings {
    #[serde(rename = "AccountTakeoverRiskConfiguration")]
    account_takeover: Option<AccountTakeover>,
    #[serde(rename = "RiskExceptionConfiguration")]
    exceptions: Option<RiskExceptions>,
    /// Given back as it came: there is no list of leaked passwords here.
    #[serde(rename = "CompromisedCredentialsRiskConfiguration")]
    compromised_credentials: Option<Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AccountTakeover {
    notify_configuration: Option<NotifyConfiguration>,
    actions: Actions,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Actions {
    #[serde(rename = "LowAction")]
    low: Option<Response>,
    #[serde(rename = "MediumAction")]
    medium: Option<Response>,
    #[serde(rename = "HighAction")]
    high: Option<Response>,
}

/// `AccountTakeoverActionType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Response {
    pub(crate) notify: bool,
    pub(crate) event_action: EventAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum EventAction {
    Block,
    MfaIfConfigured,
    MfaRequired,
    NoAction,
}

/// Cognito's own mails; who sends from where changes nothing here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct NotifyConfiguration {
    source_arn: String,
    from: Option<String>,
    reply_to: Option<String>,
    block_email: Option<NotifyEmail>,
    no_action_email: Option<NotifyEmail>,
    mfa_email: Option<NotifyEmail>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct NotifyEmail {
    pub(crate) subject: String,
    html_body: Option<String>,
    text_body: Option<String>,
}

impl NotifyEmail {
    pub(crate) fn body(&self) -> Option<&str> {
        self.text_body.as_deref().or(self.html_body.as_deref())
    }
}

impl NotifyConfiguration {
    pub(crate) fn email(&self, action: EventAction) -> Option<&NotifyEmail> {
        match action {
            EventAction::Block => self.block_email.as_ref(),
            EventAction::NoAction => self.no_action_email.as_ref(),
            EventAction::MfaIfConfigured | EventAction::MfaRequired => self.mfa_email.as_ref(),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RiskExceptions {
    #[serde(rename = "BlockedIPRangeList")]
    blocked: Option<Vec<String>>,
    #[serde(rename = "SkippedIPRangeList")]
    skipped: Option<Vec<String>>,
}

impl RiskSettings {
    pub(crate) fn is_default(&self) -> bool {
        self.account_takeover.is_none() && self.exceptions.is_none() && self.compromised_credentials.is_none()
    }

    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let exceptions = self.exceptions.iter();
        let ranges = exceptions.flat_map(|lists| [&lists.blocked, &lists.skipped]).flatten().flatten();
        for range in ranges {
            if AddressRange::parse(range).is_none() {
                return Err(ApiError::invalid_parameter(format!("{range} is not a range in CIDR notation")));
            }
        }
        Ok(())
    }

    /// Returns the response to a risk level; the default blocks and notifies no user.
    pub(crate) fn response(&self, level: RiskLevel) -> Response {
        let Some(AccountTakeover { actions, .. }) = &self.account_takeover else {
            return Response { notify: false, event_action: EventAction::Block };
        };
        let response = match level {
            RiskLevel::Low => actions.low,
            RiskLevel::Medium => actions.medium,
            RiskLevel::High => actions.high,
        };
        response.unwrap_or(Response { notify: false, event_action: EventAction::NoAction })
    }

    pub(crate) fn notify_configuration(&self) -> Option<&NotifyConfiguration> {
        self.account_takeover.as_ref()?.notify_configuration.as_ref()
    }

    /// Refused whatever the risk.
    pub(crate) fn blocks(&self, address: IpAddr) -> bool {
        self.exceptions.as_ref().is_some_and(|lists| contains(lists.blocked.as_ref(), address))
    }

    /// Never judged.
    pub(crate) fn skips(&self, address: IpAddr) -> bool {
        self.exceptions.as_ref().is_some_and(|lists| contains(lists.skipped.as_ref(), address))
    }

    /// The shape `RiskConfigurationType`.
    pub(crate) fn describe(of: Option<&RiskConfiguration>, pool: &str, client: Option<&str>) -> Value {
        let mut body = json!({"UserPoolId": pool, "ClientId": client});
        if let (Value::Object(members), Some(configuration)) = (&mut body, of) {
            if let Value::Object(settings) = json!(configuration.settings) {
                members.extend(settings);
            }
            members.insert("LastModifiedDate".to_owned(), wire_time(configuration.modified));
        }
        body
    }
}

fn contains(ranges: Option<&Vec<String>>, address: IpAddr) -> bool {
    let mut ranges = ranges.into_iter().flatten().filter_map(|range| AddressRange::parse(range));
    ranges.any(|range| range.contains(address))
}

/// Addresses in CIDR notation, `192.0.2.0/24`.
#[derive(Clone, Copy)]
struct AddressRange {
    network: IpAddr,
    prefix: u32,
}

impl AddressRange {
    fn parse(text: &str) -> Option<Self> {
        let (network, prefix) = text.split_once('/')?;
        let (network, prefix) = (network.parse().ok()?, prefix.parse().ok()?);
        let longest = if matches!(network, IpAddr::V4(_)) { 32 } else { 128 };
        (prefix <= longest).then_some(Self { network, prefix })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (u32::from(network) ^ u32::from(address)).leading_zeros() >= self.prefix
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (u128::from(network) ^ u128::from(address)).leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::AddressRange;

    #[rstest]
    #[case("192.0.2.0/24", "192.0.2.255", true)]
    #[case("192.0.2.0/24", "192.0.3.0", false)]
    #[case("192.0.2.7/32", "192.0.2.7", true)]
    #[case("192.0.2.7/32", "192.0.2.6", false)]
    #[case("0.0.0.0/0", "203.0.113.9", true)]
    #[case("0.0.0.0/0", "2001:db8::1", false)]
    #[case("2001:db8::/32", "2001:db8:ffff::1", true)]
    #[case("2001:db8::/32", "2001:db9::1", false)]
    fn a_range_holds_its_addresses(#[case] range: &str, #[case] address: &str, #[case] held: bool) {
        assert_eq!(AddressRange::parse(range).unwrap().contains(address.parse().unwrap()), held);
    }

    #[rstest]
    #[case("192.0.2.0")]
    #[case("192.0.2.0/33")]
    #[case("2001:db8::/129")]
    #[case("192.0.2/24")]
    #[case("192.0.2.0/-1")]
    #[case("/24")]
    fn what_is_no_range_is_refused(#[case] text: &str) {
        assert!(AddressRange::parse(text).is_none());
    }
}
