use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::kernel::CustomFactor;

/// The defaults of a client that an operator adds.
pub(super) const NEW_CLIENT: &str = r#"
first_step = "password"
factors = 1
factor_kinds = ["email", "sms", "totp", "recovery-code"]
recovery_channel_counts = false
trusted_device = false
wrong_answers = 5
enrolment = "at-sign-in"
keep_weaker = false
[groups]
"#;

/// The defaults of a group that an operator adds.
pub(super) const NEW_GROUP: &str = r#"
factors = 1
factor_kinds = ["email", "sms", "totp", "recovery-code"]
recovery_channel_counts = false
trusted_device = false
wrong_answers = 5
"#;

/// The upper limit of `wrong_answers`.
const MOST_WRONG_ANSWERS: u32 = 5;
/// An out-of-band code is valid for at most 10 minutes (NIST SP 800-63B-4, 3.1.3.2).
const LONGEST_CODE: u32 = 600;

/// Custom challenges: what a user must prove, and how many wrong answers are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CustomAuthPolicy {
    pub code_digits: u8,
    pub code_seconds: u32,
    pub resend: Resend,
    pub resend_after_seconds: u32,
    pub back_off_seconds: u32,
    pub back_off_max_seconds: u32,
    pub name_only_sign_ins_per_day: u32,
    /// Clients by their name in `MFA_APP_CLIENTS`.
    pub clients: BTreeMap<String, AppClientPolicy>,
}

/// Whether an earlier code remains valid after a new one is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resend {
    Replace,
    Keep,
}

/// The first step of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstStep {
    /// SRP only.
    Password,
    /// A custom factor at once, or SRP and then a factor.
    Passwordless,
}

/// How a user of a client gets a first counted factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnrolmentPolicy {
    /// As a step of a sign-in, or through the MFA API soon after one.
    AtSignIn,
    /// Users cannot set up a first factor through this client.
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppClientPolicy {
    pub first_step: FirstStep,
    pub enrolment: EnrolmentPolicy,
    /// Whether codes by e-mail and SMS remain available beside a confirmed authenticator.
    pub keep_weaker: bool,
    #[serde(flatten)]
    pub requirement: RequirementPolicy,
    /// Requirements by group name. A user must fulfil those of all their groups, and the client's.
    pub groups: BTreeMap<String, RequirementPolicy>,
}

/// What a user must prove.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RequirementPolicy {
    pub factors: u32,
    /// Names of factors, as text, so that all unknown names are reported at once.
    pub factor_kinds: Vec<String>,
    /// Whether a code to a channel that resets the password counts beside the password.
    pub recovery_channel_counts: bool,
    pub trusted_device: bool,
    pub wrong_answers: u32,
}

impl CustomAuthPolicy {
    /// Returns whether a client or a group counts this factor.
    pub(super) fn counts(&self, factor: CustomFactor) -> bool {
        self.clients.values().any(|client| {
            let groups = client.groups.values();
            std::iter::once(&client.requirement).chain(groups).any(|rule| rule.counted().contains(&factor))
        })
    }

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        let ranges = [
            ("code_digits", u32::from(self.code_digits), 6, 8),
            ("code_seconds", self.code_seconds, 60, LONGEST_CODE),
            ("resend_after_seconds", self.resend_after_seconds, 1, self.code_seconds.max(1)),
            ("back_off_seconds", self.back_off_seconds, 1, self.back_off_max_seconds.max(1)),
            ("back_off_max_seconds", self.back_off_max_seconds, 1, 86_400),
            ("name_only_sign_ins_per_day", self.name_only_sign_ins_per_day, 1, 1_000),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                problems.push(format!("custom_auth.{key} must be {least} to {most}"));
            }
        }
        for (name, client) in &self.clients {
            let key = format!("custom_auth.clients.{name}");
            client.requirement.check(&key, problems);
            for (group, requirement) in &client.groups {
                requirement.check(&format!("{key}.groups.{group}"), problems);
            }
        }
    }
}

impl RequirementPolicy {
    /// Returns the factors that count. Unknown names were already reported.
    pub fn counted(&self) -> BTreeSet<CustomFactor> {
        self.factor_kinds.iter().filter_map(|name| CustomFactor::from_name(name)).collect()
    }

    fn check(&self, key: &str, problems: &mut Vec<String>) {
        for (index, kind) in self.factor_kinds.iter().enumerate() {
            if !CustomFactor::from_name(kind).is_some_and(CustomFactor::needs_user) {
                problems.push(format!(
                    "{key}.factor_kinds: {kind:?} is not one of email, sms, totp, recovery-code, passkey"
                ));
            }
            if self.factor_kinds.iter().take(index).any(|before| before == kind) {
                problems.push(format!("{key}.factor_kinds names {kind:?} twice"));
            }
        }
        let most = self.counted().len() + usize::from(self.trusted_device);
        if self.factors == 0 || usize::try_from(self.factors).is_ok_and(|factors| factors > most) {
            problems.push(format!("{key}.factors must be 1 to {most}, which is how many kinds count"));
        }
        if !(1..=MOST_WRONG_ANSWERS).contains(&self.wrong_answers) {
            problems.push(format!("{key}.wrong_answers must be 1 to {MOST_WRONG_ANSWERS}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Policy, Problems};

    #[test]
    fn named_clients_start_with_the_defaults_of_their_kind() {
        let overrides = r#"
            [custom_auth.clients.mobile]
            first_step = "passwordless"
            [custom_auth.clients.mobile.groups.admins]
            factors = 2
            [custom_auth.clients.custom]
            wrong_answers = 3
        "#;
        let policy = Policy::read(Some(overrides)).unwrap().custom_auth;
        assert_eq!(policy.clients.keys().collect::<Vec<_>>(), ["custom", "mobile"]);
        let mobile = &policy.clients["mobile"];
        assert_eq!((mobile.first_step, mobile.requirement.factors), (FirstStep::Passwordless, 1));
        assert_eq!(mobile.groups["admins"].factors, 2);
        assert_eq!(policy.clients["custom"].requirement.wrong_answers, 3);
        assert_eq!(policy.clients["custom"].first_step, FirstStep::Password, "the rest stays as it was");
    }

    #[test]
    fn everything_wrong_under_a_name_is_reported_at_once() {
        let overrides = r#"
            [custom_auth]
            code_digits = 4
            code_seconds = 30
            resend_after_seconds = 0
            name_only_sign_ins_per_day = 0
            [custom_auth.clients]
            web = "passwordless"
            [custom_auth.clients.mobile]
            frist = "password"
            factors = 6
            factor_kinds = ["email", "pigeon", "email", "trusted-device"]
            [custom_auth.clients.mobile.groups.admins]
            wrong_answers = 6
            trusted_device = "yes"
        "#;
        let Problems(problems) = Policy::read(Some(overrides)).unwrap_err();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        custom_auth.clients.mobile.frist is not a key of the policy
        custom_auth.clients.mobile.groups.admins.trusted_device must be boolean, not string
        custom_auth.clients.web must be table, not string
        custom_auth.code_digits must be 6 to 8
        custom_auth.code_seconds must be 60 to 600
        custom_auth.resend_after_seconds must be 1 to 30
        custom_auth.name_only_sign_ins_per_day must be 1 to 1000
        custom_auth.clients.mobile.factor_kinds: "pigeon" is not one of email, sms, totp, recovery-code, passkey
        custom_auth.clients.mobile.factor_kinds names "email" twice
        custom_auth.clients.mobile.factor_kinds: "trusted-device" is not one of email, sms, totp, recovery-code, passkey
        custom_auth.clients.mobile.factors must be 1 to 2, which is how many kinds count
        custom_auth.clients.mobile.groups.admins.wrong_answers must be 1 to 5
        "#);
    }
}
