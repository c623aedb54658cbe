use std::collections::BTreeSet;

use serde::Deserialize;

/// Recovery of an account whose user has lost the authenticator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecoveryPolicy {
    pub open: bool,
    /// The time limit of a case, from its opening to the new password.
    pub minutes: u32,
    pub user_attempts_per_hour: u32,
    pub address_attempts_per_hour: u32,
    pub email: MailedRecoveryPolicy,
}

/// Recovery with a mailed code instead of a recovery code, after a wait.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MailedRecoveryPolicy {
    pub open: bool,
    pub wait_hours: u32,
    /// Accounts with any change within this number of days are refused.
    pub quiet_days: u32,
    /// The base URL of the API, without a slash at the end. If empty, the domain of the request is used.
    pub api_url: String,
}

/// The administrators and their limits in the admin API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AdminPolicy {
    /// Members of any of these groups are administrators. If empty, there is no administrator.
    pub groups: Vec<String>,
    /// An administrator can change the members of these groups. A member of any other group is protected.
    pub helped_groups: Vec<String>,
    pub max_sign_in_age_seconds: u32,
    pub reads_per_hour: u32,
    pub changes_per_hour: u32,
}

impl RecoveryPolicy {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        let ranges = [
            ("minutes", self.minutes, 5, 120),
            ("user_attempts_per_hour", self.user_attempts_per_hour, 1, 5),
            ("address_attempts_per_hour", self.address_attempts_per_hour, 1, 20),
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

impl AdminPolicy {
    /// Returns whether an administrator may not change a member of these groups. This is so for
    /// administrators, and for members of any group that is not in `helped_groups`. So a new group is
    /// protected until it is listed.
    pub fn protects(&self, groups: &BTreeSet<String>) -> bool {
        let is_helped = |group: &String| self.helped_groups.contains(group) && !self.groups.contains(group);
        !groups.iter().all(is_helped)
    }

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        // An HTTP API separates the groups in its claims by blanks (cognito.md §8.2).
        for (key, groups) in [("groups", &self.groups), ("helped_groups", &self.helped_groups)] {
            for group in groups {
                if group.is_empty() || group.contains(char::is_whitespace) {
                    problems.push(format!("admin.{key}: {group:?} is empty or has a blank in it"));
                }
            }
        }
        for group in self.helped_groups.iter().filter(|group| self.groups.contains(group)) {
            problems
                .push(format!("admin.helped_groups: {group:?} is one of admin.groups, which are protected"));
        }
        let ranges = [
            ("max_sign_in_age_seconds", self.max_sign_in_age_seconds, 30, 300),
            ("reads_per_hour", self.reads_per_hour, 1, 3000),
            ("changes_per_hour", self.changes_per_hour, 1, 600),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                problems.push(format!("admin.{key} must be {least} to {most}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_any_group_that_is_not_listed_is_protected() {
        let mut policy = AdminPolicy {
            groups: vec!["helpers".to_owned()],
            helped_groups: vec![],
            max_sign_in_age_seconds: 300,
            reads_per_hour: 1,
            changes_per_hour: 1,
        };
        let groups = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        assert!(!policy.protects(&groups(&[])), "a user without a group is helped");
        for names in [&["helpers"][..], &["customers"], &["owners", "customers"]] {
            assert!(policy.protects(&groups(names)), "{names:?}");
        }
        policy.helped_groups = vec!["customers".to_owned(), "trial".to_owned()];
        assert!(!policy.protects(&groups(&["customers", "trial"])));
        for names in [&["helpers", "customers"][..], &["owners", "customers"], &["Customers"]] {
            assert!(policy.protects(&groups(names)), "{names:?}");
        }
        policy.helped_groups.push("helpers".to_owned());
        assert!(policy.protects(&groups(&["helpers"])), "whatever is listed");
    }
}
