use serde::Deserialize;

/// Recovery of an account whose authenticator is lost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecoveryPolicy {
    pub open: bool,
    /// What a case may take from its opening to the new password.
    pub minutes: u32,
    pub tries_user_per_hour: u32,
    pub tries_address_per_hour: u32,
}

/// Who may help users through the admin API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SupportPolicy {
    /// Members of any of these groups; nobody, if none is named.
    pub groups: Vec<String>,
    pub max_sign_in_age_seconds: u32,
}

impl RecoveryPolicy {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        let ranges = [
            ("minutes", self.minutes, 5, 120),
            ("tries_user_per_hour", self.tries_user_per_hour, 1, 5),
            ("tries_address_per_hour", self.tries_address_per_hour, 1, 20),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                problems.push(format!("recovery.{key} must be {least} to {most}"));
            }
        }
    }
}

impl SupportPolicy {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        // Claims of an HTTP API part groups by blanks (COGNITO.md §8.2).
        for group in &self.groups {
            if group.is_empty() || group.contains(char::is_whitespace) {
                problems.push(format!("admin.groups: {group:?} is empty or has a blank in it"));
            }
        }
        if !(30..=300).contains(&self.max_sign_in_age_seconds) {
            problems.push("admin.max_sign_in_age_seconds must be 30 to 300".into());
        }
    }
}
