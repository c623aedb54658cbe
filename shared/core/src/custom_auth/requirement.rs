use std::collections::{BTreeMap, BTreeSet};

use crate::{
    assurance::{PasswordRecovery, Proofs},
    config::policy::{AppClientPolicy, CustomAuthPolicy, EnrolmentPolicy, FirstStep, RequirementPolicy},
    kernel::CustomFactor,
};

/// The proofs of one sign-in so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proven {
    pub password: bool,
    /// Factors proven by Cognito's own MFA: codes that Cognito sent, or an authenticator of the pool.
    pub native: BTreeSet<CustomFactor>,
    /// Factors proven in custom challenges.
    pub custom: BTreeSet<CustomFactor>,
    /// Whether a first factor was set up in this sign-in. It lets the user in once, and is no evidence.
    pub enrolled: bool,
}

impl Proven {
    /// Returns whether the sign-in has proven anything beyond the name.
    pub fn is_anything(&self) -> bool {
        self.password || !self.native.is_empty() || !self.custom.is_empty()
    }

    /// Returns all proven factors, custom ones and the pool's.
    pub fn methods(&self) -> BTreeSet<CustomFactor> {
        self.native.union(&self.custom).copied().collect()
    }

    /// Returns the proofs for the assurance model.
    pub fn proofs(&self) -> Proofs {
        Proofs { password: self.password, factors: self.methods(), remembered_device: false }
    }

    /// Returns the proofs with one more custom factor.
    #[must_use]
    pub fn with(&self, factor: CustomFactor) -> Self {
        let mut proven = self.clone();
        proven.custom.insert(factor);
        proven
    }
}

/// One rule of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    factors: usize,
    kinds: BTreeSet<CustomFactor>,
    /// All factors that the policy lists, including those that do not count beside the password.
    listed: BTreeSet<CustomFactor>,
    trusted_device: bool,
    wrong_answers: u32,
}

impl Requirement {
    fn new(policy: &RequirementPolicy, first: FirstStep, recovery: PasswordRecovery) -> Self {
        // Beside a password, a code to the channel that resets it proves nothing more.
        let is_contained = |factor: &CustomFactor| {
            first == FirstStep::Password && !policy.recovery_channel_counts && recovery.resets_by(*factor)
        };
        Self {
            factors: usize::try_from(policy.factors).unwrap_or(usize::MAX),
            kinds: policy.counted().into_iter().filter(|factor| !is_contained(factor)).collect(),
            listed: policy.counted(),
            trusted_device: policy.trusted_device,
            wrong_answers: policy.wrong_answers,
        }
    }

    fn counts(&self, factor: CustomFactor) -> bool {
        if factor == CustomFactor::TrustedDevice { self.trusted_device } else { self.kinds.contains(&factor) }
    }

    fn lists(&self, factor: CustomFactor) -> bool {
        if factor == CustomFactor::TrustedDevice {
            self.trusted_device
        } else {
            self.listed.contains(&factor)
        }
    }

    fn is_met(&self, proven: &Proven) -> bool {
        let by_user: BTreeSet<_> =
            proven.native.union(&proven.custom).filter(|factor| factor.needs_user()).collect();
        let counted = by_user.iter().filter(|factor| self.kinds.contains(factor)).count();
        // A trusted device identifies a browser. Alone, it says nothing about the user.
        let has_device = proven.custom.contains(&CustomFactor::TrustedDevice);
        let is_alone = by_user.is_empty() && !proven.password;
        counted + usize::from(self.trusted_device && has_device && !is_alone) >= self.factors
    }
}

/// Everything that a user must prove at an app client: the client's rule and those of the user's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    pub first_step: FirstStep,
    pub enrolment: EnrolmentPolicy,
    /// Whether codes by e-mail and SMS remain available beside a confirmed authenticator.
    pub keep_weaker: bool,
    rules: Vec<Requirement>,
}

impl Requirements {
    pub fn new<'a>(
        client: &AppClientPolicy,
        groups: impl IntoIterator<Item = &'a str>,
        recovery: PasswordRecovery,
    ) -> Self {
        let of_groups = groups.into_iter().filter_map(|group| client.groups.get(group));
        let rules = std::iter::once(&client.requirement)
            .chain(of_groups)
            .map(|policy| Requirement::new(policy, client.first_step, recovery))
            .collect();
        Self {
            first_step: client.first_step,
            enrolment: client.enrolment,
            keep_weaker: client.keep_weaker,
            rules,
        }
    }

    /// Returns whether `proven` is enough for tokens. It needs at least one custom factor, because only
    /// custom challenges leave the proof that the last gate needs. A first factor set up in this sign-in is
    /// also enough.
    pub fn are_met(&self, proven: &Proven) -> bool {
        proven.enrolled || (!proven.custom.is_empty() && self.rules.iter().all(|rule| rule.is_met(proven)))
    }

    /// Returns those of the `enrolled` factors that help to fulfil the policy.
    pub fn useful(&self, enrolled: &BTreeSet<CustomFactor>, proven: &Proven) -> BTreeSet<CustomFactor> {
        let open: Vec<_> = self.rules.iter().filter(|rule| !rule.is_met(proven)).collect();
        let counts = |factor: &CustomFactor| {
            // Cognito's own factors meet all rules. We still need a proof, so any listed kind is useful.
            if open.is_empty() {
                return self.rules.iter().any(|rule| rule.lists(*factor));
            }
            open.iter().any(|rule| rule.counts(*factor))
        };
        enrolled.iter().copied().filter(|factor| !proven.custom.contains(factor) && counts(factor)).collect()
    }

    /// Returns whether the `enrolled` factors can be enough at all.
    pub fn can_be_met(&self, enrolled: &BTreeSet<CustomFactor>, proven: &Proven) -> bool {
        let mut all = proven.clone();
        all.custom.extend(self.useful(enrolled, proven));
        self.are_met(&all)
    }

    /// Returns the factors offered while we only know a name: the client's kinds, the same for every user.
    /// The user's own factors would reveal which names exist.
    pub fn offered_by_name(&self) -> BTreeSet<CustomFactor> {
        let counts = |factor: &CustomFactor| self.rules.first().is_some_and(|rule| rule.counts(*factor));
        CustomFactor::ALL.into_iter().filter(counts).collect()
    }

    /// Returns whether a client's policy counts codes of this channel.
    pub fn counts(&self, factor: CustomFactor) -> bool {
        self.rules.first().is_some_and(|rule| rule.counts(factor))
    }

    /// Returns the number of wrong answers that ends the sign-in.
    pub fn wrong_answers(&self) -> u32 {
        self.rules.iter().map(|rule| rule.wrong_answers).min().unwrap_or_default()
    }
}

/// The app clients of the deployment, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppClients {
    names: BTreeMap<String, String>,
    custom: BTreeMap<String, AppClientPolicy>,
}

/// The way an app client signs users in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppClient<'a> {
    /// With custom challenges.
    Custom(&'a AppClientPolicy),
    /// With Cognito's own flows.
    Native,
}

impl AppClients {
    /// Parses `MFA_APP_CLIENTS`: `native=1a2b,custom=3c4d`. Clients that the policy's `custom_auth.clients`
    /// names use custom challenges.
    pub fn parse(list: &str, policy: &CustomAuthPolicy) -> Result<Self, String> {
        let mut names = BTreeMap::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, id) = entry
                .split_once('=')
                .map(|(name, id)| (name.trim(), id.trim()))
                .filter(|(name, id)| !name.is_empty() && !id.is_empty())
                .ok_or_else(|| format!("MFA_APP_CLIENTS: {entry:?} is not like NAME=ID"))?;
            if names.insert(id.to_owned(), name.to_owned()).is_some() {
                return Err(format!("MFA_APP_CLIENTS names {id} twice"));
            }
        }
        Ok(Self { names, custom: policy.clients.clone() })
    }

    /// Returns a list without clients.
    pub fn none() -> Self {
        Self { names: BTreeMap::new(), custom: BTreeMap::new() }
    }

    /// Returns the policies of the listed clients that sign in by custom challenges.
    pub fn custom(&self) -> impl Iterator<Item = &AppClientPolicy> {
        self.names.values().filter_map(|name| self.custom.get(name))
    }

    /// Returns the names of all listed clients.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }

    /// Returns the client's name in the list.
    pub fn name(&self, id: &str) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }

    /// Returns the client, or `None` if it is not listed.
    pub fn find(&self, id: &str) -> Option<AppClient<'_>> {
        let name = self.names.get(id)?;
        Some(self.custom.get(name).map_or(AppClient::Native, AppClient::Custom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    const NO_RECOVERY: PasswordRecovery = PasswordRecovery { email: false, sms: false };

    fn requirements(rule: &str) -> Requirements {
        let text = format!("[custom_auth.clients.custom]\n{rule}");
        let policy = Policy::read(Some(&text)).unwrap().custom_auth;
        Requirements::new(&policy.clients["custom"], ["admins"], NO_RECOVERY)
    }

    fn proven(password: bool, custom: &[CustomFactor]) -> Proven {
        Proven { password, custom: custom.iter().copied().collect(), ..Proven::default() }
    }

    #[test]
    fn a_channel_that_resets_the_password_does_not_count_beside_it() {
        let read = |rule: &str, recovery| {
            let text = format!("[custom_auth.clients.custom]\n{rule}");
            let policy = Policy::read(Some(&text)).unwrap().custom_auth;
            Requirements::new(&policy.clients["custom"], [], recovery)
        };
        let by_email = PasswordRecovery { email: true, sms: false };
        let (email, sms) = (proven(true, &[CustomFactor::EmailCode]), proven(true, &[CustomFactor::SmsCode]));
        assert!(!read("", by_email).are_met(&email));
        assert!(read("", by_email).are_met(&sms));
        assert!(!read("", PasswordRecovery::default()).are_met(&sms));
        assert!(read("recovery_channel_counts = true", by_email).are_met(&email));
        assert!(
            read("first_step = 'passwordless'", by_email).are_met(&proven(false, &[CustomFactor::EmailCode]))
        );
    }

    #[test]
    fn a_device_counts_beside_something_else_only() {
        let one = requirements("factors = 1\ntrusted_device = true");
        let device = [CustomFactor::TrustedDevice];
        assert!(!one.are_met(&proven(false, &device)));
        assert!(one.are_met(&proven(true, &device)));
        assert!(one.are_met(&proven(false, &[CustomFactor::EmailCode, CustomFactor::TrustedDevice])));
        assert!(!requirements("trusted_device = false").are_met(&proven(true, &device)));
    }

    #[test]
    fn the_rules_of_groups_come_on_top() {
        let both = requirements(
            "factors = 1\ngroups.admins.factors = 2\ngroups.admins.factor_kinds = ['totp', 'sms']",
        );
        assert!(!both.are_met(&proven(true, &[CustomFactor::EmailCode])));
        assert!(!both.are_met(&proven(true, &[CustomFactor::EmailCode, CustomFactor::Totp])));
        assert!(both.are_met(&proven(true, &[CustomFactor::SmsCode, CustomFactor::Totp])));
        let enrolled = CustomFactor::ALL.into_iter().collect();
        let useful = both.useful(&enrolled, &proven(true, &[CustomFactor::SmsCode]));
        assert_eq!(useful, [CustomFactor::Totp].into(), "what brings the user further");
        assert!(both.can_be_met(&enrolled, &proven(true, &[])));
        assert!(!both.can_be_met(&[CustomFactor::EmailCode, CustomFactor::Totp].into(), &proven(true, &[])));
    }

    #[test]
    fn cognitos_own_factors_count_as_what_they_are_and_never_alone() {
        let two = requirements("factors = 2\nfactor_kinds = ['email', 'totp']");
        let native =
            |factor, custom: &[CustomFactor]| Proven { native: [factor].into(), ..proven(true, custom) };
        assert!(two.are_met(&native(CustomFactor::Totp, &[CustomFactor::EmailCode])));
        assert!(
            !two.are_met(&native(CustomFactor::SmsCode, &[CustomFactor::EmailCode])),
            "not a kind that counts"
        );
        assert!(
            !two.are_met(&native(CustomFactor::EmailCode, &[CustomFactor::EmailCode])),
            "one factor, proven twice"
        );
        let one = requirements("factors = 1");
        assert!(!one.are_met(&native(CustomFactor::Totp, &[])), "the last gate would find no proof");
        assert!(!one.useful(&[CustomFactor::EmailCode].into(), &native(CustomFactor::Totp, &[])).is_empty());
    }

    #[test]
    fn clients_are_found_by_id_and_unlisted_ones_are_unknown() {
        let policy = Policy::default().custom_auth;
        let clients = AppClients::parse(" native=1, custom=2 ,", &policy).unwrap();
        assert_eq!(clients.find("1"), Some(AppClient::Native));
        assert!(matches!(clients.find("2"), Some(AppClient::Custom(_))));
        assert_eq!(clients.find("custom"), None);
        assert_eq!(clients.find(""), None);
        for broken in ["native", "=1", "native=", "a=1,b=1"] {
            assert!(AppClients::parse(broken, &policy).is_err(), "{broken}");
        }
    }
}
