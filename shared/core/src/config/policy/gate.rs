use serde::Deserialize;

use super::Policy;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignUpPolicy {
    pub open: bool,
    pub auto_confirm: bool,
    pub allowed_email_domains: Vec<String>,
    pub denied_email_domains: Vec<String>,
    pub unique: UniquePolicy,
    /// Identity providers whose users are linked with accounts. If empty, no user is linked.
    pub link_providers: Vec<String>,
    /// Whether we send a welcome e-mail after a completed sign-up.
    pub welcome: bool,
}

/// One account per address, for pools whose user name is not the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "keys of a file that an operator writes")]
pub struct UniquePolicy {
    pub email: bool,
    pub phone_number: bool,
    /// Treats `alex+shop@example.com` as `alex@example.com`.
    pub ignore_plus_tags: bool,
    /// Treats `a.lex@gmail.com` as `alex@gmail.com`, and `googlemail.com` as `gmail.com`.
    pub ignore_gmail_dots: bool,
}

impl UniquePolicy {
    pub fn is_on(self) -> bool {
        self.email || self.phone_number
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignInPolicy {
    pub open: bool,
    /// The number of attempts since the last completed sign-in that we report as a surge.
    pub surge_after: u32,
    /// Whether attempts are refused, not only counted.
    pub enforce: bool,
    pub free_attempts: u32,
    pub window_minutes: u32,
    /// Whether users get an e-mail about a new device.
    pub new_device_notice: bool,
}

impl Policy {
    pub(super) fn check_gate(&self, problems: &mut Vec<String>) {
        let domains = [
            ("sign_up.allowed_email_domains", &self.sign_up.allowed_email_domains),
            ("sign_up.denied_email_domains", &self.sign_up.denied_email_domains),
        ];
        for (key, domain) in
            domains.iter().flat_map(|(key, list)| list.iter().map(move |domain| (key, domain)))
        {
            // [`EmailAddress::domain`] has this form: ASCII and lower case.
            if idna::domain_to_ascii_strict(domain).ok().as_deref() != Some(domain) {
                problems.push(format!("{key}: {domain:?} is not a domain in lower-case ASCII"));
            }
        }
        let providers = &self.sign_up.link_providers;
        for (at, provider) in providers.iter().enumerate() {
            // `ProviderNameType` of Cognito's model, as far as ASCII goes.
            let is_name = (1..=32).contains(&provider.len())
                && provider.bytes().all(|byte| byte.is_ascii_graphic())
                && !provider.starts_with('_')
                && !provider.ends_with('_');
            if !is_name {
                problems.push(format!("sign_up.link_providers: {provider:?} is not the name of a provider"));
            } else if provider.contains('_') {
                // The provider's name ends at the first underscore of a federated user's name.
                problems.push(format!(
                    "sign_up.link_providers: {provider:?} has an underscore, so it can't be told from another provider"
                ));
            }
            if providers.iter().take(at).any(|other| other.eq_ignore_ascii_case(provider)) {
                problems
                    .push(format!("sign_up.link_providers: {provider:?} is listed twice, in another case"));
            }
        }
        let sign_in = &self.sign_in;
        if sign_in.surge_after == 0 {
            problems.push("sign_in.surge_after must be at least 1".into());
        }
        if !(3..=100).contains(&sign_in.free_attempts) {
            problems.push("sign_in.free_attempts must be 3 to 100".into());
        }
        // The window is longer than the longest lock, which would otherwise end its own count.
        if !(30..=1440).contains(&sign_in.window_minutes) {
            problems.push("sign_in.window_minutes must be 30 to 1440".into());
        }
    }
}
