use serde::Deserialize;

/// Recovery of an account whose authenticator is lost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecoveryPolicy {
    pub open: bool,
    /// What a case may take from its opening to the new password.
    pub minutes: u32,
    pub tries_user_per_hour: u32,
    pub tries_address_per_hour: u32,
    pub email: MailedRecoveryPolicy,
}

/// Recovery without a recovery code, by a code that is mailed, after a wait.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MailedRecoveryPolicy {
    pub open: bool,
    pub wait_hours: u32,
    /// Not for an account of which anything was changed within so many days.
    pub quiet_days: u32,
    /// Where the API is reached, without a slash at the end; empty: at the domain that it is called by.
    pub api_url: String,
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
            ("email.wait_hours", self.email.wait_hours, 72, 720),
            ("email.quiet_days", self.email.quiet_days, 7, 90),
        ];
        let url = &self.email.api_url;
        if !url.is_empty() && (!url.starts_with("https://") || url.ends_with('/')) {
            problems.push("recovery.email.api_url must begin with https:// and not end in a slash".into());
        }
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
