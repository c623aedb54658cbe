//! The permissions of an app client.

use serde_json::{Map, Value};

/// One of a pool's app clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) id: &'a str,
    pub(super) settings: &'a Map<String, Value>,
}

impl<'a> Client<'a> {
    pub(crate) fn name(&self) -> &'a str {
        self.text("ClientName").unwrap_or("without name")
    }

    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        self.settings.get(member)?.as_str()
    }

    pub(crate) fn number(&self, member: &str) -> Option<i64> {
        self.settings.get(member)?.as_i64()
    }

    pub(crate) fn get(&self, pointer: &str) -> Option<&'a Value> {
        at(self.settings, pointer)
    }

    /// Returns the flows as Cognito reads them: unset means refresh, SRP and custom (cognito.md §3.1).
    pub(crate) fn flows(&self) -> Vec<&'a str> {
        let flows = texts(self.settings.get("ExplicitAuthFlows"));
        if flows.is_empty() {
            vec!["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"]
        } else {
            flows
        }
    }

    pub(crate) fn has_flow(&self, flow: &str) -> bool {
        self.flows().contains(&flow)
    }

    pub(crate) fn signs_in_by_challenges(&self) -> bool {
        self.has_flow("ALLOW_CUSTOM_AUTH") || self.has_flow("CUSTOM_AUTH_FLOW_ONLY")
    }

    /// Returns whether users sign in without custom challenges.
    pub(crate) fn signs_in_natively(&self) -> bool {
        const FLOWS: [&str; 6] = [
            "ALLOW_USER_SRP_AUTH",
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            "ALLOW_USER_AUTH",
            "ADMIN_NO_SRP_AUTH",
            "USER_PASSWORD_AUTH",
        ];
        FLOWS.iter().any(|flow| self.has_flow(flow)) && !self.only_checks_passwords()
    }

    /// Returns whether users sign in at this client.
    pub(crate) fn signs_in(&self) -> bool {
        self.signs_in_natively() || self.signs_in_by_challenges()
    }

    /// Returns whether the client only checks passwords, as the client of recoveries does.
    pub(crate) fn only_checks_passwords(&self) -> bool {
        self.flows() == ["ALLOW_USER_PASSWORD_AUTH"]
    }

    /// Returns the life of a token in seconds, if it was set.
    pub(crate) fn validity(&self, member: &str, token: &str, default_unit: &str) -> Option<i64> {
        let unit = self.get(&format!("/TokenValidityUnits/{token}")).and_then(Value::as_str);
        let seconds = match unit.unwrap_or(default_unit) {
            "seconds" => 1,
            "minutes" => 60,
            "hours" => 3_600,
            _ => 86_400,
        };
        Some(self.number(member)? * seconds)
    }
}

/// Returns the value at a pointer, such as `/LambdaConfig/KMSKeyID`.
pub(crate) fn at<'a>(members: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let (name, rest) =
        pointer.strip_prefix('/')?.split_once('/').map_or((pointer.get(1..)?, ""), |parts| parts);
    let member = members.get(name)?;
    if rest.is_empty() { Some(member) } else { member.pointer(&format!("/{rest}")) }
}

pub(crate) fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
