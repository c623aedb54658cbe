use super::{AppClients, Requirements};
use crate::{
    assurance::PasswordRecovery,
    config::{
        Environment,
        policy::{CustomAuthPolicy, FirstStep},
    },
    kernel::{CustomFactor, RelyingParty},
};

/// The settings of custom challenges that a function needs.
#[derive(Debug, Clone)]
pub struct CustomAuthSettings {
    pub policy: CustomAuthPolicy,
    pub clients: AppClients,
    pub recovery: PasswordRecovery,
    /// Whose passkeys are accepted. `None` if passkeys are off.
    pub relying_party: Option<RelyingParty>,
}

impl CustomAuthSettings {
    /// Reads `MFA_APP_CLIENTS`, `MFA_PASSWORD_RECOVERY` and the policy.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy();
        let relying_party = policy.passkeys.relying_party();
        let policy = policy.custom_auth;
        let list = environment.required("MFA_APP_CLIENTS");
        let clients = AppClients::parse(&list, &policy).unwrap_or_else(|problem| {
            environment.problem(problem);
            AppClients::none()
        });
        Self { policy, clients, recovery: PasswordRecovery::read(environment), relying_party }
    }

    /// Returns whether a custom client that begins with the password counts a code to one of these addresses.
    pub fn counts_a_channel(&self, has_email: bool, has_phone: bool) -> bool {
        self.clients.custom().any(|policy| {
            let requirements = Requirements::new(policy, [], self.recovery);
            policy.first_step == FirstStep::Password
                && ((has_email && requirements.counts(CustomFactor::EmailCode))
                    || (has_phone && requirements.counts(CustomFactor::SmsCode)))
        })
    }
}
