use serde::Deserialize;
use toml::{Table, Value};

use super::Problems;

const DEFAULTS: &str = include_str!("policy.toml");

/// `policy.toml`: what an operator decides. The keys are documented in the file itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Policy {
    pub sign_up: SignUpPolicy,
    pub sign_in: SignInPolicy,
    pub totp: TotpPolicy,
    pub factor_changes: FactorChangePolicy,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignUpPolicy {
    pub open: bool,
    pub auto_confirm: bool,
    pub allowed_email_domains: Vec<String>,
    pub denied_email_domains: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignInPolicy {
    pub open: bool,
    /// Attempts since the last completed sign-in.
    pub surge_after: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TotpPolicy {
    pub issuer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FactorChangePolicy {
    pub max_sign_in_age_seconds: u32,
}

impl Policy {
    /// The compiled-in policy with an operator's overrides on it.
    pub fn read(overrides: Option<&str>) -> Result<Self, Problems> {
        let mut merged = defaults();
        let mut problems = Vec::new();
        match overrides.map(toml::from_str::<Table>) {
            Some(Ok(overrides)) => merge(&mut merged, overrides, "", &mut problems),
            Some(Err(fault)) => problems.push(format!("not TOML: {}", fault.message())),
            None => {}
        }
        let policy = match Self::deserialize(merged) {
            Ok(policy) => policy,
            Err(fault) => {
                problems.push(fault.message().to_owned());
                return Err(Problems(problems));
            }
        };
        policy.check(&mut problems);
        if problems.is_empty() { Ok(policy) } else { Err(Problems(problems)) }
    }

    fn check(&self, problems: &mut Vec<String>) {
        let domains = [
            ("sign_up.allowed_email_domains", &self.sign_up.allowed_email_domains),
            ("sign_up.denied_email_domains", &self.sign_up.denied_email_domains),
        ];
        for (key, domain) in
            domains.iter().flat_map(|(key, list)| list.iter().map(move |domain| (key, domain)))
        {
            // Compared with `EmailAddress::domain`, which is ASCII and lower case.
            if idna::domain_to_ascii_strict(domain).ok().as_deref() != Some(domain) {
                problems.push(format!("{key}: {domain:?} is not a domain in lower-case ASCII"));
            }
        }
        if self.sign_in.surge_after == 0 {
            problems.push("sign_in.surge_after must be at least 1".into());
        }
        let issuer = self.totp.issuer.trim();
        if issuer.is_empty() || issuer.len() > 64 || issuer.contains(':') {
            problems.push("totp.issuer must have 1 to 64 bytes and no colon".into());
        }
        if !(30..=3600).contains(&self.factor_changes.max_sign_in_age_seconds) {
            problems.push("factor_changes.max_sign_in_age_seconds must be 30 to 3600".into());
        }
    }
}

impl Default for Policy {
    #[expect(
        clippy::expect_used,
        reason = "compiled in; a test reads it, so it can't fail in a deployed binary"
    )]
    fn default() -> Self {
        Self::deserialize(defaults()).expect("the compiled-in policy.toml is a policy")
    }
}

#[expect(clippy::expect_used, reason = "compiled in; a test reads it, so it can't fail in a deployed binary")]
fn defaults() -> Table {
    toml::from_str(DEFAULTS).expect("the compiled-in policy.toml is TOML")
}

/// Lays `overrides` over `base`. A key that `base` lacks, or holds with another type, is a problem.
fn merge(base: &mut Table, overrides: Table, path: &str, problems: &mut Vec<String>) {
    for (key, value) in overrides {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (base.get_mut(&key), value) {
            (None, _) => problems.push(format!("{path} is not a key of the policy")),
            (Some(Value::Table(below)), Value::Table(overrides)) => merge(below, overrides, &path, problems),
            (Some(current), value) if current.same_type(&value) => *current = value,
            (Some(current), value) => {
                problems.push(format!("{path} must be {}, not {}", current.type_str(), value.type_str()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_valid_policy() {
        assert_eq!(Policy::read(None).unwrap(), Policy::default());
    }

    #[test]
    fn an_override_changes_its_key_and_no_other() {
        let policy = Policy::read(Some("[sign_up]\nopen = false\n")).unwrap();
        let mut expected = Policy::default();
        expected.sign_up.open = false;
        assert_eq!(policy, expected);
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let overrides = r#"
            [sign_up]
            opne = true
            auto_confirm = "yes"
            denied_email_domains = ["Example.com"]
            [sign_in]
            surge_after = 0
            [totp]
            issuer = "a:b"
            [factor_changes]
            max_sign_in_age_seconds = 5
            [extra]
        "#;
        let Problems(problems) = Policy::read(Some(overrides)).unwrap_err();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        extra is not a key of the policy
        sign_up.auto_confirm must be boolean, not string
        sign_up.opne is not a key of the policy
        sign_up.denied_email_domains: "Example.com" is not a domain in lower-case ASCII
        sign_in.surge_after must be at least 1
        totp.issuer must have 1 to 64 bytes and no colon
        factor_changes.max_sign_in_age_seconds must be 30 to 3600
        "#);
    }

    #[test]
    fn what_is_not_toml_or_has_a_wrong_number_is_a_problem() {
        assert!(Policy::read(Some("[sign_up")).is_err());
        assert!(Policy::read(Some("[sign_in]\nsurge_after = -1\n")).is_err());
        assert!(Policy::read(Some("[sign_up]\nallowed_email_domains = [1]\n")).is_err());
    }
}
