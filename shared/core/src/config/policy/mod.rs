mod custom_auth;
mod delivery;
mod gate;
mod governor;
mod messages;
mod passkeys;
mod recovery;
mod tokens;

use jiff::SignedDuration;
use serde::Deserialize;
use toml::{Table, Value};

pub use self::{
    custom_auth::{AppClientPolicy, CustomAuthPolicy, EnrolmentPolicy, FirstStep, RequirementPolicy, Resend},
    delivery::{DeliveryPolicy, ProviderPolicy},
    gate::{SignInPolicy, SignUpPolicy, UniquePolicy},
    governor::{BudgetPolicy, EmailPolicy, GovernorPolicy, SmsPolicy},
    messages::{MessageValidity, MessagesPolicy},
    passkeys::PasskeyPolicy,
    recovery::{AdminPolicy, RecoveryPolicy},
    tokens::{
        AccessTokenPolicy, ClaimsPolicy, ClientTokensPolicy, MFA_METHODS, SELF_SERVICE_SCOPE, TokensPolicy,
    },
};
use super::Problems;
use crate::kernel::CustomFactor;

/// `policy.toml` as JSON (made by `build.rs`). At every start, it is read in a fifth of the time.
const DEFAULTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.json"));

/// The policy: what an operator decides. `policy.toml` itself documents the keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Policy {
    pub sign_up: SignUpPolicy,
    pub sign_in: SignInPolicy,
    pub totp: TotpPolicy,
    pub factor_changes: FactorChangePolicy,
    pub api: ApiPolicy,
    pub delivery: DeliveryPolicy,
    pub messages: MessagesPolicy,
    pub governor: GovernorPolicy,
    pub sms: SmsPolicy,
    pub email: EmailPolicy,
    pub custom_auth: CustomAuthPolicy,
    pub passkeys: PasskeyPolicy,
    pub recovery: RecoveryPolicy,
    pub admin: AdminPolicy,
    pub tokens: TokensPolicy,
    pub audit: AuditPolicy,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TotpPolicy {
    pub issuer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FactorChangePolicy {
    pub max_sign_in_age_seconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AuditPolicy {
    /// With 0, lines are never deleted.
    pub retention_days: u32,
}

impl AuditPolicy {
    /// Returns how long lines are kept, or `None` if they are never deleted.
    pub fn retention(self) -> Option<SignedDuration> {
        (self.retention_days > 0).then(|| SignedDuration::from_hours(24 * i64::from(self.retention_days)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApiPolicy {
    pub changes_per_user: u32,
    pub changes_per_address: u32,
}

impl Policy {
    /// Reads the compiled-in policy with an operator's overrides.
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
        self.check_gate(problems);
        let issuer = self.totp.issuer.trim();
        if issuer.is_empty() || issuer.len() > 64 || issuer.contains(':') {
            problems.push("totp.issuer must have 1 to 64 bytes and no colon".into());
        }
        self.delivery.check(problems);
        if !(30..=3600).contains(&self.factor_changes.max_sign_in_age_seconds) {
            problems.push("factor_changes.max_sign_in_age_seconds must be 30 to 3600".into());
        }
        if self.api.changes_per_user == 0 || self.api.changes_per_address < self.api.changes_per_user {
            problems.push("api.changes_per_user must be at least 1 and at most changes_per_address".into());
        }
        self.messages.check(problems);
        self.check_governor(problems);
        self.custom_auth.check(problems);
        self.passkeys.check(problems);
        if self.passkeys.relying_party_id.is_empty() && self.custom_auth.counts(CustomFactor::Passkey) {
            problems.push("factor_kinds names \"passkey\", so passkeys.relying_party_id must be set".into());
        }
        self.recovery.check(problems);
        self.admin.check(problems);
        self.tokens.check(problems);
        if !(self.audit.retention_days == 0 || (30..=3_650).contains(&self.audit.retention_days)) {
            problems.push("audit.retention_days must be 30 to 3650, or 0 to keep lines for good".into());
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
    serde_json::from_slice(DEFAULTS).expect("what build.rs has written is JSON")
}

/// Tables whose keys are an operator's own names, with the defaults of a new name. `*` matches any name.
const NAMED: [(&str, &str); 3] = [
    ("custom_auth.clients", custom_auth::NEW_CLIENT),
    ("custom_auth.clients.*.groups", custom_auth::NEW_GROUP),
    ("tokens.clients", tokens::NEW_CLIENT),
];

/// Tables whose names and values (of any type) are an operator's own.
const FREE: [&str; 4] = [
    "tokens.clients.*.id.add",
    "tokens.clients.*.id.attributes",
    "tokens.clients.*.access.add",
    "tokens.clients.*.access.attributes",
];

/// Returns whether a path matches a pattern, in which `*` matches any name.
fn matches(pattern: &str, path: &str) -> bool {
    let names = |path: &str| path.split('.').count();
    names(pattern) == names(path)
        && pattern.split('.').zip(path.split('.')).all(|(pattern, name)| pattern == "*" || pattern == name)
}

/// Returns the defaults of a new name under `path`, or `None` if an operator cannot add names there.
#[expect(clippy::expect_used, reason = "compiled in; a test reads it, so it can't fail in a deployed binary")]
fn named(path: &str) -> Option<Table> {
    let (_, new) = NAMED.iter().find(|(pattern, _)| matches(pattern, path))?;
    Some(toml::from_str(new).expect("what a new name begins with is TOML"))
}

/// Merges `overrides` into `base`. A key that `base` lacks, or has with another type, is a problem. Where
/// keys are names, a new name starts with the defaults of its table.
fn merge(base: &mut Table, overrides: Table, path: &str, problems: &mut Vec<String>) {
    for (key, value) in overrides {
        if !base.contains_key(&key)
            && let Some(new) = named(path)
        {
            base.insert(key.clone(), Value::Table(new));
        }
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (base.get_mut(&key), value) {
            (None, _) => problems.push(format!("{path} is not a key of the policy")),
            (Some(Value::Table(below)), Value::Table(overrides))
                if FREE.iter().any(|pattern| matches(pattern, &path)) =>
            {
                below.extend(overrides);
            }
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
    fn the_defaults_are_what_the_documented_file_says() {
        let documented: Table = toml::from_str(include_str!("policy.toml")).unwrap();
        assert_eq!(defaults(), documented);
    }

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
    #[expect(clippy::too_many_lines, reason = "a list of problems")]
    fn every_problem_is_reported_at_once() {
        let overrides = r#"
            [sign_up]
            opne = true
            auto_confirm = "yes"
            denied_email_domains = ["Example.com"]
            link_providers = ["Google", "_x", "my idp", "Corp_Guests", "GOOGLE"]
            [sign_in]
            surge_after = 0
            free_attempts = 2
            window_minutes = 15
            [totp]
            issuer = "a:b"
            [factor_changes]
            max_sign_in_age_seconds = 5
            [api]
            changes_per_user = 0
            [messages]
            app_name = " x"
            domain = "https://example.com"
            default_locale = "en us!"
            validity_minutes.sign_up = 1000000
            [governor]
            reserve_percent = 49
            codes_before_cool_down = 0
            cool_down_seconds = 1000
            established_after_hours = 0
            credit_per_verification = 11
            [sms]
            allowed_number_types = []
            [sms.user]
            per_day = 1
            shards = 2
            [sms.all]
            shards = 0
            [delivery]
            budget_ms = 400
            sender_ids = ["DE", "FR=Example"]
            [delivery.sms]
            providers = ["sns", "pigeon", "sns"]
            attempts = 0
            [recovery]
            minutes = 1
            user_attempts_per_hour = 6
            address_attempts_per_hour = 0
            [admin]
            groups = ["a b", "helpers"]
            helped_groups = ["", "customers", "helpers"]
            max_sign_in_age_seconds = 301
            reads_per_hour = 0
            changes_per_hour = 601
            [audit]
            retention_days = 7
            [extra]
        "#;
        let Problems(problems) = Policy::read(Some(overrides)).unwrap_err();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        extra is not a key of the policy
        sign_up.auto_confirm must be boolean, not string
        sign_up.opne is not a key of the policy
        sms.user.shards is not a key of the policy
        sign_up.denied_email_domains: "Example.com" is not a domain in lower-case ASCII
        sign_up.link_providers: "_x" is not the name of a provider
        sign_up.link_providers: "my idp" is not the name of a provider
        sign_up.link_providers: "Corp_Guests" has an underscore, so it can't be told from another provider
        sign_up.link_providers: "GOOGLE" is listed twice, in another case
        sign_in.surge_after must be at least 1
        sign_in.free_attempts must be 3 to 100
        sign_in.window_minutes must be 30 to 1440
        totp.issuer must have 1 to 64 bytes and no colon
        delivery.budget_ms must be 500 to 10000
        delivery.sender_ids: "DE" is not like "DE=Example": a country and 1 to 11 letters, digits or hyphens, with at least one letter
        delivery.sms.providers: "pigeon" is not one of end-user-messaging, sns
        delivery.sms.providers names "sns" twice
        delivery.sms.attempts must be 1 to 5
        delivery.sms.attempt_timeout_ms must be 100 at least, and one attempt with each provider must fit into delivery.budget_ms
        delivery.email.attempt_timeout_ms must be 100 at least, and one attempt with each provider must fit into delivery.budget_ms
        factor_changes.max_sign_in_age_seconds must be 30 to 3600
        api.changes_per_user must be at least 1 and at most changes_per_address
        messages.app_name must have 1 to 40 characters, and no blank at its ends
        messages.domain: "https://example.com" is not a domain in lower-case ASCII
        messages.default_locale: "en us!" is not a BCP 47 tag
        messages.validity_minutes.sign_up must be at most a year
        governor.reserve_percent must be 50 to 90
        governor.established_after_hours must be 1 to 720
        governor.codes_before_cool_down must be 1 to 5
        governor.cool_down_seconds must be at least 1 and at most cool_down_max_seconds, which must be at most 86400
        governor.credit_per_verification must be at most 10
        sms.allowed_number_types must name a type
        sms.user.per_day must be at least per_hour and at most 10000000
        sms.all: shards must be at least 1, per_hour at least 2 per shard, and unverified at least 1 per shard
        recovery.minutes must be 5 to 120
        recovery.user_attempts_per_hour must be 1 to 5
        recovery.address_attempts_per_hour must be 1 to 20
        admin.groups: "a b" is empty or has a blank in it
        admin.helped_groups: "" is empty or has a blank in it
        admin.helped_groups: "helpers" is one of admin.groups, which are protected
        admin.max_sign_in_age_seconds must be 30 to 300
        admin.reads_per_hour must be 1 to 3000
        admin.changes_per_hour must be 1 to 600
        audit.retention_days must be 30 to 3650, or 0 to keep lines for good
        "#);
    }

    #[test]
    fn what_is_not_toml_or_has_a_wrong_number_is_a_problem() {
        assert!(Policy::read(Some("[sign_up")).is_err());
        assert!(Policy::read(Some("[sign_in]\nsurge_after = -1\n")).is_err());
        assert!(Policy::read(Some("[sign_up]\nallowed_email_domains = [1]\n")).is_err());
    }
}
